// A fault in each call of an isolated launch in place: in the process that was Node and waits, in the init, and in the program's. strace
// is attached to the process just before it launches. It counts calls for each process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import t, { type Test } from 'tap';

import { countCalls, type CountedCall } from '../../support/fault.ts';
import { unlessBare } from '../../support/isolation.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { eventually, processesOf, startService } from '../../support/service.ts';

const skip = unlessRoot('strace') || unlessBare('the launch is isolated already');
const uid = 61_420;
const jail = skip === false ? makeJail(t, 'actor') : '';
for (const name of skip === false ? ['proc', 'dev', 'run'] : []) mkdirSync(join(jail, name));
const trace = join(jail, 'trace');
const marker = join(jail, 'tmp/ran');
const request = {
  jail,
  user: `${uid}:${uid}`,
  program: '/actor',
  args: ['touch=/tmp/ran'],
  isolate: true,
  hostname: 'jail',
  view: [{ proc: '/proc' }, { dev: '/dev' }, { tmpfs: '/run' }],
};

interface Launched {
  readonly status: number | null;
  readonly stderr: string;
  readonly ran: boolean;
  readonly lines: readonly string[];
}

async function launch(options: readonly string[]): Promise<Launched> {
  rmSync(marker, { force: true });
  const child = startService('in-place', request, { stdio: ['pipe', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += String(chunk)));
  await once(child.stderr ?? process.stdin, 'data');
  const strace = spawn('strace', ['-f', '-o', trace, ...options, '-p', String(child.pid)], {
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const detached = once(strace, 'exit');
  await once(strace.stderr, 'data');
  const closed = once(child, 'close') as Promise<[number | null]>;
  child.stdin?.end('\n');
  const [status] = await closed;
  await detached;
  return {
    status,
    stderr: stderr.replace('ready\n', ''),
    ran: existsSync(marker),
    lines: readFileSync(trace, 'latin1').split('\n'),
  };
}

// The calls of each process of a launch without a fault: of Node's main thread, of the init and of the program.
async function tracedCalls(): Promise<readonly (readonly CountedCall[])[]> {
  const whole = await launch(['-e', 'trace=all']);
  if (!whole.ran) throw new Error(`without a fault: status ${whole.status}: ${whole.stderr}`);
  const lines = new Map<string, string[]>();
  // strace shows a call in two parts if another process interrupts it.
  for (const line of whole.lines) {
    const [, pid = '', text = ''] = /^(\d+) +(?!<\.\.\.)(.*)$/.exec(line) ?? [];
    lines.set(pid, [...(lines.get(pid) ?? []), text.replace(' <unfinished ...>', '')]);
  }
  const traces = [...lines.values()].map((own) => countCalls(own));
  return ['clone(', 'pivot_root(', 'execve("/actor"'].map(
    (begin) => traces.find((calls) => calls.some(({ text }) => text.startsWith(begin))) ?? [],
  );
}

const indexOf = (calls: readonly CountedCall[], begin: string): number =>
  calls.findIndex(({ text }) => text.startsWith(begin));

// The first call of each name: the table of a compiled launcher has all (uchroot-faults.root.test.ts).
function firsts(calls: readonly CountedCall[]): readonly CountedCall[] {
  return calls.filter(({ when }) => when === 1);
}

// What a launch can do without: reading how things are, closing what execve or the end would close, waiting, and telling. A write is the
// message itself in Node's count. A wait that strace has interrupted goes on by restart_syscall.
const harmless =
  /^(close|close_range|fcntl|statx|p?poll|read|write|wait4|rt_sig\w+|fstatfs|exit_group|kill|getpid|futex|restart_syscall)$/;
// Calls that Node's own runtime makes now and then.
const ofNode = /^(madvise|mprotect|mmap|munmap|brk|sched_yield|epoll_\w+)$/;
// Calls of the process that waits, when a signal reaches it. Whether one does depends on the moment.
const ofSignals = /^(getpgid|getsid)$/;
// Root must not be regained, and the kernel's answer would be EPERM.
const understood = 'setresuid(0, 0, 0';

async function fail(t: Test, call: CountedCall): Promise<Launched> {
  const { name, text, when } = call;
  const fault = text.startsWith(understood) ? 'error=EIO' : 'error=EPERM';
  const ended = await launch(['-e', `trace=${name}`, '-e', `inject=${name}:${fault}:when=${when}`]);
  t.ok(
    ended.lines.some((line) => line.includes('(INJECTED)')),
    `${text} ${when}: ${fault}`,
  );
  t.ok(await eventually(() => processesOf(uid).length === 0), `${text}: no process is left`);
  return ended;
}

const told = { status: /12[56]/, stderr: /^uchroot: \w+: [^\n]+\n(hint: [^\n]+\n)?$/ };

t.test('in the init and in the program it stops the launch with its reason', { skip }, async (t) => {
  const [main = [], init = [], program = []] = await tracedCalls();
  const before = main.slice(0, indexOf(main, 'clone('));
  const own = [
    ...firsts(init.slice(0, indexOf(init, 'write(3, '))),
    ...firsts(program.slice(0, indexOf(program, 'execve(') + 1)),
  ];
  let tried = 0;
  for (const call of own) {
    // strace counts for each process, so Node's main thread would meet the fault first.
    const isMet = before.some(({ name, when }) => name === call.name && when >= call.when);
    if (isMet || harmless.test(call.name)) continue;
    tried++;
    const { status, stderr, ran } = await fail(t, call);
    t.match({ status, stderr }, told, call.text);
    t.equal(ran, false, `${call.text}: the program did not run`);
  }
  t.ok(tried > 35, `${tried} calls`);
});

t.test('in the process that waits it ends the launch, and leaves nothing', { skip }, async (t) => {
  const [main = []] = await tracedCalls();
  const own = main
    .slice(indexOf(main, 'clone('))
    .filter(({ name }) => ![harmless, ofNode, ofSignals].some((each) => each.test(name)));
  // It becomes the launcher, which takes the ids of the program's user.
  t.ok(
    ['clone', 'execveat', 'setresuid', 'capset'].every((wanted) => own.some(({ name }) => name === wanted)),
  );
  for (const call of own) {
    const { status, stderr } = await fail(t, call);
    t.match({ status, stderr }, told, call.text);
  }
});
