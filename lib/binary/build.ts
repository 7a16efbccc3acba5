// What was compiled into a loader of glibc, which differs from distribution to distribution.

import { type Abi, MACHINE } from './machine.ts';
import { type BytePath, bytePath, toLatin1, trimSlashes } from './path.ts';

const MAX_SYSTEM_DIRECTORIES = 32; // Debian's, which has the most, has four

export interface Build {
  /** Those that it searches by itself. */
  readonly directories: readonly BytePath[];
  readonly cache: BytePath;
  /** What $LIB stands for. */
  readonly lib: string;
}

/**
 * From the file of a loader, in which the directories stand as one run of strings that end in a slash (SYSTEM_DIRS,
 * elf/dl-load.c); the usual ones where there is no such file.
 */
export function readBuild(data: Uint8Array | undefined, abi: Abi): Build {
  const text = data === undefined ? '' : toLatin1(data);
  const found = longestRun(text);
  const directories = (found.length > 0 ? found : defaultDirectories(abi)).map((directory) =>
    trimSlashes(bytePath(directory)),
  );
  const cacheEnd = text.indexOf('/ld.so.cache\0');
  const cache =
    cacheEnd < 0 ? '' : text.slice(text.lastIndexOf('\0', cacheEnd) + 1, text.indexOf('\0', cacheEnd));
  return {
    directories,
    cache: bytePath(cache.startsWith('/') && cache.length < 256 ? cache : '/etc/ld.so.cache'),
    lib: (directories[0] ?? '/lib').replace(/^\/(usr\/)?/, ''),
  };
}

function longestRun(text: string): readonly string[] {
  let [best, run]: [string[], string[]] = [[], []];
  let next = -1; // where a string that belongs to the run would begin
  for (let end = text.indexOf('/\0'); end >= 0; end = text.indexOf('/\0', end + 1)) {
    const start = text.lastIndexOf('\0', end) + 1;
    const directory = end - start < 256 ? text.slice(start, end + 1) : '';
    if (!/^\/[\x21-\x7e]*\/$/.test(directory) || !directory.includes('/lib')) continue;
    if (start === next) run.push(directory);
    else run = [directory];
    if (run.length > best.length) best = run;
    if (best.length === MAX_SYSTEM_DIRECTORIES) break;
    next = end + 2;
  }
  return best;
}

const TRIPLETS: Readonly<Record<number, string>> = {
  [MACHINE.x86_64]: 'x86_64-linux-gnu',
  [MACHINE.i386]: 'i386-linux-gnu',
  [MACHINE.aarch64]: 'aarch64-linux-gnu',
  [MACHINE.arm]: 'arm-linux-gnueabihf',
  [MACHINE.ppc64]: 'powerpc64le-linux-gnu',
  [MACHINE.s390]: 's390x-linux-gnu',
  [MACHINE.riscv]: 'riscv64-linux-gnu',
  [MACHINE.loongarch]: 'loongarch64-linux-gnu',
};

// Debian's and everyone else's, for a loader that is not there to be asked.
function defaultDirectories(abi: Abi): readonly string[] {
  const triplet = TRIPLETS[abi.machine];
  return [
    ...(triplet === undefined ? [] : [`/lib/${triplet}`, `/usr/lib/${triplet}`]),
    ...(abi.bits === 64 ? ['/lib64', '/usr/lib64'] : []),
    '/lib',
    '/usr/lib',
  ];
}
