// All files that a program needs to start: its `#!` interpreters, its loader, its libraries, each with the reason.

import { BASELINE, type Cpu } from './cpu.ts';
import type { Elf } from './elf.ts';
import { type Files, type Look, openFiles, remember, type Unusable } from './files.ts';
import { openGlibc } from './glibc.ts';
import type { FoundBy, Loaded, Loader } from './loader.ts';
import { type Abi, glibcInterpreter, machineName } from './machine.ts';
import { muslArchitecture, openMusl } from './musl.ts';
import { type BytePath, bytePath, joinPath, parentPath, showPath } from './path.ts';
import type { FileRoot } from './root.ts';
import { walk } from './walk.ts';

export type Role = 'program' | 'script-interpreter' | 'elf-interpreter' | 'library';

interface Reason {
  readonly role: Role;
  /** The file that asks for it, as the kernel or the loader names it; undefined for the program. */
  readonly neededBy?: BytePath;
  /** How it asks: a DT_NEEDED, or what follows `#!`. */
  readonly as?: BytePath;
}

export interface NeededFile extends Reason {
  /** As the kernel or the loader names it: links in it are not resolved, the path in a root need not be UTF-8. */
  readonly path: BytePath;
  /** For a library: the rule that found it. */
  readonly foundBy?: FoundBy;
  /** Undefined for a script. */
  readonly elf?: Elf;
}

export interface MissingFile extends Reason {
  /** What is asked for: a path, or the name of a library. */
  readonly path: BytePath;
  /** `no-interpreter`: neither ELF nor a valid `#!` line. `too-deep`: more than five interpreters in a row. */
  readonly reason: Unusable | 'no-interpreter' | 'too-deep';
  /** The rest of a sentence about it, "it is not there"; the whole reason where `reason` is too coarse. */
  readonly message: string;
}

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

// exec_binprm() of the kernel tries the program and five interpreters.
const MAX_INTERPRETERS = 5;

/**
 * Answers for many programs of one root, remembering what it has read of it: the root should not change meanwhile.
 * The search is that of the loader the program names, glibc's or musl's; nothing is executed.
 */
export function openResolver(root: FileRoot, cpu: Cpu = BASELINE): Resolver {
  const files = openFiles(root);
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
      return withLibraries(files, chain, chain.elf, loaderOf);
    },
  };
}

/** The closure of one program. */
export function resolveProgram(root: FileRoot, program: BytePath, cpu?: Cpu): Closure {
  return openResolver(root, cpu).resolve(program);
}

interface Chain {
  readonly files: readonly NeededFile[];
  readonly missing: readonly MissingFile[];
  /** What runs in the end. */
  readonly elf?: Elf;
}

function followScripts(files: Files, program: BytePath): Chain {
  const found: NeededFile[] = [];
  let next: Reason & { readonly path: BytePath } = { role: 'program', path: program };
  for (;;) {
    const look = files.look(next.path);
    if (look.kind === 'elf')
      return { files: [...found, { ...next, elf: look.elf }], missing: [], elf: look.elf };
    if (look.script?.kind !== 'script') return { files: found, missing: [{ ...next, ...whyNotRun(look) }] };
    found.push(next);
    const path = joinPath(bytePath('/'), look.script.interpreter);
    next = { role: 'script-interpreter', path, neededBy: next.path, as: look.script.line };
    if (found.length > MAX_INTERPRETERS) {
      const message = 'more than five interpreters come one after the other';
      return { files: found, missing: [{ ...next, reason: 'too-deep', message }] };
    }
  }
}

function whyNotRun({ reason, message, script }: Failed): Pick<MissingFile, 'reason' | 'message'> {
  if (script === undefined) return { reason, message };
  return {
    reason: 'no-interpreter',
    message:
      script.kind !== 'invalid'
        ? 'it is neither an ELF file nor a script with #!'
        : script.reason === 'empty'
          ? 'its #! line names no interpreter'
          : 'its #! line is longer than 255 bytes',
  };
}

function withLibraries(
  files: Files,
  chain: Chain,
  elf: Elf,
  loaderOf: (interpreter: BytePath, abi: Abi) => Loader,
): Closure {
  const program = chain.files.at(-1)?.path ?? bytePath('/');
  const interpreter = elf.interpreter && joinPath(bytePath('/'), elf.interpreter);
  const usual = glibcInterpreter(elf);
  const asked = interpreter ?? (elf.needed.length > 0 && usual !== undefined ? bytePath(usual) : undefined);
  if (asked === undefined) return chain;

  const look = files.look(asked);
  const reason = { role: 'elf-interpreter', path: asked, neededBy: program } as const;
  const loader = loaderOf(asked, elf);
  const libraries = loadAll(files, loader, program, elf, look);
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

type Failed = Extract<Look, { kind: 'unusable' }>;

// Breadth first, in the order of the DT_NEEDED entries: _dl_map_object_deps() of elf/dl-deps.c. The order decides which
// RPATH a library that several need is looked for in.
function loadAll(files: Files, loader: Loader, path: BytePath, elf: Elf, itself: Look): Libraries {
  // For the program the kernel says what file runs (/proc/self/exe): $ORIGIN has its links resolved.
  const program: Loaded = { path, elf, origin: parentPath(resolved(files.root, path)) };
  const own = files.look(path);
  const names = new Set<BytePath>();
  const missing = new Set<BytePath>();
  const identities = new Set<string>();
  const result = { files: [] as NeededFile[], missing: [] as MissingFile[] };
  const queue: Loaded[] = [program];

  const know = (look: Look, ...known: readonly (BytePath | undefined)[]) => {
    if (look.kind === 'elf') identities.add(identityOf(look));
    for (const name of known) if (name !== undefined) names.add(name);
  };
  know(own, path, elf.soname);
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
          result.missing.push({ ...reason, path: name, ...describe(failed, elf, files) });
        missing.add(name);
        continue;
      }
      names.add(name);
      if (identities.has(identityOf(look))) continue; // another name of a file that is loaded already
      // musl goes by the names that were asked for, glibc by DT_SONAME too
      know(look, found.path, loader.kind === 'glibc' ? look.elf.soname : undefined);
      const origin = parentPath(found.path);
      const loaded: Loaded = { path: found.path, elf: look.elf, origin, neededBy: from };
      result.files.push({ ...reason, path: found.path, foundBy: found.by, elf: look.elf });
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
  abi: Abi,
  files: Files,
): { readonly reason: Unusable; readonly message: string } {
  const { reason, path } = failed;
  if (path === undefined)
    return { reason, message: 'it is in none of the directories that the loader searches' };
  const look = files.look(path);
  const message =
    look.kind === 'elf'
      ? `${showPath(path)} is for ${machineName(look.elf)}, not for ${machineName(abi)}`
      : `${showPath(path)}: ${look.message}`;
  return { reason, message };
}
