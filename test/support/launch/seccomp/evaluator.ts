// A second opinion about profiles: what docker's and libseccomp's documentation say of a call, straight from the JSON.

interface Condition {
  readonly caps?: readonly string[] | null;
  readonly arches?: readonly string[] | null;
  readonly minKernel?: string;
}

export interface JsonRule {
  readonly name?: string;
  readonly names?: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?:
    | readonly {
        readonly index: number;
        readonly value: number;
        readonly valueTwo?: number;
        readonly op: string;
      }[]
    | null;
  readonly includes?: Condition;
  readonly excludes?: Condition;
}

export interface JsonProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly syscalls?: readonly JsonRule[];
}

export interface Facts {
  readonly goArchitecture: string;
  readonly caps: readonly string[];
  readonly kernel: readonly [number, number];
}

const numbers: Readonly<Record<string, number>> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x30000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};

/** SECCOMP_RET_* of an action. */
export const answerOf = (action: string, errno = 1): number => numbers[action] ?? 0x50000 + errno;

function holds(arg: bigint, op: string, value: bigint, second: bigint): boolean {
  switch (op) {
    case 'SCMP_CMP_NE':
      return arg !== value;
    case 'SCMP_CMP_LT':
      return arg < value;
    case 'SCMP_CMP_LE':
      return arg <= value;
    case 'SCMP_CMP_EQ':
      return arg === value;
    case 'SCMP_CMP_GE':
      return arg >= value;
    case 'SCMP_CMP_GT':
      return arg > value;
    default:
      return (arg & value) === second;
  }
}

function isNewEnough([major, minor]: readonly [number, number], minimum: string): boolean {
  const [a = 0, b = 0] = minimum.split('.').map(Number);
  return major > a || (major === a && minor >= b);
}

/** Whether docker gives a rule to libseccomp. */
function applies({ includes = {}, excludes = {} }: JsonRule, facts: Facts): boolean {
  if (includes.arches && includes.arches.length > 0 && !includes.arches.includes(facts.goArchitecture))
    return false;
  if (includes.caps?.some((cap) => !facts.caps.includes(cap))) return false;
  if (includes.minKernel !== undefined && !isNewEnough(facts.kernel, includes.minKernel)) return false;
  if (excludes.arches?.includes(facts.goArchitecture)) return false;
  if (excludes.caps?.some((cap) => facts.caps.includes(cap))) return false;
  return excludes.minKernel === undefined || !isNewEnough(facts.kernel, excludes.minKernel);
}

/** The rules that docker gives to libseccomp for a call. */
export function rulesFor(profile: JsonProfile, call: string, facts: Facts): readonly JsonRule[] {
  const otherwise = answerOf(profile.defaultAction, profile.defaultErrnoRet);
  return (profile.syscalls ?? []).filter(
    (rule) =>
      [rule.name, ...(rule.names ?? [])].includes(call) &&
      applies(rule, facts) &&
      answerOf(rule.action, rule.errnoRet) !== otherwise,
  );
}

/** The answer to a call. */
export function evaluate(profile: JsonProfile, call: string, given: readonly bigint[], facts: Facts): number {
  const rules = rulesFor(profile, call, facts);
  const unconditional = rules.find(({ args }) => !args || args.length === 0);
  const matching = rules.find(({ args }) => {
    const tests = args ?? [];
    const isTrue = ({ index, op, value, valueTwo = 0 }: (typeof tests)[number]): boolean =>
      holds(BigInt.asUintN(64, given[index] ?? 0n), op, BigInt(value), BigInt(valueTwo));
    const isRepeated = new Set(tests.map(({ index }) => index)).size < tests.length;
    return isRepeated ? tests.some(isTrue) : tests.every(isTrue);
  });
  const rule = unconditional ?? matching;
  return rule === undefined
    ? answerOf(profile.defaultAction, profile.defaultErrnoRet)
    : answerOf(rule.action, rule.errnoRet);
}
