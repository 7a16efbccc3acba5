// How findings are limited and sorted. Pure.

import { type DescribedRule, SEVERITIES, type Severity } from './finding-severity.ts';

/** A list that keeps a limited number of items for each key and counts all of them: hostile input must not fill our memory. */
export class CappedList<Item> {
  /** The items that were kept, in the order in which they came. */
  readonly items: Item[] = [];
  readonly #most: number;
  readonly #counts = new Map<string, number>();
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** How many items have come, kept or not. */
  get count(): number {
    return this.#count;
  }

  /** Returns how many items of this key have come; the item is kept unless that is more than the limit. */
  add(key: string, item: Item): number {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    this.#count++;
    if (count <= this.#most) this.items.push(item);
    return count;
  }
}

interface Weighed {
  readonly rule: string;
  readonly severity: Severity;
}

/** Orders findings by severity, then as their rules are ordered. */
export function byWeight(rules: readonly Pick<DescribedRule, 'id'>[]): (a: Weighed, b: Weighed) => number {
  const indexOf = new Map(rules.map(({ id }, index) => [id, index]));
  const rank = ({ rule, severity }: Weighed) =>
    SEVERITIES.indexOf(severity) * rules.length + (indexOf.get(rule) ?? 0);
  return (a, b) => rank(a) - rank(b);
}

interface Placed {
  readonly line: number | undefined;
  readonly column: number | undefined;
}

/** Orders the findings of one file by line and column; those about the whole file come first. */
export function byPlace(a: Placed, b: Placed): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
