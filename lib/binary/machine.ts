// Machines: the ABI that an ELF file is for, and the processor that runs it.

/** What two files must share to be loaded into one process. */
export interface Abi {
  readonly bits: 32 | 64;
  readonly endian: 'little' | 'big';
  /** e_machine, elf(5). */
  readonly machine: number;
  /** Where one machine has several calling conventions that do not mix (ARM, RISC-V, LoongArch). */
  readonly floatAbi?: FloatAbi;
}

export type FloatAbi = 'soft' | 'hard' | 'single' | 'double' | 'quad';

export const MACHINE = {
  i386: 3,
  mips: 8,
  ppc64: 21,
  s390: 22,
  arm: 40,
  sparc64: 43,
  x86_64: 62,
  aarch64: 183,
  riscv: 243,
  loongarch: 258,
} as const;

const NAMES: Readonly<Record<number, string>> = {
  2: 'sparc',
  [MACHINE.i386]: 'i386',
  4: 'm68k',
  [MACHINE.mips]: 'mips',
  15: 'parisc',
  20: 'powerpc',
  [MACHINE.ppc64]: 'powerpc64',
  [MACHINE.s390]: 's390x',
  [MACHINE.arm]: 'arm',
  42: 'sh4',
  [MACHINE.sparc64]: 'sparc64',
  50: 'ia64',
  [MACHINE.x86_64]: 'x86-64',
  [MACHINE.aarch64]: 'aarch64',
  [MACHINE.riscv]: 'riscv64',
  247: 'bpf',
  [MACHINE.loongarch]: 'loongarch64',
  0x9026: 'alpha',
};

/** The name of an architecture for messages: "x86-64", "aarch64", "arm (hard float)", "machine 1234". */
export function machineName(abi: Abi): string {
  const { machine, bits, endian, floatAbi } = abi;
  if (machine === MACHINE.x86_64) return bits === 64 ? 'x86-64' : 'x32';
  if (machine === MACHINE.riscv) return `riscv${bits}`;
  if (machine === MACHINE.ppc64) return endian === 'little' ? 'ppc64le' : 'ppc64';
  if (machine === MACHINE.mips) return `mips${bits === 64 ? '64' : ''}${endian === 'little' ? 'el' : ''}`;
  if (machine === MACHINE.s390 && bits === 32) return 's390';
  if (machine === MACHINE.aarch64 && endian === 'big') return 'aarch64_be';
  const name = NAMES[machine] ?? `machine ${machine}`;
  return floatAbi !== undefined && machine === MACHINE.arm ? `${name} (${floatAbi} float)` : name;
}

/** The floating point part of e_flags, as far as a loader compares it (elf/elf.h of glibc). */
export function floatAbi(machine: number, flags: number): FloatAbi | undefined {
  switch (machine) {
    case MACHINE.arm:
      // EF_ARM_ABI_FLOAT_HARD, EF_ARM_ABI_FLOAT_SOFT; a library may carry neither and fits both.
      return flags & 0x400 ? 'hard' : flags & 0x200 ? 'soft' : undefined;
    case MACHINE.riscv:
      return (['soft', 'single', 'double', 'quad'] as const)[(flags >> 1) & 3];
    case MACHINE.loongarch:
      return ({ 1: 'soft', 2: 'single', 3: 'double' } as const)[flags & 7];
    default:
      return undefined;
  }
}

/** Whether a loader that runs `program` takes `library` too, rather than searching on. */
export function sameAbi(program: Abi, library: Abi): boolean {
  return (
    program.bits === library.bits &&
    program.endian === library.endian &&
    program.machine === library.machine &&
    (program.floatAbi === undefined ||
      library.floatAbi === undefined ||
      program.floatAbi === library.floatAbi)
  );
}

const LIBC6 = 3;

/** The flags by which ld.so.cache marks libraries of this ABI (sysdeps/generic/ldconfig.h of glibc). */
export function cacheFlags(abi: Abi): number {
  switch (abi.machine) {
    case MACHINE.x86_64:
      return LIBC6 | (abi.bits === 64 ? 0x0300 : 0x0800);
    case MACHINE.aarch64:
      return LIBC6 | 0x0a00;
    case MACHINE.arm:
      return LIBC6 | (abi.floatAbi === 'soft' ? 0x0b00 : 0x0900);
    case MACHINE.s390:
      return LIBC6 | (abi.bits === 64 ? 0x0400 : 0);
    case MACHINE.ppc64:
      return LIBC6 | 0x0500;
    case MACHINE.sparc64:
      return LIBC6 | 0x0100;
    case MACHINE.mips:
      return LIBC6 | (abi.bits === 64 ? 0x0700 : 0);
    case MACHINE.riscv:
      return LIBC6 | (abi.floatAbi === 'soft' ? 0x0f00 : abi.floatAbi === 'double' ? 0x1000 : 0);
    case MACHINE.loongarch:
      return LIBC6 | (abi.floatAbi === 'soft' ? 0x1100 : 0x1200);
    default:
      return LIBC6;
  }
}

/** Where glibc's loader lies, for a library that names none itself (the ABI documents fix the path). */
export function glibcInterpreter(abi: Abi): string | undefined {
  const little = abi.endian === 'little';
  switch (abi.machine) {
    case MACHINE.x86_64:
      return abi.bits === 64 ? '/lib64/ld-linux-x86-64.so.2' : '/libx32/ld-linux-x32.so.2';
    case MACHINE.i386:
      return '/lib/ld-linux.so.2';
    case MACHINE.aarch64:
      return little ? '/lib/ld-linux-aarch64.so.1' : '/lib/ld-linux-aarch64_be.so.1';
    case MACHINE.arm:
      return abi.floatAbi === 'soft' ? '/lib/ld-linux.so.3' : '/lib/ld-linux-armhf.so.3';
    case MACHINE.ppc64:
      return little ? '/lib64/ld64.so.2' : '/lib64/ld64.so.1';
    case MACHINE.s390:
      return abi.bits === 64 ? '/lib/ld64.so.1' : '/lib/ld.so.1';
    case MACHINE.riscv:
      return abi.bits === 64 ? '/lib/ld-linux-riscv64-lp64d.so.1' : '/lib/ld-linux-riscv32-ilp32d.so.1';
    case MACHINE.loongarch:
      return '/lib64/ld-linux-loongarch-lp64d.so.1';
    case MACHINE.mips:
      return abi.bits === 64 ? '/lib64/ld.so.1' : '/lib/ld.so.1';
    default:
      return undefined;
  }
}

/** The ABI of this process, for messages such as "built for aarch64, this machine is x86-64". */
export function hostAbi(arch: string, endianness: 'LE' | 'BE'): Abi | undefined {
  const endian = endianness === 'LE' ? 'little' : 'big';
  switch (arch) {
    case 'x64':
      return { bits: 64, endian, machine: MACHINE.x86_64 };
    case 'arm64':
      return { bits: 64, endian, machine: MACHINE.aarch64 };
    case 'ia32':
      return { bits: 32, endian, machine: MACHINE.i386 };
    case 'arm':
      return { bits: 32, endian, machine: MACHINE.arm };
    case 'ppc64':
      return { bits: 64, endian, machine: MACHINE.ppc64 };
    case 's390x':
      return { bits: 64, endian, machine: MACHINE.s390 };
    case 'riscv64':
      return { bits: 64, endian, machine: MACHINE.riscv };
    case 'loong64':
      return { bits: 64, endian, machine: MACHINE.loongarch };
    default:
      return undefined;
  }
}

/** What the loader knows of the processor; the search for libraries depends on it. */
export interface Cpu {
  /** Names below `glibc-hwcaps/`, best first (ld.so(8), "glibc-hwcaps"). */
  readonly hwcaps: readonly string[];
  /** What $PLATFORM in a search path stands for. */
  readonly platform?: string;
}

/** Any machine of an architecture: only the files that every one of them can use. */
export const BASELINE: Cpu = { hwcaps: [] };

// The levels of the x86-64 psABI, in the names of /proc/cpuinfo (abm is LZCNT).
const X86_LEVELS: readonly (readonly [string, readonly string[]])[] = [
  ['x86-64-v2', ['cx16', 'lahf_lm', 'popcnt', 'pni', 'ssse3', 'sse4_1', 'sse4_2']],
  ['x86-64-v3', ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe', 'xsave']],
  ['x86-64-v4', ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl']],
];

// What glibc calls "haswell" for $PLATFORM: sysdeps/x86/cpu-features.c.
const HASWELL = ['avx2', 'bmi1', 'bmi2', 'abm', 'movbe', 'popcnt', 'fma'];

/**
 * The processor by the text of /proc/cpuinfo. Levels exist for x86-64; for POWER and s390, which name no flags that map
 * to them, the baseline is the answer, which every processor can use.
 */
export function readCpu(cpuinfo: string, abi: Abi): Cpu {
  if (abi.machine === MACHINE.i386) return { hwcaps: [], platform: 'i686' };
  if (abi.machine === MACHINE.aarch64) return { hwcaps: [], platform: 'aarch64' };
  if (abi.machine !== MACHINE.x86_64) return BASELINE;
  const flags = new Set((/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? '').split(/\s+/));
  const has = (names: readonly string[]) => names.every((name) => flags.has(name));
  const hwcaps: string[] = [];
  for (const [level, names] of X86_LEVELS) {
    if (!has(names)) break; // each level includes those before it
    hwcaps.unshift(level);
  }
  return { hwcaps, platform: has(HASWELL) ? 'haswell' : 'x86_64' };
}
