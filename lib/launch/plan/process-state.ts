// Rows of the steps about the process itself: session, keyring, timers, signals, parent.
import type { Step } from './step.ts';
import type { SomeStepRows } from './step-row.ts';

// linux/prctl.h
const PR_SET_TIMERSLACK = 29;
const PR_SET_CHILD_SUBREAPER = 36;

const SIGPIPE = 13;

const timers = { real: 0, virtual: 1, prof: 2 } as const;

type DeathSignal = Step & { op: 'parent_death_signal' };

export const processRows = {
  join_session_keyring: {
    op: 1,
    call: 'keyctl',
    purpose: "a new session keyring: none of the caller's keys",
    // Programs of one thread share it. It stays empty: the filter refuses them every call on keyrings.
    flags: { inherited: ({ isOwn }) => isOwn !== true },
  },
  setsid: {
    op: 2,
    call: 'setsid',
    purpose: 'a session of its own, without a terminal',
    failures: {
      EPERM: {
        hint: 'uchroot leads a process group that has other members: start it in the foreground of its own pipeline',
      },
    },
  },
  setpgid: {
    op: 40,
    call: 'setpgid',
    purpose: ({ unlessTerminal }: Step & { op: 'setpgid' }) =>
      unlessTerminal === true
        ? "not the caller's process group, to which it could send signals; but with a terminal on 0 to 2 it stays there"
        : 'a process group of its own, to be ended as a whole',
    encode: ({ unlessTerminal }) => ({ a: unlessTerminal === true ? 1 : 0 }),
  },
  personality: {
    op: 9,
    call: 'personality',
    object: ({ persona }) => String(persona),
    purpose: ({ persona }: Step & { op: 'personality' }) =>
      persona === 0 ? 'address randomisation on' : 'the same addresses in each launch',
    encode: ({ persona }) => ({ a: persona }),
    failures: {
      // the default profile of Docker allows personality(0), and not ADDR_NO_RANDOMIZE
      EPERM: {
        reason: 'a seccomp filter that this process has from its caller refuses this personality',
        hint: 'start it outside of this container, or leave --deterministic (deterministic) out',
      },
    },
  },
  setitimer: {
    op: 10,
    call: 'setitimer',
    object: ({ timer }) => `${timer} off`,
    purpose: "none of the caller's timers",
    // setitimer(2): fork(2) gives a child none
    flags: { initial: true },
    encode: ({ timer }) => ({ a: timers[timer] }),
  },
  timer_slack: {
    op: 25,
    call: 'prctl',
    object: ({ nanoseconds }) => `PR_SET_TIMERSLACK ${nanoseconds}`,
    purpose: 'default timer slack',
    encode: ({ nanoseconds }) => ({ a: PR_SET_TIMERSLACK, b: nanoseconds }),
  },
  child_subreaper: {
    op: 25,
    call: 'prctl',
    object: () => 'PR_SET_CHILD_SUBREAPER 0',
    purpose: 'no orphans of others',
    // PR_SET_CHILD_SUBREAPER(2const): children do not inherit it
    flags: { initial: true },
    encode: () => ({ a: PR_SET_CHILD_SUBREAPER, b: 0 }),
  },
  parent_death_signal: {
    op: 27,
    call: 'prctl',
    object: ({ signal }) => `PR_SET_PDEATHSIG ${signal}`,
    purpose: ({ signal }: DeathSignal) =>
      signal === 0 ? 'none that was set before' : 'ends with the starting process',
    // PR_SET_PDEATHSIG(2const): fork(2) gives a child none
    flags: { initial: ({ signal }) => signal === 0, parentPid: ({ signal }) => signal !== 0 },
    encode: ({ signal, parentPid }) => ({ a: signal, b: parentPid }),
    failures: { ESRCH: { reason: 'the starting process has ended already' } },
    rehearse: (step: DeathSignal, parentPid) => (step.parentPid === 0 ? step : { ...step, parentPid }),
  },
  reset_signals: {
    op: 34,
    call: 'rt_sigaction',
    purpose: ({ ignoresPipe = false }: Step & { op: 'reset_signals' }) =>
      ignoresPipe
        ? 'default dispositions but SIGPIPE, which is ignored; nothing blocked'
        : 'default dispositions, nothing blocked',
    encode: ({ ignoresPipe = false }) => ({ a: ignoresPipe ? SIGPIPE : 0 }),
  },
} satisfies SomeStepRows;
