// What a launch consists of: its steps, and what a row of the step table (table.ts) says of one.
import type { ErrnoName } from '../../errors.ts';
import type { Namespace } from '../request/isolation-value.ts';
import type { CgroupLimits } from '../request/limit-rows.ts';
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
  /** The mount that an earlier step has entered, above the paths of this one. They lead from there, whatever is renamed meanwhile. */
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
      /** Before the root directory changes. Then the host's devpts will do. */
      readonly isOutside: boolean;
      /** It is opened and closed again, to see whether that can be done. */
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
  | { readonly op: 'stdio'; readonly fd: 0 | 1 | 2 }
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
      /** They are effective too. Else none is, until execve. */
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
      /** The process is born in them: whoever starts the launcher sees to it. */
      readonly cloned?: true;
      /** The new mounts are copies of this process's, even if there is an emptier namespace to start from. */
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
      readonly flags: readonly MountFlag[];
    }
  | {
      readonly op: 'pivot_root';
      readonly slot: number;
      /** An overlay on the tree. What is written goes to the tree `slot`, or to memory of this size. */
      readonly overlay?: {
        readonly size: number;
        readonly inodes: number;
        readonly slot?: number;
        readonly flags: readonly MountFlag[];
        /** For messages: it belongs to a user namespace. */
        readonly rootless?: true;
      };
    }
  | {
      readonly op: 'move_mount';
      readonly slot: number;
      readonly target: Buffer;
      /** Nothing happens if the slot's tree was not there. */
      readonly ifThere?: true;
      readonly enters?: true;
      readonly noLinks?: true;
    }
  | {
      readonly op: 'mount';
      readonly type: string;
      readonly target: Buffer;
      readonly flags: readonly MountFlag[];
      readonly options: string;
      readonly enters?: true;
      readonly noLinks?: true;
    }
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
  | { readonly op: 'landlock_ruleset'; readonly abi: number; readonly tcp: readonly TcpAccess[] }
  | { readonly op: 'landlock_path'; readonly path: Buffer; readonly access: PathAccess; readonly abi: number }
  | { readonly op: 'landlock_ports'; readonly access: TcpAccess; readonly ports: readonly number[] }
  | { readonly op: 'landlock_restrict_self'; readonly verified: boolean }
  | { readonly op: 'verify_landlock' }
  | { readonly op: 'tcp_filter'; readonly filter: Buffer }
  | { readonly op: 'verify_tcp_filter' }
  | { readonly op: 'reset_signals' }
  | { readonly op: 'write'; readonly fd: number; readonly bytes: Buffer }
  | ExecveStep;

/** A property of a mount: mount(8). */
export type MountFlag = 'ro' | 'nosuid' | 'nodev' | 'noexec';

/** A file or directory of the jail, mounted with properties of its own. */
export interface Bind {
  readonly source: Buffer;
  readonly target: Buffer;
  readonly set: readonly MountFlag[];
  readonly clear: readonly MountFlag[];
  readonly within?: Buffer;
}

/** The last step of every plan. */
export interface ExecveStep {
  readonly op: 'execve';
  readonly program: Buffer;
  readonly argv: readonly Buffer[];
  readonly env: readonly Buffer[];
}

export type StepName = Step['op'];

/** Steps that one process performs. */
type Stage = readonly Step[];

/**
 * What a launch does. Between two stages the interpreter forks: the parent waits for the child and ends as it does, the child goes
 * on with the next stage.
 */
export type Plan = readonly Stage[];

/** StepFlag of native/plan/plan.h: all that native code outside of the interpreter knows of a step. */
export const stepFlags = {
  /** Children inherit the effect, and it is the same for nearly every program: a thread runs the step once, for all of them. */
  inherited: 1,
  /** Reads back what an inherited step has set. */
  readBack: 2,
  /** A new process begins with it. */
  initial: 4,
  /** The child of a thread for batch work has set its scheduling policy already. */
  batchPolicy: 8,
  /** Of the whole process: not needed unless its oom_score_adj is negative. */
  oomScore: 16,
  /** Becomes the program. */
  program: 32,
  /** `b` is the pid of the parent, which a compiled launcher learns when it starts. */
  parentPid: 64,
  /** The spaces in its data are the place of the pid, if there are any. */
  ownPid: 128,
  /** `a` is a descriptor of the caller's, whose number nothing else may take. */
  descriptor: 256,
  /** `a` is CLONE_NEW flags with which the process is started. */
  cloned: 1024,
  /** Runs after the fork at the end of its stage, in the process that waits there. */
  afterFork: 2048,
  /** Makes a network namespace. The thread that launches may have an unused one for it. */
  network: 4096,
  /** The program is born in the cgroup that its data describes, so the thread that launches performs it. */
  cgroup: 8192,
  /** The process of the plan waits, and the thread that has started it performs the step. */
  outside: 16_384,
  /** The process is born in the user namespace that an open jail keeps. */
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
  /** PlanFailure.detail, or the text that stands for it in a compiled launcher. */
  readonly detail: number | string;
  /** Path of the jail on the host, quoted. */
  readonly jail: string;
  readonly cwd: Uint8Array;
  readonly uid: number;
}

/** What a step knows better than its errno. */
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
  /** What the call acts on; without it the call says it all. */
  readonly object?: (step: S) => string;
  /** The same in a message, if that is something else. */
  readonly subject?: (context: FailureContext) => string;
  /** What the step is for. */
  readonly purpose: string | ((step: S) => string);
  /** The capability without which the call answers EPERM. */
  readonly needs?: string;
  /** No launch succeeds without that capability; `allowNewPrivs`: no launch of such a request. */
  readonly isEssential?: true | 'allowNewPrivs';
  /** `true`, or for which of these steps. */
  readonly flags?: { readonly [flag in keyof typeof stepFlags]?: true | ((step: S) => boolean) };
  /** `dataStart` is where its data lies in the plan. */
  readonly encode?: (step: S, dataStart: number) => Encoded;
  readonly failures?: { readonly [code in ErrnoName]?: FailureWords<S> };
  /** What the jail is searched for after a failure, and after which ones; all of them by default. */
  readonly look?: { readonly at: 'program' | 'cwd'; readonly after?: readonly ErrnoName[] };
  /** The step as a child may try it; undefined if the effect reaches beyond the child. The step itself by default. */
  readonly rehearse?: (step: S, parentPid: number) => S | undefined;
}

/** The row of each of these steps. */
export type StepRows<Name extends StepName> = {
  readonly [Each in Name]: StepRow<Extract<Step, { readonly op: Each }>>;
};
