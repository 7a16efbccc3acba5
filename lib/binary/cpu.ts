// Which builds of a library for newer processors the loader of this machine prefers.

import { type Abi, MACHINE } from './machine.ts';

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
