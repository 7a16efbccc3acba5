// The common interface of glibc's and musl's loaders.

import type { Elf } from './elf.ts';
import type { Files, Unusable } from './elf-files.ts';
import { type Abi, sameAbi } from './machine.ts';
import { type BytePath, parentPath, trimSlashes } from '../tree/path.ts';

export type Tokens = Readonly<Record<'ORIGIN' | 'LIB' | 'PLATFORM', string | undefined>>;

/** Replaces the tokens; undefined if the value of one is unknown. */
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

/** The directories of a search path, each once. Empty and relative elements depend on the working directory. */
export function splitSearchPath(
  text: BytePath,
  tokens: Tokens,
): { readonly directories: readonly BytePath[]; readonly relative: readonly BytePath[] } {
  // an entirely empty path is ignored: decompose_rpath() of elf/dl-load.c
  const elements = text === '' ? [] : (text.split(':') as BytePath[]);
  const expanded = elements.flatMap((element) => expandTokens(element, tokens) ?? []);
  return {
    directories: [...new Set(expanded.filter((path) => path.startsWith('/')).map(trimSlashes))],
    relative: expanded.filter((path) => !path.startsWith('/')),
  };
}

/** A file that a loader has loaded. */
export interface Loaded {
  /** As the loader names it: links are not resolved. */
  readonly path: BytePath;
  readonly elf: Elf;
  /** The value of $ORIGIN for it; undefined for a program without /proc. */
  readonly origin: BytePath | undefined;
  /** The first file that needed it; undefined for the program. */
  readonly neededBy?: Loaded;
}

/** The rule that found a library. `conf`: a directory of ld.so.conf, without a cache. */
export type FoundBy = 'path' | 'rpath' | 'runpath' | 'cache' | 'default' | 'conf';

export interface Found {
  readonly kind: 'found';
  readonly path: BytePath;
  readonly by: FoundBy;
  /** Found by $ORIGIN of the program, which the loader reads from /proc/self/exe and ignores without it. */
  readonly needsProc?: boolean;
}

export interface Missing {
  readonly kind: 'missing';
  readonly reason: Unusable;
  /** An unusable file that was found, if any. */
  readonly path?: BytePath;
}

export type Search = Found | Missing;

/** The file at a path as the result of a search. */
export function checkLibrary(files: Files, abi: Abi, path: BytePath, by: FoundBy): Search {
  const look = files.look(path);
  if (look.kind !== 'elf') return { kind: 'missing', reason: look.reason, path };
  if (!sameAbi(abi, look.elf)) return { kind: 'missing', reason: 'other-architecture', path };
  return { kind: 'found', path, by };
}

/** The searched directory in which a library was found, without a glibc-hwcaps/ level. */
export function searchedDirectory(path: BytePath): BytePath {
  const levels = '/glibc-hwcaps';
  const at = path.lastIndexOf(`${levels}/`);
  return parentPath(at < 0 ? path : (path.slice(0, at + levels.length) as BytePath));
}

export interface Loader {
  readonly kind: 'glibc' | 'musl';
  /** PT_INTERP of the program. */
  readonly interpreter: BytePath;
  /** The directories that it searches without a cache. */
  readonly systemDirectories: readonly BytePath[];
  /** The existing configuration files of its search. */
  readonly configuration: readonly BytePath[];
  /** Finds the library `name` for the file `from` in the process of `program`. */
  find(name: BytePath, from: Loaded, program: Loaded): Search;
  /** True for a name that needs no file, because the loader or the kernel provides it. */
  isItself(name: BytePath): boolean;
}
