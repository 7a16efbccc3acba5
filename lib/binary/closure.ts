// Finds all files that a program needs to start: `#!` interpreters, loader and libraries, each with a reason.

import type { Bytes } from '../words/quote.ts';
import { type Chain, followScripts, type MissingFile, type NeededFile } from './chain.ts';
import { type Abi, BASELINE, type Cpu, glibcInterpreter, machineName } from './machine.ts';
import type { Elf } from './elf.ts';
import { remember } from '../values/remember.ts';
import { type Files, openFiles } from './elf-files.ts';
import { openGlibc } from './glibc.ts';
import { type Libraries, loadLibraries } from './libraries.ts';
import type { Loader } from './loader.ts';
import { muslArchitecture, openMusl } from './musl.ts';
import type { DlopenPriority } from './elf-dynamic.ts';
import { type BytePath, bytePath, joinPath, parentPath } from '../tree/path.ts';
import type { FileRoot } from '../tree/root.ts';
import { resolveLinks } from '../tree/walk.ts';

export type { MissingFile, NeededFile } from './chain.ts';

export interface Closure {
  /** Each path once, in the order in which the kernel and the loader open them. */
  readonly files: readonly NeededFile[];
  /** Empty if the program can start. */
  readonly missing: readonly MissingFile[];
  /** The loader of the program that finally runs; undefined for a static program, or if it was not found. */
  readonly loader?: Loader;
}

export interface ResolverOptions {
  /** The processor to search for; by default only files for every processor are found. */
  readonly cpu?: Cpu;
  /** Whether /proc is mounted when the program starts: the loader finds its $ORIGIN there. By default as it is now. */
  readonly hasProc?: boolean;
  /** PATH of env(1) in a `#!` line; by default the value that uchroot sets, /usr/local/bin:/usr/bin:/bin. */
  readonly path?: Bytes;
  /** The lowest priority of included libraries that a file opens at run time (.note.dlopen); `recommended` by default. */
  readonly dlopen?: DlopenPriority | 'none';
  /** The files of the same root that another resolver has read. */
  readonly files?: Files;
}

interface Search {
  readonly files: Files;
  readonly loaderOf: (interpreter: BytePath, abi: Abi) => Loader;
  readonly hasProc: boolean;
  readonly dlopen: DlopenPriority | 'none';
}

/** Searches as glibc's or musl's loader does. It caches what it reads: the root should not change meanwhile. */
export function openResolver(root: FileRoot, options: ResolverOptions = {}) {
  const { files = openFiles(root) } = options;
  const { cpu = BASELINE, hasProc = files.exists(bytePath('/proc/self')), dlopen = 'recommended' } = options;
  const path = bytePath(options.path ?? '/usr/local/bin:/usr/bin:/bin');
  const loaders = new Map<string, Loader>();
  function loaderOf(interpreter: BytePath, abi: Abi): Loader {
    return remember(loaders, `${machineName(abi)} ${interpreter}`, () =>
      muslArchitecture(interpreter) === undefined
        ? openGlibc(files, interpreter, abi, cpu)
        : openMusl(files, interpreter, abi),
    );
  }

  return {
    /** The closure of a program or library, by its path in the root. @throws EIO and similar errors, never ENOENT. */
    resolve(program: BytePath): Closure {
      files.begin();
      return toClosure(followScripts(files, program, path), { files, loaderOf, hasProc, dlopen });
    },
  };
}

export function resolveProgram(root: FileRoot, program: BytePath, options?: ResolverOptions): Closure {
  return openResolver(root, options).resolve(program);
}

function toClosure({ runs, missing }: Chain, search: Search): Closure {
  const files = new Map<BytePath, NeededFile>();
  const lost: MissingFile[] = [];
  let last: Loader | undefined;
  for (const run of runs) {
    const { path, elf } = run.at(-1) ?? {};
    const loading = path === undefined || elf === undefined ? undefined : withLoader(path, elf, search);
    for (const file of run.concat(loading?.files ?? [])) remember(files, file.path, () => file);
    lost.push(...(loading?.missing ?? []));
    last = loading?.loader;
  }
  return {
    files: [...files.values()],
    missing: [...lost, ...missing],
    ...(last !== undefined && { loader: last }),
  };
}

function withLoader(
  path: BytePath,
  elf: Elf,
  { files, loaderOf, hasProc, dlopen }: Search,
): (Libraries & { readonly loader: Loader }) | undefined {
  const needsOne = elf.needed.length > 0 || (dlopen !== 'none' && elf.dlopen.length > 0);
  const asked = elf.interpreter ?? (needsOne ? glibcInterpreter(elf) : undefined);
  if (asked === undefined) return undefined;

  const interpreter = joinPath(bytePath('/'), asked as BytePath);
  const itself = files.look(interpreter);
  const loader = loaderOf(interpreter, elf);
  const program = {
    path,
    elf,
    // The loader reads /proc/self/exe, so links in $ORIGIN are resolved. A getter, because few programs use it.
    get origin() {
      return hasProc ? parentPath(resolveLinks(files.root, path)) : undefined;
    },
  };
  const { files: found, missing } = loadLibraries({ files, loader, program, itself }, dlopen);
  const needed = { role: 'elf-interpreter', path: interpreter, neededBy: path } as const;
  if (itself.kind === 'elf') return { files: [{ ...needed, elf: itself.elf }, ...found], missing, loader };
  // A library names no loader: the usual one is only used to search, and may be missing.
  if (elf.interpreter === undefined) return { files: found, missing, loader };
  const { reason, message } = itself;
  return { files: found, missing: [{ ...needed, reason, message }, ...missing], loader };
}
