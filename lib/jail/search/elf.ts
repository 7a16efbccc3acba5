// Where the kernel and the loader look for what an ELF file needs, before they look where libraries are. Pure.

import type { Elf } from '../../binary/elf.ts';
import { type BytePath, joinPath, parentPath } from '../../binary/path.ts';
import { splitSearchPath } from '../../binary/searchpath.ts';
import type { Searched } from './searched.ts';

// What the tokens may stand for: which of them a loader takes depends on how it was built (ld.so(8), "Dynamic string tokens").
const LIBS = ['lib', 'lib64', 'lib/x86_64-linux-gnu', 'lib/aarch64-linux-gnu'];
const PLATFORMS = ['x86_64', 'haswell', 'xeon_phi', 'aarch64'];

// A search in a directory begins in these (ld.so(8), "The ld.so command-line options", --glibc-hwcaps-prepend).
const LEVELS = ['glibc-hwcaps/x86-64-v4', 'glibc-hwcaps/x86-64-v3', 'glibc-hwcaps/x86-64-v2'];

/** For the file at `path`, without a link in it. */
export function searchedByElf(elf: Elf, path: BytePath): readonly Searched[] {
  const { interpreter, needed } = elf;
  return [
    ...(interpreter === undefined ? [] : [{ path: interpreter, by: 'its loader (PT_INTERP)' }]),
    ...needed.flatMap(({ name }) => (name.includes('/') ? [{ path: name, by: 'its DT_NEEDED' }] : [])),
    ...ownDirectories(elf, path),
  ];
}

function ownDirectories({ runpath, rpath, needed }: Elf, file: BytePath): readonly Searched[] {
  // a loader ignores the one beside the other
  const text = runpath ?? rpath;
  if (text === undefined) return [];
  const by = runpath === undefined ? 'its RPATH' : 'its RUNPATH';
  const { directories, relative } = expanded(text, parentPath(file));
  const names = needed.map(({ name }) => name).filter((name) => !name.includes('/'));
  return [
    ...relative.map((element) => ({ path: element, by })),
    // the directory too: what is opened at run time is looked for there as well
    ...directories.flatMap((directory) =>
      [directory, ...[...LEVELS, ...names].map((name) => joinPath(directory, name as BytePath))].map(
        (path) => ({
          path,
          by,
        }),
      ),
    ),
  ];
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
