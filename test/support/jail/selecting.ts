// Opens selections on roots in memory.

import { type BytePath, bytePath } from '../../../lib/tree/path.ts';
import type { FileRoot, FileStatus } from '../../../lib/tree/root.ts';
import type { Reason } from '../../../lib/jail/manifest/planned-entry.ts';
import { Selection, type SelectionOptions } from '../../../lib/jail/plan/selection.ts';
import { memoryRoot, type Tree } from '../binary/image.ts';

type Attributes = Readonly<Record<string, Partial<FileStatus>>>;

/** A root in memory of which some files are not root's with mode 0755. */
function rootOf(tree: Tree, attributes: Attributes = {}): FileRoot {
  const root = memoryRoot(tree);
  return {
    ...root,
    lstat: (path) => {
      const status = root.lstat(path);
      return status && { ...status, ...attributes[path] };
    },
  };
}

export const nobody: SelectionOptions = {
  owners: { uids: new Set(), gids: new Set() },
  keepPrivileges: new Set(),
};
export const BOB: SelectionOptions = {
  ...nobody,
  owners: { uids: new Set([1000]), gids: new Set([1000, 33]) },
};
export const path = (text: string): BytePath => bytePath(text);
export const because: Reason = { how: 'pack', as: 'p' };
export const packaged: Reason = { how: 'package', as: 'p' };

export function open(tree: Tree, attributes: Attributes = {}, options: SelectionOptions = nobody): Selection {
  return new Selection(rootOf(tree, attributes), options);
}

export function shown(selection: Selection): readonly string[] {
  return selection.entries().map((entry) => {
    if (entry.kind === 'directory') return `${entry.path}/`;
    return entry.kind === 'link' ? `${entry.path} -> ${entry.target}` : entry.path;
  });
}
