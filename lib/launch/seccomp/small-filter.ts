// The small seccomp filter that every program gets: no terminal injection, no kernel keyrings.
import { UsageError } from '../../errors.ts';
import { copyBytes } from '../../words/quote.ts';
import { BpfProgram, type Place } from './bpf-program.ts';
import {
  answers,
  auditArchitectures,
  EPERM,
  firstX32,
  offsetOf,
  refusal,
  terminalRequests,
} from './seccomp-data.ts';

interface Numbers {
  readonly architecture: number;
  readonly ioctl: number;
  /** add_key to keyctl, three in a row in every table: the keyrings know nothing of a root directory. */
  readonly keyrings: readonly [first: number, last: number];
}

// asm/unistd_64.h, asm/unistd_32.h; asm-generic/unistd.h, arch/arm/tools/syscall.tbl. Not from call-numbers.ts, which is large.
const x64: Numbers = { architecture: auditArchitectures.x64, ioctl: 16, keyrings: [248, 250] };
const i386: Numbers = { architecture: auditArchitectures.i386, ioctl: 54, keyrings: [286, 288] };
const arm64: Numbers = { architecture: auditArchitectures.arm64, ioctl: 29, keyrings: [217, 219] };
const arm: Numbers = { architecture: auditArchitectures.arm, ioctl: 54, keyrings: [309, 311] };

function build(native: Numbers, compat: Numbers): Buffer {
  const program = new BpfProgram();
  const refuse = program.answer(refusal(EPERM));
  const allow = program.answer(answers.allow);

  // The kernel looks at 32 bits of an ioctl request. A filter that compares 64 bits lets TIOCSTI | 1 << 32 through (CVE-2019-10063,
  // CVE-2019-7303).
  const offsetOfRequest = offsetOf.argument(1);
  const [TIOCSTI, TIOCLINUX] = terminalRequests;
  const isRequest = program.ifEqual(TIOCSTI, refuse, program.ifEqual(TIOCLINUX, refuse, allow));
  const request = program.load(offsetOfRequest, isRequest);

  // The kernel tries a filter on every number of both call tables when it is installed (seccomp_cache_prepare() in
  // kernel/seccomp.c), at a cost for each instruction: so most numbers are decided by comparing them with a range.
  const rules = ({ ioctl, keyrings: [first, last] }: Numbers, above: Place): Place => {
    const below = program.ifAtLeast(first, refuse, program.ifEqual(ioctl, request, allow));
    return program.load(offsetOf.number, program.ifAtLeast(last + 1, above, below));
  };
  // Read for nothing: at an argument the trial ends. So only the few 32-bit programs pay for their table, call by call.
  const compatRules = program.load(offsetOfRequest, rules(compat, allow));
  const above = program.ifAtLeast(firstX32, refuse, allow);
  const nativeRules = rules(native, native === x64 ? above : allow);

  const unknownTable = program.answer(answers.killProcess);
  const other = program.ifEqual(compat.architecture, compatRules, unknownTable);
  program.load(offsetOf.architecture, program.ifEqual(native.architecture, nativeRules, other));
  return program.bytes();
}

// The same for every launch of a machine.
const made = new Map<string, Buffer>();

/**
 * The filter as an array of `struct sock_filter`, for seccomp(2), SECCOMP_SET_MODE_FILTER.
 *
 * @param architecture as process.arch has it: `x64` or `arm64`
 * @throws UsageError for any other
 */
export function smallFilter(architecture: string): Buffer {
  const filter = made.get(architecture) ?? compile(architecture);
  made.set(architecture, filter);
  // A copy: planLaunch() hands it to its caller, who could change the filter of every launch after it.
  return copyBytes(filter);
}

function compile(architecture: string): Buffer {
  if (architecture === 'x64') return build(x64, i386);
  if (architecture === 'arm64') return build(arm64, arm);
  throw new UsageError(`uchroot runs on x64 and arm64, not on ${architecture}`);
}
