// Follows a path through a root one component at a time, and tells what it met.

import { type BytePath, joinPath, parentPath } from './path.ts';
import { errorCode, type FileRoot, type FileStatus } from './root.ts';

/** A symbolic link on the way: `path` has no other link in it, `target` is as written. */
interface Link {
  readonly path: BytePath;
  readonly target: BytePath;
}

export type Walk = {
  /** Every link that was followed, in order. */
  readonly links: readonly Link[];
  /** Directories that the way led into and, by `..`, out of again. */
  readonly passed: readonly BytePath[];
  /** Where the walk ended, without a link in it: the object itself, or what stopped it. */
  readonly path: BytePath;
} & (
  | { readonly kind: 'found'; readonly status: FileStatus }
  /** `missing`: nothing at `path`. `not-directory`: `path` is, but something is looked for below it. */
  | { readonly kind: 'missing' | 'not-directory' }
  /** `denied`: the directory `path` may not be searched. `loop`: more than 40 links (path_resolution(7)). */
  | { readonly kind: 'denied' | 'loop' }
);

const MAX_LINKS = 40;

/**
 * Resolves `path` (relative to the root if it does not begin with a slash) as the kernel would, the last link
 * included, and keeps every step. Reads nothing but directory entries.
 * @throws system errors other than ENOENT, ENOTDIR, EACCES and ELOOP.
 */
export function walk(root: FileRoot, path: BytePath): Walk {
  const links: Link[] = [];
  const passed: BytePath[] = [];
  const todo = componentsOf(path).reverse();
  let here = '/' as BytePath; // has no link in it, so that `..` is its parent in text too
  let status = lstat(root, here);

  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (status === 'denied') return { kind: 'denied', path: parentPath(here), links, passed };
    if (status === undefined) return { kind: 'missing', path: here, links, passed };
    if (status.kind !== 'directory') return { kind: 'not-directory', path: here, links, passed };
    if (name === '.') continue;
    if (name === '..') passed.push(here);
    const next = name === '..' ? parentPath(here) : joinPath(here, name);
    status = lstat(root, next);
    if (status !== undefined && status !== 'denied' && status.target !== undefined) {
      if (links.length === MAX_LINKS) return { kind: 'loop', path: next, links, passed };
      links.push({ path: next, target: status.target });
      todo.push(...componentsOf(status.target).reverse());
      if (status.target.startsWith('/')) here = '/' as BytePath;
      status = lstat(root, here);
      continue;
    }
    here = next;
  }
  if (status === 'denied') return { kind: 'denied', path: parentPath(here), links, passed };
  if (status === undefined) return { kind: 'missing', path: here, links, passed };
  return { kind: 'found', path: here, status, links, passed };
}

function lstat(root: FileRoot, path: BytePath): FileStatus | 'denied' | undefined {
  try {
    return root.lstat(path);
  } catch (error) {
    if (errorCode(error) === 'EACCES') return 'denied';
    throw error;
  }
}

// A slash at the end asks for a directory, as `.` does.
function componentsOf(path: BytePath): BytePath[] {
  const parts = path.split('/').filter((part) => part !== '') as BytePath[];
  return path.endsWith('/') ? [...parts, '.' as BytePath] : parts;
}
