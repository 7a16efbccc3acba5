// Sets of numbers as ascending ranges: addresses or ports. Pure.

/** Includes `first` and `last`. */
interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/** Ascending; no two ranges touch. */
export type Ranges = readonly Range[];

function union(sets: readonly Ranges[]): Ranges {
  const result: { first: bigint; last: bigint }[] = [];
  const all = sets.flat().toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  for (const { first, last } of all) {
    const before = result.at(-1);
    if (before === undefined || first > before.last + 1n) result.push({ first, last });
    else if (last > before.last) before.last = last;
  }
  return result;
}

// The numbers of `set` that are not in `taken`.
function without(set: Ranges, taken: Ranges): Ranges {
  const result: Range[] = [];
  let at = 0;
  for (const { first, last } of set) {
    let begin = first;
    while (at > 0 && (taken[at - 1]?.last ?? -1n) >= first) at--;
    for (let hole = taken[at]; hole !== undefined && hole.first <= last; hole = taken[++at]) {
      if (hole.last < begin) continue;
      if (hole.first > begin) result.push({ first: begin, last: hole.first - 1n });
      begin = hole.last + 1n;
    }
    if (begin <= last) result.push({ first: begin, last });
  }
  return result;
}

/** Splits ranges of addresses of `bits` bits into as few networks as possible. */
export function* networks(ranges: Ranges, bits: number): Generator<{ net: bigint; length: number }, void> {
  for (const { first, last } of ranges)
    for (let begin = first; begin <= last;) {
      let free = 0;
      // as large as the alignment of its start and the rest of the range allow
      while (
        free < bits &&
        (begin & ((1n << BigInt(free + 1)) - 1n)) === 0n &&
        begin + (1n << BigInt(free + 1)) - 1n <= last
      )
        free++;
      yield { net: begin, length: bits - free };
      begin += 1n << BigInt(free);
    }
}

/** One set a family of addresses, or a protocol. */
export type Sets<Key extends string> = Readonly<Record<Key, Ranges>>;

/** What is certainly meant, and what may be meant. */
export interface Meant<Set> {
  readonly least: Set;
  readonly most: Set;
}

/** Operations on sets with the same keys. */
export class Algebra<Key extends string> {
  readonly #keys: readonly Key[];
  readonly nothing: Sets<Key>;

  constructor(keys: readonly Key[]) {
    this.#keys = keys;
    this.nothing = this.#map(() => []);
  }

  #map(rangesOf: (key: Key) => Ranges): Sets<Key> {
    return Object.fromEntries(this.#keys.map((key) => [key, rangesOf(key)])) as Sets<Key>;
  }

  union(...all: readonly Sets<Key>[]): Sets<Key> {
    return this.#map((key) => union(all.map((sets) => sets[key])));
  }

  /** What is in `a` and not in `b`. */
  less(a: Sets<Key>, b: Sets<Key>): Sets<Key> {
    return this.#map((key) => without(a[key], b[key]));
  }

  isEmpty(sets: Sets<Key>): boolean {
    return this.#keys.every((key) => sets[key].length === 0);
  }

  /** What words mean together. */
  join(words: readonly Meant<Sets<Key>>[]): Meant<Sets<Key>> {
    const [least, most] = (['least', 'most'] as const).map((bound) => words.map((word) => word[bound]));
    return { least: this.union(...(least ?? [])), most: this.union(...(most ?? [])) };
  }

  /** What a list means whose parts are separated by EXCEPT. */
  except(parts: readonly Meant<Sets<Key>>[]): Meant<Sets<Key>> {
    // at least: minus the most that is excepted; at most: minus the least
    return parts.reduceRight(
      (rest, { least, most }) => ({ least: this.less(least, rest.most), most: this.less(most, rest.least) }),
      { least: this.nothing, most: this.nothing },
    );
  }
}
