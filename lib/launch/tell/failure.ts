// A failed step as a LaunchError: step, object, reason, and the remedy where there is one.
import { LaunchError } from '../../errors.ts';
import type { PlanFailure } from '../../native.ts';
import { quote } from '../../quote.ts';
import { capabilityName } from '../request/capabilities.ts';
import { describeStep } from '../plan/describe.ts';
import { diagnoseDirectory, diagnoseProgram, type Diagnosis, type JailView } from './diagnose.ts';
import { errnoName, reason } from '../../errno.ts';
import type { Step } from '../plan/step.ts';

// Stages of native/plan/plan.h: what happens around the steps.
const stages: Readonly<Record<number, string>> = {
  1001: 'starting the launcher',
  1002: 'executing the launcher',
  1003: 'loading the plan',
  1004: 'checking the plan',
  1005: 'the launcher was killed',
};

const verifyReasons: Readonly<Record<string, string>> = {
  verify_uid: 'the ids read back are not the ones that were set',
  verify_gid: 'the ids read back are not the ones that were set',
  verify_groups: 'the groups read back are not the ones that were set',
  verify_capabilities: 'a capability is left',
  verify_no_way_back: 'uid 0 could be regained',
  verify_no_new_privs: 'it is not set: set-user-ID programs could give privileges',
  verify_seccomp: 'no filter is in force',
  verify_cwd: 'the root directory is not the jail',
};

// What some steps know better than their errno.
function special(
  step: Step,
  code: string,
  detail: number,
): { readonly reason?: string; readonly hint?: string } {
  if (code === 'EBADE') return { reason: verifyReasons[step.op] ?? 'what was read back is not what was set' };
  switch (`${step.op} ${code}`) {
    case 'keep_fd EISDIR':
    case 'keep_listen_fds EISDIR':
    case 'stdio EISDIR':
      return {
        reason: 'is an open directory of the host, which is a way out of the jail',
        hint: 'close it, or redirect it to a file',
      };
    case 'keep_listen_fds EBADF':
      return {
        reason: 'is not open',
        hint: 'LISTEN_FDS says that it is: see the socket unit, or whoever started this',
      };
    case 'keep_fd EBADF':
      return {
        reason: 'is not open',
        hint: 'open it before uchroot is started; sudo closes descriptors above 2 (sudo -C)',
      };
    case 'verify_cwd EXDEV':
      return {
        reason: 'the working directory is outside the jail',
        hint: 'somebody moves directories of the jail: nobody but root may own them',
      };
    case 'parent_death_signal ESRCH':
      return { reason: 'the starting process has ended already' };
    case 'close_range ENOSYS':
    case 'close_range EINVAL':
      return { hint: 'uchroot needs Linux 5.11 or later' };
    case 'oom_score_adj ENOENT':
      return { hint: 'mount /proc on the host: mount -t proc proc /proc' };
    case 'setrlimit EPERM':
      return {
        hint: 'a hard limit can be raised only with CAP_SYS_RESOURCE, and nofile never beyond /proc/sys/fs/nr_open',
      };
    case 'write EBADF':
      return {
        reason: 'is not open for writing',
        hint: '--status-fd takes a descriptor that is open before uchroot is started',
      };
    case 'setgroups EPERM':
      return {
        hint: 'it needs CAP_SETGID: give it to the container or unit that runs uchroot; no seccomp filter may refuse the call, and no user namespace (deny in /proc/self/setgroups)',
      };
    case 'setgroups EINVAL':
    case 'setresgid EINVAL':
      return { hint: 'the gid has no mapping in this user namespace: see /proc/self/gid_map' };
    case 'setresuid EINVAL':
      return { hint: 'the uid has no mapping in this user namespace: see /proc/self/uid_map' };
    case 'setsid EPERM':
      return {
        hint: 'uchroot leads a process group that has other members: start it in the foreground of its own pipeline',
      };
    case 'drop_bounding_set EPERM':
      return { reason: `${capabilityName(detail)} could not be dropped` };
    case 'capset EPERM':
      return {
        reason: 'a capability cannot be given that the caller does not have',
        hint: 'capsh --print shows what it has',
      };
    case 'seccomp EACCES':
      return {
        hint: '--allow-new-privs needs CAP_SYS_ADMIN: without it the filter could not be set before the ids',
      };
    case 'raise_ambient EPERM':
      return {
        reason: `${capabilityName(detail)} cannot be given`,
        hint: 'the caller must have it himself: see capsh --print',
      };
    default:
      return {};
  }
}

function missingCapability(step: Step, code: string): string | undefined {
  const { needs } = describeStep(step);
  if (code !== 'EPERM' || needs === undefined) return undefined;
  return `it needs ${needs}: give it to the container or unit that runs uchroot, and see that no seccomp filter refuses the call`;
}

function programReason(step: Step & { op: 'execve' }, code: string, view: JailView): Diagnosis | undefined {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EACCES':
    case 'ENOEXEC':
    case 'ELOOP':
    case 'EINVAL':
    case 'ELIBBAD':
      return diagnoseProgram(view, step.program);
    case 'E2BIG': {
      const size = [...step.argv, ...step.env].reduce((sum, string) => sum + string.length + 1, 0);
      return {
        message: `the arguments and the environment are too long: ${size} bytes`,
        path: '',
        hint: 'together they may take a quarter of the soft stack limit, and one at most 128 KiB: --rlimit stack=BYTES',
        missing: false,
      };
    }
    case 'EPERM':
      // Its effective bit asks for more than the bounding set has (capabilities(7)).
      return {
        message: 'operation not permitted, as for a file with capabilities that may not be gained',
        path: '',
        hint: `getcap ${view.jail}${quote(step.program)} shows them, and --cap NAME allows one`,
        missing: false,
      };
    case 'EAGAIN':
      return {
        message: `uid ${view.account.uid} has as many processes as its limit (RLIMIT_NPROC) allows`,
        path: '',
        hint: 'raise it with --rlimit nproc=N, or give each jail a uid of its own: the limit counts all processes of a uid',
        missing: false,
      };
    default:
      return undefined;
  }
}

// What is wrong with a file must not hide the failure itself: a jail can change, or be closed to the dropped identity.
function attempt(look: () => Diagnosis | undefined): Diagnosis | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

// What a step acts on, in words.
function targetOf(step: Step, view: JailView): string | undefined {
  if (step.op === 'chroot') return view.jail;
  return step.op === 'verify_cwd' ? quote(view.cwd) : describeStep(step).object;
}

/** How each message about a step begins: `setresuid: 1001:`. */
export function messageHead(step: Step, view: JailView): string {
  const target = targetOf(step, view);
  return `${step.op}:${target === undefined ? '' : ` ${target}:`}`;
}

/** The error for a plan that stopped; looks into the jail after execve and chdir. */
export function toLaunchError(steps: readonly Step[], failure: PlanFailure, view: JailView): LaunchError {
  const { errno, detail } = failure;
  const code = errnoName(errno);
  const step = steps[failure.step];
  if (step === undefined) {
    const stage = stages[failure.op] ?? 'starting';
    return new LaunchError(`launch: ${stage}: ${reason(errno)}`, { step: 'launch', code, errno });
  }
  const { call } = describeStep(step);
  const found = attempt(() => {
    if (step.op === 'execve') return programReason(step, code, view);
    // Root may enter what the user may not: chdir succeeds, and it shows when the identity has changed.
    const entered = step.op === 'chdir' || (step.op === 'verify_cwd' && code === 'EACCES');
    return entered ? diagnoseDirectory(view, view.cwd) : undefined;
  });
  const own = special(step, code, detail);
  const target = targetOf(step, view);
  const message = `${messageHead(step, view)} ${found?.message ?? own.reason ?? reason(errno)}`;
  const execStatus = found?.missing === true || (found === undefined && code === 'ENOENT') ? 127 : 126;
  return new LaunchError(message, {
    step: step.op,
    place: failure.step + 1,
    call,
    code,
    errno,
    path: found?.path || target,
    hint: found?.hint ?? own.hint ?? missingCapability(step, code),
    exitStatus: step.op === 'execve' ? execStatus : 125,
  });
}
