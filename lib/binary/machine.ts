// Machines: the ABI that an ELF file is for, and the processor that runs it.

/** Two files in one process must have the same ABI. */
export interface Abi {
  readonly bits: 32 | 64;
  readonly endian: 'little' | 'big';
  /** e_machine, elf(5). */
  readonly machine: number;
  /** For machines with several incompatible calling conventions (ARM, RISC-V, LoongArch). */
  readonly floatAbi?: FloatAbi;
}

export type FloatAbi = 'soft' | 'hard' | 'single' | 'double' | 'quad';

interface Machine {
  /** e_machine, elf(5). */
  readonly number: number;
  /** For messages, if the ABI does not tell more. */
  readonly name: string;
  /** process.arch of Node on it, and the bits of its programs. */
  readonly arch?: string;
  readonly bits?: Abi['bits'];
  /** The name of Debian's directory of libraries. */
  readonly triplet?: string;
}

const MACHINES = {
  sparc: { number: 2, name: 'sparc' },
  i386: { number: 3, name: 'i386', arch: 'ia32', bits: 32, triplet: 'i386-linux-gnu' },
  m68k: { number: 4, name: 'm68k' },
  mips: { number: 8, name: 'mips' },
  parisc: { number: 15, name: 'parisc' },
  powerpc: { number: 20, name: 'powerpc' },
  ppc64: { number: 21, name: 'ppc64', arch: 'ppc64', bits: 64, triplet: 'powerpc64le-linux-gnu' },
  s390: { number: 22, name: 's390x', arch: 's390x', bits: 64, triplet: 's390x-linux-gnu' },
  arm: { number: 40, name: 'arm', arch: 'arm', bits: 32, triplet: 'arm-linux-gnueabihf' },
  sh4: { number: 42, name: 'sh4' },
  sparc64: { number: 43, name: 'sparc64' },
  ia64: { number: 50, name: 'ia64' },
  x86_64: { number: 62, name: 'x86-64', arch: 'x64', bits: 64, triplet: 'x86_64-linux-gnu' },
  aarch64: { number: 183, name: 'aarch64', arch: 'arm64', bits: 64, triplet: 'aarch64-linux-gnu' },
  riscv: { number: 243, name: 'riscv', arch: 'riscv64', bits: 64, triplet: 'riscv64-linux-gnu' },
  bpf: { number: 247, name: 'bpf' },
  loongarch: {
    number: 258,
    name: 'loongarch64',
    arch: 'loong64',
    bits: 64,
    triplet: 'loongarch64-linux-gnu',
  },
  alpha: { number: 0x9026, name: 'alpha' },
} as const satisfies Record<string, Machine>;

const ROWS: readonly Machine[] = Object.values(MACHINES);

export const MACHINE = Object.fromEntries(
  Object.entries(MACHINES).map(([key, { number }]) => [key, number]),
) as Readonly<Record<keyof typeof MACHINES, number>>;

export function tripletOf(machine: number): string | undefined {
  return ROWS.find(({ number }) => number === machine)?.triplet;
}

/** The name of a machine for messages: "x86-64", "arm (hard float)", "machine 1234". */
export function machineName(abi: Abi): string {
  const { machine, bits, endian, floatAbi } = abi;
  if (machine === MACHINE.x86_64 && bits === 32) return 'x32';
  if (machine === MACHINE.riscv) return `riscv${bits}`;
  if (machine === MACHINE.ppc64 && endian === 'little') return 'ppc64le';
  if (machine === MACHINE.mips) return `mips${bits === 64 ? '64' : ''}${endian === 'little' ? 'el' : ''}`;
  if (machine === MACHINE.s390 && bits === 32) return 's390';
  if (machine === MACHINE.aarch64 && endian === 'big') return 'aarch64_be';
  const { name } = ROWS.find(({ number }) => number === machine) ?? { name: `machine ${machine}` };
  return floatAbi !== undefined && machine === MACHINE.arm ? `${name} (${floatAbi} float)` : name;
}

/** The floating-point ABI in e_flags, if the loader compares it (elf/elf.h of glibc). */
export function floatAbi(machine: number, flags: number): FloatAbi | undefined {
  switch (machine) {
    case MACHINE.arm:
      // EF_ARM_ABI_FLOAT_HARD, EF_ARM_ABI_FLOAT_SOFT; a library with neither fits both
      return flags & 0x400 ? 'hard' : flags & 0x200 ? 'soft' : undefined;
    case MACHINE.riscv:
      return (['soft', 'single', 'double', 'quad'] as const)[(flags >> 1) & 3];
    case MACHINE.loongarch:
      return ({ 1: 'soft', 2: 'single', 3: 'double' } as const)[flags & 7];
    default:
      return undefined;
  }
}

/** Whether a loader accepts `library` for `program`; otherwise it continues its search. */
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

const CACHE_FLAGS: Readonly<Record<number, (abi: Abi) => number>> = {
  [MACHINE.x86_64]: ({ bits }) => (bits === 64 ? 0x0300 : 0x0800),
  [MACHINE.aarch64]: () => 0x0a00,
  [MACHINE.arm]: ({ floatAbi }) => (floatAbi === 'soft' ? 0x0b00 : 0x0900),
  [MACHINE.s390]: ({ bits }) => (bits === 64 ? 0x0400 : 0),
  [MACHINE.ppc64]: () => 0x0500,
  [MACHINE.sparc64]: () => 0x0100,
  [MACHINE.mips]: ({ bits }) => (bits === 64 ? 0x0700 : 0),
  [MACHINE.riscv]: ({ floatAbi }) => (floatAbi === 'soft' ? 0x0f00 : floatAbi === 'double' ? 0x1000 : 0),
  [MACHINE.loongarch]: ({ floatAbi }) => (floatAbi === 'soft' ? 0x1100 : 0x1200),
};

/** The flags of libraries of this ABI in ld.so.cache (sysdeps/generic/ldconfig.h of glibc). */
export const cacheFlags = (abi: Abi): number => LIBC6 | (CACHE_FLAGS[abi.machine]?.(abi) ?? 0);

const GLIBC_INTERPRETERS: Readonly<Record<number, (abi: Abi) => string>> = {
  [MACHINE.x86_64]: ({ bits }) => (bits === 64 ? '/lib64/ld-linux-x86-64.so.2' : '/libx32/ld-linux-x32.so.2'),
  [MACHINE.i386]: () => '/lib/ld-linux.so.2',
  [MACHINE.aarch64]: ({ endian }) => `/lib/ld-linux-aarch64${endian === 'little' ? '' : '_be'}.so.1`,
  [MACHINE.arm]: ({ floatAbi }) => `/lib/ld-linux${floatAbi === 'soft' ? '' : '-armhf'}.so.3`,
  [MACHINE.ppc64]: ({ endian }) => `/lib64/ld64.so.${endian === 'little' ? 2 : 1}`,
  [MACHINE.s390]: ({ bits }) => `/lib/ld${bits === 64 ? '64' : ''}.so.1`,
  [MACHINE.riscv]: ({ bits }) => `/lib/ld-linux-riscv${bits === 64 ? '64-lp64d' : '32-ilp32d'}.so.1`,
  [MACHINE.loongarch]: () => '/lib64/ld-linux-loongarch-lp64d.so.1',
  [MACHINE.mips]: ({ bits }) => `/lib${bits === 64 ? '64' : ''}/ld.so.1`,
};

/** The path of glibc's loader, which the ABI documents fix, for a library that names none. */
export const glibcInterpreter = (abi: Abi): string | undefined => GLIBC_INTERPRETERS[abi.machine]?.(abi);

/** The ABI of a Node process by process.arch, for messages such as "built for aarch64, this machine is x86-64". */
export function hostAbi(arch: string, endianness: 'LE' | 'BE'): Abi | undefined {
  const host = ROWS.find((row) => row.arch === arch);
  if (host?.bits === undefined) return undefined;
  return { bits: host.bits, machine: host.number, endian: endianness === 'LE' ? 'little' : 'big' };
}

/** The properties of a processor on which the search for libraries depends. */
export interface Cpu {
  /** Names below `glibc-hwcaps/`, best first (ld.so(8), "glibc-hwcaps"). */
  readonly hwcaps: readonly string[];
  /** The value of $PLATFORM in a search path. */
  readonly platform?: string;
}

/** Any processor of an architecture: only files for every processor. */
export const BASELINE: Cpu = { hwcaps: [] };

// The levels of the x86-64 psABI, in the names of /proc/cpuinfo (abm is LZCNT).
const X86_LEVELS: readonly (readonly [string, readonly string[]])[] = [
  ['x86-64-v2', ['cx16', 'lahf_lm', 'popcnt', 'pni', 'ssse3', 'sse4_1', 'sse4_2']],
  ['x86-64-v3', ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe', 'xsave']],
  ['x86-64-v4', ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl']],
];

// The features for which glibc sets $PLATFORM to "haswell": sysdeps/x86/cpu-features.c.
const HASWELL = ['avx2', 'bmi1', 'bmi2', 'abm', 'movbe', 'popcnt', 'fma'];

/** The processor from /proc/cpuinfo; the baseline for POWER and s390, because their flags do not map to levels. */
export function readCpu(cpuinfo: string, abi: Abi): Cpu {
  if (abi.machine === MACHINE.i386) return { hwcaps: [], platform: 'i686' };
  if (abi.machine === MACHINE.aarch64) return { hwcaps: [], platform: 'aarch64' };
  if (abi.machine !== MACHINE.x86_64) return BASELINE;
  const flags = new Set((/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? '').split(/\s+/));
  const has = (names: readonly string[]) => names.every((name) => flags.has(name));
  const hwcaps: string[] = [];
  for (const [level, names] of X86_LEVELS) {
    if (!has(names)) break; // each level includes the previous ones
    hwcaps.unshift(level);
  }
  return { hwcaps, platform: has(HASWELL) ? 'haswell' : 'x86_64' };
}
