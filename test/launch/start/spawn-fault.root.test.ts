// A fault in each call of a launch beside a service: strace is attached to the service for one launch at a time, and
// counts calls thread by thread, so that the number of a call in the launcher is its place there.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import t from 'tap';

import { makeJail } from '../../support/programs.ts';
import { unlessInstalled, unlessRoot } from '../../support/root.ts';
import { countOf, processesOf, startService } from '../../support/service.ts';

const skip = unlessRoot() || unlessInstalled('strace', 'setpriv');
const uid = 61_107;
const jail = skip === false ? makeJail(t, 'actor') : '';
const user = `${uid}:${uid}`;
const touch = 'touch=/tmp/ran';
const marker = join(jail, 'tmp/ran');

const removeMarker = (): void => rmSync(marker, { force: true });

interface Answer {
  readonly exit?: object;
  readonly error?: {
    readonly name: string;
    readonly step: string;
    readonly code: string;
    readonly message: string;
  };
}

class Service {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(special: Readonly<Record<string, unknown>>, wrapper: readonly string[] = []) {
    const request = { jail, user, program: '/actor', args: [touch], ...special };
    this.child = startService('commanded', request, {
      stdio: ['pipe', 'pipe', 'inherit'],
      // groups that would be left over
      wrapper: ['setpriv', '--groups=0,4711', ...wrapper],
    });
    this.#lines = createInterface({ input: this.child.stdout ?? process.stdin })[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    return String((await this.#lines.next()).value);
  }

  async launch(): Promise<Answer> {
    this.child.stdin?.write('launch\n');
    return JSON.parse(await this.line()) as Answer;
  }

  /** One launch with strace attached; what strace wrote is the second answer. */
  async traced(...options: readonly string[]): Promise<[Answer, string]> {
    const strace = spawn('strace', ['-f', ...options, '-p', String(this.child.pid)], {
      env: { PATH: process.env.PATH ?? '' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const exited = once(strace, 'exit');
    let written = '';
    await new Promise<void>((resolve) => {
      strace.stderr.on('data', (chunk: Buffer) => {
        written += String(chunk);
        if (/attached with \d+ threads/.test(written)) resolve();
      });
      strace.on('exit', resolve);
    });
    const answer = await this.launch();
    strace.kill('SIGINT');
    await exited;
    return [answer, written];
  }

  get fds(): number {
    return countOf(this.child.pid ?? 0).fds;
  }

  end(): void {
    this.child.stdin?.end();
  }
}

async function withService(service: Service, body: (service: Service) => Promise<void>): Promise<void> {
  try {
    await service.line();
    await body(service);
  } finally {
    service.end();
  }
}

// The calls of prctl(2) in the order of the launcher, by their first argument or two.
async function prctlCalls(service: Service): Promise<readonly string[]> {
  const [, written] = await service.traced('-e', 'trace=prctl');
  return [...written.matchAll(/ prctl\((PR_\w+(?:, PR_\w+)?)/g)].map((match) => match[1] ?? '');
}

type Fault = readonly [call: string, when: number, step: string, fault?: string, code?: string];

const faults: readonly Fault[] = [
  ['setpgid', 1, 'setpgid'],
  ['umask', 1, 'umask'],
  ['prlimit64', 1, 'setrlimit'],
  ['prlimit64', 3, 'setrlimit'],
  ['prlimit64', 4, 'setrlimit'],
  ['getpriority', 1, 'setpriority'],
  ['ioprio_get', 1, 'ioprio_set'],
  ['personality', 1, 'personality'],
  ['fcntl', 2, 'stdio'],
  ['openat', 1, 'stdio'],
  ['dup', 1, 'stdio'],
  ['dup', 2, 'stdio'],
  ['dup', 1, 'stdio', 'retval=0', 'EBADF'],
  ['close_range', 1, 'close_range'],
  ['fchdir', 1, 'fchdir'],
  ['chroot', 1, 'chroot'],
  ['chdir', 1, 'chdir'],
  ['setgroups', 1, 'setgroups'],
  ['setresgid', 1, 'setresgid'],
  ['setresuid', 1, 'setresuid'],
  ['capset', 1, 'capset'],
  ['getresuid', 1, 'verify_uid'],
  ['setfsuid', 1, 'verify_uid', 'error=EPERM', 'EBADE'],
  ['getresgid', 1, 'verify_gid'],
  ['setfsgid', 1, 'verify_gid', 'error=EPERM', 'EBADE'],
  ['getgroups', 1, 'verify_groups'],
  ['getgroups', 2, 'verify_groups'],
  ['capget', 1, 'verify_capabilities'],
  ['setresuid', 2, 'verify_no_way_back', 'error=EINVAL', 'EINVAL'],
  ['statx', 1, 'verify_cwd'],
  ['statx', 2, 'verify_cwd'],
  ['getcwd', 1, 'verify_cwd'],
  ['faccessat', 1, 'verify_cwd'],
  ['rt_sigaction', 1, 'reset_signals'],
  ['rt_sigaction', 62, 'reset_signals'],
  ['execve', 1, 'execve'],
  // calls that claim to have succeeded and did nothing
  ['setgroups', 1, 'verify_groups', 'retval=0', 'EBADE'],
  ['setresgid', 1, 'verify_gid', 'retval=0', 'EBADE'],
  ['setresuid', 1, 'verify_uid', 'retval=0', 'EBADE'],
  ['setresuid', 2, 'verify_no_way_back', 'retval=0', 'EBADE'],
  ['chroot', 1, 'verify_cwd', 'retval=0', 'EBADE'],
  // around the plan
  ['pipe2', 1, 'launch'],
  ['clone', 1, 'launch'],
  ['dup3', 1, 'launch'],
  ['sched_setscheduler', 1, 'launch'],
  ['execveat', 1, 'launch'],
];

const launcherFaults: readonly Fault[] = [
  ['keyctl', 1, 'join_session_keyring'],
  ['seccomp', 1, 'seccomp'],
  ['seccomp', 1, 'verify_seccomp', 'retval=0', 'EBADE'],
];

const prctlSteps: readonly (readonly [call: string, step: string])[] = [
  ['PR_SET_TIMERSLACK', 'timer_slack'],
  ['PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL', 'clear_ambient'],
  ['PR_GET_SECUREBITS', 'securebits'],
  ['PR_GET_NO_NEW_PRIVS', 'verify_no_new_privs'],
  ['PR_GET_SECCOMP', 'verify_seccomp'],
];

t.test(
  'with a fault in any call the program does not run, and the error names the step',
  { skip, timeout: 90_000 },
  async (t) => {
    await withService(new Service({ stdio: 'ignore' }), async (service) => {
      const calls = await prctlCalls(service);
      t.ok(existsSync(marker), 'without a fault it does run');
      const fds = service.fds;
      const prctls = prctlSteps.map(([call, step]): Fault => ['prctl', calls.indexOf(call) + 1, step]);
      t.ok(prctls.every(([, when]) => when > 0));
      for (const [call, when, step, fault = 'error=EPERM', code = 'EPERM'] of [...faults, ...prctls]) {
        await t.test(`${call} ${when}: ${fault}`, async (t) => {
          removeMarker();
          const [answer] = await service.traced(
            '-e',
            `trace=${call}`,
            '-e',
            `inject=${call}:${fault}:when=${when}`,
          );
          t.match(answer, { error: { name: 'LaunchError', step, code } });
          t.equal(existsSync(marker), false);
          t.equal(service.fds, fds);
        });
      }
      t.match(await service.launch(), { exit: { exitCode: 0 } }, 'afterwards all is as before');
    });
    t.strictSame(processesOf(uid), []);
  },
);

t.test('so with a plan that takes a file to reach the launcher', { skip }, async (t) => {
  await withService(new Service({ stdio: 'ignore', env: { LONG: 'x'.repeat(20_000) } }), async (service) => {
    await service.launch();
    const fds = service.fds;
    for (const call of ['memfd_create', 'lseek']) {
      removeMarker();
      const [answer] = await service.traced(`-etrace=${call}`, `-einject=${call}:error=EPERM:when=1`);
      t.match(answer, { error: { name: 'LaunchError', step: 'launch', code: 'EPERM' } }, call);
      t.equal(existsSync(marker), false);
      t.equal(service.fds, fds);
    }
    t.match(await service.launch(), { exit: { exitCode: 0 } });
    t.ok(existsSync(marker));
  });
});

t.test(
  'so where the service cannot tell its own oom_score_adj, and the launcher cannot open it',
  { skip },
  async (t) => {
    await withService(new Service({ stdio: 'ignore' }), async (service) => {
      removeMarker();
      const [answer] = await service.traced(
        '-etrace=pread64,openat',
        '-einject=pread64:error=EIO:when=1',
        '-einject=openat:error=EPERM:when=1',
      );
      t.match(answer, { error: { name: 'LaunchError', step: 'oom_score_adj', code: 'EPERM' } });
      t.equal(existsSync(marker), false);
    });
  },
);

t.test(
  'a launcher that somebody kills has not run the program, and that is what is told',
  { skip },
  async (t) => {
    await withService(new Service({ stdio: 'ignore' }), async (service) => {
      await service.launch();
      for (const call of ['setresuid', 'rt_sigaction']) {
        removeMarker();
        const [answer] = await service.traced(`-etrace=${call}`, `-einject=${call}:signal=SIGKILL:when=1`);
        t.match(answer, { error: { name: 'LaunchError', step: 'launch', code: 'ECANCELED' } }, call);
        t.equal(existsSync(marker), false);
      }
    });
  },
);

// Each is tried twice, taken out and read back, and the one after the last of the kernel's too.
const capabilityCalls = 2 * (Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8')) + 2);

// Once for each thread that launches, before its first launch: a service that has launched nothing yet.
const preparations: readonly Fault[] = [
  ['keyctl', 1, 'join_session_keyring'],
  ['capset', 1, 'launch'],
  ['prctl', 1, 'drop_bounding_set'],
  ['prctl', 2, 'drop_bounding_set'],
  ['prctl', 3, 'drop_bounding_set'],
  ['prctl', 61, 'drop_bounding_set'],
  ['prctl', 3, 'drop_bounding_set', 'retval=0', 'EBADE'],
  ['prctl', capabilityCalls + 1, 'no_new_privs'],
  ['prctl', capabilityCalls + 1, 'verify_no_new_privs', 'retval=0', 'EBADE'],
  ['prctl', capabilityCalls + 2, 'verify_no_new_privs'],
  ['prctl', capabilityCalls + 3, 'verify_seccomp'],
  ['seccomp', 1, 'seccomp'],
  ['seccomp', 1, 'verify_seccomp', 'retval=0', 'EBADE'],
];

for (const [call, when, step, fault = 'error=EPERM', code = 'EPERM'] of preparations) {
  t.test(
    `a thread that cannot be prepared launches nothing, and tries it again: ${call} ${when}: ${fault}`,
    { skip },
    async (t) => {
      removeMarker();
      const strace = ['strace', '-qq', '-f', '-o/dev/null', `-etrace=${call}`];
      const wrapper = [...strace, `-einject=${call}:${fault}:when=${when}`];
      await withService(new Service({ stdio: 'ignore', cold: true }, wrapper), async (service) => {
        t.match(await service.launch(), { error: { name: 'LaunchError', step, code } });
        t.equal(existsSync(marker), false);
        // the first few of these are the launcher's too, and it is counted by itself
        if (call === 'capset' || (call === 'prctl' && when < 10)) return;
        t.match(await service.launch(), { exit: { exitCode: 0 } });
        t.equal(existsSync(marker), true);
      });
    },
  );
}

// Where a plan asks for something else than the threads have done, the launcher does it itself.
const alone: readonly (readonly [special: Readonly<Record<string, unknown>>, prctls: typeof prctlSteps])[] = [
  [{ allowNewPrivs: true }, [['PR_CAPBSET_READ', 'drop_bounding_set']]],
  [{ caps: ['net_bind_service'] }, [['PR_SET_NO_NEW_PRIVS', 'no_new_privs']]],
];

for (const [special, steps] of alone) {
  t.test(`so with ${Object.keys(special).join()}, where nothing is inherited`, { skip }, async (t) => {
    await withService(new Service({ stdio: 'ignore', ...special }), async (service) => {
      const calls = await prctlCalls(service);
      const more = steps.map(([call, step]): Fault => ['prctl', calls.indexOf(call) + 1, step]);
      for (const [call, when, step, fault = 'error=EPERM', code = 'EPERM'] of [...launcherFaults, ...more]) {
        removeMarker();
        const [answer] = await service.traced(
          '-e',
          `trace=${call}`,
          '-e',
          `inject=${call}:${fault}:when=${when}`,
        );
        t.match(answer, { error: { name: 'LaunchError', step, code } }, `${call} ${when}: ${fault}`);
        t.equal(existsSync(marker), false);
      }
      t.match(await service.launch(), { exit: { exitCode: 0 } });
    });
  });
}

t.test('so with each pipe that cannot be made', { skip }, async (t) => {
  await withService(new Service({ stdio: 'pipe' }), async (service) => {
    await service.launch();
    const fds = service.fds;
    for (const when of [1, 2, 3, 4]) {
      removeMarker();
      const [answer] = await service.traced(
        '-e',
        'trace=pipe2',
        '-e',
        `inject=pipe2:error=EMFILE:when=${when}`,
      );
      t.match(answer, { error: { name: 'LaunchError', step: 'launch', code: 'EMFILE' } });
      t.equal(existsSync(marker), false);
      t.equal(service.fds, fds);
    }
  });
});
