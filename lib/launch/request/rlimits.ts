// Resource limits by name (getrlimit(2)).
import { expecting } from '../../values/validators.ts';
import { usageError, wrong } from '../../values/wrong.ts';
import { nearest } from '../../words/nearest.ts';

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

/** A name as prlimit(1) spells it, for RLIMIT_NOFILE. */
export const spellRlimit = (name: string): string => name.toLowerCase().replace(/^rlimit_/, '');

/** The number of a resource. @throws UsageError for an unknown name */
export function rlimitNumber(name: string, key = 'rlimits'): number {
  const number = (rlimitNames as readonly string[]).indexOf(name);
  if (number >= 0) return number;
  const meant = nearest(spellRlimit(name), rlimitNames);
  throw wrong({
    key,
    value: name,
    expected: `limits of ${rlimitNames.join(', ')}`,
    ...(meant === undefined ? {} : { meant: { [meant]: 4096 } }),
    example: { nofile: 4096 },
  });
}

const toNumber = expecting<unknown, number>(
  `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, or Infinity`,
  1024,
  (value) =>
    value === Infinity || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
      ? value
      : undefined,
);

/** @throws UsageError if a value is out of range, or soft exceeds hard */
export function toLimit(name: string, value: RlimitValue, key = 'rlimits'): Limit {
  rlimitNumber(name, key);
  const asked: { soft?: unknown; hard?: unknown } =
    typeof value === 'object' && value !== null ? value : { soft: value };
  const soft = toNumber(asked.soft, `${key}.${name}`);
  const hard = asked.hard === undefined ? soft : toNumber(asked.hard, `${key}.${name}`);
  if (soft <= hard) return { soft, hard };
  throw usageError(({ name: named }) => ({
    message: `${named(`${key}.${name}`)}: the soft limit ${soft} exceeds the hard limit ${hard}`,
    hint: 'the soft limit comes first',
  }));
}
