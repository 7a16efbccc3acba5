// The small seccomp filter that every program gets: no terminal injection, no kernel keyrings.
import { UsageError } from '../../errors.ts';

// linux/filter.h, linux/bpf_common.h
const loadWord = 0x20; // BPF_LD | BPF_W | BPF_ABS
const jumpIfEqual = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const jumpIfAtLeast = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const answer = 0x06; // BPF_RET | BPF_K

// linux/seccomp.h: struct seccomp_data {int nr; u32 arch; u64 instruction_pointer; u64 args[6];}
const offsetOfNumber = 0;
const offsetOfArchitecture = 4;
// The low half of the second argument. The kernel looks at 32 bits of an ioctl request; a filter that compares
// 64 lets TIOCSTI | 1 << 32 through (CVE-2019-10063, CVE-2019-7303).
const offsetOfRequest = 16 + 8;

const allow = 0x7fff0000;
const refuse = 0x00050000 | 1; // SECCOMP_RET_ERRNO, EPERM
const kill = 0x80000000; // SECCOMP_RET_KILL_PROCESS

const TIOCSTI = 0x5412; // pushes a byte into the caller's terminal (CVE-2016-2781)
const TIOCLINUX = 0x541c; // pastes a selection there (CVE-2023-1523)

interface Numbers {
  readonly architecture: number;
  readonly ioctl: number;
  /** add_key to keyctl, three in a row in every table: the keyrings know nothing of a root directory. */
  readonly keyrings: readonly [first: number, last: number];
}

// asm/unistd_64.h, asm/unistd_32.h; asm-generic/unistd.h, arch/arm/tools/syscall.tbl; linux/audit.h
const x64: Numbers = { architecture: 0xc000003e, ioctl: 16, keyrings: [248, 250] };
const i386: Numbers = { architecture: 0x40000003, ioctl: 54, keyrings: [286, 288] };
const arm64: Numbers = { architecture: 0xc00000b7, ioctl: 29, keyrings: [217, 219] };
const arm: Numbers = { architecture: 0x40000028, ioctl: 54, keyrings: [309, 311] };

const x32Bit = 0x40000000;

type Label = 'native' | 'compat' | 'above' | 'request' | 'allow' | 'refuse';

interface Instruction {
  readonly code: number;
  readonly value: number;
  /** Where a jump leads; without a label to the next instruction. */
  readonly ifTrue?: Label | undefined;
  readonly ifFalse?: Label | undefined;
  /** What this place is called. */
  readonly label?: Label;
}

// The kernel tries a filter on every number of both call tables when it is installed (seccomp_cache_prepare() in
// kernel/seccomp.c), at a cost for each instruction: so most numbers are decided by comparing them with a range.
function rules(numbers: Numbers, label: Label | undefined, above: Label): readonly Instruction[] {
  const [first, last] = numbers.keyrings;
  return [
    { ...(label && { label }), code: loadWord, value: offsetOfNumber },
    { code: jumpIfAtLeast, value: last + 1, ifTrue: above },
    { code: jumpIfAtLeast, value: first, ifTrue: 'refuse' },
    { code: jumpIfEqual, value: numbers.ioctl, ifTrue: 'request', ifFalse: 'allow' },
  ];
}

function instructions(native: Numbers, compat: Numbers): readonly Instruction[] {
  return [
    { code: loadWord, value: offsetOfArchitecture },
    { code: jumpIfEqual, value: native.architecture, ifTrue: 'native' },
    { code: jumpIfEqual, value: compat.architecture, ifTrue: 'compat' },
    { code: answer, value: kill }, // a call table that this filter does not know
    ...rules(native, 'native', native === x64 ? 'above' : 'allow'),
    // x32: same calls, other numbers
    { label: 'above', code: jumpIfAtLeast, value: x32Bit, ifTrue: 'refuse', ifFalse: 'allow' },
    // Read for nothing: at an argument the trial ends. So only the few 32-bit programs pay for their table, call by call.
    { label: 'compat', code: loadWord, value: offsetOfRequest },
    ...rules(compat, undefined, 'allow'),
    { label: 'request', code: loadWord, value: offsetOfRequest },
    { code: jumpIfEqual, value: TIOCSTI, ifTrue: 'refuse' },
    { code: jumpIfEqual, value: TIOCLINUX, ifTrue: 'refuse' },
    { label: 'allow', code: answer, value: allow },
    { label: 'refuse', code: answer, value: refuse },
  ];
}

// struct sock_filter {u16 code; u8 jt; u8 jf; u32 k;} as two words: both architectures are little endian.
function assemble(program: readonly Instruction[]): Buffer {
  const words = program.flatMap(({ code, value, ifTrue, ifFalse }, at) => {
    const distance = (label: Label | undefined): number =>
      label === undefined ? 0 : program.findIndex((other) => other.label === label) - at - 1;
    return [code | (distance(ifTrue) << 16) | (distance(ifFalse) << 24), value];
  });
  return Buffer.from(new Uint32Array(words).buffer);
}

// The same for every launch of a machine.
const made = new Map<string, Buffer>();

/**
 * The filter as an array of `struct sock_filter`, for seccomp(2), SECCOMP_SET_MODE_FILTER.
 *
 * @param architecture as process.arch has it: `x64` or `arm64`
 * @throws UsageError for any other
 */
export function seccompFilter(architecture: string): Buffer {
  const filter = made.get(architecture) ?? compile(architecture);
  made.set(architecture, filter);
  // A copy: planLaunch() hands it to its caller, who could change the filter of every launch after it.
  return Buffer.from(filter);
}

function compile(architecture: string): Buffer {
  if (architecture === 'x64') return assemble(instructions(x64, i386));
  if (architecture === 'arm64') return assemble(instructions(arm64, arm));
  throw new UsageError(`uchroot runs on x64 and arm64, not on ${architecture}`);
}
