// Rules about the processes that run in the jail.

import { type BytePath, showPath } from '../../../tree/path.ts';
import { errorRule, type Found, inGroup, type Rule, warningRule } from '../check-rule.ts';
import type { CheckedJail } from '../checked-jail.ts';
import type { Process } from '../processes.ts';
import { decision } from '../remedies.ts';

/** A fault of a process; `what` is the rest of a sentence that begins with the process. */
interface Fault extends Pick<Found, 'severity' | 'uid'> {
  readonly what: string;
}

export const runningProcesses = inGroup('running', [
  errorRule('root-process', {
    summary: 'A process that has the jail as its root directory runs as root.',
    attack:
      'Root leaves a jail: mkdir, chroot into the new directory, and chdir("..") up to the top (chroot(2), NOTES); or it makes ' +
      'the device of a disk, or traces a process outside.',
    ...eachProcess(({ uids }) => uids.includes(0) && 'runs in it as root'),
  }),
  errorRule('process-capabilities', {
    summary: 'A process in the jail that is not root has capabilities.',
    attack:
      'CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_MKNOD, CAP_DAC_READ_SEARCH and others are each enough to leave (capabilities(7)); ' +
      'every program that it starts gets the ambient ones.',
    ...eachProcess(
      ({ uids, capabilities }) =>
        !uids.includes(0) && capabilities !== 0n && `has capabilities (0x${capabilities.toString(16)})`,
    ),
  }),
  errorRule('process-groups', {
    summary: 'A process in the jail has supplementary groups that its user does not have on the host.',
    attack:
      'If root started it, and only its user was changed, it still has the groups of root: disk, shadow or docker are as good as ' +
      'root (setgroups(2), initgroups(3); CWE-271). Groups other than root may be meant: they are warnings.',
    ...eachProcess(({ uids: [uid = 0], groups }, jail) => {
      if (uid === 0) return false; // root-process finds it
      const own = jail.groupsOf(uid);
      const foreign = groups.filter((gid) => !own.has(gid));
      if (foreign.length === 0) return false;
      const what = `of uid ${uid} is in group ${foreign.join(', ')}, and its user is not`;
      // system files belong to group 0
      return { what, uid, ...(!foreign.includes(0) && { severity: 'warning' }) };
    }),
    remedy: '# restart it by uchroot USER DIRECTORY PROGRAM, which gives it the groups of the host',
  }),
  errorRule('outside-descriptor', {
    summary:
      'A process in the jail has a directory or disk open that lies outside of it, or its working directory does.',
    attack:
      'fchdir(2) or openat(2) on it leads out of the jail, without any privilege (chroot(2), NOTES; CVE-2024-21626 of runc). A ' +
      'disk is read whatever the permissions of its files are.',
    ...eachProcess(({ outside }) =>
      outside
        .filter(({ status }) => status.isDirectory() || status.isBlockDevice())
        .map(({ fd, path }) => (fd === undefined ? `works in ${showPath(path)}` : openAs(fd, path))),
    ),
  }),
  warningRule('outside-file', {
    summary:
      'A process in the jail has a file outside of it open, besides its standard input, output and error.',
    attack:
      'Whoever takes the process over reads or writes the file, whatever its permissions are: they only count when it is opened ' +
      '(open(2); CWE-403).',
    ...eachProcess(({ outside }) =>
      outside
        .filter(({ fd = 0, path, status }) => fd > 2 && status.isFile() && !NAMELESS.test(path))
        .map(({ fd = 0, path }) => openAs(fd, path)),
    ),
  }),
  warningRule('new-privileges', {
    summary: 'A process in the jail was started without no_new_privs.',
    attack:
      'A set-user-ID program that gets into the jail, or is on a file system that is mounted there, makes it root (prctl(2), PR_SET_NO_NEW_PRIVS).',
    ...eachProcess(({ hasNoNewPrivs }) => !hasNoNewPrivs && 'runs without no_new_privs'),
  }),
  warningRule('stale-process', {
    summary:
      'A process in the jail runs a program or library that was replaced, or removed, since it was started.',
    attack:
      'An update of the jail does not reach a running process: it uses the old libssl until the service is restarted ' +
      '(proc_pid_maps(5), "(deleted)"; CWE-1104).',
    ...eachProcess(({ uids, replaced: [first, ...others] }) => {
      if (first === undefined) return false;
      const more = others.length === 0 ? '' : ` and ${others.length} more`;
      return { what: `runs ${showPath(first)}${more}, which was replaced since`, uid: uids[1] ?? 0 };
    }),
    remedy: '# restart it',
  }),
]);

const openAs = (fd: number, path: BytePath): string => `has ${showPath(path)} open, as descriptor ${fd}`;

// Memory that looks like a file (memfd_create(2), shmget(2)).
const NAMELESS = /^\/(?:memfd:|SYSV|dev\/zero \(deleted\)$)/;

type Faults = string | Fault | readonly string[] | false;

function eachProcess(
  faultsOf: (process: Process, jail: CheckedJail) => Faults,
): Pick<Required<Rule>, 'remedy' | 'look'> {
  return {
    remedy: '# end it, and start it as an ordinary user: uchroot USER DIRECTORY PROGRAM',
    *look(jail) {
      for (const process of jail.processes())
        for (const fault of [faultsOf(process, jail)].flat()) {
          if (fault === false) continue;
          const { what, ...rest } = typeof fault === 'string' ? { what: fault } : fault;
          const { pid, name } = process;
          // the starter of the process, often a service manager, knows how to restart it
          const remedy = decision(`restart it by uchroot USER DIRECTORY PROGRAM; by itself: kill ${pid}`);
          yield { ...rest, message: `process ${pid} (${name}) ${what}`, remedy };
        }
    },
  };
}
