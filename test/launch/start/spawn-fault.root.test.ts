// A fault in each call of a launch beside a service. strace is attached to the service for one launch at a time. It counts calls
// for each thread, so a call's number in the launcher is its place there.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import t, { type Test } from 'tap';

import { buildPlan } from '../../support/plan.ts';
import type { Step } from '../../../lib/launch/plan/step.ts';
import { stepFlags } from '../../../lib/launch/plan/step-row.ts';
import { flagsOf } from '../../../lib/launch/plan/table.ts';
import { normalize } from '../../../lib/launch/request/request.ts';
import { countCalls, distinctCalls, type CountedCall } from '../../support/fault.ts';
import { unlessBare } from '../../support/isolation.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { countOf, eventually, processesOf, runs, settledFds, startService } from '../../support/service.ts';

const skip = unlessRoot('strace', 'setpriv');
// the last but one test is about isolated launches
const skipIsolated = skip || unlessBare('calls are counted in one process');
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
    readonly place?: number;
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
      // Groups that a wrong launch would keep.
      wrapper: ['setpriv', '--groups=0,4711', ...wrapper],
    });
    this.#lines = createInterface({ input: this.child.stdout ?? process.stdin })[Symbol.asyncIterator]();
  }

  /** strace 6.13 sometimes ends with "Unexpected wait status": what it has traced goes on, and nothing is injected. */
  get isLost(): boolean {
    return !runs(this.child.pid ?? 0);
  }

  async line(): Promise<string> {
    return String((await this.#lines.next()).value);
  }

  async launch(): Promise<Answer> {
    this.child.stdin?.write('launch\n');
    return JSON.parse(await this.line()) as Answer;
  }

  /** One launch with strace attached; the second result is strace's output. */
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

  /**
   * The answer to a launch with a fault; undefined if it has ended the service. A thread of Node may make one call more than in the trace,
   * and libuv aborts its process if its own write(2) fails.
   */
  async faulted(call: string, fault: string, when: number): Promise<Answer | undefined> {
    try {
      const [answer] = await this.traced(`-etrace=${call}`, `-einject=${call}:${fault}:when=${when}`);
      return answer;
    } catch (error) {
      if (await eventually(() => this.isLost, 2000)) return undefined;
      throw error;
    }
  }

  /** A thread may still be making the next network namespace. */
  fds(): Promise<number> {
    return settledFds(this.child.pid ?? 0);
  }

  hasFds(count: number): Promise<boolean> {
    return eventually(() => countOf(this.child.pid ?? 0).fds === count);
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

/** A service that strace starts, and its first launch. */
async function withTracedService(
  wrapper: readonly string[],
  body: (service: Service, answer: Answer) => Promise<void>,
  special: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const service = new Service({ stdio: 'ignore', cold: true, ...special }, wrapper);
  try {
    await service.line();
    removeMarker();
    const answer = await service.launch();
    if (!service.isLost) return await body(service, answer);
  } finally {
    service.end();
  }
  return withTracedService(wrapper, body, special);
}

// The calls of a launcher from its first instruction on, and how often other threads make each call meanwhile.
async function launcherCalls(
  service: Service,
): Promise<{ readonly own: readonly CountedCall[]; readonly others: readonly CountedCall[] }> {
  const [, written] = await service.traced('-e', 'trace=all');
  const threads = new Map<string, string[]>();
  // strace shows a call in two parts if another thread interrupts it.
  for (const [, pid = '', line = ''] of written.matchAll(/^\[pid +(\d+)\] (?!<\.\.\.)(.*)$/gm))
    threads.set(pid, [...(threads.get(pid) ?? []), line.replace(' <unfinished ...>', '')]);
  const traces = [...threads.values()].map((lines) => countCalls(lines));
  const begins = (calls: readonly CountedCall[]): number =>
    calls.findIndex(({ name }) => name === 'execveat');
  const launcher = traces.find((calls) => begins(calls) >= 0) ?? [];
  const end = launcher.findIndex(({ name }) => name === 'execve');
  return {
    own: launcher.slice(begins(launcher) + 1, end + 1),
    others: traces.filter((calls) => calls !== launcher).flat(),
  };
}

type Fault = readonly [call: string, when: number, step: string, fault?: string, code?: string];

const faults: readonly Fault[] = [
  // Calls that return success without an effect.
  ['setgroups', 1, 'verify_groups', 'retval=0', 'EBADE'],
  ['setresgid', 1, 'verify_gid', 'retval=0', 'EBADE'],
  ['setresuid', 1, 'verify_uid', 'retval=0', 'EBADE'],
  ['setresuid', 2, 'verify_no_way_back', 'retval=0', 'EBADE'],
  ['chroot', 1, 'verify_cwd', 'retval=0', 'EBADE'],
  // Calls outside the plan.
  ['pipe2', 1, 'launch'],
  ['clone', 1, 'launch'],
  ['dup3', 1, 'launch'],
  ['sched_setscheduler', 1, 'launch'],
  ['execveat', 1, 'launch'],
];

// The plan of these launches.
const account = { uid, gid: uid, groups: [], memberships: [], name: undefined, home: '/', shell: '/bin/sh' };

function planOf(special: Readonly<Record<string, unknown>>): readonly Step[] {
  const request = normalize({ jail: '/', user, ...special });
  const { architecture, parentPid } = { architecture: process.arch, parentPid: 1 };
  const input = { request, account, keptFds: [], newGroup: true, parentPid, architecture };
  return buildPlan({
    ...input,
    program: Buffer.from('/actor'),
    argv: [Buffer.from('actor')],
    env: [],
  }).flat();
}

// The launcher runs the steps that a prepared thread has not run for it.
const elsewhere = stepFlags.inherited | stepFlags.initial | stepFlags.batchPolicy | stepFlags.oomScore;

// If a thread cannot read its own nice value or I/O class, the launch continues (processlaunch.cc).
const harmless: ReadonlySet<string> = new Set(['getpriority', 'ioprio_get']);

/** The places of the steps that a fault has stopped. */
async function stopAtCalls(t: Test, service: Service, steps: readonly Step[]): Promise<ReadonlySet<number>> {
  const { own, others } = await launcherCalls(service);
  const fds = await service.fds();
  const stoppedAt = new Set<number>();
  let place = 1;
  for (const { name, text, when } of distinctCalls(own)) {
    // strace counts for each thread, so a thread of the service would meet the fault too.
    if (!harmless.has(name) && others.some((other) => other.name === name && other.when >= when)) continue;
    // A step closes what execve would close.
    if (name === 'close') continue;
    const isAwaited = /^(?:setresuid\(0, 0, 0|sendto\(|setsid\()/.test(text);
    const fault = isAwaited ? 'error=EIO' : 'error=EPERM';
    removeMarker();
    const [answer] = await service.traced(
      '-e',
      `trace=${name}`,
      '-e',
      `inject=${name}:${fault}:when=${when}`,
    );
    const at = answer.error?.place ?? 0;
    t.match(
      answer,
      { error: { name: 'LaunchError', step: steps[at - 1]?.op ?? 'a step' } },
      `${text} ${when}: ${fault}`,
    );
    t.ok(at >= place, `${text}: in the order of the plan`);
    t.equal(existsSync(marker), false);
    t.ok(await service.hasFds(fds));
    place = at;
    stoppedAt.add(at);
  }
  return stoppedAt;
}

async function stopAtEachStep(
  t: Test,
  service: Service,
  special: Readonly<Record<string, unknown>>,
  isDoneElsewhere: (step: Step) => boolean,
): Promise<void> {
  const steps = planOf(special);
  const isMissing = (stoppedAt: ReadonlySet<number>): boolean =>
    steps.some((step, index) => !isDoneElsewhere(step) && !stoppedAt.has(index + 1));
  let stoppedAt = await stopAtCalls(t, service, steps);
  // While the launch was traced, another thread may have made the same call as a step does.
  for (let i = 0; i < 3 && isMissing(stoppedAt); i++)
    stoppedAt = new Set([...stoppedAt, ...(await stopAtCalls(t, service, steps))]);
  for (const [index, step] of steps.entries()) {
    if (!isDoneElsewhere(step)) t.ok(stoppedAt.has(index + 1), `${index + 1} ${step.op}`);
  }
  t.match(await service.launch(), { exit: { exitCode: 0 } }, 'afterwards all is as before');
}

for (const [name, special] of [
  ['with a fault in any call of the launcher the program does not run, and the error names the step', {}],
  [
    'so with a fault in any call for Landlock',
    { landlockRo: ['/'], landlockRw: ['/tmp'], connectTcp: [80], bindTcp: [81] },
  ],
  ['so with a fault in any call for a terminal', { pty: true }],
] as const) {
  t.test(name, { skip: skipIsolated }, async (t) => {
    // Landlock has a rule for each of these that is there.
    for (const name of ['pts', 'tty', 'ptmx']) mkdirSync(join(jail, 'dev', name), { recursive: true });
    await withService(
      new Service({ ...('pty' in special ? {} : { stdio: 'ignore' }), ...special }),
      async (service) => {
        await stopAtEachStep(t, service, special, (step) => (flagsOf(step) & elsewhere) !== 0);
      },
    );
    t.strictSame(processesOf(uid), []);
  });
}

t.test(
  'so with a call that lies, and with a fault in any call around the plan',
  { skip: skipIsolated },
  async (t) => {
    await withService(new Service({ stdio: 'ignore' }), async (service) => {
      await service.launch();
      t.ok(existsSync(marker), 'without a fault it does run');
      const fds = await service.fds();
      for (const [call, when, step, fault = 'error=EPERM', code = 'EPERM'] of faults) {
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
          t.ok(await service.hasFds(fds));
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
    const fds = await service.fds();
    for (const call of ['memfd_create', 'lseek']) {
      removeMarker();
      const [answer] = await service.traced(`-etrace=${call}`, `-einject=${call}:error=EPERM:when=1`);
      t.match(answer, { error: { name: 'LaunchError', step: 'launch', code: 'EPERM' } }, call);
      t.equal(existsSync(marker), false);
      t.ok(await service.hasFds(fds));
    }
    t.match(await service.launch(), { exit: { exitCode: 0 } });
    t.ok(existsSync(marker));
  });
});

t.test(
  'so where the service cannot tell its own oom_score_adj, and the launcher cannot open it',
  { skip: skipIsolated },
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

// Each capability takes two calls, drop and read, and so does the number after the kernel's last one.
const capabilityCalls = 2 * (Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8')) + 2);

// Calls of a launching thread before its first launch, in a service that has not launched yet.
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

// The same for isolated launches. They install their own filters.
const isolatedPreparations: readonly Fault[] = [
  ['prctl', 1, 'no_new_privs'],
  ['keyctl', 1, 'join_session_keyring'],
  ['prctl', 2, 'drop_bounding_set'],
  ['prctl', capabilityCalls + 2, 'no_new_privs'],
  ['prctl', capabilityCalls + 3, 'verify_no_new_privs'],
];

for (const { isolate, fault: given } of [
  ...preparations.map((fault) => ({ isolate: false, fault })),
  ...isolatedPreparations.map((fault) => ({ isolate: true, fault })),
]) {
  const [call, when, step, fault = 'error=EPERM', code = 'EPERM'] = given;
  const what = isolate ? 'an isolated program' : 'a program';
  t.test(
    `a thread that cannot be prepared for ${what} launches nothing, and tries it again: ${call} ${when}: ${fault}`,
    { skip: isolate ? skip : skipIsolated },
    async (t) => {
      const strace = ['strace', '-qq', '-f', '-o/dev/null', `-etrace=${call}`];
      const wrapper = [...strace, `-einject=${call}:${fault}:when=${when}`];
      const body = async (service: Service, answer: Answer): Promise<void> => {
        t.match(answer, { error: { name: 'LaunchError', step, code } });
        t.equal(existsSync(marker), false);
        // The first ones of these calls are also the launcher's, which has its own count.
        if (call === 'capset' || (call === 'prctl' && when < 10)) return;
        t.match(await service.launch(), { exit: { exitCode: 0 } });
        t.equal(existsSync(marker), true);
      };
      await withTracedService(wrapper, body, isolate ? { isolate } : {});
    },
  );
}

// If a plan differs from what the thread has set, the launcher runs the step itself.
const alone: readonly Readonly<Record<string, unknown>>[] = [
  { allowNewPrivs: true },
  { caps: ['net_bind_service'] },
];
const begunWith = stepFlags.initial | stepFlags.batchPolicy | stepFlags.oomScore;

for (const special of alone) {
  t.test(
    `so with ${Object.keys(special).join()}, where nothing is inherited`,
    { skip: skipIsolated },
    async (t) => {
      await withService(new Service({ stdio: 'ignore', ...special }), async (service) => {
        await stopAtEachStep(t, service, special, (step) => (flagsOf(step) & begunWith) !== 0);
        removeMarker();
        const [answer] = await service.traced('-etrace=seccomp', '-einject=seccomp:retval=0:when=1');
        t.match(answer, { error: { step: 'verify_seccomp', code: 'EBADE' } });
        t.equal(existsSync(marker), false);
      });
    },
  );
}

// What an init process does when its program runs, or what it can do without.
const afterwards = /^(close|close_range|ppoll|wait4|rt_sigtimedwait|getpid|getpgid|exit_group|kill)$/;

// The record about the program's end: PHASE_ENDED of native/plan/plan.h, as strace shows it.
const ended = '\\360\\3\\0\\0';

// The first fstatfs(2) is that of the step; then an init looks whether a file system was full when its program ended.
const isFree = ({ name, when }: CountedCall): boolean => name === 'fstatfs' && when > 1;

for (const share of ['none', 'all'])
  t.test(
    `so with a fault in any call of an isolated launch, by init or in the program, that shares ${share}`,
    { skip },
    async (t) => {
      const view = [{ tmpfs: '/tmp' }, { dir: '/tmp/new' }];
      const special = { isolate: true, hostname: 'jail', view };
      const newService = () => new Service({ stdio: 'ignore', ...special, share });
      // the marker is on the tmpfs: only the answer says whether the program has run
      await withService(newService(), async (first) => {
        let service = first;
        t.match(await service.launch(), { exit: { exitCode: 0 } });
        const steps = new Set<string>(['setns', ...planOf(special).map(({ op }) => op)]);
        const [, written] = await service.traced('-e', 'trace=all');
        const threads = new Map<string, string[]>();
        for (const [, pid = '', line = ''] of written.matchAll(/^\[pid +(\d+)\] (?!<\.\.\.)(.*)$/gm))
          threads.set(pid, [...(threads.get(pid) ?? []), line.replace(' <unfinished ...>', '')]);
        const traces = [...threads.values()].map((lines) => countCalls(lines));
        const isInit = (calls: readonly CountedCall[]) => calls.some(({ name }) => name === 'execveat');
        const init = traces.find(isInit) ?? [];
        const program =
          traces.find((calls) => calls.some(({ text }) => text.startsWith('setresuid(0, 0, 0'))) ?? [];
        // A spare network namespace that cannot be made is no failure.
        const isMaker = (calls: readonly CountedCall[]) =>
          calls.some(({ text }) => text.includes('"/proc/thread-self/ns/net"'));
        const others = traces
          .filter((calls) => calls !== init && calls !== program && !isMaker(calls))
          .flat();
        // of a launch with one of its own, the next one may be made after the trace
        t.notOk(share === 'all' && traces.some(isMaker), 'nobody makes a network namespace');
        const own = [
          ...init.slice(init.findIndex(({ name }) => name === 'execveat') + 1),
          ...program.slice(0, program.findIndex(({ name }) => name === 'execve') + 1),
        ].filter((call) => !afterwards.test(call.name) && !call.text.includes(ended) && !isFree(call));
        t.ok(
          own.some(({ name }) => name === (share === 'none' ? 'chroot' : 'setns')) &&
            own.some(({ name }) => name === 'setgroups'),
        );
        const fds = await service.fds();
        for (const { name, text, when } of distinctCalls(own)) {
          if (others.some((other) => other.name === name && other.when >= when)) continue;
          const fault = text.startsWith('setresuid(0, 0, 0') ? 'error=EIO' : 'error=EPERM';
          let answer = await service.faulted(name, fault, when);
          for (let tries = 0; answer === undefined && tries < 5; tries++) {
            service.end();
            service = newService();
            await service.line();
            await service.launch();
            answer = await service.faulted(name, fault, when);
          }
          t.equal(answer?.error?.name, 'LaunchError', `${text} ${when}: ${fault}`);
          t.ok(
            steps.has(answer?.error?.step ?? '') || answer?.error?.step === 'launch',
            String(answer?.error?.step),
          );
          t.ok(await service.hasFds(fds));
        }
        t.match(await service.launch(), { exit: { exitCode: 0 } }, 'afterwards all is as before');
        service.end();
      });
      t.strictSame(processesOf(uid), []);
    },
  );

t.test('so with each pipe that cannot be made', { skip }, async (t) => {
  await withService(new Service({ stdio: 'pipe' }), async (service) => {
    await service.launch();
    const fds = await service.fds();
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
      t.ok(await service.hasFds(fds));
    }
  });
});
