// Sets of numbers as ascending ranges: addresses or ports. Pure.

/** Includes `first` and `last`. */
interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/** Ascending; no two ranges touch. */
export type Ranges = readonly Range[];

/** A family of addresses, or the ports of a protocol: a band of numbers that touches no other band. */
export interface Band {
  readonly begin: bigint;
  readonly bits: number;
}

/** The numbers of a band, or of a network in it. */
export function network({ begin, bits }: Band, net = 0n, length = 0): Ranges {
  const first = begin + net;
  return [{ first, last: first + (1n << BigInt(bits - length)) - 1n }];
}

/** The numbers of a set that are in a band, counted from its beginning. */
export function within(set: Ranges, { begin, bits }: Band): Ranges {
  return set
    .map(({ first, last }) => ({ first: first - begin, last: last - begin }))
    .filter(({ first, last }) => first >= 0n && last < 1n << BigInt(bits));
}

export function union(sets: readonly Ranges[]): Ranges {
  const result: { first: bigint; last: bigint }[] = [];
  for (const { first, last } of sets.flat().toSorted((a, b) => Number(a.first - b.first))) {
    const before = result.at(-1);
    if (before === undefined || first > before.last + 1n) result.push({ first, last });
    else if (last > before.last) before.last = last;
  }
  return result;
}

export function without(set: Ranges, taken: Ranges): Ranges {
  const result: Range[] = [];
  let at = 0;
  for (const { first, last } of set) {
    let begin = first;
    while ((taken[at]?.last ?? first) < first) at++;
    // the last hole may reach into the next range
    for (let next = at, hole = taken[at]; hole !== undefined && hole.first <= last; hole = taken[++next]) {
      if (hole.first > begin) result.push({ first: begin, last: hole.first - 1n });
      begin = hole.last + 1n;
    }
    if (begin <= last) result.push({ first: begin, last });
  }
  return result;
}

/** Splits the numbers of a band, counted from its beginning, into as few networks as possible. */
export function* networks(ranges: Ranges, { bits }: Band): Generator<{ net: bigint; length: number }, void> {
  for (const { first, last } of ranges)
    for (let begin = first; begin <= last;) {
      let size = 1n;
      let length = bits;
      // as large as the alignment of its start and the rest of the range allow
      for (; begin % (size * 2n) === 0n && begin + size * 2n - 1n <= last; length--) size *= 2n;
      yield { net: begin, length };
      begin += size;
    }
}

/** The addresses that a list certainly includes, and those that it may include. */
export interface Meant {
  readonly least: Ranges;
  readonly most: Ranges;
}

export const exactly = (set: Ranges): Meant => ({ least: set, most: set });

export function join(words: readonly Meant[]): Meant {
  return { least: union(words.map(({ least }) => least)), most: union(words.map(({ most }) => most)) };
}

/** The meaning of a list with EXCEPT: the least of a part without the most of its exceptions, and the reverse. */
export function except(parts: readonly (readonly Meant[])[]): Meant {
  return parts.map(join).reduceRight((rest, { least, most }) => {
    return { least: without(least, rest.most), most: without(most, rest.least) };
  }, exactly([]));
}
