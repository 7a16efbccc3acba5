// All files that a program needs to start: its `#!` interpreters, its loader, its libraries, each with the reason.

import { type Chain, type MissingFile, type NeededFile, followScripts } from './chain.ts';
import { BASELINE, type Cpu } from './cpu.ts';
import type { Elf } from './elf.ts';
import { type Files, type Look, openFiles, remember, type Unusable } from './files.ts';
import { openGlibc } from './glibc.ts';
import type { Loaded, Loader } from './loader.ts';
import { type Abi, glibcInterpreter, machineName } from './machine.ts';
import { muslArchitecture, openMusl } from './musl.ts';
import { type BytePath, bytePath, joinPath, parentPath, showPath } from './path.ts';
import type { FileRoot } from './root.ts';
import { walk } from './walk.ts';

export type { MissingFile, NeededFile } from './chain.ts';

export interface Closure {
  /** In the order in which the kernel and the loader come to them; each path once. */
  readonly files: readonly NeededFile[];
  /** Empty if the program can start. */
  readonly missing: readonly MissingFile[];
  /** The loader that was asked; undefined for a static program, or if the search did not come to it. */
  readonly loader?: Loader;
}

export interface Resolver {
  /** The closure of a program or a library, a path as the root sees it. @throws EIO and the like, never ENOENT. */
  resolve(program: BytePath): Closure;
}

export interface ResolverOptions {
  /** The processor to search for; only files for every processor if not given. */
  readonly cpu?: Cpu;
  /**
   * Whether /proc will be mounted when the program starts, without which the loader does not know $ORIGIN of a program; if not
   * given, whether it is now.
   */
  readonly hasProc?: boolean;
}

/**
 * Answers for many programs of one root, remembering what it has read of it: the root should not change meanwhile.
 * The search is that of the loader the program names, glibc's or musl's; nothing is executed.
 */
export function openResolver(root: FileRoot, options: ResolverOptions = {}): Resolver {
  const files = openFiles(root);
  const { cpu = BASELINE, hasProc = files.exists(bytePath('/proc/self')) } = options;
  const loaders = new Map<string, Loader>();

  function loaderOf(interpreter: BytePath, abi: Abi): Loader {
    return remember(loaders, `${machineName(abi)} ${interpreter}`, () =>
      muslArchitecture(interpreter) === undefined
        ? openGlibc(files, interpreter, abi, cpu)
        : openMusl(files, interpreter, abi),
    );
  }

  return {
    resolve(program) {
      files.begin();
      const chain = followScripts(files, program);
      if (chain.elf === undefined) return chain;
      return withLibraries(files, chain, chain.elf, { loaderOf, hasProc });
    },
  };
}

/** The closure of one program. */
export function resolveProgram(root: FileRoot, program: BytePath, options?: ResolverOptions): Closure {
  return openResolver(root, options).resolve(program);
}

function withLibraries(
  files: Files,
  chain: Chain,
  elf: Elf,
  how: { readonly loaderOf: (interpreter: BytePath, abi: Abi) => Loader; readonly hasProc: boolean },
): Closure {
  const program = chain.files.at(-1)?.path ?? bytePath('/');
  const interpreter = elf.interpreter && joinPath(bytePath('/'), elf.interpreter);
  const usual = glibcInterpreter(elf);
  const asked = interpreter ?? (elf.needed.length > 0 && usual !== undefined ? bytePath(usual) : undefined);
  if (asked === undefined) return chain;

  const look = files.look(asked);
  const reason = { role: 'elf-interpreter', path: asked, neededBy: program } as const;
  const loader = how.loaderOf(asked, elf);
  // For the program the kernel says what file runs, in /proc/self/exe: $ORIGIN has its links resolved.
  const origin = how.hasProc ? parentPath(resolved(files.root, program)) : undefined;
  const libraries = loadAll(files, loader, { path: program, elf, origin }, look);
  if (look.kind === 'elf')
    return {
      files: [...chain.files, { ...reason, elf: look.elf }, ...libraries.files],
      missing: libraries.missing,
      loader,
    };
  // A library is loaded by its program's loader: the usual one only tells where to search.
  const failure = { ...reason, reason: look.reason, message: look.message };
  return {
    files: [...chain.files, ...libraries.files],
    missing: [...(interpreter === undefined ? [] : [failure]), ...libraries.missing],
    loader,
  };
}

interface Libraries {
  readonly files: readonly NeededFile[];
  readonly missing: readonly MissingFile[];
}

// Breadth first, in the order of the DT_NEEDED entries: _dl_map_object_deps() of elf/dl-deps.c. The order decides which
// RPATH a library that several need is looked for in.
function loadAll(files: Files, loader: Loader, program: Loaded, itself: Look): Libraries {
  const { path, elf } = program;
  const names = new Set<BytePath>();
  const missing = new Set<BytePath>();
  const identities = new Set<string>();
  const result = { files: [] as NeededFile[], missing: [] as MissingFile[] };
  const queue: Loaded[] = [program];

  const know = (look: Look, ...known: readonly (BytePath | undefined)[]) => {
    if (look.kind === 'elf') identities.add(identityOf(look));
    for (const name of known) if (name !== undefined) names.add(name);
  };
  know(files.look(path), path, elf.soname);
  know(itself, loader.interpreter, itself.kind === 'elf' ? itself.elf.soname : undefined);

  const seekers = queue.values(); // goes on over what is pushed meanwhile
  for (const from of seekers) {
    for (const { name, optional } of from.elf.needed) {
      if (names.has(name) || loader.isItself(name)) continue;
      const reason = { role: 'library', neededBy: from.path, as: name } as const;
      const found = loader.find(name, from, program);
      const look = found.kind === 'found' ? files.look(found.path) : undefined;
      if (found.kind !== 'found' || look?.kind !== 'elf') {
        const failed = found.kind === 'missing' ? found : { reason: 'absent' as const };
        // Not a name that is known from now on: another's RUNPATH may lead to it. Told once all the same.
        if (!optional && !missing.has(name))
          result.missing.push({ ...reason, path: name, ...describe(failed, program, files) });
        missing.add(name);
        continue;
      }
      names.add(name);
      if (identities.has(identityOf(look))) continue; // another name of a file that is loaded already
      // musl goes by the names that were asked for, glibc by DT_SONAME too
      know(look, found.path, loader.kind === 'glibc' ? look.elf.soname : undefined);
      const origin = parentPath(found.path);
      const loaded: Loaded = { path: found.path, elf: look.elf, origin, neededBy: from };
      const { path, by: foundBy, needsProc = false } = found;
      result.files.push({ ...reason, path, foundBy, elf: look.elf, ...(needsProc && { needsProc }) });
      queue.push(loaded);
    }
  }
  return result;
}

function resolved(root: FileRoot, path: BytePath): BytePath {
  const end = walk(root, path);
  return end.kind === 'found' ? end.path : path;
}

function identityOf({ status }: Extract<Look, { kind: 'elf' }>): string {
  return `${status.dev}:${status.ino}`;
}

function describe(
  failed: { readonly reason: Unusable; readonly path?: BytePath },
  program: Loaded,
  files: Files,
): { readonly reason: Unusable; readonly message: string } {
  const { reason, path } = failed;
  if (path === undefined)
    return {
      reason,
      message: `it is in none of the directories that the loader searches${withoutOrigin(program)}`,
    };
  const look = files.look(path);
  const message =
    look.kind === 'elf'
      ? `${showPath(path)} is for ${machineName(look.elf)}, not for ${machineName(program.elf)}`
      : `${showPath(path)}: ${look.message}`;
  return { reason, message };
}

function withoutOrigin({ elf, origin }: Loaded): string {
  const searched = `${elf.rpath ?? ''}${elf.runpath ?? ''}`;
  return origin === undefined && searched.includes('ORIGIN')
    ? ' ($ORIGIN of the program is not among them where /proc is not mounted)'
    : '';
}
