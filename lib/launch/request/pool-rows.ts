// Rows of the option table for a pool of programs that answer requests.
import { UsageError } from '../../errors.ts';
import { optional, number, whole } from '../../values/validators.ts';
import { checkPartial, copyRequest, type JailSpawnRequest } from './jail-rows.ts';
import type { GivenOf, NormalOf, Rows } from './option-row.ts';

const count = whole(1, Number.MAX_SAFE_INTEGER, 4);

export const poolRows = {
  /** How many programs run at most. A program starts when there is a request and all others are busy. Default: 4. */
  size: { type: 'number from 1 on', default: '4', normal: optional(count, 4) },
  /** Milliseconds for one answer, with the start of its program. Then the program gets SIGKILL, and another one starts. Default: none. */
  answerTimeoutMs: {
    type: 'milliseconds, at most 2^31-1',
    default: 'none',
    normal: optional(number(1, 2 ** 31 - 1, 'milliseconds', 5000)),
  },
  /** How many requests may wait for a program; one more is refused with ERR_BUSY. Default: 1000. */
  maxWaiting: {
    type: 'number from 0 on',
    default: '1000',
    normal: optional(whole(0, Number.MAX_SAFE_INTEGER, 1000), 1000),
  },
  /** Another program takes the place of one that has given this many answers. Default: it stays. */
  maxAnswers: { type: 'number from 1 on', default: 'none', normal: optional(count, Infinity) },
} as const satisfies Rows;

type Table = typeof poolRows;

/** Keys of a pool, and those of `jail.spawn()` for each of its programs. */
export interface PoolRequest extends Omit<JailSpawnRequest, 'stdio' | 'pty'>, Partial<GivenOf<Table>> {}

/** The normal form of a pool's own keys. */
export type PoolOptions = NormalOf<Table>;

/** The pool's own keys in their normal form, and the request for its programs. @throws UsageError */
export function normalizePool(request: PoolRequest): readonly [PoolOptions, JailSpawnRequest] {
  checkPartial(request, "pool({program: '/usr/bin/python3', args: ['/worker.py']})");
  const { size, answerTimeoutMs, maxWaiting, maxAnswers, ...spawn } = copyRequest(request);
  for (const key of ['stdio', 'pty'])
    if (key in spawn)
      throw new UsageError(`${key} is not for a pool, which writes to its programs and reads their answers`, {
        hint: 'leave it out',
      });
  const own = {
    size: poolRows.size.normal(size, 'size'),
    answerTimeoutMs: poolRows.answerTimeoutMs.normal(answerTimeoutMs, 'answerTimeoutMs'),
    maxWaiting: poolRows.maxWaiting.normal(maxWaiting, 'maxWaiting'),
    maxAnswers: poolRows.maxAnswers.normal(maxAnswers, 'maxAnswers'),
  };
  return [own, spawn];
}
