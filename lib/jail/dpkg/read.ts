// Reads files and directories of a root; what cannot be read counts as absent.

import type { BytePath } from '../../binary/path.ts';
import type { FileRoot, FileStatus } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';

const NOTHING = new Uint8Array();
const MAX_BYTES = 256 << 20;

/** Up to `maxBytes` from the beginning of a file; undefined if it is not there, not a file or not readable. */
export function readFile(root: FileRoot, path: BytePath, maxBytes = MAX_BYTES): Uint8Array | undefined {
  return ifReadable(() => {
    const file = root.open(path);
    if (file === undefined) return undefined;
    try {
      // its size and no more: there are hundreds to read, most of them small
      return file.read(0, Math.min(file.status.sizeBytes, maxBytes));
    } finally {
      file.close();
    }
  });
}

/** The same, and nothing for what cannot be read. */
export function readIfThere(root: FileRoot, path: BytePath, maxBytes = MAX_BYTES): Uint8Array {
  return readFile(root, path, maxBytes) ?? NOTHING;
}

/** The names in a directory. */
export function listIfThere(root: FileRoot, directory: BytePath): readonly BytePath[] {
  return ifReadable(() => root.list(directory)) ?? [];
}

/** What lies at a path; links are not followed. */
export function statusIfThere(root: FileRoot, path: BytePath): FileStatus | undefined {
  return ifReadable(() => root.lstat(path));
}

/** What lies at a path and where, links followed. */
export function followIfThere(
  root: FileRoot,
  path: BytePath,
): { readonly path: BytePath; readonly status: FileStatus } | undefined {
  const status = statusIfThere(root, path);
  // most are no links, and then one look is enough
  if (status === undefined || status.kind !== 'symlink') return status && { path, status };
  const way = ifReadable(() => walk(root, path));
  return way?.kind === 'found' ? way : undefined;
}

function ifReadable<T>(read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
