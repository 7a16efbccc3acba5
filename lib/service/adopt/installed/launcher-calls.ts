// The system calls of the launcher that the filter of a unit refuses (systemd.exec(5), SystemCallFilter=). The drop-in gives them to the
// launcher, and the launcher's own filter refuses them to the program in the unit's way. Pure.
import { constants } from 'node:os';

import { answers, refusal } from '../../../launch/seccomp/seccomp-data.ts';
import { filterOf, numberOf, type Settings } from './installed-service.ts';

// Calls before its filter is installed: native/compiled and the steps of a launch without namespaces in native/plan.
const early =
  'capget capset chdir chroot close close_range connect dup dup3 faccessat fchdir fcntl fstatfs getcwd geteuid getgroups getpid getppid getpriority getresgid getresuid getuid getxattr ioprio_get ioprio_set keyctl openat openat2 personality prctl prlimit64 read rt_sigaction rt_sigprocmask sched_getaffinity sched_getscheduler sched_setaffinity sched_setscheduler seccomp sendmsg sendto setfsgid setfsuid setgroups setitimer setpriority setresgid setresuid socket statx umask'.split(
    ' ',
  );

// Calls after that: the program is executed, or a message says that it cannot be.
const late = ['execve', 'exit_group', 'write'];

/** Whether SystemCallErrorNumber= is an errno. By default it stands for the end of the process (systemd's seccomp-util.h). */
export const isErrno = (number: number): boolean => number > 0 && number < 4096;

// The answer to a call with an errno of its own, or `kill`, behind its name, or with the usual one of the unit.
function answerOf(name: string | undefined, usual: number): number {
  const number = name === undefined ? usual : (constants.errno as Record<string, number>)[name];
  return number !== undefined && isErrno(number) ? refusal(number) : answers.killProcess;
}

// The calls among these that the unit refuses, with the answer that it gives. A name on the bus may have an errno behind it: `name:EPERM`.
function refusedAmong(calls: readonly string[], settings: Settings): ReadonlyMap<string, number> {
  const { isAllowed, names } = filterOf(settings, 'SystemCallFilter');
  if (names.length === 0) return new Map();
  const given = new Map(
    names.map((text): [string, string | undefined] => [text.split(':')[0] ?? '', text.split(':')[1]]),
  );
  const usual = numberOf(settings, 'SystemCallErrorNumber');
  const refused = calls.filter((call) =>
    isAllowed ? !given.has(call) || given.get(call) !== undefined : given.has(call),
  );
  return new Map(refused.map((call) => [call, answerOf(given.get(call), usual)]));
}

/** The calls of the launcher that the unit refuses, and the answers of a filter to them (SECCOMP_RET_*). */
export const refusedCalls = (settings: Settings): ReadonlyMap<string, number> =>
  refusedAmong(early, settings);

/** A call that the unit refuses, and that the launcher cannot refuse to the program in its place; undefined if there is none. */
export const unservedCall = (settings: Settings): string | undefined =>
  [...refusedAmong(late, settings).keys()][0];
