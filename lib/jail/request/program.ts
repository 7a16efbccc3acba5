// Programs that are asked for by name.

import { type BytePath, bytePath, joinPath, parentPath, showPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { type Walk, walk } from '../../binary/walk.ts';
import { UsageError } from '../../errors.ts';
import { nearest } from '../../nearest.ts';
import { type Bytes, quote } from '../../quote.ts';
import { listIfThere } from '../dpkg/read.ts';
import { absolute, WHY } from '../host/hostpath.ts';

/**
 * A path, or a name that is looked for in the directories of `path` as a shell would. What lies where only its owner comes
 * in, such as the wrappers of a version manager in root's home, is taken only if there is nothing else: no ordinary user
 * could execute it on the host either.
 * @throws UsageError if it is not there
 */
export function findProgram(
  root: FileRoot,
  program: Bytes,
  path = process.env['PATH'] ?? '/usr/bin:/bin',
  isForeign = false,
): BytePath {
  if (bytePath(program).includes('/')) return givenProgram(root, absolute(program, isForeign), program);
  const found = path
    .split(':')
    .map((directory) => joinPath(absolute(directory === '' ? '.' : directory), bytePath(program)))
    .map((candidate) => ({ candidate, end: walk(root, candidate) }))
    .filter(({ end }) => isExecutable(end));
  const chosen = found.find(({ candidate, end }) => isPublic(root, candidate, end)) ?? found[0];
  if (chosen !== undefined) return chosen.candidate;
  const names = path.split(':').flatMap((directory) => listIfThere(root, absolute(directory)));
  // what has the very name cannot be executed
  const others = [...new Set(names)].filter((name) => name !== bytePath(program));
  const meant = nearest(bytePath(program), others);
  throw new UsageError(`program ${quote(program)} is in none of the directories of PATH`, {
    hint:
      meant === undefined
        ? 'give its path, or install it on the host'
        : `did you mean ${showPath(meant as BytePath)}?`,
  });
}

function givenProgram(root: FileRoot, path: BytePath, program: Bytes): BytePath {
  const end = walk(root, path);
  if (end.kind === 'found' && end.status.kind === 'file') return path;
  throw new UsageError(`program ${quote(program)}: ${WHY[end.kind]}`);
}

function isExecutable(end: Walk): boolean {
  return end.kind === 'found' && end.status.kind === 'file' && (end.status.mode & 0o111) !== 0;
}

/** Whether everybody may go along every directory to it, and execute it. */
function isPublic(root: FileRoot, path: BytePath, end: Walk): boolean {
  if (end.kind !== 'found' || (end.status.mode & 0o001) === 0) return false;
  const ways = [parentPath(path), parentPath(end.path), ...end.links.map((link) => parentPath(link.path))];
  return ways.every((directory) => isSearchable(root, directory));
}

function isSearchable(root: FileRoot, directory: BytePath): boolean {
  const way = walk(root, directory);
  if (way.kind !== 'found' || (way.status.mode & 0o001) === 0) return false;
  return way.path === '/' || isSearchable(root, parentPath(way.path));
}
