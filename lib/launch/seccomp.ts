// The small seccomp filter that every program gets: no terminal injection, no kernel keyrings.
import { UsageError } from '../errors.ts';

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
  /** add_key, request_key, keyctl: the keyrings know nothing of a root directory. */
  readonly keyrings: readonly [number, number, number];
}

// asm/unistd_64.h, asm/unistd_32.h; asm-generic/unistd.h, arch/arm/tools/syscall.tbl; linux/audit.h
const x64: Numbers = { architecture: 0xc000003e, ioctl: 16, keyrings: [248, 249, 250] };
const i386: Numbers = { architecture: 0x40000003, ioctl: 54, keyrings: [286, 287, 288] };
const arm64: Numbers = { architecture: 0xc00000b7, ioctl: 29, keyrings: [217, 218, 219] };
const arm: Numbers = { architecture: 0x40000028, ioctl: 54, keyrings: [309, 310, 311] };

const x32Bit = 0x40000000;

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number];

// Everything a program of one architecture may not call. The order is fixed, so that jumps are simple.
function rules(numbers: Numbers): Instruction[] {
  const [addKey, requestKey, keyctl] = numbers.keyrings;
  const list: Instruction[] = [[loadWord, 0, 0, offsetOfNumber]];
  if (numbers === x64) list.push([jumpIfAtLeast, 0, 1, x32Bit], [answer, 0, 0, refuse]); // x32: same calls, other numbers
  list.push(
    [jumpIfEqual, 3, 0, numbers.ioctl],
    [jumpIfEqual, 6, 0, addKey],
    [jumpIfEqual, 5, 0, requestKey],
    [jumpIfEqual, 4, 3, keyctl],
    [loadWord, 0, 0, offsetOfRequest],
    [jumpIfEqual, 2, 0, TIOCSTI],
    [jumpIfEqual, 1, 0, TIOCLINUX],
    [answer, 0, 0, allow],
    [answer, 0, 0, refuse],
  );
  return list;
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
  return filter;
}

function compile(architecture: string): Buffer {
  const native = architecture === 'x64' ? x64 : architecture === 'arm64' ? arm64 : undefined;
  if (native === undefined) throw new UsageError(`uchroot runs on x64 and arm64, not on ${architecture}`);
  const compat = native === x64 ? i386 : arm;
  const own = rules(native);
  const other = rules(compat);
  const program: Instruction[] = [
    [loadWord, 0, 0, offsetOfArchitecture],
    [jumpIfEqual, 0, own.length, native.architecture],
    ...own,
    [jumpIfEqual, 1, 0, compat.architecture],
    [answer, 0, 0, kill], // a call table that this filter does not know
    ...other,
  ];
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, ifTrue, ifFalse, value], index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(value, index * 8 + 4);
  });
  return bytes;
}
