// Finds a library as musl's loader does: load_library() in ldso/dynlink.c.

import { readMuslPath } from './loader-conf.ts';
import type { Files } from './elf-files.ts';
import { checkLibrary, type Loaded, type Loader, type Search } from './loader.ts';
import type { Abi } from './machine.ts';
import { type BytePath, bytePath, joinPath, lastComponent, parentPath } from './path.ts';

/** The architecture in the name of musl's loader; undefined for another interpreter. */
export function muslArchitecture(interpreter: BytePath): string | undefined {
  return /^ld-musl-(.+)\.so\.1$/.exec(lastComponent(interpreter))?.[1];
}

/** The loader at the path `interpreter`, whose last component is ld-musl-ARCH.so.1. */
export function openMusl(files: Files, interpreter: BytePath, abi: Abi): Loader {
  // the path file is in etc/ of the loader's prefix, which is empty for /lib/ld-musl-ARCH.so.1
  const prefix = parentPath(parentPath(interpreter));
  const pathFile = joinPath(prefix, bytePath(`etc/ld-musl-${muslArchitecture(interpreter) ?? ''}.path`));
  const system = readMuslPath(files.root, pathFile);

  function find(name: BytePath, from: Loaded, program: Loaded): Search {
    if (name.includes('/')) return checkLibrary(files, abi, joinPath(bytePath('/'), name), 'path');
    // musl treats RPATH and RUNPATH alike: both apply to everything that the object loads
    for (let at: Loaded | undefined = from; at !== undefined; at = at.neededBy) {
      for (const directory of searchPath(at)) {
        const path = joinPath(directory, name);
        if (!isThere(path)) continue;
        const found = checkLibrary(files, abi, path, at.elf.runpath === undefined ? 'rpath' : 'runpath');
        const written = at.elf.runpath ?? at.elf.rpath ?? '';
        return found.kind === 'found'
          ? { ...found, needsProc: at === program && written.includes('$') }
          : found;
      }
    }
    for (const directory of system) {
      const path = joinPath(directory, name);
      if (isThere(path)) return checkLibrary(files, abi, path, 'default');
    }
    return { kind: 'missing', reason: 'absent' };
  }

  // The first file of the name is final, even if it is unusable.
  function isThere(path: BytePath): boolean {
    const look = files.look(path);
    return look.kind === 'elf' || look.reason !== 'absent';
  }

  return {
    kind: 'musl',
    interpreter,
    systemDirectories: system,
    configuration: files.exists(pathFile) ? [pathFile] : [],
    find,
    // the loader file contains all of these
    isItself: (name) => /^lib(c|pthread|rt|m|dl|util|xnet)\./.test(name),
  };
}

// musl knows only $ORIGIN, and ignores the whole path if it has another token (fixup_rpath()).
function searchPath({ elf, origin }: Loaded): readonly BytePath[] {
  const written = elf.runpath ?? elf.rpath ?? '';
  const text = origin === undefined ? written : written.replace(/\$(\{ORIGIN\}|ORIGIN)/g, () => origin);
  if (text.includes('$')) return [];
  return text.split(/[:\n]/).filter((directory) => directory.startsWith('/')) as BytePath[];
}
