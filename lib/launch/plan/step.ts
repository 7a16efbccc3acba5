// What a launch consists of. Each step is one op of native/plan/interpreter.cc.

/** What becomes of a resource limit; the soft and the hard value as the kernel counts them, `Infinity` for none. */
export interface Limit {
  readonly soft: number;
  readonly hard: number;
}

/** One step of a plan. The names are those of the calls. */
export type Step =
  | { readonly op: 'join_session_keyring' }
  | { readonly op: 'setsid' }
  | { readonly op: 'setpgid' }
  | { readonly op: 'umask'; readonly mask: number; readonly exact: boolean }
  | {
      readonly op: 'setrlimit';
      readonly resource: string;
      readonly limit: Limit;
      readonly mode: 'set' | 'cap-soft' | 'set-soft';
    }
  | { readonly op: 'setpriority' }
  | { readonly op: 'oom_score_adj' }
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
  | { readonly op: 'seccomp'; readonly filter: Buffer }
  | { readonly op: 'keep_capabilities' }
  | { readonly op: 'setgroups'; readonly gids: readonly number[] }
  | { readonly op: 'setresgid'; readonly gid: number }
  | { readonly op: 'setresuid'; readonly uid: number }
  | { readonly op: 'capset'; readonly capabilities: readonly number[] }
  | { readonly op: 'raise_ambient'; readonly capabilities: readonly number[] }
  | { readonly op: 'no_new_privs' }
  | { readonly op: 'parent_death_signal'; readonly signal: number; readonly parentPid: number }
  | { readonly op: 'verify_uid'; readonly uid: number }
  | { readonly op: 'verify_gid'; readonly gid: number }
  | { readonly op: 'verify_groups'; readonly gids: readonly number[] }
  | { readonly op: 'verify_capabilities'; readonly capabilities: readonly number[] }
  | { readonly op: 'verify_no_way_back' }
  | { readonly op: 'verify_no_new_privs' }
  | { readonly op: 'verify_seccomp' }
  | { readonly op: 'verify_cwd' }
  | { readonly op: 'reset_signals' }
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
