// Patterns of paths: `*`, `?` and `[…]` (glob(7)), as files of configuration have them to name others.

import { type BytePath, bytePath, joinPath } from './path.ts';
import type { FileRoot } from './root.ts';

const WILDCARD = /[*?[]/;

/** The paths that an absolute pattern stands for, in order, `most` of them; one without a wildcard stands for itself. */
export function expandPattern(root: FileRoot, pattern: BytePath, most: number): readonly BytePath[] {
  const names = pattern.split('/').filter((name) => name !== '') as BytePath[];
  let paths: readonly BytePath[] = [bytePath('/')];
  for (const name of names)
    paths = WILDCARD.test(name)
      ? paths.flatMap((path) => matching(root, path, name)).slice(0, most)
      : paths.map((path) => joinPath(path, name));
  return paths;
}

function matching(root: FileRoot, directory: BytePath, pattern: string): readonly BytePath[] {
  return listDirectory(root, directory)
    .filter((name) => (!name.startsWith('.') || pattern.startsWith('.')) && matches(name, pattern))
    .map((name) => joinPath(directory, name));
}

function listDirectory(root: FileRoot, directory: BytePath): readonly BytePath[] {
  try {
    return root.list(directory) ?? [];
  } catch {
    return [];
  }
}

// By hand: a pattern out of a jail made into a RegExp could take for ever. This goes back to the last `*` only.
function matches(name: string, pattern: string): boolean {
  let [at, next, star, retry] = [0, 0, -1, 0];
  while (at < name.length) {
    const behind = pattern[next] === '*' ? undefined : matchOne(name.charAt(at), pattern, next);
    if (pattern[next] === '*') {
      star = next++;
      retry = at;
    } else if (behind !== undefined) {
      next = behind;
      at++;
    } else if (star >= 0) {
      next = star + 1;
      at = ++retry;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(next));
}

// Where the pattern goes on behind what stands for this one character.
function matchOne(character: string, pattern: string, next: number): number | undefined {
  const set = pattern[next] === '[' ? /^\[([!^]?)(\]?[^\]]*)\]/.exec(pattern.slice(next)) : null;
  if (set !== null) {
    const [whole, not, members = ''] = set;
    return hasMember(members, character) === (not === '') ? next + whole.length : undefined;
  }
  return next < pattern.length && (pattern[next] === '?' || pattern[next] === character)
    ? next + 1
    : undefined;
}

function hasMember(members: string, character: string): boolean {
  for (let i = 0; i < members.length; i++) {
    const isRange = members[i + 1] === '-' && i + 2 < members.length;
    const last = isRange ? members.charAt(i + 2) : members.charAt(i);
    if (character >= members.charAt(i) && character <= last) return true;
    if (isRange) i += 2;
  }
  return false;
}
