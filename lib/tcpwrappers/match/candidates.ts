// Candidates out of several lists, in ascending order.

import type { Ids } from './text-index.ts';

/** Calls `attempt` with each id of the lists once, in ascending order and below `limit`, until it answers something. */
export function firstOf<Result>(
  lists: readonly Ids[],
  limit: number,
  attempt: (id: number) => Result | undefined,
): Result | undefined {
  const heads: number[] = [];
  for (let last = -1; ;) {
    let next = Infinity;
    for (let i = 0; i < lists.length; i++) {
      const ids = lists[i] ?? [];
      let head = heads[i] ?? 0;
      while (head < ids.length && (ids[head] ?? 0) <= last) head++;
      heads[i] = head;
      next = Math.min(next, ids[head] ?? Infinity);
    }
    if (next >= limit || next === Infinity) return undefined;
    const result = attempt(next);
    if (result !== undefined) return result;
    last = next;
  }
}
