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

// struct sock_filter {u16 code; u8 jt; u8 jf; u32 k;} as two words: both architectures are little endian.
class Program {
  readonly words: number[] = [];
  add(code: number, ifTrue: number, ifFalse: number, value: number): void {
    this.words.push(code | (ifTrue << 16) | (ifFalse << 24), value);
  }
  append(other: Program): void {
    this.words.push(...other.words);
  }
  get length(): number {
    return this.words.length / 2;
  }
}

// Everything a program of one architecture may not call. The order is fixed, so that jumps are simple.
function rules(numbers: Numbers): Program {
  const [addKey, requestKey, keyctl] = numbers.keyrings;
  const program = new Program();
  program.add(loadWord, 0, 0, offsetOfNumber);
  if (numbers === x64) {
    program.add(jumpIfAtLeast, 0, 1, x32Bit); // x32: same calls, other numbers
    program.add(answer, 0, 0, refuse);
  }
  program.add(jumpIfEqual, 3, 0, numbers.ioctl);
  program.add(jumpIfEqual, 6, 0, addKey);
  program.add(jumpIfEqual, 5, 0, requestKey);
  program.add(jumpIfEqual, 4, 3, keyctl);
  program.add(loadWord, 0, 0, offsetOfRequest);
  program.add(jumpIfEqual, 2, 0, TIOCSTI);
  program.add(jumpIfEqual, 1, 0, TIOCLINUX);
  program.add(answer, 0, 0, allow);
  program.add(answer, 0, 0, refuse);
  return program;
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
  const program = new Program();
  program.add(loadWord, 0, 0, offsetOfArchitecture);
  program.add(jumpIfEqual, 0, own.length, native.architecture);
  program.append(own);
  program.add(jumpIfEqual, 1, 0, compat.architecture);
  program.add(answer, 0, 0, kill); // a call table that this filter does not know
  program.append(other);
  return Buffer.from(new Uint32Array(program.words).buffer);
}
