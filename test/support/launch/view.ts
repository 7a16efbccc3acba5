// A jail in memory, for a diagnosis.
import type { BytePath } from '../../../lib/tree/path.ts';
import type { FileRoot, FileStatus } from '../../../lib/tree/root.ts';
import type { Account } from '../../../lib/launch/host/account.ts';
import type { JailView } from '../../../lib/launch/tell/jail-view.ts';
import { makeElf, memoryRoot, type Tree } from '../binary/image.ts';

export const sam: Account = {
  uid: 1001,
  gid: 1001,
  groups: [29, 1001],
  memberships: [29, 1001],
  name: 'sam',
  home: '/home/sam',
  shell: '/bin/sh',
};

/** A static program for this machine. */
export const program: Buffer = makeElf({ type: 2, isStatic: true });

/** Files of root with mode 0755, except as in `changes`. */
export function viewOf(
  tree: Tree,
  changes: Readonly<Record<string, Partial<FileStatus>>> = {},
  rest: Partial<JailView> = {},
): JailView {
  const plain = memoryRoot(tree);
  const root: FileRoot = {
    ...plain,
    lstat: (path: BytePath) => {
      const status = plain.lstat(path);
      return status && { ...status, ...changes[path] };
    },
  };
  return {
    root,
    account: sam,
    jail: '/srv/jail',
    cwd: Buffer.from('/'),
    binds: [],
    architecture: 'x64',
    ...rest,
  };
}
