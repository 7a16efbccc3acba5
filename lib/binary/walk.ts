// Follows a path through a root one component at a time, and records the links on it.

import { type BytePath, joinPath, parentPath } from './path.ts';
import { errorCode, type FileRoot, type FileStatus } from './root.ts';

/** A symbolic link on the path: the directories of `path` are no links, `target` is as written. */
interface Link {
  readonly path: BytePath;
  readonly target: BytePath;
}

export type Walk = {
  /** All links that were followed, in order. */
  readonly links: readonly Link[];
  /** Directories that the path enters and leaves again by `..`. */
  readonly passed: readonly BytePath[];
  /** Where the walk ended, links resolved: the file itself, or the component that stopped the walk. */
  readonly path: BytePath;
} & (
  | { readonly kind: 'found'; readonly status: FileStatus }
  /** `missing`: nothing is at `path`. `not-directory`: `path` is no directory, but more components follow. */
  | { readonly kind: 'missing' | 'not-directory' }
  /** `denied`: the directory `path` cannot be searched. `loop`: more than 40 links (path_resolution(7)). */
  | { readonly kind: 'denied' | 'loop' }
);

const MAX_LINKS = 40;

/**
 * Resolves `path`, a last link included, as the kernel does; a relative path begins at the root.
 * @throws system errors other than ENOENT, ENOTDIR, EACCES and ELOOP.
 */
export function walk(root: FileRoot, path: BytePath): Walk {
  const links: Link[] = [];
  const passed: BytePath[] = [];
  const todo = componentsOf(path).reverse();
  let here = '/' as BytePath; // links are resolved, so `..` is its textual parent
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

/** The path with its links resolved; unchanged if nothing is there. */
export function resolveLinks(root: FileRoot, path: BytePath): BytePath {
  const way = walk(root, path);
  return way.kind === 'found' ? way.path : path;
}

/** The status of what lies at the path, links followed; undefined if nothing is found. @throws as walk */
export function statusOf(root: FileRoot, path: BytePath): FileStatus | undefined {
  const way = walk(root, path);
  return way.kind === 'found' ? way.status : undefined;
}

/** Whether a file that may be executed lies at the path, links followed. @throws as walk */
export function isExecutable(root: FileRoot, path: BytePath): boolean {
  const status = statusOf(root, path);
  return status?.kind === 'file' && (status.mode & 0o111) !== 0;
}

function lstat(root: FileRoot, path: BytePath): FileStatus | 'denied' | undefined {
  try {
    return root.lstat(path);
  } catch (error) {
    if (errorCode(error) === 'EACCES') return 'denied';
    throw error;
  }
}

// A trailing slash requires a directory, as `/.` does.
function componentsOf(path: BytePath): BytePath[] {
  const parts = path.split('/').filter((part) => part !== '') as BytePath[];
  return path.endsWith('/') ? [...parts, '.' as BytePath] : parts;
}
