// The types of a plan: its steps, and the rows of the step table (table.ts).
import type { ErrnoName } from '../../errors.ts';
import type { Namespace } from '../request/isolation-value.ts';
import type { CgroupLimits } from '../request/limit-rows.ts';
import type { Bind, MountFlag, Placed } from './placed.ts';
import type { UserNamespaceStep } from './user-namespace.ts';

/** A resource limit: the soft and the hard value as the kernel counts them, `Infinity` for none. */
export interface Limit {
  readonly soft: number;
  readonly hard: number;
}

/** What a rule of Landlock allows beneath a path. Devices (`dev`) and terminals (`tty`: ioctl(2)) may be missing. */
export type PathAccess = 'ro' | 'rw' | 'all' | 'dev' | 'tty';

export type TcpAccess = 'bind' | 'connect';

/** One step of a plan. The names are those of the calls. */
export type Step = OneStep & {
  /** Runs after the fork at the end of its stage, in the process that waits there. */
  readonly afterFork?: true;
  /** A mount that an earlier step has entered. The paths of this step start there, so a rename above it changes nothing. */
  readonly within?: Buffer;
};

type OneStep =
  | {
      readonly op: 'join_session_keyring';
      /** The program may use keyrings, so it shares none with other programs. */
      readonly isOwn?: true;
    }
  | { readonly op: 'setsid' }
  | { readonly op: 'setpgid'; readonly unlessTerminal?: true }
  | {
      readonly op: 'open_pty';
      readonly owner: number;
      readonly cols: number;
      readonly rows: number;
      readonly directory: Buffer;
      /** The step runs before the root directory changes. Then the host's devpts will do. */
      readonly isOutside: boolean;
      /** A rehearsal: the terminal is opened and closed again. */
      readonly isTried?: true;
    }
  | { readonly op: 'controlling_tty' }
  | { readonly op: 'umask'; readonly mask: number; readonly exact: boolean }
  | {
      readonly op: 'setrlimit';
      readonly resource: string;
      readonly limit: Limit;
      readonly mode: 'set' | 'cap-soft' | 'set-soft' | 'cap';
    }
  | { readonly op: 'setpriority'; readonly least?: number }
  | { readonly op: 'oom_score_adj'; readonly least?: number }
  | { readonly op: 'sched_setaffinity'; readonly cpus: readonly number[] }
  | { readonly op: 'cgroup'; readonly limits: CgroupLimits; readonly lines: readonly string[] }
  | { readonly op: 'sched_setscheduler' }
  | { readonly op: 'ioprio_set' }
  | { readonly op: 'personality'; readonly persona: number }
  | { readonly op: 'setitimer'; readonly timer: 'real' | 'virtual' | 'prof' }
  | { readonly op: 'timer_slack'; readonly nanoseconds: number }
  | { readonly op: 'child_subreaper'; readonly on: false }
  | { readonly op: 'stdio'; readonly fd: 0 | 1 | 2; readonly replacesNull?: true }
  | { readonly op: 'close_range'; readonly first: number }
  | { readonly op: 'keep_fd'; readonly fd: number }
  | { readonly op: 'keep_listen_fds' }
  | { readonly op: 'fchdir'; readonly directory: string }
  | { readonly op: 'chroot' }
  | { readonly op: 'chdir'; readonly path: Buffer }
  | { readonly op: 'drop_bounding_set'; readonly keep: readonly number[] }
  | { readonly op: 'clear_ambient' }
  | { readonly op: 'securebits' }
  | { readonly op: 'seccomp'; readonly filter: Buffer; readonly flags?: number; readonly title?: string }
  | { readonly op: 'keep_capabilities' }
  | { readonly op: 'setgroups'; readonly gids: readonly number[] }
  | { readonly op: 'setresgid'; readonly gid: number }
  | { readonly op: 'setresuid'; readonly uid: number }
  | {
      readonly op: 'capset';
      readonly capabilities: readonly number[];
      /** The capabilities are effective too. Otherwise none is effective until execve. */
      readonly effective?: true;
    }
  | { readonly op: 'raise_ambient'; readonly capabilities: readonly number[] }
  | { readonly op: 'no_new_privs' }
  | { readonly op: 'parent_death_signal'; readonly signal: number; readonly parentPid: number }
  | { readonly op: 'verify_uid'; readonly uid: number }
  | { readonly op: 'verify_gid'; readonly gid: number }
  | { readonly op: 'verify_groups'; readonly gids: readonly number[] }
  | { readonly op: 'verify_capabilities'; readonly capabilities: readonly number[] }
  | { readonly op: 'verify_no_way_back' }
  | { readonly op: 'verify_no_new_privs' }
  | {
      readonly op: 'verify_seccomp';
      /** Reads back the filter that the program itself has installed. */
      readonly isOwn?: true;
    }
  | { readonly op: 'verify_cwd' }
  | {
      readonly op: 'unshare';
      readonly namespaces: readonly Namespace[];
      /** The process is already in these namespaces: clone(2) has made them. */
      readonly cloned?: true;
      /** The new mount namespace is a copy of this process's, although an empty one may be ready. */
      readonly copies?: true;
    }
  | UserNamespaceStep
  | { readonly op: 'setns'; readonly namespaces: readonly Namespace[] }
  | { readonly op: 'end_with_parent' }
  | { readonly op: 'loopback_up' }
  | { readonly op: 'sethostname'; readonly name: string }
  | { readonly op: 'sysctl'; readonly path: string; readonly value: string }
  | { readonly op: 'not_dumpable' }
  | {
      readonly op: 'open_tree';
      readonly slot: number;
      /** A path on the host, or in the jail; without it the jail's directory. */
      readonly source?: Buffer;
      readonly isInJail?: true;
      /** A missing source is no error. */
      readonly ifThere?: true;
      /** The source must be a directory. */
      readonly isDirectory?: true;
      /** No link in the source is followed. */
      readonly noLinks?: true;
      readonly flags: readonly MountFlag[];
    }
  | {
      readonly op: 'pivot_root';
      readonly slot: number;
      /** An overlay on the tree. Written data goes to the tree `slot`, or to a tmpfs of this size. */
      readonly overlay?: {
        readonly size: number;
        readonly inodes: number;
        readonly slot?: number;
        readonly flags: readonly MountFlag[];
        /** For messages: it belongs to a user namespace. */
        readonly rootless?: true;
      };
    }
  /** `ifThere`: nothing happens if the slot's tree was not there. */
  | ({ readonly op: 'move_mount'; readonly slot: number; readonly ifThere?: true } & Placed)
  | ({
      readonly op: 'mount';
      readonly type: string;
      readonly flags: readonly MountFlag[];
      readonly options: string;
    } & Placed)
  | ({ readonly op: 'bind' } & Bind)
  | ({ readonly op: 'bind_if_there' } & Bind)
  | { readonly op: 'mkdir'; readonly path: Buffer; readonly mode: number }
  | {
      readonly op: 'mknod';
      readonly path: Buffer;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    }
  | { readonly op: 'mkfile'; readonly path: Buffer }
  | { readonly op: 'symlink'; readonly target: string; readonly path: Buffer }
  | { readonly op: 'watch_space'; readonly path: Buffer }
  | {
      readonly op: 'landlock_ruleset';
      readonly abi: number;
      readonly tcp: readonly TcpAccess[];
      /** Of what the ABI covers, only abstract sockets. */
      readonly socketsOnly?: true;
      /** Here and in the next two: nothing is done if the kernel has not this ABI, or a filter of the caller refuses Landlock. */
      readonly ifThere?: true;
    }
  | { readonly op: 'landlock_path'; readonly path: Buffer; readonly access: PathAccess; readonly abi: number }
  | { readonly op: 'landlock_ports'; readonly access: TcpAccess; readonly ports: readonly number[] }
  | { readonly op: 'landlock_restrict_self'; readonly verified: boolean; readonly ifThere?: true }
  | { readonly op: 'verify_landlock'; readonly ifThere?: true }
  | { readonly op: 'tcp_filter'; readonly filter: Buffer }
  | { readonly op: 'verify_tcp_filter' }
  | { readonly op: 'reset_signals'; readonly ignoresPipe?: boolean }
  | { readonly op: 'write'; readonly fd: number; readonly bytes: Buffer }
  | ExecveStep;

export type { Bind, MountFlag, Placed };

/** The last step of every plan. */
export interface ExecveStep {
  readonly op: 'execve';
  readonly program: Buffer;
  readonly argv: readonly Buffer[];
  readonly env: readonly Buffer[];
}

export type StepName = Step['op'];

/** The steps of one process. */
type Stage = readonly Step[];

/**
 * What a launch does. Between two stages the interpreter forks. The child goes on with the next stage. The parent waits for the child
 * and ends with its status.
 */
export type Plan = readonly Stage[];

/** StepFlag of native/plan/plan.h. Native code outside the interpreter knows a step by these flags alone. */
export const stepFlags = {
  /** Children inherit the effect, and nearly every program needs the same one. So a thread runs the step once for all its programs. */
  inherited: 1,
  /** Reads back what an inherited step has set. */
  readBack: 2,
  /** A new process starts in this state anyway. */
  initial: 4,
  /** Not needed on a thread of the crew: its child has set its scheduling policy already. */
  batchPolicy: 8,
  /** Needed only if the oom_score_adj of the whole process is negative. */
  oomScore: 16,
  /** The step executes the program. */
  program: 32,
  /** `b` is the pid of the parent, which a compiled launcher learns when it starts. */
  parentPid: 64,
  /** Spaces in its data, if there are any, are replaced by the pid. */
  ownPid: 128,
  /** `a` is a descriptor of the caller. Nothing else may use its number. */
  descriptor: 256,
  /** `a` is CLONE_NEW flags with which the process is started. */
  cloned: 1024,
  /** Runs after the fork at the end of its stage, in the process that waits there. */
  afterFork: 2048,
  /** Makes a network namespace. The launching thread may have one ready. */
  network: 4096,
  /** The program starts in the cgroup that the data describes. Only the launching thread can perform this step. */
  cgroup: 8192,
  /** The launching thread performs the step, and the process of the plan waits for that. */
  outside: 16_384,
  /** The process starts in the user namespace that an open jail keeps. */
  keptUser: 32_768,
} as const;

/** The numbers and bytes of a step. */
export interface Encoded {
  /** Whole numbers up to 2^53, or Infinity for all bits. */
  readonly a?: number;
  readonly b?: number;
  readonly data?: Uint8Array | Uint32Array;
}

/** What a message about a failed step can name. */
export interface FailureContext {
  /** PlanFailure.detail; in a compiled launcher, a text that it replaces by that number. */
  readonly detail: number | string;
  /** Path of the jail on the host, quoted. */
  readonly jail: string;
  readonly cwd: Uint8Array;
  readonly uid: number;
}

/** Words for a failed step that say more than its errno. */
export interface FailureWords<S extends Step> {
  readonly reason?: string | ((context: FailureContext, step: S) => string);
  readonly hint?: string | ((context: FailureContext, step: S) => string);
}

/** One row of the step table. */
export interface StepRow<S extends Step = Step> {
  /** Op of native/plan/plan.h; several steps can be one op there. */
  readonly op: number;
  /** The system call behind the step. */
  readonly call: string;
  /** What the call acts on. Missing if the name of the call is enough. */
  readonly object?: (step: S) => string;
  /** What a message names in its place. */
  readonly subject?: (context: FailureContext) => string;
  /** What the step is for. */
  readonly purpose: string | ((step: S) => string);
  /** The capability without which the call answers EPERM. */
  readonly needs?: string;
  /** Every launch needs that capability. `allowNewPrivs`: only launches with this key do. */
  readonly isEssential?: true | 'allowNewPrivs';
  /** `true`, or a function that tells for which of these steps. */
  readonly flags?: { readonly [flag in keyof typeof stepFlags]?: true | ((step: S) => boolean) };
  /** `dataStart` is the offset of its data in the plan. */
  readonly encode?: (step: S, dataStart: number) => Encoded;
  readonly failures?: { readonly [code in ErrnoName]?: FailureWords<S> };
  /** What a diagnosis looks at after a failure. `after`: the errnos, by default all. */
  readonly look?: { readonly at: 'program' | 'cwd'; readonly after?: readonly ErrnoName[] };
  /** The step that a rehearsal runs in a child; undefined if its effect would reach beyond the child. By default the step itself. */
  readonly rehearse?: (step: S, parentPid: number) => S | undefined;
}

export type StepRows = { readonly [Name in StepName]: StepRow<Extract<Step, { readonly op: Name }>> };

/** The rows of a family. stepTable() compiles only if each step has a row in some family. */
export type SomeStepRows = Partial<StepRows>;
