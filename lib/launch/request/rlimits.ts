// Resource limits by name (getrlimit(2)).
import { UsageError } from '../../errors.ts';
import { quote } from '../../quote.ts';
import type { Limit } from '../plan/step.ts';

// asm-generic/resource.h; the same on x86-64 and arm64.
const numbers = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
} as const;

/** Name of a resource: `nofile`, as in prlimit(1) and RLIMIT_NOFILE. */
export type RlimitName = keyof typeof numbers;

/** One number sets the soft and the hard limit, as in prlimit(1) and systemd; `Infinity` is no limit. */
export type RlimitValue = number | { readonly soft: number; readonly hard?: number };

/** @throws UsageError for an unknown name */
export function rlimitNumber(name: string): number {
  if (!Object.hasOwn(numbers, name)) {
    throw new UsageError(`there is no resource limit '${quote(name)}'`, {
      hint: `the limits are ${Object.keys(numbers).join(', ')}`,
    });
  }
  return numbers[name as RlimitName];
}

function checkValue(name: string, value: unknown): number {
  if (value === Infinity) return Infinity;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new UsageError(
    `the resource limit ${name} must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, or Infinity`,
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
    throw new UsageError(`the resource limit ${name}: the soft limit ${soft} exceeds the hard limit ${hard}`);
  return { soft, hard };
}
