// Paths of packs: `*` in a component, and `$LIB` for the directories of the C library.

import { type BytePath, joinPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';

/** The paths of a root that a pattern stands for: none if nothing is there. */
export function expandPath(
  root: FileRoot,
  pattern: string,
  libraryDirectories: readonly BytePath[],
): readonly BytePath[] {
  const parts = pattern.split('/').filter((part) => part !== '') as BytePath[];
  const [first, ...rest] = parts;
  if (first === '$LIB') return libraryDirectories.flatMap((directory) => expandBelow(root, directory, rest));
  return expandBelow(root, '/' as BytePath, parts);
}

const NAME_MAX = 255; // limits.h(0p)

function expandBelow(
  root: FileRoot,
  directory: BytePath,
  [part, ...rest]: readonly BytePath[],
): readonly BytePath[] {
  if (part === undefined) return walk(root, directory).kind === 'found' ? [directory] : [];
  if (part.length > NAME_MAX) return []; // out of a script: any word may look like the name of a module
  if (!part.includes('*')) return expandBelow(root, joinPath(directory, part), rest);
  // walked first, since it need not be a directory: a loop of links is none
  const isThere = walk(root, directory).kind === 'found';
  const isMeant = matcherOf(part);
  const names = isThere ? (root.list(directory) ?? []).filter(isMeant) : [];
  return names.flatMap((name) => expandBelow(root, joinPath(directory, name), rest));
}

/** As glob(7) has it, but for `*` alone: it does not match a dot at the beginning of a name. */
function matcherOf(pattern: BytePath): (name: BytePath) => boolean {
  const source = pattern.split('*').map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  const form = new RegExp(`^${source.join('[^/]*')}$`, 's');
  // most names differ in what stands before the first `*`, which is found out faster
  const start = pattern.slice(0, pattern.indexOf('*'));
  return (name) =>
    name.startsWith(start) && (!name.startsWith('.') || pattern.startsWith('.')) && form.test(name);
}
