// A policy as a program of BPF: a search tree over the numbers of calls, with the tests of arguments beneath it. Pure.
//
// The kernel tries a filter on every number of the call tables when it is installed (seccomp_cache_prepare() in kernel/seccomp.c).
// A list of comparisons costs half of its length for each number, a tree only its depth. The trial ends at an argument.
import { UsageError } from '../../errors.ts';
import { BpfProgram, type Place } from './bpf-program.ts';
import { callNumbers, type CallTable, type FilteredArchitecture } from './call-table.ts';
import { always, type ArgumentTest, type Policy, type Verdict } from './policy.ts';
import { answers, auditArchitectures, compatOf, firstX32, offsetOf } from './seccomp-data.ts';

// BPF_MAXINSNS (linux/bpf_common.h)
const mostInstructions = 4096;
// ARM's own calls lie far above the others, without gaps (arch/arm/include/uapi/asm/unistd.h).
const firstOfArm = 0xf0001;

/** Numbers from `from` up to the next range have one verdict. */
interface Range {
  readonly from: number;
  readonly verdict: Verdict;
}

/** The verdicts of a table by ranges of numbers, from 0 on. Neighbours differ. */
function rangesOf(policy: Policy, table: CallTable): readonly Range[] {
  const numbers = callNumbers(table);
  const byNumber = new Map([...numbers].map(([call, number]) => [number, policy.verdicts.get(call)]));
  const { than, answer } = policy.newer;
  const newest = [...byNumber]
    .filter(([number, verdict]) => number < firstOfArm && (than === 'known' || verdict !== undefined))
    .reduce((most, [number]) => Math.max(most, number), -1);
  const otherwise = always(policy.otherwise);
  const newer = always(answer);
  const ranges: Range[] = [];
  const add = (from: number, verdict: Verdict): void => {
    const last = ranges.at(-1)?.verdict;
    if (last === undefined || keyOf(last) !== keyOf(verdict)) ranges.push({ from, verdict });
  };
  for (let number = 0; number <= newest; number++) add(number, byNumber.get(number) ?? otherwise);
  add(newest + 1, newer);
  let own = firstOfArm;
  for (; byNumber.has(own); own++) add(own, byNumber.get(own) ?? otherwise);
  add(own, newer);
  if (table === 'x64') add(firstX32, always(policy.closed.x32));
  return ranges;
}

function keyOf({ cases, otherwise }: Verdict): string {
  if (cases.length === 0) return String(otherwise);
  return JSON.stringify([cases, otherwise], (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

/** Where a number goes: from `from` up to the next one. */
interface Branch {
  readonly from: number;
  readonly place: Place;
}

class FilterProgram extends BpfProgram {
  readonly #places = new Map<string, Place>();

  placeOf(verdict: Verdict): Place {
    const key = keyOf(verdict);
    const place = this.#places.get(key) ?? this.#cases(verdict);
    this.#places.set(key, place);
    return place;
  }

  // From the last case to the first.
  #cases({ cases, otherwise }: Verdict): Place {
    if (cases.length === 0) return this.answer(otherwise);
    let next = this.placeOf(always(otherwise));
    for (const { tests, answer } of cases.toReversed()) {
      let here = this.placeOf(always(answer));
      for (const test of tests.toReversed())
        here = test.isNegated ? this.#test(test, next, here) : this.#test(test, here, next);
      next = here;
    }
    return next;
  }

  #test({ index, kind, value, mask }: ArgumentTest, yes: Place, no: Place): Place {
    const low = offsetOf.argument(index);
    const [lowValue, highValue] = [Number(value & 0xffffffffn), Number(value >> 32n)];
    if (kind !== 'equal') {
      const isMore = kind === 'above' ? this.ifAbove(lowValue, yes, no) : this.ifAtLeast(lowValue, yes, no);
      const isSame = this.ifEqual(highValue, this.load(low, isMore), no);
      return this.load(low + 4, this.ifAbove(highValue, yes, isSame));
    }
    // no argument has a bit of the value that the mask clears
    if ((value & ~mask) !== 0n) return no;
    const [lowMask, highMask] = [Number(mask & 0xffffffffn), Number(mask >> 32n)];
    const lowPlace = this.#half(low, lowValue, lowMask, yes, no);
    return this.#half(low + 4, highValue, highMask, lowPlace, no);
  }

  #half(offset: number, value: number, mask: number, yes: Place, no: Place): Place {
    if (mask === 0) return yes;
    const isEqual = this.ifEqual(value, yes, no);
    return this.load(offset, mask === 0xffffffff ? isEqual : this.keepBits(mask, isEqual));
  }

  /** A search in a whole table. */
  table(policy: Policy, table: CallTable): Place {
    const branches = rangesOf(policy, table).map(({ from, verdict }) => ({
      from,
      place: this.placeOf(verdict),
    }));
    return this.load(offsetOf.number, this.#search(branches));
  }

  #search(branches: readonly Branch[]): Place {
    const [first, second, third] = branches;
    if (first === undefined || second === undefined) return first?.place ?? this.answer(answers.killProcess);
    if (third === undefined) return this.ifAtLeast(second.from, second.place, first.place);
    // one number between two ranges of the same verdict
    if (branches.length === 3 && third.place === first.place && third.from === second.from + 1)
      return this.ifEqual(second.from, second.place, first.place);
    const half = branches.length >> 1;
    const upper = this.#search(branches.slice(half));
    const lower = this.#search(branches.slice(0, half));
    return this.ifAtLeast(branches[half]?.from ?? 0, upper, lower);
  }
}

/**
 * The filter of a policy as an array of `struct sock_filter`.
 *
 * @throws UsageError if it has more instructions than the kernel takes
 */
export function compileFilter(policy: Policy, architecture: FilteredArchitecture): Buffer {
  const program = new FilterProgram();
  const compat = compatOf[architecture];
  const unknownTable = always(policy.closed.table);
  const compatPlace = policy.allows32bit
    ? // Read for nothing: at an argument the trial ends. So only 32-bit programs pay for their table, call by call.
      program.load(offsetOf.argument(0), program.table(policy, compat))
    : program.placeOf(unknownTable);
  const native = program.table(policy, architecture);
  const other = program.ifEqual(auditArchitectures[compat], compatPlace, program.placeOf(unknownTable));
  program.load(offsetOf.architecture, program.ifEqual(auditArchitectures[architecture], native, other));
  const filter = program.bytes();
  if (filter.length / 8 <= mostInstructions) return filter;
  throw new UsageError(
    `seccomp: the profile makes ${filter.length / 8} instructions, and the kernel takes ${mostInstructions}`,
  );
}
