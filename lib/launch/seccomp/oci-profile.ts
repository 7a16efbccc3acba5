// Profiles of system calls as docker and podman publish them, and as OCI's runtime specification has them (config-linux.md,
// "Seccomp"). Pure.
import { constants } from 'node:os';

import { didYouMean } from '../../words/nearest.ts';
import { quote } from '../../words/quote.ts';
import { capabilityNumber } from '../request/capabilities.ts';
import { knownCalls, type FilteredArchitecture } from './call-table.ts';
import { JsonValue } from './json-value.ts';
import { always, closed, compares, equals, isPermissive } from './policy.ts';
import type { ArgumentTest, Policy, Verdict } from './policy.ts';
import { answers, ENOSYS, EPERM, refusal } from './seccomp-data.ts';

/** Facts of a launch for the conditions of a profile. */
export interface ProfileFacts {
  readonly architecture: FilteredArchitecture;
  /** Numbers of the capabilities that the program keeps. */
  readonly caps: readonly number[];
  /** The kernel's version, such as `6.12.0-1-amd64`. */
  readonly kernel: string;
}

/** The rules of a profile under these facts. */
export interface Profile {
  readonly policy: Policy;
  /** SECCOMP_FILTER_FLAG_* for seccomp(2). */
  readonly flags: number;
}

const actions = {
  SCMP_ACT_ALLOW: answers.allow,
  SCMP_ACT_LOG: answers.log,
  SCMP_ACT_ERRNO: refusal(0),
  SCMP_ACT_TRAP: answers.trap,
  SCMP_ACT_KILL: answers.killThread,
  SCMP_ACT_KILL_THREAD: answers.killThread,
  SCMP_ACT_KILL_PROCESS: answers.killProcess,
  SCMP_ACT_TRACE: 'a tracer',
  SCMP_ACT_NOTIFY: 'a process that answers for the kernel',
} as const;

// linux/seccomp.h. uchroot installs a filter in a process of one thread, which has nothing to synchronize.
const flagValues = {
  SECCOMP_FILTER_FLAG_TSYNC: 0,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
} as const;

// MAX_ERRNO (linux/err.h)
const mostErrno = 4095n;
const most64 = 2n ** 64n - 1n;

function readErrno(number: JsonValue, name: JsonValue): number | undefined {
  const byName = name.isMissing ? undefined : name.oneOf(constants.errno, 'errno');
  const byNumber = number.isMissing ? undefined : Number(number.number(mostErrno));
  if (byName !== undefined && byNumber !== undefined && byName !== byNumber)
    throw name.error(`is errno ${byName}, and the number beside it is ${byNumber}`);
  return byNumber ?? byName;
}

function readAnswer(action: JsonValue, number: JsonValue, name: JsonValue): number {
  const answer = action.oneOf<number | string>(actions, 'action');
  if (typeof answer === 'string')
    throw action.error(`${quote(action.text())} needs ${answer}, which uchroot does not have`);
  const errno = readErrno(number, name);
  if (answer === actions.SCMP_ACT_ERRNO) return refusal(errno ?? EPERM);
  if (errno === undefined) return answer;
  throw (number.isMissing ? name : number).error(`${quote(action.text())} has no errno`);
}

const comparisons: Readonly<Record<string, (index: number, value: bigint, second: bigint) => ArgumentTest>> =
  {
    SCMP_CMP_EQ: (index, value) => equals(index, value),
    SCMP_CMP_NE: (index, value) => ({ ...equals(index, value), isNegated: true }),
    SCMP_CMP_LT: (index, value) => compares(index, 'atLeast', value, true),
    SCMP_CMP_LE: (index, value) => compares(index, 'above', value, true),
    SCMP_CMP_GE: (index, value) => compares(index, 'atLeast', value, false),
    SCMP_CMP_GT: (index, value) => compares(index, 'above', value, false),
    SCMP_CMP_MASKED_EQ: (index, mask, datum) => equals(index, datum, mask),
  };

function readTest(json: JsonValue): ArgumentTest {
  const { index, value, valueTwo, op } = json.fields('index', 'value', 'valueTwo', 'op');
  const make = op.oneOf(comparisons, 'comparison');
  const second = valueTwo.isMissing ? 0n : valueTwo.number(most64);
  return make(Number(index.number(5n)), value.number(most64), second);
}

// As runc and crun: several tests of one argument are alternatives, tests of different arguments must all hold.
function readCases(json: JsonValue): readonly (readonly ArgumentTest[])[] {
  const tests = json.elements().map(readTest);
  if (tests.length === 0) return [];
  return new Set(tests.map(({ index }) => index)).size < tests.length ? tests.map((test) => [test]) : [tests];
}

// The names that Go has for architectures.
const goNames: Readonly<Record<FilteredArchitecture, string>> = { x64: 'amd64', arm64: 'arm64' };

function readCapability(json: JsonValue): number | undefined {
  const name = json.text();
  if (/^CAP_[A-Z_]+$/.test(name)) return capabilityNumber(name);
  throw json.error(`'${quote(name)}' is no capability such as CAP_SYS_ADMIN`);
}

interface Conditions {
  /** Whether the launch meets each condition. */
  readonly arches: readonly boolean[];
  readonly caps: readonly boolean[];
  readonly minKernel: boolean | undefined;
}

function readConditions(json: JsonValue, { architecture, caps, kernel }: ProfileFacts): Conditions {
  if (json.isMissing) return { arches: [], caps: [], minKernel: undefined };
  const given = json.fields('arches', 'caps', 'minKernel');
  return {
    arches: given.arches.elements().map((arch) => arch.text() === goNames[architecture]),
    caps: given.caps.elements().map((cap) => {
      const number = readCapability(cap);
      return number !== undefined && caps.includes(number);
    }),
    minKernel: given.minKernel.isMissing ? undefined : isAtLeast(kernel, given.minKernel),
  };
}

function isAtLeast(kernel: string, minimum: JsonValue): boolean {
  const [, major, minor] = /^([0-9]{1,4})\.([0-9]{1,4})$/.exec(minimum.text()) ?? [];
  if (major === undefined) throw minimum.error(`'${quote(minimum.text())}' is no version such as 4.8`);
  const [ownMajor = 0, ownMinor = 0] = kernel.split(/[.-]/).map(Number);
  return ownMajor > Number(major) || (ownMajor === Number(major) && ownMinor >= Number(minor));
}

// As docker: of the architectures one must fit, of the capabilities all; whatever is excluded excludes.
function isMeant(includes: Conditions, excludes: Conditions): boolean {
  return (
    (includes.arches.length === 0 || includes.arches.includes(true)) &&
    !includes.caps.includes(false) &&
    includes.minKernel !== false &&
    ![...excludes.arches, ...excludes.caps, excludes.minKernel].includes(true)
  );
}

interface Rule {
  readonly names: readonly JsonValue[];
  readonly answer: number;
  readonly cases: readonly (readonly ArgumentTest[])[];
  readonly isMeant: boolean;
}

function readRule(json: JsonValue, facts: ProfileFacts): Rule {
  const rule = json.fields(
    'name',
    'names',
    'action',
    'errnoRet',
    'errno',
    'args',
    'comment',
    'includes',
    'excludes',
  );
  // what docker called it before it took several
  const names = [...(rule.name.isMissing ? [] : [rule.name]), ...rule.names.elements()];
  if (names.length === 0) throw json.error('names no system call');
  names.forEach((name) => name.text());
  return {
    names,
    answer: readAnswer(rule.action, rule.errnoRet, rule.errno),
    cases: readCases(rule.args),
    isMeant: isMeant(readConditions(rule.includes, facts), readConditions(rule.excludes, facts)),
  };
}

// Calls that only other architectures have (libseccomp's seccomp-syscalls.h).
const foreignCalls = new Set(
  (
    'atomic_barrier atomic_cmpxchg_32 cachectl getpagesize multiplexer riscv_flush_icache riscv_hwprobe rtas s390_guarded_storage ' +
    's390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr s390_sthyi spu_create spu_run subpage_prot swapcontext ' +
    'switch_endian sync_file_range2 sys_debug_setcontext syscall sysmips timerfd'
  ).split(' '),
);

// A rule for a call that this program does not know has no effect, as in libseccomp. That is safe unless the rule was to refuse
// what the profile allows otherwise: then it may be a misspelt name.
function checkName(name: JsonValue, answer: number, otherwise: number): void {
  const call = name.text();
  if (isPermissive(answer) || !isPermissive(otherwise) || foreignCalls.has(call)) return;
  const known = knownCalls();
  if (known.has(call)) return;
  throw name.error(`there is no system call '${quote(call)}'`, didYouMean(call, [...known]));
}

// As libseccomp: a rule without tests counts for all arguments, wherever it stands, and the first such rule counts. A rule that does
// what is done anyway is left out.
function toVerdicts(rules: readonly Rule[], otherwise: number): ReadonlyMap<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  const settled = new Set<string>();
  for (const { names, answer, cases, isMeant } of rules) {
    if (!isMeant || answer === otherwise) continue;
    for (const name of names) {
      const call = name.text();
      checkName(name, answer, otherwise);
      if (settled.has(call)) continue;
      const before = verdicts.get(call)?.cases ?? [];
      const own = cases.map((tests) => ({ tests, answer }));
      if (own.length === 0) settled.add(call);
      verdicts.set(call, own.length === 0 ? always(answer) : { cases: [...before, ...own], otherwise });
    }
  }
  return verdicts;
}

// The file of a container has the profile in it: config.json of OCI's runtime specification.
function refuseWhole(json: JsonValue, file: string): void {
  const { value } = json;
  if (typeof value === 'object' && value !== null && 'linux' in value)
    throw json.error(
      'is the configuration of a container, and no profile',
      `write its part linux.seccomp to a file of its own: jq .linux.seccomp ${file}`,
    );
}

// Those of OCI's runtime specification 1.3 (config-linux.md, seccomp).
const architectures = (): readonly string[] =>
  (
    'X86 X86_64 X32 ARM AARCH64 LOONGARCH64 M68K MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE ' +
    'RISCV64 S390 S390X PARISC PARISC64 SH SHEB'
  ).split(' ');

const spelt = (architecture: string): string => `SCMP_ARCH_${architecture}`;

function checkArchitecture(json: JsonValue): void {
  const known = architectures();
  const name = json.text();
  if (!known.map(spelt).includes(name))
    throw json.error(
      `'${quote(name)}' is no architecture such as SCMP_ARCH_X86_64`,
      didYouMean(name.replace('SCMP_ARCH_', ''), known, spelt) ??
        `the architectures are ${known.map(spelt).join(', ')}`,
    );
}

function checkArchitectures(architectures: JsonValue, archMap: JsonValue): void {
  if (!architectures.isMissing && !archMap.isMissing)
    throw archMap.error('is given together with architectures: docker takes one of the two');
  architectures.elements().forEach(checkArchitecture);
  for (const entry of archMap.elements()) {
    const { architecture, subArchitectures } = entry.fields('architecture', 'subArchitectures');
    checkArchitecture(architecture);
    subArchitectures.elements().forEach(checkArchitecture);
  }
}

/**
 * Reads a profile for these facts.
 *
 * @param file the name of the profile in messages
 * @throws UsageError with the place in the file
 */
export function readProfile(file: string, text: string, facts: ProfileFacts): Profile {
  const json = JsonValue.parse(file, text);
  refuseWhole(json, file);
  const top = json.fields(
    'defaultAction',
    'defaultErrnoRet',
    'defaultErrno',
    'architectures',
    'archMap',
    'flags',
    'listenerPath',
    'listenerMetadata',
    'syscalls',
  );
  if (!top.listenerPath.isMissing)
    throw top.listenerPath.error(`is for SCMP_ACT_NOTIFY, which uchroot does not have`);
  checkArchitectures(top.architectures, top.archMap);
  const otherwise = readAnswer(top.defaultAction, top.defaultErrnoRet, top.defaultErrno);
  const rules = top.syscalls.elements().map((rule) => readRule(rule, facts));
  return {
    policy: {
      verdicts: toVerdicts(rules, otherwise),
      otherwise,
      // As runc: a call that is newer than the profile does not exist, as C libraries try another one then.
      newer: { than: 'named', answer: isPermissive(otherwise) ? otherwise : refusal(ENOSYS) },
      closed,
      allows32bit: false,
    },
    flags: top.flags.elements().reduce((flags, flag) => flags | flag.oneOf(flagValues, 'flag'), 0),
  };
}
