// Paths that the caller gives, on the root that a jail is built from.

import { type BytePath, bytePath, joinPath, lastComponent, parentPath, showPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { walk, type Walk } from '../../tree/walk.ts';
import { UsageError } from '../../errors.ts';
import { nearest } from '../../words/nearest.ts';
import type { Bytes } from '../../words/quote.ts';
import { eachAlone, unexpanded } from '../../words/shell-word.ts';
import { dangerOf } from '../../trust/danger.ts';
import { lookOr } from '../../words/system-error.ts';

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

// The path from / on, if it was given without the slash.
function withoutWorkingDirectory(root: FileRoot, path: BytePath): BytePath | undefined {
  const here = bytePath(process.cwd());
  if (here === '/' || !path.startsWith(`${here}/`)) return undefined;
  const fromTop = path.slice(here.length) as BytePath;
  return walk(root, fromTop).kind === 'found' ? fromTop : undefined;
}

// Where the distributions have their programs (file-hierarchy(7)).
const usualPlaces = ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/bin', '/sbin'].map((place) =>
  bytePath(place),
);

/** Whether a program is at the end of a walk. */
export function isExecutable(end: Walk): boolean {
  return end.kind === 'found' && end.status.kind === 'file' && (end.status.mode & 0o111) !== 0;
}

/** The path of the program of this name. */
function usualPlace(root: FileRoot, name: BytePath): BytePath | undefined {
  return usualPlaces
    .map((place) => joinPath(place, name))
    .find((candidate) => isExecutable(walk(root, candidate)));
}

/** A hint that names the neighbour whose name is nearest to a path's. */
export function neighbourHint(root: FileRoot, path: BytePath): string {
  const sign = path.search(/\/(?:~\/|\$)/);
  const word = sign < 0 ? undefined : unexpanded(path.slice(sign + 1));
  if (word !== undefined) return `${word.problem}: write ${word.written}`;
  const own = lastComponent(path);
  // the file can exist and be of no use
  const there = usualPlace(root, own);
  if (there !== undefined && there !== path) return `did you mean ${showPath(there)}?`;
  const names = lookOr([], () => root.list(parentPath(path)) ?? []).filter((name) => name !== own);
  const meant = nearest(own, names);
  if (meant !== undefined) return `did you mean ${showPath(joinPath(parentPath(path), meant as BytePath))}?`;
  const fromTop = withoutWorkingDirectory(root, path);
  return fromTop === undefined ? 'name a file that exists' : `did you mean ${showPath(fromTop)}?`;
}

// Several paths in one word, behind an option that takes one path.
function listHint(root: FileRoot, path: BytePath, what: string): string | undefined {
  const each = path.split(',').filter((part) => part !== '');
  const isThere = each.length < 10 && each.every((part) => walk(root, part as BytePath).kind === 'found');
  return isThere ? eachAlone(`--${what}`, each.join(',')) : undefined;
}

function specialHint(path: BytePath): string {
  if (path.startsWith('/dev/')) return 'a launch has devices with uchroot --isolate --dev /dev';
  const danger = dangerOf({ path, isReadOnly: true }, () => false);
  return danger === undefined
    ? 'uchroot --isolate --bind shows it to a program'
    : `it ${danger.how}, so it must not be in a jail`;
}

/** The path with its links resolved. @throws UsageError that calls it `what`, if no file or directory is there. */
export function resolved(root: FileRoot, path: BytePath, what: string): BytePath {
  const way = walk(root, path);
  if (way.kind === 'found' && way.status.kind !== 'other') return way.path;
  if (way.kind === 'found')
    throw new UsageError(`${what} ${showPath(path)}: it is neither a file nor a directory`, {
      hint: `leave it out: ${specialHint(way.path)}`,
    });
  throw new UsageError(`${what} ${showPath(path)}: ${WHY[way.kind]}`, {
    hint: listHint(root, path, what) ?? neighbourHint(root, path),
  });
}
