// Finds the plugins of a library that lists its own directory for them, as libverto does.

import { readElf } from '../../binary/elf.ts';
import { type BytePath, joinPath, lastComponent, parentPath } from '../../tree/path.ts';
import { type FileRoot, tryFile } from '../../tree/root.ts';
import type { Imports } from '../dpkg/imports.ts';

/** The imports of such a library: it asks for its own path (dladdr(3)), lists that directory, and opens the files in it. */
export const LISTING: readonly string[] = ['dladdr', 'dlopen', 'readdir', 'readdir64'];

const LIBRARY = /^(lib[^/]*?)\.so(?:\.[\d.]+)?$/;

/** The files beside a library with its name and a dash, such as libverto-libev.so.1, that need the library. */
export function pluginsBeside(root: FileRoot, library: BytePath, imports: Imports): readonly BytePath[] {
  const name = LIBRARY.exec(lastComponent(library))?.[1];
  if (name === undefined) return [];
  const found = imports(library);
  if (!found.has('dladdr') || !found.has('dlopen')) return [];
  if (!found.has('readdir') && !found.has('readdir64')) return [];
  const directory = parentPath(library);
  return (root.list(directory) ?? [])
    .filter((other) => other.startsWith(`${name}-`) && LIBRARY.test(other))
    .map((other) => joinPath(directory, other))
    .filter((path) => {
      const elf = tryFile(root, path, ({ read }) => readElf(read));
      return elf?.kind === 'elf' && elf.needed.some((needed) => needed.name.startsWith(`${name}.so`));
    });
}
