// The account of a program's end, with the keys of the file of --result (native/launcher/result.cc). Pure.
import type { EndAccount, LimitName } from '../../errors.ts';
import type { ProgramEnd } from '../../native.ts';

// ru_inblock and ru_oublock (getrusage(2))
const blockBytes = 512;

const seconds = (ms: number): number => Math.round(ms * 1000) / 1e6;

// What a cgroup or an init has not told is left out.
const ifCounted = <Key extends string>(
  key: Key,
  value: number | undefined,
): { readonly [one in Key]?: number } =>
  value === undefined || value < 0 ? {} : ({ [key]: value } as { readonly [one in Key]: number });

/** Whether a limit of time has ended it, be it that a fork bomb waited until then. */
function isTime(limit: LimitName | undefined, isStopped: boolean): boolean {
  return limit === 'time' || limit === 'cpu time' || (limit === 'pids' && isStopped);
}

function statusOf({ exitCode, signalNumber }: ProgramEnd, isTimeOver: boolean): EndAccount['status'] {
  if (isTimeOver) return 'TO';
  if (signalNumber !== null) return 'SG';
  return exitCode === null ? 'XX' : exitCode === 0 ? 'OK' : 'RE';
}

/** Further facts about an end. */
interface EndFacts {
  readonly limit: LimitName | undefined;
  readonly message: string | undefined;
  /** This process has stopped it because a time was over. */
  readonly isStopped: boolean;
  /** From the request to the end. */
  readonly wallMs: number;
}

/** The account of an end. */
export function toAccount(end: ProgramEnd, { limit, message, isStopped, wallMs }: EndFacts): EndAccount {
  const { exitCode, signalNumber, usage, oomKills, refusedForks, isLeft } = end;
  const { userCpuMs, systemCpuMs, totalCpuMs, peakMemoryBytes } = usage;
  return {
    status: statusOf(end, isTime(limit, isStopped)),
    ...(limit === undefined ? {} : { limit }),
    ...(message === undefined ? {} : { message }),
    ...(exitCode === null ? {} : { exitcode: exitCode }),
    ...(signalNumber === null ? {} : { exitsig: signalNumber }),
    killed: limit !== undefined && signalNumber !== null ? 1 : 0,
    time: seconds(totalCpuMs ?? userCpuMs + systemCpuMs),
    'time-user': seconds(end.allUserMs ?? userCpuMs),
    'time-system': seconds(end.allSystemMs ?? systemCpuMs),
    'time-of': totalCpuMs === undefined ? 'processes that were waited for' : 'all processes',
    'time-wall': seconds(wallMs),
    'csw-voluntary': usage.voluntarySwitches,
    'csw-forced': usage.involuntarySwitches,
    'disk-read': usage.blockInputs * blockBytes,
    'disk-written': usage.blockOutputs * blockBytes,
    ...ifCounted('max-rss', end.largestKib),
    ...ifCounted('cg-mem', peakMemoryBytes === undefined ? undefined : Math.floor(peakMemoryBytes / 1024)),
    ...ifCounted('cg-oom-killed', oomKills),
    ...ifCounted('refused-forks', refusedForks),
    ...(isLeft === undefined ? {} : { 'left-behind': isLeft ? 1 : 0 }),
  };
}

/** The limit and the account, where run() knows the words, or the limit itself: its output, its time. What was said already stays. */
export function withLimit(
  account: EndAccount,
  limit: LimitName | undefined,
  message: string | undefined,
): { readonly limit?: LimitName; readonly account: EndAccount } {
  if (limit === undefined) return { account };
  if (account.message !== undefined) return { limit, account };
  const { status, killed, limit: _, ...counted } = account;
  const words = message === undefined ? {} : { message };
  return {
    limit,
    account: {
      status: isTime(limit, false) ? 'TO' : status,
      limit,
      ...words,
      killed: counted.exitsig === undefined ? killed : 1,
      ...counted,
    },
  };
}

/** An account as one line for people, with its keys: `status="TO" limit="cpu time" exitsig=9 …`. */
export function accountLine(account: EndAccount): string {
  return Object.entries(account)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(' ');
}
