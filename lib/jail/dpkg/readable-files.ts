// Reads files and directories of a root; an unreadable one counts as absent.

import type { BytePath } from '../../tree/path.ts';
import { type FileRoot, type FileStatus, tryFile } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import { lookOr } from '../../words/system-error.ts';

const NOTHING = new Uint8Array();
const MAX_BYTES = 256 << 20;

/** The first `maxBytes` of a file; undefined if it cannot be read. */
export function readFile(root: FileRoot, path: BytePath, maxBytes = MAX_BYTES): Uint8Array | undefined {
  // the buffer has the file's size: there are hundreds of files, and most are small
  return tryFile(root, path, ({ read, status }) => read(0, Math.min(status.sizeBytes, maxBytes)));
}

/** As readFile, but empty for an unreadable file. */
export function readIfThere(root: FileRoot, path: BytePath, maxBytes = MAX_BYTES): Uint8Array {
  return readFile(root, path, maxBytes) ?? NOTHING;
}

export function listIfThere(root: FileRoot, directory: BytePath): readonly BytePath[] {
  return lookOr(undefined, () => root.list(directory)) ?? [];
}

/** The status of a path; links are not followed. */
export function statusIfThere(root: FileRoot, path: BytePath): FileStatus | undefined {
  return lookOr(undefined, () => root.lstat(path));
}

/** The status of a path and the path with links resolved. */
export function followIfThere(
  root: FileRoot,
  path: BytePath,
): { readonly path: BytePath; readonly status: FileStatus } | undefined {
  const status = statusIfThere(root, path);
  // most paths are no links, and need no walk
  if (status === undefined || status.kind !== 'symlink') return status && { path, status };
  const way = lookOr(undefined, () => walk(root, path));
  return way?.kind === 'found' ? way : undefined;
}
