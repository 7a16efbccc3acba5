// What the two loaders, of glibc and of musl, have in common.

import type { Elf } from './elf.ts';
import type { Unusable } from './elf-files.ts';
import { type BytePath, parentPath, trimSlashes } from './path.ts';
export type Tokens = Readonly<Record<'ORIGIN' | 'LIB' | 'PLATFORM', string | undefined>>;

/** Undefined if a token in it is not known. */
export function expandTokens(text: BytePath, tokens: Tokens): BytePath | undefined {
  if (!text.includes('$')) return text;
  let unknown = false;
  const expanded = text.replace(
    /\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))/g,
    (_, braced?: keyof Tokens, bare?: keyof Tokens) => {
      const value = tokens[braced ?? bare ?? 'ORIGIN'];
      if (value === undefined) unknown = true;
      return value ?? '';
    },
  );
  return unknown ? undefined : (expanded as BytePath);
}

/** Its directories, each once. An empty or relative one means the working directory, which is another one at every start. */
export function splitSearchPath(
  text: BytePath,
  tokens: Tokens,
): { readonly directories: readonly BytePath[]; readonly relative: readonly BytePath[] } {
  // one that is empty as a whole is ignored: decompose_rpath() of elf/dl-load.c
  const elements = text === '' ? [] : (text.split(':') as BytePath[]);
  const expanded = elements.flatMap((element) => expandTokens(element, tokens) ?? []);
  return {
    directories: [...new Set(expanded.filter((path) => path.startsWith('/')).map(trimSlashes))],
    relative: expanded.filter((path) => !path.startsWith('/')),
  };
}

/** A file as a loader has mapped it. */
export interface Loaded {
  /** As the loader names it: links in it are not resolved. */
  readonly path: BytePath;
  readonly elf: Elf;
  /** What $ORIGIN stands for in it; undefined for a program where there is no /proc to tell. */
  readonly origin: BytePath | undefined;
  /** The first that needed it; undefined for the program. */
  readonly neededBy?: Loaded;
}

/** Which rule of the search found a library. `conf`: a directory of ld.so.conf that the cache does not know yet. */
export type FoundBy = 'path' | 'rpath' | 'runpath' | 'cache' | 'default' | 'conf';

export type Search =
  /** `needsProc`: by $ORIGIN of the program, which the loader learns from /proc/self/exe and otherwise passes over. */
  | { readonly kind: 'found'; readonly path: BytePath; readonly by: FoundBy; readonly needsProc?: boolean }
  /** `path` is the file that was found and is of no use, if any was. */
  | { readonly kind: 'missing'; readonly reason: Unusable; readonly path?: BytePath };

/** The directory of a search that a library was found in, itself or its glibc-hwcaps/ level. */
export function searchedDirectory(path: BytePath): BytePath {
  const level = path.lastIndexOf('/glibc-hwcaps/');
  return level < 0 ? parentPath(path) : (path.slice(0, level) as BytePath);
}

export interface Loader {
  readonly kind: 'glibc' | 'musl';
  /** PT_INTERP of the program. */
  readonly interpreter: BytePath;
  /** Directories that it searches by itself, without a cache or a path file. */
  readonly systemDirectories: readonly BytePath[];
  /** Files that steer its search and exist. */
  readonly configuration: readonly BytePath[];
  /** Finds the library `name` for `from`, of the process that began with `program`. */
  find(name: BytePath, from: Loaded, program: Loaded): Search;
  /** True for a name that stands for the loader itself. */
  isItself(name: BytePath): boolean;
}
