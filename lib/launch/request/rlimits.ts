// Resource limits by name (getrlimit(2)).
import { UsageError } from '../../errors.ts';
import { didYouMean } from '../../words/nearest.ts';
import { quote } from '../../words/quote.ts';
import { meantNumber } from './number-value.ts';

/** A resource limit: the soft and the hard value as the kernel counts them, `Infinity` for none. */
export interface Limit {
  readonly soft: number;
  readonly hard: number;
}

/** In the order of their numbers (asm-generic/resource.h), which are the same on x86-64 and arm64. */
// prettier-ignore
export const rlimitNames = [
  'cpu', 'fsize', 'data', 'stack', 'core', 'rss', 'nproc', 'nofile', 'memlock', 'as', 'locks', 'sigpending',
  'msgqueue', 'nice', 'rtprio', 'rttime',
] as const;

/** Name of a resource: `nofile`, as in prlimit(1) and RLIMIT_NOFILE. */
export type RlimitName = (typeof rlimitNames)[number];

/** One number sets the soft and the hard limit, as in prlimit(1) and systemd; `Infinity` is no limit. */
export type RlimitValue = number | { readonly soft: number; readonly hard?: number };

// Words for the same thing: those of setrlimit(3) of Python and of ulimit (bash(1)), and those that describe it.
const foreignNames: Readonly<Record<string, RlimitName>> = {
  files: 'nofile',
  openfiles: 'nofile',
  open_files: 'nofile',
  fds: 'nofile',
  processes: 'nproc',
  procs: 'nproc',
  memory: 'as',
  mem: 'as',
  vmem: 'as',
  filesize: 'fsize',
  cputime: 'cpu',
  ...Object.fromEntries(
    // options of ulimit
    'n:nofile u:nproc v:as t:cpu f:fsize c:core s:stack d:data l:memlock m:rss q:msgqueue i:sigpending e:nice r:rtprio x:locks'
      .split(' ')
      .map((pair) => pair.split(':') as [string, RlimitName]),
  ),
};

/** A name as prlimit(1) spells it, for RLIMIT_NOFILE. */
export const spellRlimit = (name: string): string => name.toLowerCase().replace(/^rlimit_/, '');

/** The resource that a name of another program stands for. */
export function knownRlimit(name: string): string {
  return Object.hasOwn(foreignNames, name) ? (foreignNames[name] ?? name) : name;
}

/** @throws UsageError for an unknown name */
export function rlimitNumber(name: string): number {
  const number = (rlimitNames as readonly string[]).indexOf(name);
  if (number >= 0) return number;
  throw new UsageError(`there is no resource limit '${quote(name)}'`, {
    hint:
      didYouMean(spellRlimit(name), rlimitNames, undefined, foreignNames) ??
      `the limits are ${rlimitNames.join(', ')}`,
  });
}

function checkValue(name: string, value: unknown): number {
  if (value === Infinity) return Infinity;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new UsageError(
    `the resource limit ${name} must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, or Infinity`,
    { hint: `write rlimits: {${name}: ${meantNumber(value) ?? 1024}}` },
  );
}

/** @throws UsageError if a value is out of range, or soft exceeds hard */
export function toLimit(name: string, value: RlimitValue): Limit {
  rlimitNumber(name);
  const asked: { soft?: unknown; hard?: unknown } =
    typeof value === 'object' && value !== null ? value : { soft: value };
  const soft = checkValue(name, asked.soft);
  const hard = asked.hard === undefined ? soft : checkValue(name, asked.hard);
  if (soft > hard)
    throw new UsageError(
      `the resource limit ${name}: the soft limit ${soft} exceeds the hard limit ${hard}`,
      { hint: `the soft limit comes first: ${name}=${hard}:${soft}` },
    );
  return { soft, hard };
}
