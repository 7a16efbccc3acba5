import type { Test } from 'tap';

import { FaultyLaunch, type Call, type Faulty } from '../support/fault.ts';
import { bothWays, makeJail } from '../support/launch.ts';
import { sanitized } from '../support/sanitizer.ts';

const test = bothWays('strace');
const jail = makeJail();

// Every call of the plan that acts or looks, in a caller's state in which none of them is left out.
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
];
// a compiled launcher sets the limit on descriptors only if it is told to
const options = [
  '--rlimit',
  'nofile=900',
  '--cap',
  'net_raw',
  '--new-session',
  '--die-with-parent',
  '--preserve-fds',
  '9',
];

type Row = readonly [step: string, name: string, begin: string, last?: boolean];

const table: readonly Row[] = [
  ['join_session_keyring', 'keyctl', 'KEYCTL_JOIN_SESSION_KEYRING'],
  ['umask', 'umask', '022'],
  ['umask', 'umask', '022', true],
  ['setrlimit', 'prlimit64', '0, RLIMIT_CORE, NULL'],
  // ASan sets this limit itself, and leaves nothing to do.
  ...(sanitized ? [] : [['setrlimit', 'prlimit64', '0, RLIMIT_CORE, {'] as const]),
  ['setrlimit', 'prlimit64', '0, RLIMIT_STACK, {'],
  ['setrlimit', 'prlimit64', '0, RLIMIT_NOFILE, {'],
  ['setpriority', 'getpriority', ''],
  ['setpriority', 'setpriority', ''],
  ['oom_score_adj', 'openat', 'AT_FDCWD, "/proc/self/oom_score_adj"'],
  ['sched_setscheduler', 'sched_getscheduler', ''],
  ['sched_setscheduler', 'sched_setscheduler', ''],
  ['ioprio_set', 'ioprio_get', ''],
  ['ioprio_set', 'ioprio_set', ''],
  ['personality', 'personality', ''],
  ['setitimer', 'setitimer', 'ITIMER_REAL'],
  ['setitimer', 'setitimer', 'ITIMER_VIRTUAL'],
  ['setitimer', 'setitimer', 'ITIMER_PROF'],
  ['timer_slack', 'prctl', 'PR_SET_TIMERSLACK'],
  ['child_subreaper', 'prctl', 'PR_SET_CHILD_SUBREAPER'],
  ['stdio', 'fcntl', '0, F_GETFL'],
  ['stdio', 'statx', '0, ""'],
  ['stdio', 'fcntl', '0, F_SETFD'],
  ['stdio', 'fcntl', '0, F_SETFL'],
  ['stdio', 'fcntl', '1, F_SETFD'],
  ['stdio', 'fcntl', '2, F_SETFD'],
  ['close_range', 'close_range', '3, '],
  ['keep_fd', 'statx', '9, ""'],
  ['keep_fd', 'fcntl', '9, F_SETFD'],
  ['fchdir', 'fchdir', ''],
  ['chroot', 'chroot', ''],
  ['chdir', 'chdir', ''],
  ['drop_bounding_set', 'prctl', 'PR_CAPBSET_READ'],
  ['drop_bounding_set', 'prctl', 'PR_CAPBSET_DROP'],
  ['drop_bounding_set', 'prctl', 'PR_CAPBSET_DROP', true],
  ['drop_bounding_set', 'prctl', 'PR_CAPBSET_READ', true],
  ['clear_ambient', 'prctl', 'PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL'],
  ['securebits', 'prctl', 'PR_GET_SECUREBITS'],
  ['securebits', 'prctl', 'PR_SET_SECUREBITS'],
  ['keep_capabilities', 'prctl', 'PR_SET_KEEPCAPS'],
  ['setgroups', 'setgroups', ''],
  ['setresgid', 'setresgid', ''],
  ['setresuid', 'setresuid', '65534'],
  ['capset', 'capset', ''],
  ['raise_ambient', 'prctl', 'PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE'],
  ['no_new_privs', 'prctl', 'PR_SET_NO_NEW_PRIVS'],
  ['seccomp', 'seccomp', ''],
  ['parent_death_signal', 'prctl', 'PR_SET_PDEATHSIG'],
  ['verify_uid', 'getresuid', ''],
  ['verify_uid', 'setfsuid', ''],
  ['verify_gid', 'getresgid', ''],
  ['verify_gid', 'setfsgid', ''],
  ['verify_groups', 'getgroups', '0, NULL'],
  ['verify_groups', 'getgroups', '1, ['],
  ['verify_capabilities', 'capget', ''],
  ['verify_capabilities', 'prctl', 'PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET'],
  ['verify_no_new_privs', 'prctl', 'PR_GET_NO_NEW_PRIVS'],
  ['verify_seccomp', 'prctl', 'PR_GET_SECCOMP'],
  ['verify_cwd', 'statx', 'AT_FDCWD, "/"'],
  ['verify_cwd', 'getcwd', ''],
  ['verify_cwd', 'faccessat', ''],
  ['reset_signals', 'rt_sigaction', ''],
  ['reset_signals', 'rt_sigprocmask', 'SIG_SETMASK, [], NULL', true],
  ['write', 'write', '7, '],
  ['execve', 'execve', '"/probe"'],
];

const launch = new FaultyLaunch(jail, odd, options, [...table.map(([, name]) => name), 'setsid', 'getppid']);

function toCall([, name, begin, last]: Row): Call {
  return { name, arguments: begin, ...(last === undefined ? {} : { last }) };
}

function stopped(t: Test, faulty: Faulty, step: string): void {
  t.equal(faulty.injected.length, 1, 'one call failed');
  t.equal(faulty.ran, false, 'the program did not run');
  t.equal(faulty.status, step === 'execve' ? 126 : 125);
  t.equal(faulty.stdout, '');
  t.match(faulty.stderr, new RegExp(`^uchroot: ${step}: [^\\n]+\\n(hint: [^\\n]+\\n)?$`));
  const event = JSON.parse(faulty.events.at(-1) ?? '{}') as Record<string, unknown>;
  t.match(event, { event: 'failed', step });
}

for (const row of table) {
  const [step, name, begin, last] = row;
  test(`EPERM from ${last === true ? 'the last ' : ''}${name}(${begin} stops at ${step}`, async (t) => {
    stopped(t, launch.fail(toCall(row), 'error=EPERM'), step);
  });
}

// A call that is answered without being made: by another layer, or in a user namespace that does not map an id.
const lies: readonly (readonly [step: string, name: string, begin: string])[] = [
  ['verify_groups', 'setgroups', ''],
  ['verify_gid', 'setresgid', ''],
  ['verify_uid', 'setresuid', '65534'],
  ['drop_bounding_set', 'prctl', 'PR_CAPBSET_DROP'],
  ['verify_capabilities', 'capset', ''],
  ['verify_no_way_back', 'setresuid', '0, 0, 0'],
  ['verify_seccomp', 'seccomp', ''],
  ['verify_cwd', 'chroot', ''],
  ['seccomp', 'prctl', 'PR_SET_NO_NEW_PRIVS'],
];

for (const [step, name, begin] of lies) {
  test(`${name}(${begin} that says yes and does nothing is found out by ${step}`, async (t) => {
    stopped(t, launch.fail({ name, arguments: begin }, 'retval=0'), step);
  });
}

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
  const other = new FaultyLaunch(jail, [], ['--allow-new-privs'], ['seccomp', 'setresuid']);
  stopped(t, other.fail({ name: 'seccomp', arguments: '' }, 'error=EACCES'), 'seccomp');
  stopped(t, other.fail({ name: 'setresuid', arguments: '65534' }, 'error=EAGAIN'), 'setresuid');
});
