// Finds a library as musl's loader does: load_library() in ldso/dynlink.c.

import { readMuslPath } from './loader-conf.ts';
import type { Files } from './elf-files.ts';
import { checkLibrary, type Found, type Loaded, type Loader, type Search } from './loader.ts';
import type { Abi } from './machine.ts';
import { type BytePath, bytePath, joinPath, lastComponent, parentPath } from '../tree/path.ts';

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

  // musl treats RPATH and RUNPATH alike: both apply to everything that the object loads
  function* placesFor(from: Loaded, program: Loaded): Generator<Omit<Found, 'kind'>, void> {
    for (let at: Loaded | undefined = from; at !== undefined; at = at.neededBy) {
      const by = at.elf.runpath === undefined ? 'rpath' : 'runpath';
      const needsProc = at === program && writtenPath(at).includes('$');
      for (const path of searchPath(at)) yield { path, by, needsProc };
    }
    for (const path of system) yield { path, by: 'default' };
  }

  function find(name: BytePath, from: Loaded, program: Loaded): Search {
    if (name.includes('/')) return checkLibrary(files, abi, joinPath(bytePath('/'), name), 'path');
    for (const { path, by, needsProc } of placesFor(from, program)) {
      const found = checkLibrary(files, abi, joinPath(path, name), by);
      if (found.kind === 'found') return { ...found, ...(needsProc !== undefined && { needsProc }) };
      if (found.reason !== 'absent') return found; // the first file of the name is final, even if it is unusable
    }
    return { kind: 'missing', reason: 'absent' };
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
function searchPath(file: Loaded): readonly BytePath[] {
  const { origin } = file;
  const written = writtenPath(file);
  const text = origin === undefined ? written : written.replace(/\$(\{ORIGIN\}|ORIGIN)/g, () => origin);
  if (text.includes('$')) return [];
  return text.split(/[:\n]/).filter((directory) => directory.startsWith('/')) as BytePath[];
}

const writtenPath = ({ elf }: Loaded): string => elf.runpath ?? elf.rpath ?? '';
