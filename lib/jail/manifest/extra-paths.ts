// Finds paths in a jail that are not in its manifest.

import { type BytePath, bytePath, joinPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { STORE } from './layout.ts';
import type { Manifest } from './manifest.ts';

// Directories for temporary files, and those that the kernel fills.
const PASSING: ReadonlySet<string> = new Set(['/tmp', '/proc', '/sys', '/dev', '/run', '/var/tmp', STORE]);
const MAX_DEPTH = 100;

/**
 * Up to `most` paths that the builder has not made; the content of such a directory is not listed. It does not look into /tmp and
 * the like, into directories of other users, or into other file systems.
 */
export function findExtra(jail: FileRoot, { entries }: Manifest, most = 10_000): readonly BytePath[] {
  const known = new Set<string>(entries.map(({ path }) => path));
  const device = jail.lstat(bytePath('/'))?.dev;
  const extra: BytePath[] = [];

  function look(directory: BytePath, depth: number): void {
    for (const name of jail.list(directory) ?? []) {
      if (extra.length >= most || depth > MAX_DEPTH) return;
      const path = joinPath(directory, name);
      if (PASSING.has(path)) continue;
      const status = jail.lstat(path);
      if (status === undefined) continue;
      if (!known.has(path)) extra.push(path);
      else if (status.kind === 'directory' && status.uid === 0 && status.dev === device)
        look(path, depth + 1);
    }
  }
  look(bytePath('/'), 0);
  return extra;
}
