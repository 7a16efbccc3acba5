// Finds the plugins of a jail that are large with the libraries that nothing else needs: PostgreSQL's llvmjit.so, with LLVM.

import type { BytePath } from '../../tree/path.ts';
import type { Entry, FileEntry } from '../manifest/planned-entry.ts';

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
      // the libraries of a library are noted for what needs that
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

function isLibrary({ reason: { how } }: FileEntry): boolean {
  return how === 'library' || how === 'loader';
}
