// The first mistakes of people who know child_process and execa: the message names the cause, and its hint the key or value that is
// meant.
import { Script } from 'node:vm';

import t from 'tap';

import {
  buildJail,
  checkJail,
  cloneJail,
  explainFile,
  Jail,
  openJail,
  planLaunch,
  removeJail,
  resolveAccount,
  runInJail,
  serveInJail,
  spawnInJail,
} from '../../lib/index.ts';
import { explainHosts, exportHosts, openHosts } from '../../lib/tcpwrappers/index.ts';
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

/** The keys that follow a hint: `did you mean 'key'?`, `write key: value` or `leave it out`. */
function follow({ message, hint }: Told, given: Keys): Keys {
  const [key = ''] = Object.keys(given);
  const value = given[key];
  const [, meant] = /^did you mean '(\w+)'\?$/.exec(hint) ?? [];
  if (meant !== undefined) return message.startsWith('unknown key') ? { [meant]: value } : { [key]: meant };
  const whole = /^write (\w+: (?:\[[^\]]*\]|[^ ,]+))/.exec(hint)?.[1];
  if (whole !== undefined) return new Script(`({${whole}})`).runInNewContext() as Keys;
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
  [{ windowsHide: true }, /unknown key 'windowsHide'/],
  [{ nothrow: true }, /unknown key 'nothrow'/],
  [{ captureOutput: true }, /unknown key 'captureOutput'/],
  [{ check: true }, /unknown key 'check'/],
  [{ dir: '/tmp' }, /unknown key 'dir'/],
  [{ startNewSession: true }, /unknown key 'startNewSession'/],
  [{ resourceLimits: {} }, /unknown key 'resourceLimits'/],
  [{ maxThreads: 5 }, /unknown key 'maxThreads'/, {}],
  [{ jobTimeout: 60_000 }, /unknown key 'jobTimeout'/],
  [{ extraEnv: {} }, /unknown key 'extraEnv'/],
  [{ memoryInBytes: 2 ** 26 }, /unknown key 'memoryInBytes'/, {}],
  [{ code: 'print(1)' }, /unknown key 'code'/, {}],
  [{ env: { 'A=b': 'c' } }, /cannot be the name of a variable/, { env: { A: 'b' } }],
  [{ passEnv: { PATH: true } }, /passEnv must be an array/],
  [{ passEnv: true }, /passEnv must be an array/],
  [{ user: Promise.resolve('nobody') }, /user must be a string or a number/, { user: 'nobody' }],
  [{ quiet: true }, /unknown key 'quiet'/],
  [{ WorkingDir: '/tmp' }, /unknown key 'WorkingDir'/],
  [{ Cmd: '/probe' }, /unknown key 'Cmd'/],
  [{ HostConfig: {} }, /unknown key 'HostConfig'/],
  [{ limits: {} }, /unknown key 'limits'/],
  [{ NetworkMode: 'host' }, /unknown key 'NetworkMode'/, { isolate: true, net: 'host' }],
  [
    { program: ['/probe', 'exit', '0'] },
    /program must be a string/,
    { program: '/probe', args: ['exit', '0'] },
  ],
  [{ rlimits: { RLIMIT_NOFILE: 100 } }, /no resource limit 'RLIMIT_NOFILE'/, { rlimits: { nofile: 100 } }],
  [{ extendEnv: true }, /unknown key 'extendEnv'/],
  [{ preferLocal: true }, /unknown key 'preferLocal'/],
  [{ cleanup: true }, /unknown key 'cleanup'/],
  [{ shell: true }, /unknown key 'shell'/, {}],
  [{ workdir: '/tmp' }, /unknown key 'workdir'/],
  [
    { bind: ['/srv:/tmp', '/usr:/tmp:ro'], isolate: true },
    /unknown key 'bind'/,
    {
      view: [
        { bind: '/srv', to: '/tmp' },
        { bind: '/usr', to: '/tmp', readOnly: true },
      ],
      isolate: true,
    },
  ],
  [
    { roBind: '/etc:/tmp', isolate: true },
    /unknown key 'roBind'/,
    { view: [{ bind: '/etc', to: '/tmp', readOnly: true }], isolate: true },
  ],
  [{ environment: {} }, /unknown key 'environment'/],
  [{ capabilities: [] }, /unknown key 'capabilities'/],
  [{ readonly: false }, /unknown key 'readonly'/],
  [{ clearGroup: true }, /unknown key 'clearGroup'/],
  [{ args: 'exit' }, /args must be an array/, { args: ['exit', '0'] }],
  [{ args: ['exit', 0] }, /args\[1\] must be a string/, { args: ['exit', '0'] }],
  [{ args: ['exit', '0', undefined] }, /args\[2\] must be a string/, { args: ['exit', '0'] }],
  [{ cpu: 100_000 }, /cpu must be a number of CPUs from 0\.01 to 8192/, {}],
  [{ args: 'exit 0' }, /args must be an array/],
  [{ caps: 'net_bind_service' }, /caps must be an array/],
  [{ caps: 'net_raw,net_admin' }, /caps must be an array/],
  [{ caps: ['net_raw,net_admin'] }, /there is no capability/],
  [{ unshare: 'net,uts' }, /unshare must be an array/],
  [{ unshare: ['net,uts'] }, /there is no namespace/],
  [
    { view: ['/etc:/tmp:ro'], isolate: true },
    /view\[0\] must have one of/,
    { view: [{ bind: '/etc', to: '/tmp', readOnly: true }], isolate: true },
  ],
  [{ groups: '100' }, /groups must be an array/],
  [{ umask: 22 }, /umask 22 is 0o26/, { umask: 0o22 }],
  [{ umask: 999 }, /umask must be a number/],
  [{ killSignal: 'TERM' }, /no signal TERM/, { killSignal: 'SIGTERM' }],
  [{ signal: 'SIGTERM' }, /signal must be an AbortSignal/, { killSignal: 'SIGTERM' }],
  [{ timeoutMs: '5000' }, /timeoutMs must be milliseconds/],
  [{ timeoutMs: '5s' }, /timeoutMs must be milliseconds/],
  [{ encoding: 'utf-9' }, /no encoding 'utf-9'/],
  [{ encoding: null }, /no encoding 'null'/, { encoding: 'buffer' }],
  [{ encoding: 'windows-1252' }, /no encoding 'windows-1252'/, { encoding: 'utf8' }],
  [{ share: 'none' }, /unknown key 'share'/],
  [{ stdio: 'pipes' }, /stdio\[0\] must be 'pipe'/],
  [{ unshare: 'net' }, /unshare must be an array/],
  [{ clearGroups: 'yes' }, /clearGroups must be true or false/],
  [{ env: new Map() }, /env must be an object/, { env: {} }],
  [{ preserveFds: [2] }, /from 3 on, not 2/, { preserveFds: [] }],
  [{ rlimits: { nofiles: 100 } }, /no resource limit 'nofiles'/, { rlimits: { nofile: 100 } }],
  [{ lines: 'yes' }, /lines must be true or false/],
  [{ lines: true, encoding: 'buffer' }, /lines are text/, { lines: true, encoding: 'utf8' }],
  [{ input: 5 }, /input must be a string/],
  [{ input: 'x', stdio: 'ignore' }, /input needs stdio\[0\]/, { input: 'x' }],
  [{ maxBufferBytes: '1000' }, /maxBufferBytes must be a number/],
  [{ reject: 'no' }, /reject must be true or false/],
  [{ stdio: ['pipe', 'pipe', 'pipe', 'ipc'] }, /three entries/, { stdio: ['ignore', 'pipe', 'pipe'] }],
  [{ concurrency: 2 }, /unknown key 'concurrency'/, {}],
  [{ nice: '3' }, /nice must be a whole number/, { nice: 3 }],
  [{ nice: -5 }, /from 0 to 19, not -5/, { nice: 0 }],
  [{ time: '5s' }, /time must be seconds/],
  [{ affinity: 0 }, /affinity must be numbers of CPUs/],
  [{ env: ['A=b'] }, /env must be an object/, { env: { NAME: 'VALUE' } }],
  [{ env: { A: 5 } }, /env\.A must be a string/, { env: { A: '5' } }],
  [{ pidFile: '' }, /pidFile must be the path/, {}],
  [{ signal: new AbortController() }, /signal must be an AbortSignal/, {}],
  [{ landlockRo: '/' }, /landlockRo must be an array/],
  [{ hostname: 'my_host', isolate: true }, /hostname must be/, { hostname: 'my-host', isolate: true }],
  [{ net: 'bridge', isolate: true }, /net must be 'none' or 'host'/, { net: 'host', isolate: true }],
  [{ keepEnv: true, passEnv: ['A'] }, /given at once/, { keepEnv: true }],
  [{ program: '/prob' }, /^\/prob: not found in the jail/, { program: '/probe' }],
  [{ program: `${jail}/probe` }, /does not exist in the jail/, { program: '/probe' }],
  [{ program: '/probe exit 0' }, /^\/probe exit 0: not found in the jail/, command],
  [{ user: 'nobdy' }, /Unknown user nobdy/, { user: 'nobody' }],
  [{ jail: 'jail' }, /must be an absolute path/, { jail }],
  [{ cwd: `${jail}/tmp` }, /chdir: /, { cwd: '/tmp' }],
  [{ cwd: new URL('file:///tmp') }, /cwd must be a string/, { cwd: '/tmp' }],
  [{ jail: new URL(`file://${jail}`) }, /jail must be a string/, { jail }],
  [{ jail: undefined }, /jail is missing/, { jail }],
  [{ jail: undefined, cwd: jail }, /jail is missing/, { jail }],
  [{ cwd: jail }, /chdir: /, { cwd: '/' }],
  [{ user: undefined }, /user is missing/, { user: 'nobody' }],
  [{ user: { uid: 65_534 } }, /user must be a string or a number/, { user: '65534:65534' }],
  [{ env: { A: null } }, /env\.A must be a string/, { env: {} }],
  [
    { stdio: ['ignore', '/tmp/x', 'pipe'] },
    /stdio\[1\] must be 'pipe'/,
    { stdio: ['ignore', 'pipe', 'pipe'] },
  ],
  [{ input: { a: 1 } }, /input must be a string/, { input: '{}' }],
  [{ onStdout: () => undefined }, /unknown key 'onStdout'/, {}],
  [{ ipc: true }, /unknown key 'ipc'/],
  [{ bind: ['/etc:/mnt'] }, /unknown key 'bind'/, { isolate: true, view: [{ tmpfs: '/tmp' }] }],
  [{ tmpfs: '/tmp' }, /unknown key 'tmpfs'/, { isolate: true, view: [{ tmpfs: '/tmp' }] }],
  [
    { view: ['/etc'], isolate: true },
    /view\[0\] must have one of/,
    { view: [{ tmpfs: '/tmp' }], isolate: true },
  ],
  [
    { view: [{ tmpfs: '/tmp', size: '64M' }], isolate: true },
    /size must be a whole number/,
    { view: [{ tmpfs: '/tmp', size: 67_108_864 }], isolate: true },
  ],
  [{ rlimits: ['nofile=100'] }, /rlimits must be an object/, { rlimits: { nofile: 4096 } }],
  [{ rlimits: { nofile: '100' } }, /the resource limit nofile must be/, { rlimits: { nofile: 100 } }],
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
  [{ connectTcp: ['443'] }, /must be TCP ports from 0 to 65535, not '443'/, { connectTcp: [443] }],
  [{ affinity: '0' }, /affinity must be numbers of CPUs/],
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
  [{ user: 'nobody:0', group: 0 }, /the group is given twice/, {}],
  [{ time: 60, timeoutMs: 60_000 }, /given at once/, { timeoutMs: 60_000 }],
  [{ landlock: false, connectTcp: [] }, /landlock is false/, {}],
  [{ allow: 'ptrace' }, /allow must be names/],
  [{ listenFds: 3 }, /listenFds must be an array/, {}],
  [{ cpu: '500m' }, /cpu must be a number of CPUs/, {}],
  [{ cwd: ['/tmp'] }, /cwd must be a string/],
  [{ program: 5 }, /program must be a string/, {}],
];

// The key takes a protection away, so its hint must not turn a no into a yes.
const protections = ['allowRoot', 'allowNewPrivs', 'insecurePath', 'keepEnv'];

// As JavaScript calls them.
type Untyped = (...given: readonly unknown[]) => Promise<unknown>;
const [run, spawn] = [runInJail as Untyped, spawnInJail as Untyped];

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
      'a path alone',
      () => buildJail(place as never),
      /^write \{directory: '\S+', programs: \['bash', 'ls'\]\}$/,
      () => buildJail({ directory: place, programs: ['/bin/true'], plan: true }),
    ],
    [
      'a path alone for the check',
      () => checkJail(jail as never),
      /^write \{directory: '\S+'\}$/,
      () => checkJail({ directory: jail }),
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
      'a path alone for a copy',
      () => cloneJail(jail as never),
      /^write \{template: '\S+', directory: '\/srv\/new'\}$/,
      () => cloneJail({ template: built, directory: `${place}-second` }),
    ],
    [
      'a word of rm',
      () => removeJail({ directory: `${place}-copy`, recursive: true } as never),
      /^leave it out: the whole directory is meant$/,
      () => removeJail({ directory: `${place}-copy` }),
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
      'an object in a template',
      async () => (await open()).$`/probe exit ${{ status: 0 } as never}`,
      /^write what is meant of it, such as \$\{value\.name\}/,
      async () => (await open()).$`/probe exit ${{ status: 0 }.status}`,
    ],
    [
      'nothing in common',
      () => openJail(jail, { user: 'nobody', share: false as never }),
      /^write share: 'none'$/,
      () => openJail(jail, { user: 'nobody', share: 'none' }),
    ],
    [
      'the path of a file under another key',
      () => explainFile({ directory: built, file: '/bin/true' } as never),
      /^did you mean 'path'\?$/,
      () => explainFile({ directory: built, path: '/bin/true' }),
    ],
    [
      'copies by name',
      () => buildJail({ directory: place, copies: { '/bin/true': '/true' } as never }),
      /^write copies: \[\{from: '\/bin\/true', to: '\/true'\}\]$/,
      () => buildJail({ directory: place, copies: [{ from: '/bin/true', to: '/true' }], plan: true }),
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
      'a key of a program beside',
      () => planLaunch({ ...right, timeoutMs: 5 } as never),
      /^leave it out: timeoutMs is a key of spawnInJail/,
      () => planLaunch(right),
    ],
    [
      'a port as a number',
      () => serveInJail({ ...right, listen: 70 } as never),
      /^write listen: '127\.0\.0\.1:70'$/,
      () => serve('127.0.0.1:0'),
    ],
    [
      'a port of its own',
      () => serveInJail({ ...right, port: 70 } as never),
      /^did you mean 'listen'\?$/,
      () => serve('127.0.0.1:0'),
    ],
    [
      'a command',
      async () => (await open()).run('/probe' as never),
      /^write run\(\{program: '\/probe'\}\)$/,
      async () => (await open()).run(command),
    ],
    [
      'a command and its arguments',
      async () => {
        const opened = (await open()) as unknown as Readonly<Record<'run', Untyped>>;
        return opened.run('/probe', ['exit', '0']);
      },
      /^write \{program: '\/probe', args: \['exit', '0'\]\}$/,
      async () => (await open()).run({ program: '/probe', args: ['exit', '0'] }),
    ],
    [
      'options beside the request, as execa has them',
      () => run(right, { timeoutMs: 5 }),
      /^write \{\.\.\.request, \.\.\.options\}$/,
      () => runInJail({ ...right, timeoutMs: 60_000 }),
    ],
    [
      'the same for an open jail',
      async () =>
        ((await open()).run as (...given: unknown[]) => Promise<unknown>)(command, { timeoutMs: 5 }),
      /^write \{\.\.\.request, \.\.\.options\}$/,
      async () => (await open()).run({ ...command, timeoutMs: 60_000 }),
    ],
    [
      'the same for its processes',
      async () =>
        ((await open()).spawn as (...given: unknown[]) => Promise<unknown>)(command, { stdio: 'ignore' }),
      /^write \{\.\.\.request, \.\.\.options\}$/,
      async () => (await (await open()).spawn({ ...command, stdio: 'ignore' })).exited,
    ],
    [
      'a callback',
      () => spawn(right, () => undefined),
      /^leave it out, and write await: /,
      () => Promise.all([{ ...right }].map(runInJail)),
    ],
    [
      'a program that is no list',
      () => buildJail({ directory: place, programs: '/bin/true' as never }),
      /^write programs: \['\/bin\/true'\]$/,
      () => buildJail({ directory: place, programs: ['/bin/true'], plan: true }),
    ],
    [
      'a jail that is constructed',
      () => new (Jail as never as new (directory: string) => Jail)(jail),
      /^write await openJail\('\/srv\/jail'/,
      () => open(),
    ],
    [
      'a user beside the directory',
      () => (openJail as Untyped)(jail, 'nobody'),
      /^write openJail\('\/[^']+', \{user: 'nobody'\}\)$/,
      () => openJail(jail, { user: 'nobody' }),
    ],
    [
      'a user before the directory',
      () => (openJail as Untyped)('nobody', jail),
      /^write openJail\('\/[^']+', \{user: 'nobody'\}\)$/,
      () => openJail(jail, { user: 'nobody' }),
    ],
    [
      'a decision by two words',
      () => (explainHosts as Untyped)('sshd', '192.0.2.1'),
      /^write \{daemon: 'sshd', client: \{address: '192\.0\.2\.1'\}\}$/,
      () => explainHosts({ daemon: 'sshd', client: { address: '192.0.2.1' } }),
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
      'a channel for messages',
      () => run({ ...right, stdio: ['pipe', 'pipe', 'pipe', 'ipc'] }),
      /^leave 'ipc' out/,
      () => runInJail({ ...right, stdio: ['ignore', 'pipe', 'pipe'] }),
    ],
    [
      'a word for no in a request for a jail',
      () => buildJail({ directory: place, programs: ['/bin/true'], plan: 'no' as never }),
      /^write plan: false$/,
      () => buildJail({ directory: place, programs: ['/bin/true'], plan: true }),
    ],
    [
      'a user that is no list',
      () => checkJail({ directory: jail, users: 'nobody' as never }),
      /^write users: \['nobody'\]$/,
      () => checkJail({ directory: jail, users: ['nobody'] }),
    ],
    [
      'another name for nftables',
      () => exportHosts({ to: 'iptables' as never }),
      /^write to: 'nftables'$/,
      () => exportHosts({ to: 'nftables', allow: '/dev/null', deny: '/dev/null' }),
    ],
    [
      'a time with a unit',
      async () => openHosts({ nameTimeoutMs: '5s' as never }),
      /^write nameTimeoutMs: 5000$/,
      async () => openHosts({ nameTimeoutMs: 5000 }),
    ],
    [
      'rules that are no path',
      async () => openHosts({ allow: new URL('file:///etc/hosts.allow') as never }),
      /^write fileURLToPath\('file:\/\/\/etc\/hosts\.allow'\)$/,
      async () => openHosts({ allow: '/etc/hosts.allow' }),
    ],
    [
      'a port as a text',
      () => explainHosts({ daemon: 'sshd', client: { address: '192.0.2.1', port: '22' as never } }),
      /^write port: 22$/,
      () => explainHosts({ daemon: 'sshd', client: { address: '192.0.2.1', port: 22 } }),
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
      runInJail({
        ...right,
        ...(instead ?? follow({ message: error.message, hint: error.hint }, given)),
      }),
      `${what}: ${error.hint}`,
    );
  }
});

t.test('a hint for true or false never turns a no into a yes', async (t) => {
  for (const key of protections)
    for (const no of ['no', 'false', 'off', 'None', '', 0, null])
      await t.rejects(
        runInJail({ ...right, [key]: no }),
        { hint: `write ${key}: false` } as never,
        `${key}: ${JSON.stringify(no)}`,
      );
});

t.test('a hint for units of time or CPUs means what was given', async (t) => {
  for (const [given, hint] of [
    [{ timeoutMs: '10s' }, 'write timeoutMs: 10000'],
    [{ timeoutMs: '250 ms' }, 'write timeoutMs: 250'],
    [{ time: '1h30m' }, 'write time: 5400 (--time 5400)'],
    [{ time: '500ms' }, 'write time: 0.5 (--time 0.5)'],
    [{ cpu: '500m' }, 'write cpu: 0.5 (--cpu 0.5)'],
    [{ cpu: '50%' }, 'write cpu: 0.5 (--cpu 0.5)'],
    [{ memory: '512Mi' }, 'for example 512M'],
  ] as const)
    await t.rejects(runInJail({ ...right, ...given } as never), { hint } as never, JSON.stringify(given));
});

t.test('a hint never proposes a key that is unknown', async (t) => {
  const { foreignKeysOf } = await import('../../lib/launch/request/foreign-keys.ts');
  const foreignKeys = foreignKeysOf({});
  const { launchRows } = await import('../../lib/launch/request/request.ts');
  const { runRows } = await import('../../lib/launch/request/run-rows.ts');
  const { spawnRows } = await import('../../lib/launch/request/spawn-rows.ts');
  const known = { ...launchRows, ...spawnRows, ...runRows };
  for (const [foreign, meant] of Object.entries(foreignKeys))
    t.ok(meant.includes(' ') || Object.hasOwn(known, meant), foreign);
  for (const key of Object.keys(runRows))
    t.ok(Object.hasOwn(foreignKeys, key), `${key} is known to spawnInJail`);
});
