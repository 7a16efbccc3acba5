// The first mistakes of people who know child_process and execa: the message names the cause, and its hint the key or value that is
// meant.
import { Script } from 'node:vm';

import t from 'tap';

import {
  buildJail,
  cloneJail,
  explainFile,
  Jail,
  openJail,
  resolveAccount,
  runInJail,
  serveInJail,
  spawnInJail,
} from '../../lib/index.ts';
import { makeJail, rootTest, temporaryDirectory } from '../support/launch.ts';

const jail = makeJail();
const place = `${temporaryDirectory()}/jail`;
const built = `${place}-built`;
const open = () => openJail(jail, { user: 'nobody' });
const command = { program: '/probe', args: ['exit', '0'] };
const serve = async (listen: string): Promise<void> => {
  await (await serveInJail({ ...right, listen, hostsAllow: '/dev/null', hostsDeny: '/dev/null' })).drain();
};
const rules = { hostsAllow: '/dev/null', hostsDeny: '/dev/null' };
const right = { user: 'nobody', jail, program: '/probe', args: ['exit', '0'] };

interface Told {
  readonly message: string;
  readonly hint: string;
}

type Keys = Readonly<Record<string, unknown>>;

/** The keys that follow a hint: `did you mean 'key'?`, `for example key: value` or `leave it out`. */
function follow({ message, hint }: Told, given: Keys): Keys {
  const [key = ''] = Object.keys(given);
  const value = given[key];
  const [, meant] = /^did you mean '(\w+)'\?$/.exec(hint) ?? [];
  if (meant !== undefined) return message.startsWith('unknown key') ? { [meant]: value } : { [key]: meant };
  const [, whole, more] = /^(?:for example|did you mean|write|give) (\w+: .*?)(\?| too)?$/.exec(hint) ?? [];
  const keys = whole === undefined ? {} : (new Script(`({${whole}})`).runInNewContext() as Keys);
  if (whole !== undefined) return more === ' too' ? { ...given, ...keys } : keys;
  if (hint.startsWith('leave it out')) return {};
  throw new Error(`no way to follow the hint: ${hint}`);
}

// The wrong keys, what the message says, and the keys instead where the hint is a sentence.
const mistakes: readonly (readonly [given: Keys, says: RegExp, instead?: Keys])[] = [
  [{ uid: 65534 }, /unknown key 'uid'/],
  [{ gid: 65534 }, /unknown key 'gid'/],
  [{ maxBuffer: 1000 }, /unknown key 'maxBuffer'/],
  [{ timeout: 5000 }, /unknown key 'timeout'/],
  [{ cancelSignal: new AbortController().signal }, /unknown key 'cancelSignal'/],
  [{ forceKillAfterDelay: 100 }, /unknown key 'forceKillAfterDelay'/],
  [{ stdin: 'ignore' }, /unknown key 'stdin'/],
  [{ stdout: 'pipe' }, /unknown key 'stdout'/],
  [{ stderr: 'pipe' }, /unknown key 'stderr'/],
  [{ detached: true }, /unknown key 'detached'/],

  [{ nothrow: true }, /unknown key 'nothrow'/],

  [{ check: true }, /unknown key 'check'/],
  [{ dir: '/tmp' }, /unknown key 'dir'/],
  [{ startNewSession: true }, /unknown key 'startNewSession'/],

  [{ code: 'print(1)' }, /unknown key 'code'/, {}],

  [{ passEnv: { PATH: true } }, /passEnv must be an array/],
  [{ passEnv: true }, /passEnv must be an array/],

  [{ WorkingDir: '/tmp' }, /unknown key 'WorkingDir'/],
  [{ Cmd: '/probe' }, /unknown key 'Cmd'/],

  [{ NetworkMode: 'host' }, /unknown key 'NetworkMode'/, { isolate: true, net: 'host' }],

  [{ extendEnv: true }, /unknown key 'extendEnv'/],

  [{ shell: true }, /unknown key 'shell'/, {}],
  [{ workdir: '/tmp' }, /unknown key 'workdir'/],

  [{ environment: {} }, /unknown key 'environment'/],
  [{ capabilities: [] }, /unknown key 'capabilities'/],
  [{ readonly: false }, /unknown key 'readonly'/],
  [{ clearGroup: true }, /unknown key 'clearGroup'/],
  [{ args: 'exit' }, /args must be an array/, { args: ['exit', '0'] }],
  [{ args: ['exit', 0] }, /args\[1\] must be a string/, { args: ['exit', '0'] }],

  [{ cpu: 100_000 }, /cpu must be a number of CPUs from 0\.01 to 8192/, {}],
  [{ args: 'exit 0' }, /args must be an array/],
  [{ caps: 'net_bind_service' }, /caps must be an array/],
  [{ caps: 'net_raw,net_admin' }, /caps must be an array/],

  [{ unshare: 'net,uts' }, /unshare must be an array/],

  [{ groups: '100' }, /groups must be an array/],

  [{ signal: 'SIGTERM' }, /signal must be an AbortSignal/, { killSignal: 'SIGTERM' }],
  [{ timeoutMs: '5000' }, /timeoutMs must be milliseconds/],
  [{ timeoutMs: '5s' }, /timeoutMs must be milliseconds/],

  [{ stdio: 'pipes' }, /stdio\[0\] must be 'pipe'/],
  [{ unshare: 'net' }, /unshare must be an array/],
  [{ clearGroups: 'yes' }, /clearGroups must be true or false/],
  [{ env: new Map() }, /env must be an object/, { env: {} }],

  [{ lines: 'yes' }, /lines must be true or false/],
  [{ lines: true, encoding: 'buffer' }, /lines are text/, { lines: true, encoding: 'utf8' }],
  [{ input: 5 }, /input must be a string/],
  [{ input: 'x', stdio: 'ignore' }, /input needs stdio\[0\]/, { input: 'x' }],
  [{ maxBufferBytes: '1000' }, /maxBufferBytes must be a number/],
  [{ reject: 'no' }, /reject must be true or false/],
  [{ stdio: ['pipe', 'pipe', 'pipe', 'ipc'] }, /three entries/, { stdio: ['ignore', 'pipe', 'pipe'] }],

  [{ nice: '3' }, /nice must be a whole number/, { nice: 3 }],
  [{ nice: -5 }, /from 0 to 19, not -5/, { nice: 0 }],
  [{ time: '5s' }, /time must be seconds/],

  [{ env: ['A=b'] }, /env must be an object/, { env: { NAME: 'VALUE' } }],
  [{ env: { A: 5 } }, /env\.A must be a string/, { env: { A: '5' } }],
  [{ pidFile: '' }, /pidFile must be the path/, {}],
  [{ signal: new AbortController() }, /signal must be an AbortSignal/, {}],

  [{ hostname: 'my_host', isolate: true }, /hostname must be/, { hostname: 'my-host', isolate: true }],

  [{ keepEnv: true, passEnv: ['A'] }, /given at once/, { keepEnv: true }],
  [{ program: '/prob' }, /^\/prob: not found in the jail/, { program: '/probe' }],
  [{ program: `${jail}/probe` }, /does not exist in the jail/, { program: '/probe' }],
  [{ program: '/probe exit 0' }, /^\/probe exit 0: not found in the jail/, command],
  [{ user: 'nobdy' }, /Unknown user nobdy/, { user: 'nobody' }],
  [{ jail: 'jail' }, /must be an absolute path/, { jail }],
  [{ cwd: `${jail}/tmp` }, /chdir: /, { cwd: '/tmp' }],

  [{ jail: undefined }, /jail is missing/, { jail }],
  [{ jail: undefined, cwd: jail }, /jail is missing/, { jail }],
  [{ cwd: jail }, /chdir: /, { cwd: '/' }],
  [{ user: undefined }, /user is missing/, { user: 'nobody' }],

  [{ env: { A: null } }, /env\.A must be a string/, { env: {} }],
  [
    { stdio: ['ignore', '/tmp/x', 'pipe'] },
    /stdio\[1\] must be 'pipe'/,
    { stdio: ['ignore', 'pipe', 'pipe'] },
  ],
  [{ input: { a: 1 } }, /input must be a string/, { input: '{}' }],
  [{ onStdout: () => undefined }, /unknown key 'onStdout'/, {}],

  [{ tmpfs: '/tmp' }, /unknown key 'tmpfs'/, { isolate: true, view: [{ tmpfs: '/tmp' }] }],

  [
    { view: [{ tmpfs: '/tmp', size: '64M' }], isolate: true },
    /size must be a whole number/,
    { view: [{ tmpfs: '/tmp', size: 67_108_864 }], isolate: true },
  ],
  [{ rlimits: ['nofile=100'] }, /rlimits must be an object/, { rlimits: { nofile: 4096 } }],

  [{ seccomp: false }, /seccomp must be the path/, {}],
  [{ stdout: 'inherit' }, /unknown key 'stdout'/],
  [
    { stdin: 'pipe', stdout: 'ignore' },
    /unknown key 'stdin'/,
    { stdio: ['pipe', 'ignore', 'pipe'], input: '' },
  ],
  [{ maxBufferBytes: '16M' }, /maxBufferBytes must be a number/],
  [{ timeoutMs: 1e12 }, /timeoutMs must be milliseconds/],
  [{ connectTcp: 443 }, /connectTcp must be an array/],

  [
    { view: [{ bind: '/srv' }], isolate: true },
    /view\[0\]\.to is missing/,
    { view: [{ bind: '/srv', to: '/tmp' }], isolate: true },
  ],
  [{ args: ['sleep', '5000'], timeoutMs: 5 }, /5 ms/, { timeoutMs: 5000 }],
  [{ timeoutMs: '10s' }, /timeoutMs must be milliseconds/],
  [{ timeoutMs: '2min' }, /timeoutMs must be milliseconds/],
  [{ reject: 'off' }, /reject must be true or false/],
  [{ isolate: 'none' }, /isolate must be true or false/],
  [{ clearGroups: 1 }, /clearGroups must be true or false/],
  [{ stdio: 'overlapped' }, /stdio\[0\] must be 'pipe'/],
  [{ stdio: 'devnull' }, /stdio\[0\] must be 'pipe'/],
  [{ passEnv: [5] }, /passEnv\[0\]|passEnv must be names/, { passEnv: ['5'] }],
  [
    { view: { tmpfs: '/tmp' }, isolate: true },
    /view must be an array/,
    { view: [{ tmpfs: '/tmp' }], isolate: true },
  ],
  [
    { view: '/etc:/tmp', isolate: true },
    /view must be an array/,
    { view: [{ tmpfs: '/tmp' }], isolate: true },
  ],

  [{ time: 60, timeoutMs: 60_000 }, /given at once/, { timeoutMs: 60_000 }],
  [{ landlock: false, connectTcp: [] }, /landlock is false/, {}],

  [{ listenFds: 3 }, /listenFds must be an array/, {}],
  [{ cpu: '500m' }, /cpu must be a number of CPUs/, {}],
];

// The key takes a protection away, so its hint must not turn a no into a yes.
const protections = ['allowRoot', 'allowNewPrivs', 'insecurePath', 'keepEnv'];

// What the hint says, and what follows it.
const others: readonly (readonly [what: string, wrong: () => unknown, says: RegExp, right: () => unknown])[] =
  [
    [
      'a key of launches',
      () => buildJail({ jail: place, programs: ['/bin/true'] } as never),
      /^did you mean 'directory'\?$/,
      () => buildJail({ directory: place, programs: ['/bin/true'], plan: true }),
    ],

    [
      'a copy by its two ends',
      () => cloneJail({ from: jail, to: place } as never),
      /^did you mean 'template'\?$/,
      async () => {
        await buildJail({ directory: built, programs: ['/bin/true'] });
        await cloneJail({ template: built, directory: `${place}-copy` });
      },
    ],

    [
      'a limit of net.Server',
      () => serveInJail({ ...right, listen: '127.0.0.1:0', maxConnections: 5 } as never),
      /^did you mean 'instances'\?$/,
      async () => (await serveInJail({ ...right, ...rules, listen: '127.0.0.1:0', instances: 5 })).drain(),
    ],
    [
      'a key of prepare() at a start',
      async () => (await open()).prepare(command).run({ cwd: '/tmp' } as never),
      /^give cwd to prepare\(\), for all starts$/,
      async () => (await open()).prepare({ ...command, cwd: '/tmp' }).run(),
    ],
    [
      'a signal that was aborted before',
      async () => (await openJail(jail, { user: 'nobody', signal: AbortSignal.abort() })).run(command),
      /^an aborted signal stays aborted: give each call a signal of its own$/,
      async () => (await open()).run({ ...command, signal: AbortSignal.timeout(60_000) }),
    ],
    [
      'a stream for a program',
      async () => (await spawnInJail(right)).pipe(process.stderr as never),
      /^write child\.stdout\.pipe\(STREAM\)$/,
      async () => (await spawnInJail(right)).stdout.pipe(process.stderr, { end: false }),
    ],
    [
      'a variable of a shell',
      () => runInJail({ ...right, args: ['exit', '3', '$HOME/a'] }),
      /^'\$HOME\/a' stays as it is, as there is no shell/,
      () => runInJail({ ...right, args: ['exit', '0', `${process.env.HOME}/a`] }),
    ],
    [
      'wildcards of a shell',
      () => runInJail({ ...right, args: ['exit', '3', '/usr/*'] }),
      /^'\/usr\/\*' stays as it is, as there is no shell/,
      () => runInJail({ ...right, args: ['exit', '0', '/usr/bin'] }),
    ],

    [
      'the path of a file under another key',
      () => explainFile({ directory: built, file: '/bin/true' } as never),
      /^did you mean 'path'\?$/,
      () => explainFile({ directory: built, path: '/bin/true' }),
    ],

    [
      'two flags in one argument',
      () => runInJail({ ...right, args: ['exit', '3', '-l -a'] }),
      /^'-l -a' is one argument: write \['-l', '-a'\]$/,
      () => runInJail(right),
    ],
    [
      'a user alone',
      () => resolveAccount('nobody' as never),
      /^write \{user: 'sam'\}$/,
      () => resolveAccount({ user: 'nobody' }),
    ],

    [
      'a port of its own',
      () => serveInJail({ ...right, port: 70 } as never),
      /^did you mean 'listen'\?$/,
      () => serve('127.0.0.1:0'),
    ],

    [
      'a jail that is constructed',
      () => new (Jail as never as new (directory: string) => Jail)(jail),
      /^write await openJail\('\/srv\/jail'/,
      () => open(),
    ],

    [
      'a variable in a template',
      async () => (await open()).$`A=1 probe`,
      /^write \$\(\{env: \{A: '1'\}\}\) before/,
      async () => (await open()).$({ env: { A: '1' } })`/probe exit 0`,
    ],
    [
      'a command of a shell in a template',
      async () => (await open()).$`cd /tmp`,
      /is a command of a shell/,
      async () => (await open()).$({ cwd: '/tmp' })`/probe exit 0`,
    ],

    [
      'a closed jail',
      async () => {
        const closed = await open();
        closed.close();
        return closed.run(command);
      },
      /^open it again with openJail\(\)$/,
      async () => (await open()).run(command),
    ],
  ];

rootTest()(
  `each of ${others.length} mistakes with other functions of the library names what is meant`,
  async (t) => {
    for (const [what, wrong, says, instead] of others) {
      const error = await Promise.resolve()
        .then(wrong)
        .then(
          () => undefined,
          (error: { readonly hint?: string }) => error,
        );
      t.match(error?.hint, says, what);
      await t.resolves(Promise.resolve().then(instead), `${what}: ${error?.hint}`);
    }
  },
);

rootTest()(`each of ${mistakes.length} mistakes with the library names what is meant`, async (t) => {
  for (const [given, says, instead] of mistakes) {
    const what = JSON.stringify(given);
    const error = await runInJail({ ...right, ...given }).then(
      () => undefined,
      (error: { readonly message: string; readonly hint?: string }) => error,
    );
    if (error?.hint === undefined) {
      t.fail(`${what}: no hint: ${error?.message}`);
      continue;
    }
    t.match(error.message, says, what);
    await t.resolves(
      Promise.resolve().then(() =>
        runInJail({
          ...right,
          ...(instead ?? follow({ message: error.message, hint: error.hint ?? '' }, given)),
        }),
      ),
      `${what}: ${error.hint}`,
    );
  }
});

t.test('a hint for true or false never turns a no into a yes', async (t) => {
  for (const key of protections)
    for (const no of ['no', 'false', 'off', 'None', '', 0, null])
      await t.rejects(
        runInJail({ ...right, [key]: no }),
        { hint: `for example ${key}: false` } as never,
        `${key}: ${JSON.stringify(no)}`,
      );
});
