// Rules about the processes that run in the jail.

import { bytePath, showPath } from '../../../binary/path.ts';
import { native } from '../../../native.ts';
import type { Found, Rule } from '../check-rule.ts';
import { commandLine, decision } from '../remedies.ts';
import type { Process } from '../processes.ts';

const END_IT = '# end it, and start it as an ordinary user: uchroot USER DIRECTORY PROGRAM';

/** What is wrong with a process; `what` is the rest of a sentence that begins with the process. */
interface Fault extends Pick<Found, 'severity' | 'uid'> {
  readonly what: string;
}

/** The groups that a user has on the host. */
type GroupsOf = (uid: number) => ReadonlySet<number>;

interface ProcessRule extends Pick<Rule, 'id' | 'severity' | 'summary' | 'attack'> {
  /** The same for most of these rules. */
  readonly remedy?: string;
  readonly faultsOf: (process: Process, groupsOf: GroupsOf) => readonly Fault[];
}

const RULES: readonly ProcessRule[] = [
  {
    id: 'root-process',
    severity: 'error',
    summary: 'A process that has the jail as its root directory runs as root.',
    attack:
      'Root leaves a jail: mkdir, chroot into the new directory, and chdir("..") up to the top (chroot(2), NOTES); or it makes ' +
      'the device of a disk, or traces a process outside.',
    faultsOf: ({ uids }) => (uids.includes(0) ? [{ what: 'runs in it as root' }] : []),
  },
  {
    id: 'process-capabilities',
    severity: 'error',
    summary: 'A process in the jail that is not root has capabilities.',
    attack:
      'CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_MKNOD, CAP_DAC_READ_SEARCH and others are each enough to leave (capabilities(7)); ' +
      'every program that it starts gets the ambient ones.',
    faultsOf: ({ uids, capabilities }) =>
      uids.includes(0) || capabilities === 0n
        ? []
        : [{ what: `has capabilities (0x${capabilities.toString(16)})` }],
  },
  {
    id: 'process-groups',
    severity: 'error',
    summary: 'A process in the jail has supplementary groups that its user does not have on the host.',
    attack:
      'If it was started by root, and only its user was changed, it still has the groups of root: disk, shadow or docker are as ' +
      'good as root (setgroups(2), initgroups(3); CWE-271). Groups other than root may be meant: they are warnings.',
    remedy: '# restart it by uchroot USER DIRECTORY PROGRAM, which gives it the groups of the host',
    faultsOf: ({ uids: [uid = 0], groups }, groupsOf) => {
      if (uid === 0) return []; // root-process finds it
      const own = groupsOf(uid);
      const foreign = groups.filter((gid) => !own.has(gid));
      if (foreign.length === 0) return [];
      const what = `of uid ${uid} is in group ${foreign.join(', ')}, and its user is not`;
      // system files belong to group 0
      return [{ what, uid, ...(!foreign.includes(0) && { severity: 'warning' }) }];
    },
  },
  {
    id: 'outside-descriptor',
    severity: 'error',
    summary:
      'A process in the jail has a directory or disk open that lies outside of it, or its working directory does.',
    attack:
      'fchdir(2) or openat(2) on it leads out of the jail: the oldest way to leave one, which needs no privilege (chroot(2), ' +
      'NOTES; CVE-2024-21626 of runc). A disk is read whatever the permissions of its files are.',
    faultsOf: ({ outside }) =>
      outside
        .filter(({ status }) => status.isDirectory() || status.isBlockDevice())
        .map(({ fd, path }) => ({
          what:
            fd === undefined
              ? `works in ${showPath(path)}`
              : `has ${showPath(path)} open, as descriptor ${fd}`,
        })),
  },
  {
    id: 'outside-file',
    severity: 'warning',
    summary:
      'A process in the jail has a file outside of it open, besides its standard input, output and error.',
    attack:
      'Whoever takes the process over reads or writes the file, whatever its permissions are: they only count when it is opened ' +
      '(open(2)). It may be a database, or a log of the service that started the process (CWE-403).',
    faultsOf: ({ outside }) =>
      outside
        .filter(({ fd = 0, path, status }) => fd > 2 && status.isFile() && !NAMELESS.test(path))
        .map(({ fd = 0, path }) => ({ what: `has ${showPath(path)} open, as descriptor ${fd}` })),
  },
  {
    id: 'new-privileges',
    severity: 'warning',
    summary: 'A process in the jail was started without no_new_privs.',
    attack:
      'A set-user-ID program that gets into the jail, or is on a file system that is mounted there, makes it root (prctl(2), PR_SET_NO_NEW_PRIVS).',
    faultsOf: ({ hasNoNewPrivs }) => (hasNoNewPrivs ? [] : [{ what: 'runs without no_new_privs' }]),
  },
  {
    id: 'stale-process',
    severity: 'warning',
    summary:
      'A process in the jail runs a program or library that was replaced, or removed, since it was started.',
    attack:
      'An update of the jail does not reach a running process: it uses the old libssl until the service is restarted ' +
      '(proc_pid_maps(5), "(deleted)"; CWE-1104).',
    remedy: '# restart it',
    faultsOf: ({ uids, replaced: [first, ...others] }) => {
      if (first === undefined) return [];
      const more = others.length === 0 ? '' : ` and ${others.length} more`;
      return [{ what: `runs ${showPath(first)}${more}, which was replaced since`, uid: uids[1] ?? 0 }];
    },
  },
];

// Memory that looks like a file (memfd_create(2), shmget(2)).
const NAMELESS = /^\/(?:memfd:|SYSV|dev\/zero \(deleted\)$)/;

export const runningProcesses: readonly Rule[] = RULES.map(toRule);

function toRule({ faultsOf, remedy = END_IT, ...words }: ProcessRule): Rule {
  return {
    ...words,
    group: 'running',
    remedy,
    look: (jail) => {
      const groupsOf = rememberGroups();
      return jail
        .processes()
        .flatMap((process) => faultsOf(process, groupsOf).map((fault) => toFound(process, fault)));
    },
  };
}

function toFound({ pid, name }: Process, { what, ...rest }: Fault): Found {
  // whoever starts the process, often a service manager, knows how to restart it
  const kill = commandLine('kill', String(pid));
  return {
    ...rest,
    path: bytePath('/'),
    message: `process ${pid} (${name}) ${what}`,
    remedy: decision(`restart it by uchroot USER DIRECTORY PROGRAM; by itself: ${kill}`),
  };
}

// The name service may be slow, and many processes have the same user.
function rememberGroups(): GroupsOf {
  const known = new Map<number, ReadonlySet<number>>();
  return (uid) => {
    const user = known.has(uid) ? null : native.getpwuid(uid);
    const groups = user === null ? [] : [user.gid, ...native.getgrouplist(user.name, user.gid)];
    const own = known.get(uid) ?? new Set(groups);
    known.set(uid, own);
    return own;
  };
}
