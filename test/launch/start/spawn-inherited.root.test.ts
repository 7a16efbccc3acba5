import { execFileSync } from 'node:child_process';

import t from 'tap';

import { asInDocker } from '../../support/container.ts';
import { isolated, unlessBare } from '../../support/isolation.ts';
import { oddCaller } from '../../support/launch.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessInstalled, unlessRoot } from '../../support/root.ts';
import { plainEnv, runService, statusOf } from '../../support/service.ts';

const skip = unlessRoot();
const user = '61104:61104';
const jail = skip === false ? makeJail(t, 'probe') : '';

interface State {
  readonly fds: Readonly<Record<string, { readonly cloexec: number; readonly flags: number }>>;
  readonly rlimits: Readonly<Record<string, readonly [number, number]>>;
  readonly env: readonly string[];
  readonly [key: string]: unknown;
}

interface Service {
  /** The state of the probe. */
  readonly probe: State;
  /** The state of the service after the launch. */
  readonly dumpable: number;
  readonly opened: number;
  /** Cpus_allowed of proc_pid_status(5). */
  readonly cpus: string;
}

const O_NONBLOCK = 0o4000;

async function serve(argument: object, env = plainEnv(), wrapper: readonly string[] = []): Promise<Service> {
  const { stdout, stderr, code } = await runService(
    'inherited',
    { request: { user, jail, program: '/probe' }, ...argument },
    { env, wrapper },
  );
  if (code !== 0) throw new Error(`the service failed: ${stderr}`);
  return JSON.parse(stdout) as Service;
}

/** The number of CPUs in a mask of proc_pid_status(5). */
const countOf = (mask: string): number =>
  BigInt(`0x${mask.replaceAll(',', '')}`)
    .toString(2)
    .replaceAll('0', '').length;

const names = ({ env }: State): string[] =>
  env.map((entry) => Buffer.from(entry, 'hex').toString().split('=')[0] ?? '').toSorted();

t.test(
  'of 1,000 open descriptors, and a directory of the host among them, none reaches the program',
  { skip },
  async (t) => {
    const { probe, opened } = await serve({ files: 1000, directory: '/' });
    t.ok(opened > 1000);
    t.strictSame(Object.keys(probe.fds), ['0', '1', '2']);
  },
);

t.test('nor do descriptors that are not marked close-on-exec', { skip }, async (t) => {
  // A shell opens them without FD_CLOEXEC, also above the soft limit that it sets later.
  const script =
    'exec 3</ 7</etc/passwd 200</etc/passwd; ulimit -Sn 64; n=9; while [ $n -lt 60 ]; do eval "exec $n</dev/null"; n=$((n+1)); done; exec "$@"';
  const { probe } = await serve({}, plainEnv(), ['bash', '-c', script, 'bash']);
  t.strictSame(Object.keys(probe.fds), ['0', '1', '2']);
});

t.test(
  "Node's habits do not: descriptors close-on-exec, stdin non-blocking, NOFILE raised",
  { skip },
  async (t) => {
    const { probe } = await serve({ readStdin: true, stdio: ['inherit', 'pipe', 'inherit'] });
    for (const fd of ['0', '1', '2']) {
      t.equal(probe.fds[fd]?.cloexec, 0);
      // The flag belongs to the open file, and all tests share descriptor 2: any of them can set it again.
      if (fd === '2') continue;
      t.equal((probe.fds[fd]?.flags ?? O_NONBLOCK) & O_NONBLOCK, 0, `descriptor ${fd} blocks`);
    }
    t.equal(probe.rlimits.nofile?.[0], 1024);
  },
);

t.test('ignored and blocked signals do not', { skip }, async (t) => {
  const { probe } = await serve({});
  t.hasStrict(probe, { ignored: '0', blocked: '0', pending: '0' });
  const { probe: also } = await serve({ handlers: ['SIGTERM', 'SIGCHLD', 'SIGUSR2'] });
  t.hasStrict(also, { ignored: '0', blocked: '0' });
});

t.test('loader and interpreter variables and secrets do not', { skip }, async (t) => {
  const env = plainEnv({
    NODE_OPTIONS: '--no-warnings',
    NODE_PATH: '/srv',
    LD_PRELOAD: [process.env.LD_PRELOAD ?? '', 'libm.so.6'].join(' '),
    LD_LIBRARY_PATH: '/srv',
    LD_AUDIT: '',
    LD_BIND_NOW: '1',
    BASH_ENV: '/srv/x',
    API_TOKEN: 'secret',
    NOTIFY_SOCKET: '/run/systemd/notify',
    LISTEN_FDS: '1',
    LANG: 'C.UTF-8',
    TZ: 'UTC',
  });
  const { probe } = await serve({}, env);
  t.strictSame(names(probe), ['HOME', 'LANG', 'PATH', 'SHELL', 'TZ'].toSorted());
  const { probe: kept } = await serve({ request: { user, jail, program: '/probe', keepEnv: true } }, env);
  t.ok(names(kept).includes('API_TOKEN'), 'keepEnv keeps the rest');
  t.strictSame(
    names(kept).filter((name) => /^(LD_|NODE_|BASH_ENV|NOTIFY|LISTEN)/.test(name)),
    [],
  );
});

t.test(
  "umask, nice value, limits: the caller's restrictions stay, his liberties do not",
  { skip },
  async (t) => {
    const { probe: loose } = await serve({ umask: 0 });
    t.equal(loose.umask, 0o022);
    t.equal(loose.rlimits.core?.[0], 0);
    const { probe: strict } = await serve({ umask: 0o077 });
    t.equal(strict.umask, 0o077);
    const { probe: exact } = await serve({
      umask: 0o077,
      request: { user, jail, program: '/probe', umask: 0o002 },
    });
    t.equal(exact.umask, 0o002);
  },
);

t.test(
  'nice value, realtime class, timers, personality and parent-death signal do not',
  { skip: skip || unlessInstalled('nice', 'setarch') },
  async (t) => {
    const { probe } = await serve({}, plainEnv(), ['nice', '-n', '-7', 'setarch', '-R']);
    t.match(probe, {
      nice: 0,
      personality: 0,
      timers: [0, 0, 0],
      // of its init
      parentDeathSignal: isolated ? 9 : 0,
      subreaper: 0,
      policy: 0,
    });
    const { probe: kind } = await serve({}, plainEnv(), ['nice', '-n', '7']);
    t.equal(kind.nice, 7);
  },
);

t.test("a key in the service's session keyring does not", { skip }, async (t) => {
  // The filter hides the keyrings, but not this file, which lists the reader's keys.
  const read = {
    user,
    jail: '/',
    insecurePath: true,
    program: '/bin/cat',
    args: ['/proc/keys'],
    stdio: ['ignore', 'inherit', 'inherit'],
  };
  const wrapper = oddCaller('keyring');
  const plain = await runService('spawn', read, { wrapper });
  const control = execFileSync('env', [...wrapper, 'cat', '/proc/keys'], { encoding: 'utf8' });
  t.match(control, /user +of the caller/);
  t.match(plain.stdout, /keyring +_ses: empty/);
  t.notMatch(plain.stdout, /of the caller/);
});

t.test(
  'in a container whose filter refuses the keyrings there is none',
  { skip: skip || unlessInstalled('setpriv') || unlessBare('isolation needs CAP_SYS_ADMIN') },
  async (t) => {
    const { probe } = await serve({ times: 3 }, plainEnv(), asInDocker());
    t.hasStrict(probe, {
      noNewPrivs: 1,
      seccomp: 2,
      bounding: '0',
      permitted: '0',
      ignored: '0',
      blocked: '0',
      uid: [61104, 61104, 61104, 61104],
    });
  },
);

t.test(
  'nice value and I/O class of the service are those of programs that it launches later',
  { skip: skip || unlessInstalled('ionice') },
  async (t) => {
    for (const request of [{}, { caps: ['net_bind_service'] }]) {
      const later = { nice: 10, command: ['ionice', '-c', '3', '-p'] };
      const launch = { user, jail, program: '/probe', ...request };
      // Several times, so that the thread has launched before.
      const { probe } = await serve({ request: launch, times: 4, later });
      t.equal(probe.nice, 10);
      t.equal(Number(probe.ioprio) >> 13, 3, 'the idle class (IOPRIO_CLASS_IDLE)');
      const { probe: back } = await serve({ request: launch, times: 4, later: { nice: 0 } }, plainEnv(), [
        'nice',
        '-n',
        '10',
      ]);
      t.equal(back.nice, 0, 'and back again');
      const { probe: mighty } = await serve({ request: launch, times: 4, later: { nice: -5 } });
      t.equal(mighty.nice, 0, 'but never a negative one');
    }
  },
);

t.test(
  'CPUs that the service loses or gets later are those of programs that it launches then',
  { skip: skip || unlessInstalled('taskset') },
  async (t) => {
    const narrow = await serve({ times: 4, later: { command: ['taskset', '-cp', '0'] } });
    t.equal(narrow.probe.cpus, 1);
    const all = statusOf(process.pid, 'Cpus_allowed_list') ?? '';
    const wide = await serve({ times: 4, later: { command: ['taskset', '-cp', all] } }, plainEnv(), [
      'taskset',
      '-c',
      '0',
    ]);
    t.equal(wide.probe.cpus, countOf(wide.cpus));
  },
);

t.test('a program may run on all CPUs of the service, and on no other', { skip }, async (t) => {
  const { probe, cpus } = await serve({ times: 20 });
  t.equal(probe.cpus, countOf(cpus));
});

t.test('the service stays dumpable, and its own ids, groups and umask are untouched', { skip }, async (t) => {
  const service = await serve({ times: 20, umask: 0o027 });
  t.equal(service.dumpable, 1);
  t.match(service, { uids: '0\t0\t0\t0', umask: 0o027, root: '/' });
});
