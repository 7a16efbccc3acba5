// The answers of a filter to system calls, by name. Pure.
import { answers, ENOSYS, EPERM, refusal, terminalRequests } from './seccomp-data.ts';

/** A test of one argument. The kernel shows each of the six arguments as an unsigned number of 64 bits. */
export interface ArgumentTest {
  readonly index: number;
  /** `equal` compares the bits of the mask only. */
  readonly kind: 'equal' | 'atLeast' | 'above';
  readonly value: bigint;
  readonly mask: bigint;
  /** The test holds if the comparison does not. */
  readonly isNegated: boolean;
}

/** The answer of the first case whose tests all hold, else `otherwise`. Answers are SECCOMP_RET_* values. */
export interface Verdict {
  readonly cases: readonly { readonly tests: readonly ArgumentTest[]; readonly answer: number }[];
  readonly otherwise: number;
}

/** The rules of a filter. */
export interface Policy {
  /** By name of the call. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** The answer to any other call. */
  readonly otherwise: number;
  /** The answer to calls with larger numbers than all `known` calls of the table, or all that have a verdict. */
  readonly newer: { readonly than: 'known' | 'named'; readonly answer: number };
  /** The answer to x32 calls, and to calls of a table that is not filtered. */
  readonly closed: { readonly x32: number; readonly table: number };
  /** Whether 32-bit programs run, under the same verdicts. */
  readonly allows32bit: boolean;
}

/** The answers of every policy to other tables. Without the kernel's x32 its calls answer ENOSYS. */
export const closed: Policy['closed'] = { x32: refusal(ENOSYS), table: answers.killProcess };

const allBits = 2n ** 64n - 1n;
/** The half of an argument that the kernel looks at if it takes an int. */
export const low32 = 0xffffffffn;

/** Always the same answer. */
export const always = (answer: number): Verdict => ({ cases: [], otherwise: answer });

/** The bits of the mask equal the value. */
export function equals(index: number, value: number | bigint, mask: bigint = allBits): ArgumentTest {
  return { index, kind: 'equal', value: BigInt(value), mask, isNegated: false };
}

/** The argument compared with a value, as unsigned numbers of 64 bits. */
export function compares(
  index: number,
  kind: ArgumentTest['kind'],
  value: bigint,
  isNegated: boolean,
): ArgumentTest {
  return { index, kind, value, mask: allBits, isNegated };
}

/** Whether an answer lets the call happen. */
export const isPermissive = (answer: number): boolean => answer === answers.allow || answer === answers.log;

function canPass({ cases, otherwise }: Verdict): boolean {
  return isPermissive(otherwise) || cases.some(({ answer }) => isPermissive(answer));
}

function holds({ index, kind, value, mask, isNegated }: ArgumentTest, args: readonly bigint[]): boolean {
  const argument = args[index] ?? 0n;
  const is =
    kind === 'equal' ? (argument & mask) === value : kind === 'above' ? argument > value : argument >= value;
  return is !== isNegated;
}

/** The answer to a call with these arguments; missing ones are 0. */
export function answerTo(
  { verdicts, otherwise }: Pick<Policy, 'verdicts' | 'otherwise'>,
  call: string,
  args: readonly bigint[],
): number {
  const verdict = verdicts.get(call) ?? always(otherwise);
  return (
    verdict.cases.find(({ tests }) => tests.every((test) => holds(test, args)))?.answer ?? verdict.otherwise
  );
}

/** Whether a call is refused: whatever its arguments are, or with some. */
export function isRefused({ verdicts, otherwise }: Policy, call: string, how: 'always' | 'ever'): boolean {
  const verdict = verdicts.get(call) ?? always(otherwise);
  if (how === 'always') return !canPass(verdict);
  return !isPermissive(verdict.otherwise) || verdict.cases.some(({ answer }) => !isPermissive(answer));
}

const refused = refusal(EPERM);
const terminalCases = terminalRequests.map((request) => ({
  tests: [equals(1, request, low32)],
  answer: refused,
}));

export const keyringCalls = ['add_key', 'request_key', 'keyctl'] as const;

/** Adds the rules of the small filter, which hold for every launch: no terminal injection, no kernel keyrings. */
export function withSmallRules(policy: Policy): Policy {
  const verdicts = new Map(policy.verdicts);
  const verdictOf = (call: string): Verdict => verdicts.get(call) ?? always(policy.otherwise);
  for (const call of keyringCalls) if (canPass(verdictOf(call))) verdicts.set(call, always(refused));
  const { cases, otherwise } = verdictOf('ioctl');
  if (canPass({ cases, otherwise }))
    verdicts.set('ioctl', { cases: [...terminalCases, ...cases], otherwise });
  return { ...policy, verdicts };
}

// Bits of modes, and the flags with which open(2) takes a mode (asm-generic/fcntl.h): O_CREAT, and O_TMPFILE without O_DIRECTORY.
const setIdBits = [0o4000, 0o2000];
const creatingFlags = [0o100, 0o20000000];

const has = (argument: number, bit: number): ArgumentTest => equals(argument, bit, BigInt(bit));
const setIdCases = (mode: number, flags?: number): Verdict['cases'] =>
  (flags === undefined ? [[]] : creatingFlags.map((flag) => [has(flags, flag)])).flatMap((way) =>
    setIdBits.map((bit) => ({ tests: [...way, has(mode, bit)], answer: refused })),
  );

// By call, with the place of its argument `mode`, and of its flags.
const setIdRules: Readonly<Record<string, Verdict['cases']>> = {
  chmod: setIdCases(1),
  creat: setIdCases(1),
  fchmod: setIdCases(1),
  fchmodat: setIdCases(2),
  fchmodat2: setIdCases(2),
  mknod: setIdCases(1),
  mknodat: setIdCases(2),
  open: setIdCases(2, 1),
  openat: setIdCases(3, 2),
};

/**
 * Refuses to make a set-user-ID or set-group-ID file. openat2(2), whose arguments lie in memory, does not exist then: no filter can read
 * them. mkdir(2) drops these bits.
 */
export function withoutSetId(policy: Policy): Policy {
  const verdicts = new Map(policy.verdicts);
  for (const [call, cases] of Object.entries(setIdRules)) {
    const verdict = verdicts.get(call) ?? always(policy.otherwise);
    if (canPass(verdict)) verdicts.set(call, { ...verdict, cases: [...cases, ...verdict.cases] });
  }
  verdicts.set('openat2', always(refusal(ENOSYS)));
  return { ...policy, verdicts };
}

/** Gives these answers to calls, whatever their arguments are. */
export function withAnswers(policy: Policy, given: ReadonlyMap<string, number>): Policy {
  const verdicts = [...given].map(([call, answer]): [string, Verdict] => [call, always(answer)]);
  return { ...policy, verdicts: new Map([...policy.verdicts, ...verdicts]) };
}

/** Gives calls back, whatever their arguments are. */
export const withAllowed = (policy: Policy, calls: readonly string[]): Policy =>
  withAnswers(policy, new Map(calls.map((call) => [call, answers.allow])));

const logged = (answer: number): number => (isPermissive(answer) ? answer : answers.log);

/** Refuses nothing, and logs what was to be refused. */
export function asLog({ verdicts, otherwise, newer, allows32bit }: Policy): Policy {
  const verdict = ({ cases, otherwise }: Verdict): Verdict => ({
    cases: cases.map(({ tests, answer }) => ({ tests, answer: logged(answer) })),
    otherwise: logged(otherwise),
  });
  return {
    verdicts: new Map([...verdicts].map(([call, one]) => [call, verdict(one)])),
    otherwise: logged(otherwise),
    newer: { ...newer, answer: logged(newer.answer) },
    closed: { x32: answers.log, table: answers.log },
    allows32bit,
  };
}
