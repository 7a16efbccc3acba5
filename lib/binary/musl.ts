// How musl's loader finds a library: load_library() in ldso/dynlink.c.

import { readMuslPath } from './loader-conf.ts';
import type { Files } from './elf-files.ts';
import type { Loaded, Loader, Search } from './loader.ts';
import { type Abi, sameAbi } from './machine.ts';
import { type BytePath, bytePath, joinPath, lastComponent, parentPath } from './path.ts';

/** The architecture in the name of musl's loader, or undefined for any other interpreter. */
export function muslArchitecture(interpreter: BytePath): string | undefined {
  return /^ld-musl-(.+)\.so\.1$/.exec(lastComponent(interpreter))?.[1];
}

/** The loader at `interpreter`, a path whose last component is ld-musl-ARCH.so.1. */
export function openMusl(files: Files, interpreter: BytePath, abi: Abi): Loader {
  // The path file lies beside the loader's own prefix: /lib/ld-musl-ARCH.so.1 has the empty one.
  const prefix = parentPath(parentPath(interpreter));
  const pathFile = joinPath(prefix, bytePath(`etc/ld-musl-${muslArchitecture(interpreter) ?? ''}.path`));
  const system = readMuslPath(files.root, pathFile);

  function find(name: BytePath, from: Loaded, program: Loaded): Search {
    if (name.includes('/')) return check(joinPath(bytePath('/'), name), 'path');
    // RPATH and RUNPATH are one and the same here, and both count for whatever the object loads.
    for (let at: Loaded | undefined = from; at !== undefined; at = at.neededBy) {
      for (const directory of searchPath(at)) {
        const path = joinPath(directory, name);
        if (!isThere(path)) continue;
        const found = check(path, at.elf.runpath === undefined ? 'rpath' : 'runpath');
        const written = at.elf.runpath ?? at.elf.rpath ?? '';
        return found.kind === 'found'
          ? { ...found, needsProc: at === program && written.includes('$') }
          : found;
      }
    }
    for (const directory of system) {
      const path = joinPath(directory, name);
      if (isThere(path)) return check(path, 'default');
    }
    return { kind: 'missing', reason: 'absent' };
  }

  function isThere(path: BytePath): boolean {
    const look = files.look(path);
    return look.kind === 'elf' || look.reason !== 'absent';
  }

  // The first file of the name is the one, whatever it turns out to be.
  function check(path: BytePath, by: 'path' | 'rpath' | 'runpath' | 'default'): Search {
    const look = files.look(path);
    if (look.kind !== 'elf') return { kind: 'missing', reason: look.reason, path };
    if (!sameAbi(abi, look.elf)) return { kind: 'missing', reason: 'other-architecture', path };
    return { kind: 'found', path, by };
  }

  return {
    kind: 'musl',
    interpreter,
    systemDirectories: system,
    configuration: files.exists(pathFile) ? [pathFile] : [],
    find,
    // these are all in the one file that is loader and libc
    isItself: (name) => /^lib(c|pthread|rt|m|dl|util|xnet)\./.test(name),
  };
}

// Knows $ORIGIN only, and gives up the whole path for any other token (fixup_rpath()).
function searchPath({ elf, origin }: Loaded): readonly BytePath[] {
  const written = elf.runpath ?? elf.rpath ?? '';
  const text = origin === undefined ? written : written.replace(/\$(\{ORIGIN\}|ORIGIN)/g, () => origin);
  if (text.includes('$')) return [];
  return text.split(/[:\n]/).filter((directory) => directory.startsWith('/')) as BytePath[];
}
