// Reads /etc/ld.so.conf and musl's path file: the directories that the administrator adds to the search for libraries.

import { bytePath, type BytePath, joinPath, parentPath, toLatin1, trimSlashes } from '../tree/path.ts';
import { type FileRoot, type OpenFile, tryFile } from '../tree/root.ts';
import { lookOr } from '../words/system-error.ts';

const WILDCARD = /[*?[]/;

/** At most `most` paths that match an absolute pattern, in order; a pattern without wildcards is returned unchecked. */
export function expandPattern(root: FileRoot, pattern: BytePath, most: number): readonly BytePath[] {
  const names = pattern.split('/').filter((name) => name !== '') as BytePath[];
  let paths: readonly BytePath[] = [bytePath('/')];
  for (const name of names)
    paths = WILDCARD.test(name)
      ? paths.flatMap((path) => matching(root, path, name)).slice(0, most)
      : paths.map((path) => joinPath(path, name));
  return paths;
}

// None where ldconfig could not list them either.
const matching = (root: FileRoot, directory: BytePath, pattern: string): readonly BytePath[] =>
  (lookOr(undefined, () => root.list(directory)) ?? [])
    .filter((name) => (!name.startsWith('.') || pattern.startsWith('.')) && matches(name, pattern))
    .map((name) => joinPath(directory, name));

// Not a RegExp: a pattern of a hostile root could take exponential time. This backtracks only to the last `*`.
function matches(name: string, pattern: string): boolean {
  let [at, next, star, retry] = [0, 0, -1, 0];
  while (at < name.length) {
    const behind = pattern[next] === '*' ? undefined : matchOne(name.charAt(at), pattern, next);
    if (pattern[next] === '*') {
      star = next++;
      retry = at;
    } else if (behind !== undefined) {
      next = behind;
      at++;
    } else if (star >= 0) {
      next = star + 1;
      at = ++retry;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(next));
}

// The position in the pattern after the part that matches this character.
function matchOne(character: string, pattern: string, next: number): number | undefined {
  const set = pattern[next] === '[' ? /^\[([!^]?)(\]?[^\]]*)\]/.exec(pattern.slice(next)) : null;
  if (set !== null) {
    const [whole, not, members = ''] = set;
    return hasMember(members, character) === (not === '') ? next + whole.length : undefined;
  }
  return next < pattern.length && (pattern[next] === '?' || pattern[next] === character)
    ? next + 1
    : undefined;
}

function hasMember(members: string, character: string): boolean {
  for (let i = 0; i < members.length; i++) {
    const isRange = members[i + 1] === '-' && i + 2 < members.length;
    const last = isRange ? members.charAt(i + 2) : members.charAt(i);
    if (character >= members.charAt(i) && character <= last) return true;
    if (isRange) i += 2;
  }
  return false;
}

const MAX_FILE_BYTES = 1 << 20;
const MAX_FILES = 1000;
const MAX_LINE_BYTES = 4096;

/** The content of a small file; undefined if it cannot be read or is larger than `maxBytes`. */
export function readSmallFile(
  root: FileRoot,
  path: BytePath,
  maxBytes: number = MAX_FILE_BYTES,
): Uint8Array | undefined {
  return tryFile(root, path, (file) => readWhole(file, maxBytes));
}

/** The same as text, one character a byte. */
export function readSmallText(root: FileRoot, path: BytePath, maxBytes?: number): BytePath | undefined {
  const data = readSmallFile(root, path, maxBytes);
  return data && toLatin1(data);
}

// Allocates by the file's size, not by the limit. Files in /proc have size 0 but are not empty.
function readWhole({ status, read }: OpenFile, maxBytes: number): Uint8Array | undefined {
  if (status.sizeBytes > maxBytes) return undefined;
  for (let size = Math.max(status.sizeBytes, 4096); ; size *= 4) {
    const wanted = Math.min(size, maxBytes);
    const data = read(0, wanted + 1);
    if (data.length <= wanted) return data;
    if (wanted === maxBytes) return undefined;
  }
}

/** The directories that ldconfig(8) searches, in order, and the included files and patterns. The loader reads only the cache. */
export function readLdSoConf(root: FileRoot, path: BytePath = bytePath('/etc/ld.so.conf')) {
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
    for (const raw of (readSmallText(root, file) ?? '').split('\n')) {
      if (raw.length > MAX_LINE_BYTES) continue;
      const line = raw.replace(/#.*/, '').trim();
      const patterns = /^include\s+(.*)$/.exec(line)?.[1];
      if (patterns !== undefined) {
        for (const pattern of patterns.split(/\s+/) as BytePath[])
          include(joinPath(parentPath(file), pattern));
      } else if (line.startsWith('/')) {
        // lines such as "hwcap 0 nosegneg" and types as in "/lib=libc6" are obsolete
        directories.add(trimSlashes(line.replace(/=[^/]*$/, '') as BytePath));
      }
    }
  }

  readOne(path);
  return { directories: [...directories], included: [...included] };
}

/** The search path of musl's loader, `/etc/ld-musl-ARCH.path` or its default (ldso/dynlink.c of musl). */
export function readMuslPath(root: FileRoot, file: BytePath): readonly BytePath[] {
  const text = readSmallText(root, file) ?? '/lib:/usr/local/lib:/usr/lib';
  return text.split(/[:\n]/).filter((directory) => directory.startsWith('/')) as BytePath[];
}
