// Finds plugins that bring large libraries, as llvmjit.so of PostgreSQL brings LLVM; and plugins of a library that lists its own
// directory for them, as libverto does.

import { type BytePath, joinPath, lastComponent, parentPath } from '../../tree/path.ts';
import type { Entry, FileEntry } from '../manifest/planned-entry.ts';
import { readElf } from '../../binary/elf.ts';
import { type FileRoot, tryFile } from '../../tree/root.ts';
import type { Imports } from '../dpkg/sections.ts';

export interface LargePlugin {
  readonly path: BytePath;
  /** With the libraries that the jail has for it alone. */
  readonly sizeBytes: number;
}

export type Needs = ReturnType<typeof openNeeds>;

/** Notes which programs and plugins need each library. */
export function openNeeds() {
  // undefined if several do
  const alone = new Map<BytePath, BytePath | undefined>();
  return {
    add: (library: BytePath, by: FileEntry): void => {
      // the libraries of a library are noted for the files that need it
      if (isLibrary(by)) return;
      alone.set(library, !alone.has(library) || alone.get(library) === by.path ? by.path : undefined);
    },
    /** The only file that needs a library. */
    aloneFor: (library: BytePath) => alone.get(library),
  };
}

const LEAST_BYTES = 10_000_000;
const LEAST_SHARE = 0.1;

export function largePlugins(entries: readonly Entry[], needs: Needs): readonly LargePlugin[] {
  const files = entries.flatMap((entry) => (entry.kind === 'file' ? [entry] : []));
  const sizes = new Map<BytePath, number>();
  const add = (path: BytePath, bytes: number) => sizes.set(path, (sizes.get(path) ?? 0) + bytes);
  for (const file of files) {
    const by = isLibrary(file) ? needs.aloneFor(file.path) : file.path;
    if (by !== undefined) add(by, file.sizeBytes);
  }
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return files
    .filter(({ path, reason }) => reason.how === 'package' && reason.by !== undefined && path.endsWith('.so'))
    .map(({ path }) => ({ path, sizeBytes: sizes.get(path) ?? 0 }))
    .filter(({ sizeBytes }) => sizeBytes >= Math.max(LEAST_BYTES, total * LEAST_SHARE));
}

const isLibrary = ({ reason: { how } }: FileEntry): boolean => how === 'library' || how === 'loader';

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
