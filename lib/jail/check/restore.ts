// Makes a path of a jail what its manifest says.

import { constants, fchmodSync, fchownSync, fsyncSync } from 'node:fs';

import { type BytePath, joinPath, lastComponent, pathBytes } from '../../binary/path.ts';
import type { DirectoryRoot } from '../../binary/root.ts';
import { native } from '../../native.ts';
import { openStore, type Store } from '../apply/store.ts';
import { hashFile, openRegular } from '../manifest/file-hash.ts';
import { STORE } from '../manifest/layout.ts';
import type { Recorded } from '../manifest/manifest.ts';
import { commandLine } from './command.ts';
import type { CheckedJail } from './jail.ts';
import { hostPath } from './rule.ts';
import { octal } from '../../trust/writer.ts';

/** Where things are kept that were replaced: somebody may want to look at them. */
const REPLACED: BytePath = joinPath(STORE, 'replaced' as BytePath);

/**
 * False if that cannot be done: the source is another one by now, or a directory is in the way. What it replaces is kept.
 * @throws JailError EBUSY if somebody works on the jail; system errors
 */
export async function restore(jail: CheckedJail, recorded: Recorded): Promise<boolean> {
  const { root } = jail;
  const { path } = recorded;
  const present = root.lstat(path);
  if (present?.kind === 'directory') return false;
  if (recorded.kind === 'directory') return present === undefined && restoreDirectory(jail, recorded);
  const store = await openStore(root); // and nobody else changes the jail meanwhile
  try {
    const staged = await stage(jail, recorded, store);
    if (staged === undefined) return false;
    if (present !== undefined) return replace(root, staged, path);
    native.inRootRename(root.fd, pathBytes(staged), pathBytes(path), true);
    return true;
  } finally {
    store.rollBack();
    store.close();
  }
}

/** What `restore` does, as a command line; that the content was compared, and what it replaced kept, is not in it. */
export function restoredBy(jail: CheckedJail, recorded: Recorded): string {
  const { kind, path, source, mode, target = '', major = 0, minor = 0 } = recorded;
  const at = hostPath(jail, path);
  switch (kind) {
    case 'file':
      return commandLine(
        'cp',
        '-a',
        joinPath(jail.manifest?.recipe.from ?? ROOT, (source ?? path).slice(1) as BytePath),
        at,
      );
    case 'link':
      return commandLine('ln', '-sfn', target, at);
    case 'device':
      return commandLine('mknod', '-m', octal(mode), at, 'c', String(major), String(minor));
    case 'directory':
      return commandLine('mkdir', '-m', octal(mode), at);
    default:
      return kind satisfies never;
  }
}

const ROOT = '/' as BytePath;

// In one step: whatever lies there at that moment is what is kept, and no interruption can lose it.
function replace(root: DirectoryRoot, staged: BytePath, path: BytePath): boolean {
  const kept = nameKept(root, path);
  native.inRootRename(root.fd, pathBytes(staged), pathBytes(kept), true);
  native.inRootExchange(root.fd, pathBytes(kept), pathBytes(path));
  if (root.lstat(kept)?.kind !== 'directory') return true;
  native.inRootExchange(root.fd, pathBytes(kept), pathBytes(path)); // somebody has been quick: it is not ours to move
  native.inRootUnlink(root.fd, pathBytes(kept));
  return false;
}

// Numbered, since a file may come to be replaced again.
function nameKept(root: DirectoryRoot, path: BytePath): BytePath {
  if (root.lstat(REPLACED) === undefined) native.inRootMkdir(root.fd, pathBytes(REPLACED), 0o700);
  const name = lastComponent(path).slice(0, 200); // 255 is the most (path_resolution(7))
  for (let number = 1; ; number++) {
    const kept = joinPath(REPLACED, `${number}-${name}` as BytePath);
    if (root.lstat(kept) === undefined) return kept;
  }
}

async function restoreDirectory({ root }: CheckedJail, { path, mode, uid, gid }: Recorded): Promise<boolean> {
  const store = await openStore(root);
  try {
    const staged = store.stageDirectory({ mode, uid, gid });
    native.inRootRename(root.fd, pathBytes(staged), pathBytes(path), true);
    return true;
  } finally {
    store.rollBack();
    store.close();
  }
}

function stage(
  jail: CheckedJail,
  recorded: Recorded,
  store: Store,
): Promise<BytePath | undefined> | BytePath | undefined {
  const { kind, mode, target, major, minor } = recorded;
  switch (kind) {
    case 'link':
      return target && store.stageLink(target);
    case 'device':
      return major === undefined || minor === undefined
        ? undefined
        : store.stageDevice({ mode: mode | constants.S_IFCHR, major, minor });
    case 'file':
      return stageFile(jail, recorded, store);
    case 'directory':
      return undefined;
    default:
      return kind satisfies never;
  }
}

async function stageFile(
  { host }: CheckedJail,
  { source, sha256, mode, uid, gid, keepPrivileges }: Recorded,
  store: Store,
): Promise<BytePath | undefined> {
  const file = source === undefined || host === undefined ? undefined : openRegular(host.root, source);
  if (file === undefined) return undefined;
  try {
    if ((await hashFile(file.fd)) !== sha256) return undefined;
    const { staged, made: copied } = await store.stage((fd) => {
      native.copyFile(file.fd, fd);
      fchownSync(fd, uid, gid);
      fchmodSync(fd, mode); // after chown, which takes the set-user-ID bit away
      if (keepPrivileges === true) native.copyCapabilities(file.fd, fd);
      fsyncSync(fd);
      return hashFile(fd);
    });
    // the source may have been written to meanwhile
    return copied === sha256 ? staged : undefined;
  } finally {
    file.close();
  }
}
