// /etc/ld.so.conf and musl's path file: the directories an administrator adds to the search for libraries.

import { expandPattern } from './glob.ts';
import { type BytePath, bytePath, joinPath, parentPath, toLatin1, trimSlashes } from './path.ts';
import type { FileRoot, OpenFile } from './root.ts';

const MAX_FILE_BYTES = 1 << 20;
const MAX_FILES = 1000;
const MAX_LINE_BYTES = 4096;

/** A small text or data file, or undefined if it is not there, not a file, not readable, or larger than `maxBytes`. */
export function readSmallFile(
  root: FileRoot,
  path: BytePath,
  maxBytes: number = MAX_FILE_BYTES,
): Uint8Array | undefined {
  try {
    const file = root.open(path);
    if (file === undefined) return undefined;
    try {
      return readWhole(file, maxBytes);
    } finally {
      file.close();
    }
  } catch {
    return undefined; // as the loader, which goes on without it
  }
}

// By its size, not by the limit: memory that is not used costs too. Files in /proc say that they are empty.
function readWhole({ status, read }: OpenFile, maxBytes: number): Uint8Array | undefined {
  if (status.sizeBytes > maxBytes) return undefined;
  for (let size = Math.max(status.sizeBytes, 4096); ; size *= 4) {
    const wanted = Math.min(size, maxBytes);
    const data = read(0, wanted + 1);
    if (data.length <= wanted) return data;
    if (wanted === maxBytes) return undefined;
  }
}

/** What ld.so.conf says, with all that it includes. */
interface LdSoConf {
  readonly directories: readonly BytePath[];
  /** The files that are to be included, their patterns too. */
  readonly included: readonly BytePath[];
}

/**
 * The directories that ldconfig(8) would search, in order: lines of ld.so.conf, `include` with wildcards, `#` comments.
 * The loader itself reads only the cache made from them.
 */
export function readLdSoConf(root: FileRoot, path: BytePath = bytePath('/etc/ld.so.conf')): LdSoConf {
  const directories = new Set<BytePath>();
  const included = new Set<BytePath>();
  const seen = new Set<BytePath>();

  function include(pattern: BytePath): void {
    included.add(pattern);
    for (const match of expandPattern(root, pattern, MAX_FILES)) {
      included.add(match);
      readOne(match);
    }
  }

  function readOne(file: BytePath): void {
    if (seen.has(file) || seen.size === MAX_FILES) return;
    seen.add(file);
    const data = readSmallFile(root, file);
    if (data === undefined) return;
    for (const raw of toLatin1(data).split('\n')) {
      if (raw.length > MAX_LINE_BYTES) continue;
      const line = raw.replace(/#.*/, '').trim();
      const patterns = /^include\s+(.*)$/.exec(line)?.[1];
      if (patterns !== undefined) {
        for (const pattern of patterns.split(/\s+/) as BytePath[])
          include(joinPath(parentPath(file), pattern));
      } else if (line.startsWith('/')) {
        // "hwcap 0 nosegneg" and the like are of the past; "/lib=libc6" names a type no longer used
        directories.add(trimSlashes(line.replace(/=[^/]*$/, '') as BytePath));
      }
    }
  }

  readOne(path);
  return { directories: [...directories], included: [...included] };
}

/** The search path of musl's loader, `/etc/ld-musl-ARCH.path` or its default (ldso/dynlink.c of musl). */
export function readMuslPath(root: FileRoot, file: BytePath): readonly BytePath[] {
  const data = readSmallFile(root, file);
  const text = data === undefined ? '/lib:/usr/local/lib:/usr/lib' : toLatin1(data);
  return text.split(/[:\n]/).filter((directory) => directory.startsWith('/')) as BytePath[];
}
