// A step in words: for `uchroot --plan`, and for the message when it fails.
import { quote } from '../../quote.ts';
import { capabilityName } from '../request/capabilities.ts';
import type { Step } from './step.ts';

/** What a reader needs to know of a step. */
export interface StepDescription {
  /** The system call behind it. */
  readonly call: string;
  /** What it acts on, or undefined if the call says it all. */
  readonly object?: string;
  /** What it is for. */
  readonly purpose: string;
  /** The capability without which it answers EPERM. */
  readonly needs?: string;
}

function limit(value: number): string {
  return value === Infinity ? 'unlimited' : String(value);
}

function capabilities(numbers: readonly number[]): string {
  return numbers.length === 0 ? 'none' : numbers.map(capabilityName).join(',');
}

function octal(mode: number): string {
  return mode.toString(8).padStart(3, '0');
}

function describeLimit(step: Step & { op: 'setrlimit' }): StepDescription {
  const { soft, hard } = step.limit;
  const object =
    step.mode === 'set'
      ? `${step.resource} soft ${limit(soft)} hard ${limit(hard)}`
      : `${step.resource} soft ${step.mode === 'cap-soft' ? 'at most ' : ''}${limit(soft)}`;
  return { call: 'prlimit64', object, purpose: 'resource limit', needs: 'CAP_SYS_RESOURCE' };
}

/** Describes one step. */
export function describeStep(step: Step): StepDescription {
  switch (step.op) {
    case 'join_session_keyring':
      return { call: 'keyctl', purpose: "a new session keyring: none of the caller's keys" };
    case 'setsid':
      return { call: 'setsid', purpose: 'a session of its own, without a terminal' };
    case 'setpgid':
      return { call: 'setpgid', purpose: 'a process group of its own, to be ended as a whole' };
    case 'umask':
      return {
        call: 'umask',
        object: step.exact ? octal(step.mask) : `at least ${octal(step.mask)}`,
        purpose: 'files that nobody else can write',
      };
    case 'setrlimit':
      return describeLimit(step);
    case 'setpriority':
      return { call: 'setpriority', object: 'at least 0', purpose: 'no negative nice value' };
    case 'oom_score_adj':
      return {
        call: 'write',
        object: '/proc/self/oom_score_adj at least 0',
        purpose: 'no protection from the OOM killer',
      };
    case 'sched_setscheduler':
      return { call: 'sched_setscheduler', purpose: 'no realtime scheduling' };
    case 'ioprio_set':
      return { call: 'ioprio_set', purpose: 'no realtime I/O class' };
    case 'personality':
      return { call: 'personality', object: String(step.persona), purpose: 'address randomisation on' };
    case 'setitimer':
      return { call: 'setitimer', object: `${step.timer} off`, purpose: "none of the caller's timers" };
    case 'timer_slack':
      return {
        call: 'prctl',
        object: `PR_SET_TIMERSLACK ${step.nanoseconds}`,
        purpose: 'default timer slack',
      };
    case 'child_subreaper':
      return { call: 'prctl', object: 'PR_SET_CHILD_SUBREAPER 0', purpose: 'no orphans of others' };
    case 'stdio':
      return {
        call: 'fcntl',
        object: `descriptor ${step.fd}`,
        purpose: 'open (else /dev/null), blocking, inherited',
      };
    case 'close_range':
      return {
        call: 'close_range',
        object: `descriptors from ${step.first} on`,
        purpose: 'closed by execve',
      };
    case 'keep_fd':
      return { call: 'fcntl', object: `descriptor ${step.fd}`, purpose: 'kept open for the program' };
    case 'keep_listen_fds':
      return {
        call: 'fcntl',
        object: 'descriptors 3 to 2+LISTEN_FDS',
        purpose: 'those of socket activation, kept open for the program',
      };
    case 'fchdir':
      return { call: 'fchdir', object: step.directory, purpose: 'into the verified jail directory' };
    case 'chroot':
      return {
        call: 'chroot',
        object: '.',
        purpose: 'the jail becomes the root directory',
        needs: 'CAP_SYS_CHROOT',
      };
    case 'chdir':
      return { call: 'chdir', object: quote(step.path), purpose: 'working directory in the jail' };
    case 'drop_bounding_set':
      return {
        call: 'prctl',
        object: `PR_CAPBSET_DROP all but ${capabilities(step.keep)}`,
        purpose: 'no capability can be gained any more',
        needs: 'CAP_SETPCAP',
      };
    case 'clear_ambient':
      return { call: 'prctl', object: 'PR_CAP_AMBIENT_CLEAR_ALL', purpose: 'no ambient capabilities' };
    case 'securebits':
      return {
        call: 'prctl',
        object: 'PR_SET_SECUREBITS 0',
        purpose: 'the usual rules for root',
        needs: 'CAP_SETPCAP',
      };
    case 'seccomp':
      return {
        call: 'seccomp',
        object: `${step.filter.length / 8} instructions`,
        purpose: 'no terminal injection, no kernel keyrings',
        needs: 'CAP_SYS_ADMIN',
      };
    case 'keep_capabilities':
      return {
        call: 'prctl',
        object: 'PR_SET_KEEPCAPS 1',
        purpose: 'permitted capabilities outlive setresuid',
      };
    case 'setgroups':
      return {
        call: 'setgroups',
        object: step.gids.length === 0 ? 'none' : step.gids.join(','),
        purpose: 'supplementary groups',
        needs: 'CAP_SETGID',
      };
    case 'setresgid':
      return {
        call: 'setresgid',
        object: String(step.gid),
        purpose: 'real, effective and saved gid',
        needs: 'CAP_SETGID',
      };
    case 'setresuid':
      return {
        call: 'setresuid',
        object: String(step.uid),
        purpose: 'real, effective and saved uid',
        needs: 'CAP_SETUID',
      };
    case 'capset':
      return {
        call: 'capset',
        object: capabilities(step.capabilities),
        purpose: 'permitted and inheritable capabilities',
      };
    case 'raise_ambient':
      return {
        call: 'prctl',
        object: `PR_CAP_AMBIENT_RAISE ${capabilities(step.capabilities)}`,
        purpose: 'capabilities that the program keeps',
      };
    case 'no_new_privs':
      return { call: 'prctl', object: 'PR_SET_NO_NEW_PRIVS 1', purpose: 'set-user-ID programs give nothing' };
    case 'parent_death_signal':
      return {
        call: 'prctl',
        object: `PR_SET_PDEATHSIG ${step.signal}`,
        purpose: step.signal === 0 ? 'none that was set before' : 'ends with the starting process',
      };
    case 'verify_uid':
      return {
        call: 'getresuid',
        object: String(step.uid),
        purpose: 'verify: real, effective, saved and fs uid',
      };
    case 'verify_gid':
      return {
        call: 'getresgid',
        object: String(step.gid),
        purpose: 'verify: real, effective, saved and fs gid',
      };
    case 'verify_groups':
      return {
        call: 'getgroups',
        object: step.gids.length === 0 ? 'none' : step.gids.join(','),
        purpose: 'verify: exactly these groups',
      };
    case 'verify_capabilities':
      return {
        call: 'capget',
        object: capabilities(step.capabilities),
        purpose: 'verify: no other capability in any set',
      };
    case 'verify_no_way_back':
      return { call: 'setresuid', object: '0', purpose: 'verify: regaining uid 0 fails' };
    case 'verify_no_new_privs':
      return {
        call: 'prctl',
        object: 'PR_GET_NO_NEW_PRIVS',
        purpose: 'verify: set-user-ID programs give nothing',
      };
    case 'verify_seccomp':
      return { call: 'prctl', object: 'PR_GET_SECCOMP', purpose: 'verify: a filter is in force' };
    case 'verify_cwd':
      return {
        call: 'getcwd',
        purpose: 'verify: the jail is the root directory, and the working directory is in it',
      };
    case 'reset_signals':
      return { call: 'rt_sigaction', purpose: 'default dispositions, nothing blocked' };
    case 'write':
      return { call: 'write', object: `descriptor ${step.fd}`, purpose: 'status' };
    case 'execve':
      return { call: 'execve', object: quote(step.program), purpose: 'the program' };
    default:
      return step satisfies never;
  }
}
