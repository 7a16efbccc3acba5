// Lists the places that a program itself names: where the kernel, the loader and an interpreter look first. Pure.

import type { Elf } from '../../binary/elf.ts';
import { type BytePath, joinPath, parentPath } from '../../binary/path.ts';
import type { Script } from '../../binary/shebang.ts';
import { splitSearchPath } from '../../binary/loader.ts';

export interface Searched {
  /** As the jail sees it; a relative path depends on the working directory. */
  readonly path: BytePath;
  /** Where it is named: `its RUNPATH`. */
  readonly by: string;
}

// Possible values of the tokens: the build of the loader decides which it uses (ld.so(8), "Dynamic string tokens").
const LIBS = ['lib', 'lib64', 'lib/x86_64-linux-gnu', 'lib/aarch64-linux-gnu'];
const PLATFORMS = ['x86_64', 'haswell', 'xeon_phi', 'aarch64'];

// The loader searches these subdirectories of a directory first (ld.so(8), --glibc-hwcaps-prepend).
const LEVELS = ['glibc-hwcaps/x86-64-v4', 'glibc-hwcaps/x86-64-v3', 'glibc-hwcaps/x86-64-v2'];

/** For the file at `path`, links resolved. A generator, because a hostile file can name more places than fit into memory. */
export function* searchedByElf(elf: Elf, path: BytePath): Generator<Searched> {
  const { interpreter, needed, auditors } = elf;
  if (interpreter !== undefined) yield { path: interpreter, by: 'its loader (PT_INTERP)' };
  // a name without a slash is searched in the library directories
  for (const { name } of needed) if (name.includes('/')) yield { path: name, by: 'its DT_NEEDED' };
  for (const names of auditors)
    for (const name of names.split(':') as BytePath[])
      if (name.includes('/')) yield { path: name, by: 'its DT_AUDIT' };
  yield* ownDirectories(elf, path);
}

function* ownDirectories({ runpath, rpath, needed }: Elf, file: BytePath): Generator<Searched> {
  // a loader ignores RPATH if there is a RUNPATH
  const text = runpath ?? rpath;
  if (text === undefined) return;
  const by = runpath === undefined ? 'its RPATH' : 'its RUNPATH';
  const { directories, relative } = expanded(text, parentPath(file));
  const names = needed.map(({ name }) => name).filter((name) => !name.includes('/'));
  for (const path of relative) yield { path, by };
  for (const directory of directories) {
    // the directory itself too: dlopen(3) also searches it
    yield { path: directory, by };
    for (const name of [...LEVELS, ...names]) yield { path: joinPath(directory, name as BytePath), by };
  }
}

function expanded(text: BytePath, origin: BytePath): ReturnType<typeof splitSearchPath> {
  const libs = text.includes('LIB') ? LIBS : LIBS.slice(0, 1);
  const platforms = text.includes('PLATFORM') ? PLATFORMS : PLATFORMS.slice(0, 1);
  const all = libs.flatMap((LIB) =>
    platforms.map((PLATFORM) => splitSearchPath(text, { ORIGIN: origin, LIB, PLATFORM })),
  );
  return {
    directories: [...new Set(all.flatMap(({ directories }) => directories))],
    relative: all[0]?.relative ?? [],
  };
}

// An absolute path alone, after an option, in the value of a variable, or after another path: `-I/a`, `PYTHONPATH=/a:/b`.
const PATHS = /(?:^|[\s=:,"']|(?<=(?:^|\s)-[A-Za-z]+))(\/[^\s:,="']*)/g;

/** The interpreter, and the paths in its argument: modules, another script, the command of env(1). */
export function* searchedByScript({
  interpreter,
  argument = '' as BytePath,
}: Extract<Script, { readonly kind: 'script' }>): Generator<Searched> {
  yield { path: interpreter, by: 'its #! line' };
  for (const [, path] of argument.matchAll(PATHS))
    if (path !== undefined) yield { path: path as BytePath, by: 'the argument of its #! line' };
}
