// The types of a plan and its steps.
import type { Entry } from '../../outbound/entry.ts';
import type { Namespace } from '../request/isolation-value.ts';
import type { CgroupPlan } from '../host/cgroup-layout.ts';
import type { IdMapping, IdMaps } from '../host/subordinate-ids.ts';
import type { ListenPort } from '../request/listen-on-value.ts';
import type { Limit } from '../request/rlimits.ts';

/** A property of a mount: mount(8). */
export type MountFlag = 'ro' | 'nosuid' | 'nodev' | 'noexec';

/** Where a mount appears. `enters`: it becomes the working directory of the steps that fill it. `noLinks`: no link there is followed. */
export interface Placed {
  readonly target: Buffer;
  readonly enters?: true;
  readonly noLinks?: true;
  /** The beginning of the target that leads to a file system of the launch. What is missing of the rest is made there. */
  readonly own?: Buffer;
  /** For messages: the path of the host to which the target leads, in the source of a bind. */
  readonly onHost?: Buffer;
}

/** A file or directory of the jail, mounted with properties of its own. */
export interface Bind {
  readonly source: Buffer;
  readonly target: Buffer;
  readonly set: readonly MountFlag[];
  readonly clear: readonly MountFlag[];
  readonly within?: Buffer;
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
  | { readonly op: 'sched_setaffinity'; readonly cpus: readonly number[]; readonly one?: boolean }
  | ({ readonly op: 'cgroup' } & CgroupPlan)
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
  | {
      readonly op: 'seccomp';
      readonly filter: Buffer;
      readonly flags?: number;
      readonly title?: string;
      readonly allowsNamespaces?: boolean | undefined;
    }
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
  // steps that only a launch without root has
  | {
      /** Makes a user namespace, and the other namespaces in it. */
      readonly op: 'user_namespace';
      readonly namespaces: readonly Namespace[];
      /** clone(2) has made them, as for `unshare`. */
      readonly cloned?: true;
    }
  | {
      /** Makes these namespaces in the user namespace that an open jail keeps. clone(2) makes them, as for `unshare`. */
      readonly op: 'join_user_namespace';
      readonly namespaces: readonly Namespace[];
    }
  | { readonly op: 'open_namespaces' }
  | {
      /** Sends the namespaces (names in /proc/PID/ns) to the service, which keeps them, and ends this process. */
      readonly op: 'send_namespaces';
      readonly names: readonly string[];
    }
  | {
      readonly op: 'id_map';
      readonly file: 'uid_map' | 'gid_map' | 'setgroups';
      readonly value: string;
    }
  | {
      /** Done by a program of the host, outside of the new user namespace. */
      readonly op: 'map_ids';
      readonly kind: keyof IdMaps;
      readonly map: readonly IdMapping[];
    }
  | { readonly op: 'reopen_jail' }
  | {
      /** A new file system, mounted nowhere yet. */
      readonly op: 'new_tree';
      readonly slot: number;
      readonly type: string;
      readonly flags: readonly MountFlag[];
    }
  | { readonly op: 'setns'; readonly namespaces: readonly Namespace[] }
  | { readonly op: 'end_with_parent' }
  | { readonly op: 'loopback_up' }
  // steps of a launch that may call the names of a list
  | { readonly op: 'outbound_routes'; readonly list: readonly Entry[] }
  | {
      readonly op: 'outbound_rules';
      readonly list: readonly Entry[];
      readonly port: number;
      /** Otherwise the sockets do without them. */
      readonly isNeeded: boolean;
    }
  | {
      /** Opens the sockets that the service answers, and sends them to it: for questions, and at this port for connections to any port. */
      readonly op: 'outbound_sockets';
      readonly port: number;
      /** Where the kernel has no rules for it, a socket for each of these ports. */
      readonly instead: readonly number[];
    }
  /** Sends a socket that shows the service the network: it makes others there. */
  | { readonly op: 'listen_network'; readonly ports: readonly ListenPort[] }
  | {
      /** Text takes the place of a file in the jail, if it is there. */
      readonly op: 'unix_door';
      readonly slot: number;
      readonly path: Buffer;
    }
  | {
      readonly op: 'cover_file';
      readonly path: Buffer;
    }
  /** Makes the file that takes its place. It comes before the jail is the root directory. */
  | { readonly op: 'text_file'; readonly text: string }
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
  /** The working directory, until the launch ends. */
  | { readonly op: 'lock_directory' }
  /** The tree shows other ids than its disk has: `fd` is a user namespace with the map. */
  | { readonly op: 'map_tree'; readonly slot: number; readonly fd: number }
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
