import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';

import type { Test } from 'tap';

import { mountRows } from '../../lib/launch/plan/mount-steps.ts';
import { namespaceRows } from '../../lib/launch/plan/namespaces.ts';
import { stepTable } from '../../lib/launch/plan/table.ts';
import { libraryUrl } from '../support/child.ts';
import { countCalls, distinctCalls, FaultyLaunch, type Faulty } from '../support/fault.ts';
import {
  bareOnly,
  bothWays,
  command,
  isCompiled,
  makeJail,
  oddCaller,
  rootTest,
  start,
  temporaryDirectory,
} from '../support/launch.ts';

// spawn-fault.root.test.ts makes each call of isolated launches fail
const test = bareOnly(bothWays('strace'), 'strace makes calls of one process fail');
const jail = makeJail();
const directory = temporaryDirectory();

const lowersOom = start(['true'], { by: oddCaller('oom=-5') }).status === 0;

// The caller's state is odd in each way, so that the plan makes every call that it can make.
const odd = [
  'nice=-5',
  'realtime',
  'ioprio=8193',
  'persona',
  'ambient',
  'nonblock=0',
  'core',
  'fd=9',
  'stack',
  // A container may not lower it.
  ...(lowersOom ? ['oom=-5'] : []),
];
// A compiled launcher sets the limit on descriptors only on request.
const options = [
  '--rlimit',
  'nofile=900',
  '--cap',
  'net_raw',
  '--new-session',
  '--die-with-parent',
  '--preserve-fds',
  '9',
  '--landlock-ro',
  '/',
  '--landlock-rw',
  '/tmp',
  '--connect-tcp',
  '80',
  '--bind-tcp',
  '81',
];

// Landlock has a rule for each of these that is there.
for (const path of jail === '/' ? [] : ['dev/pts', 'dev/tty', 'dev/ptmx']) {
  mkdirSync(`${jail}/${path}`, { recursive: true });
}

const launch = new FaultyLaunch(jail, odd, options);

function stopped(t: Test, faulty: Faulty, step: string): void {
  t.equal(faulty.injected.length, 1, 'one call failed');
  t.equal(faulty.ran, false, 'the program did not run');
  t.equal(faulty.status, step === 'execve' ? 126 : 125);
  t.equal(faulty.stdout, '');
  t.match(faulty.stderr, new RegExp(`^uchroot: ${step}: [^\\n]+\\n(hint: [^\\n]+\\n)?$`));
  const event = JSON.parse(faulty.events.at(-1) ?? '{}') as Record<string, unknown>;
  t.match(event, { event: 'failed', step });
}

// EPERM is an expected answer here: after it, setsid is tried in another group, root must not be regained, and Landlock must refuse
// to send.
const understood = ['setsid(', 'setresuid(0, 0, 0', 'sendto('];

// Each way runs the same object of the interpreter, and a launcher starts in a tenth of the time of a command. So every call fails in a
// launcher; in the command, where JavaScript tells the failure, one call of each name.
test('a fault in any call stops at a step, in their order, and each step stops at its own call', async (t) => {
  const plan = launch.plan();
  t.equal(plan.get(plan.size), 'execve', 'the whole plan is known');
  let place = 1;
  const stoppedBy = new Map<number, Set<string>>();
  const all = distinctCalls(launch.calls());
  const names = all.map(({ name }) => name);
  for (const call of isCompiled() ? all : all.filter(({ name }, at) => names.indexOf(name) === at)) {
    const fault = understood.some((begin) => call.text.startsWith(begin)) ? 'error=EIO' : 'error=EPERM';
    await t.test(`${fault} from ${call.text}`, async (t) => {
      const faulty = launch.fail(call, fault);
      const event = JSON.parse(faulty.events.at(-1) ?? '{}') as { readonly place?: number };
      t.ok(Number(event.place) >= place, `not before place ${place}`);
      place = Number(event.place);
      stoppedBy.set(place, (stoppedBy.get(place) ?? new Set()).add(call.name));
      stopped(t, faulty, plan.get(place) ?? 'a step');
    });
  }
  t.ok(stoppedBy.size > 20, `${stoppedBy.size} steps have stopped`);
  if (!isCompiled()) return;
  for (const [at, op] of plan) {
    if (op === 'keep_listen_fds') continue; // no descriptors are passed
    const rows = stepTable;
    const { call } = rows[op as keyof typeof rows];
    const own = op === 'oom_score_adj' && !lowersOom ? 'openat' : call;
    t.ok(stoppedBy.get(at)?.has(own), `${at} ${op} stops at ${own}`);
  }
});

// What a process does when the program runs, what it can do without, and how the processes tell each other.
const afterwards =
  /^(close|close_range|ppoll|wait4|rt_sigtimedwait|rt_sigpending|getpid|getppid|getpgid|exit_group|kill|read)$/;
const isTold = (text: string): boolean => /^write\(\d+, "(?:\\0"|\\377\\377\\377\\377)/.test(text);

rootTest('strace')(
  'so with a fault in any call of a compiled launcher that isolates, in each of its processes',
  async (t) => {
    const [file, trace, mark] = [`${directory}/launcher`, `${directory}/trace`, `${jail}/tmp/isolated`];
    const view = ['--hostname', 'jail', '--proc', '/dir', '--tmpfs', '/dev'];
    const words = [
      ...options,
      '--isolate',
      ...view,
      '--status-fd',
      '7',
      'nobody',
      jail,
      '/probe',
      'mark',
      '/tmp/isolated',
    ];
    const run = (calls: string, ...inject: readonly string[]) => {
      rmSync(mark, { force: true });
      const strace = ['strace', '-f', '-qqq', '-o', trace, '-e', `trace=${calls}`, ...inject];
      const by = [...oddCaller('fd=9'), ...strace];
      return start([file], {
        by,
        stdio: ['pipe', 'pipe', 'pipe', 'ignore', 'ignore', 'ignore', 'ignore', 'pipe'],
      });
    };
    t.equal(start([...command, '--compile', file, ...words], { by: oddCaller('fd=9') }).status, 0);
    const whole = run('all');
    t.equal(whole.status, 0, whole.stderr);
    t.ok(existsSync(mark));
    const threads = new Map<string, string[]>();
    // strace shows a call in two parts if another process interrupts it
    for (const [, pid = '', line = ''] of readFileSync(trace, 'latin1').matchAll(
      /^(\d+) +(?!<\.\.\.)(.*)$/gm,
    ))
      threads.set(pid, [...(threads.get(pid) ?? []), line.replace(' <unfinished ...>', '')]);
    t.equal(threads.size, 3);
    const own = [...threads.values()].flatMap((lines) => {
      const calls = countCalls(lines);
      const first = calls.findIndex(({ text }) => text.startsWith('unshare(CLONE_NEWPID'));
      const last = calls.findIndex(({ text }) => text.startsWith('execve("/probe"'));
      return calls.slice(Math.max(first, 0), last < 0 ? undefined : last + 1);
    });
    const stoppedAt = new Set<string>();
    for (const { name, text, when } of distinctCalls(
      own.filter(({ name, text }) => !afterwards.test(name) && !isTold(text)),
    )) {
      const fault = understood.some((begin) => text.startsWith(begin)) ? 'error=EIO' : 'error=EPERM';
      const { status, stderr, stdout, output } = run(name, `-einject=${name}:${fault}:when=${when}`);
      const [event = '{}'] = String(output[7]).trim().split('\n').slice(-1);
      stoppedAt.add(String((JSON.parse(event) as { step?: string }).step));
      t.match(
        { status, stderr, stdout },
        { status: /12[56]/, stderr: /^uchroot: \w+: /, stdout: '' },
        `${text} ${when}`,
      );
      t.notOk(existsSync(mark), 'the program did not run');
    }
    const steps = [...start([file, '--plan']).stdout.matchAll(/^ *\d+ {2}(\w+) /gm)].map(([, op = '']) => op);
    t.same(
      steps.filter((op) => (op in namespaceRows || op in mountRows) && !stoppedAt.has(op)),
      [],
    );
  },
);

const isolatedWords = [
  '--isolate',
  '--hostname',
  'changed',
  'nobody',
  jail,
  '/probe',
  'mark',
  '/tmp/isolated',
];
const liedTo = `${directory}/lied-to`;
// a network namespace that was made before the launch is joined
const twice = `import('${libraryUrl('index.js')}').then(async ({ runInJail }) => {
  const request = { jail: '${jail}', user: 'nobody', isolate: true, program: '/probe' };
  await runInJail(request).catch(() => undefined);
  await runInJail({ ...request, args: ['mark', '/tmp/isolated'] });
})`;
const lied: readonly (readonly [call: string, what: string, words: readonly string[]])[] = [
  ['unshare', 'a compiled launcher', [liedTo]],
  ['unshare', 'the command', [...command, ...isolatedWords]],
  ['clone', 'a compiled launcher', [liedTo]],
  ['setns', 'the library', [process.execPath, '-e', twice]],
  ['chroot', 'the library', [process.execPath, '-e', twice]],
  // the host would lie above the root directory, where `..` leads
  ['umount2', 'a compiled launcher', [liedTo]],
  ['umount2', 'the command', [...command, ...isolatedWords]],
  ['mount_setattr', 'the command', [...command, ...isolatedWords]],
];

for (const [call, what, words] of lied) {
  rootTest('strace', 'unshare')(
    `${what}: ${call} that says yes and does nothing is found out before anything of the host is changed`,
    async (t) => {
      t.equal(start([...command, '--compile', liedTo, ...isolatedWords]).status, 0);
      rmSync(`${jail}/tmp/isolated`, { force: true });
      const state = 'hostname; cat /proc/sys/vm/memfd_noexec; ls -id /; wc -l </proc/self/mounts';
      const strace = `strace -f -qqq -o /dev/null -e trace=${call} -e inject=${call}:retval=0`;
      // Without these checks the launch would change the host. So it is in namespaces that it may break.
      const guard = ['unshare', '--mount', '--pid', '--uts', '--ipc', '--net', '--fork', '--mount-proc'];
      const script = `${state}; ${strace} "$@" >&2; echo "status $?"; ${state}`;
      const { stdout } = start([...guard, 'sh', '-c', script, 'sh', ...words]);
      const [before, status, after] = stdout.split(/status (\d+)\n/);
      t.equal(after, before);
      t.ok(Number(status) > 0);
      t.notOk(existsSync(`${jail}/tmp/isolated`), 'the program did not run');
    },
  );
}

// A call that returns success without an effect: another layer does that, or a user namespace that does not map an id.
const lies: readonly (readonly [step: string, name: string, begin: string])[] = [
  ['verify_groups', 'setgroups', ''],
  ['verify_gid', 'setresgid', ''],
  ['verify_uid', 'setresuid', '65534'],
  ['drop_bounding_set', 'prctl', 'PR_CAPBSET_DROP'],
  ['verify_capabilities', 'capset', ''],
  ['verify_no_way_back', 'setresuid', '0, 0, 0'],
  ['verify_seccomp', 'seccomp', ''],
  ['verify_landlock', 'landlock_restrict_self', ''],
  ['landlock_path', 'landlock_create_ruleset', '{'],
  ['verify_cwd', 'chroot', ''],
  ['close_range', 'close_range', ''],
  ['landlock_restrict_self', 'prctl', 'PR_SET_NO_NEW_PRIVS'],
];

for (const [step, name, begin] of lies) {
  test(`${name}(${begin} that says yes and does nothing is found out by ${step}`, async (t) => {
    stopped(t, launch.fail({ name, arguments: begin }, 'retval=0'), step);
  });
}

test('a filter of TCP that says yes and is not there is found out', async (t) => {
  stopped(t, launch.fail({ name: 'seccomp', arguments: '', last: true }, 'retval=0'), 'verify_tcp_filter');
});

test('without Landlock a lie about no_new_privs is found out by seccomp', async (t) => {
  const other = new FaultyLaunch(jail, odd, []);
  stopped(t, other.fail({ name: 'prctl', arguments: 'PR_SET_NO_NEW_PRIVS' }, 'retval=0'), 'seccomp');
});

test('groups that are silently kept are found out (nsjail #320)', async (t) => {
  stopped(t, launch.fail({ name: 'setgroups', arguments: '' }, 'retval=0'), 'verify_groups');
});

test('EPERM from keyctl alone is not taken for a container: there must be a filter', async (t) => {
  const both = launch.run(['keyctl:error=EPERM']);
  t.equal(both.injected.length, 2);
  t.equal(both.ran, false);
  t.equal(both.status, 125);
  t.match(both.stderr, /^uchroot: join_session_keyring: /);
  const full = launch.run(['keyctl:error=EDQUOT']);
  t.equal(full.ran, false);
  t.match(full.stderr, /^uchroot: join_session_keyring: /);
});

test('a kernel without keyrings is none to refuse', async (t) => {
  t.equal(launch.run(['keyctl:error=ENOSYS']).ran, true);
});

test('a parent that is gone before --die-with-parent is set is found out', async (t) => {
  stopped(t, launch.fail({ name: 'getppid', arguments: '', last: true }, 'retval=1'), 'parent_death_signal');
});

test('setsid that is refused to the leader of a group and to its member stops at setsid', async (t) => {
  const faulty = launch.run(['setsid:error=EPERM']);
  t.equal(faulty.injected.length, 2);
  stopped(t, { ...faulty, injected: faulty.injected.slice(1) }, 'setsid');
});

test('with --allow-new-privs the filter goes in before the ids change, or nothing starts', async (t) => {
  const other = new FaultyLaunch(jail, [], ['--allow-new-privs']);
  stopped(t, other.fail({ name: 'seccomp', arguments: '' }, 'error=EACCES'), 'seccomp');
  stopped(t, other.fail({ name: 'setresuid', arguments: '65534' }, 'error=EAGAIN'), 'setresuid');
});
