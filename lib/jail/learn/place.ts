// Paths as a command has named them, and what lies there. Pure, on a root.

import { type BytePath, joinPath, lastComponent, parentPath } from '../../binary/path.ts';
import type { FileRoot, FileStatus } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';

/** What lies there, a last link followed; undefined if nothing can be found. */
export function statusOf(root: FileRoot, path: BytePath): FileStatus | undefined {
  const way = walk(root, path);
  return way.kind === 'found' ? way.status : undefined;
}

/** The same path without links in its directory, by which an entry is known again whatever leads to it. */
export function placeOf(root: FileRoot, path: BytePath): BytePath {
  const name = lastComponent(path);
  if (name === '' || name === '.' || name === '..') return walk(root, path).path;
  return joinPath(walk(root, parentPath(path)).path, name);
}

/** The path to keep: as it was named, so that the links in it are not lost, but without what means nothing. */
export function nameOf(root: FileRoot, path: BytePath): BytePath {
  const way = walk(root, path);
  if (way.links.length === 0) return way.path;
  const parts = path.split('/').filter((part) => part !== '' && part !== '.'); // `..` may come after a link
  return `/${parts.join('/')}` as BytePath;
}

export function isBeneath(directories: readonly string[], path: BytePath): boolean {
  return directories.some((directory) => path === directory || path.startsWith(`${directory}/`));
}

/**
 * Whether everybody may read the file: by its own mode, and by that of every directory on the way to it, links included. An
 * ACL gives others nothing that the mode does not tell (acl(5)).
 */
export function isPublic(root: FileRoot, path: BytePath): boolean {
  const way = walk(root, path);
  if (way.kind !== 'found' || (way.status.mode & 0o004) === 0) return false;
  const entries = [way.path, ...way.links.map((link) => link.path)];
  const searched = new Set([...entries.map(parentPath), ...way.passed]);
  return [...searched].every((directory) => mayBeSearched(root, directory));
}

function mayBeSearched(root: FileRoot, directory: BytePath): boolean {
  const status = root.lstat(directory);
  if (status === undefined || (status.mode & 0o001) === 0) return false;
  return directory === '/' || mayBeSearched(root, parentPath(directory));
}
