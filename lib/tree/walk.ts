// Follows a path through a root one component at a time, and records the links on it.

import { errorCode } from '../words/system-error.ts';
import { type BytePath, joinPath, parentPath } from './path.ts';
import { type FileRoot, type FileStatus } from './root.ts';

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

const remembered = new WeakMap<FileRoot, Map<BytePath, Walk>>();

/** Lets each path of a root be walked only once: the answers of its lstat must never change. */
export function rememberWalks(root: FileRoot): FileRoot {
  remembered.set(root, new Map());
  return root;
}

/**
 * Resolves `path`, a last link included, as the kernel does; a relative path begins at the root.
 * @throws system errors other than ENOENT, ENOTDIR, EACCES and ELOOP.
 */
export function walk(root: FileRoot, path: BytePath): Walk {
  const known = remembered.get(root);
  if (known === undefined) return follow(root, componentsOf(path));
  let way = known.get(path);
  if (way === undefined) {
    const parent = path.slice(0, Math.max(path.lastIndexOf('/'), 0)) as BytePath;
    const before = parent === '' ? undefined : walk(root, parent);
    // where the walk to the parent ended, this one ends too or continues
    way =
      before === undefined || before.kind === 'found'
        ? follow(root, componentsOf(path.slice(parent.length) as BytePath), before)
        : before;
    known.set(path, way);
  }
  return way;
}

function follow(root: FileRoot, components: readonly BytePath[], from?: Walk & { kind: 'found' }): Walk {
  const links = [...(from?.links ?? [])];
  const passed = [...(from?.passed ?? [])];
  const todo = components.toReversed();
  let here = from?.path ?? ('/' as BytePath); // links are resolved, so `..` is its textual parent
  let status = from?.status ?? lstat(root, here);

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
