// Paths that the caller gives, on the root that a jail is built from.

import { type BytePath, bytePath, joinPath, lastComponent, parentPath, showPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';
import { UsageError } from '../../errors.ts';
import { nearest } from '../../nearest.ts';
import type { Bytes } from '../../quote.ts';
import { lookOr } from '../work/jail-error.ts';

/** An absolute path; a relative one begins at the working directory, or at the top of a foreign root. */
export function absolute(path: Bytes, isForeign = false): BytePath {
  return withoutDots(joinPath(isForeign ? bytePath('/') : bytePath(process.cwd()), bytePath(path)));
}

/** Removes empty components and `.`, but not `..`: it may follow a link. */
export function withoutDots(path: BytePath): BytePath {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return `/${parts.join('/')}` as BytePath;
}

/** Why a path cannot be used, by the kind of its walk. */
export const WHY = {
  found: 'it is not a regular file',
  missing: 'it is not there',
  'not-directory': 'a part of its path is not a directory',
  denied: 'it may not be read',
  loop: 'the symbolic links on the way lead in a circle',
} as const;

/** A hint that names the neighbour whose name is nearest to a path's. */
export function neighbourHint(root: FileRoot, path: BytePath): string {
  const own = lastComponent(path);
  // it can be there, and yet be of no use
  const names = lookOr([], () => root.list(parentPath(path)) ?? []).filter((name) => name !== own);
  // FROM:TO without the slash of TO
  const [from = '', to] = path.split(':');
  if (to !== undefined && walk(root, from as BytePath).kind === 'found')
    return `write ${showPath(from as BytePath)}:/${showPath(to as BytePath)}`;
  const meant = nearest(own, names);
  return meant === undefined
    ? 'name a file that exists'
    : `did you mean ${showPath(joinPath(parentPath(path), meant as BytePath))}?`;
}

/** The path with its links resolved. @throws UsageError that calls it `what`, if no file or directory is there. */
export function resolved(root: FileRoot, path: BytePath, what: string): BytePath {
  const way = walk(root, path);
  if (way.kind === 'found' && way.status.kind !== 'other') return way.path;
  const why = way.kind === 'found' ? 'it is neither a file nor a directory' : WHY[way.kind];
  throw new UsageError(`${what} ${showPath(path)}: ${why}`, { hint: neighbourHint(root, path) });
}
