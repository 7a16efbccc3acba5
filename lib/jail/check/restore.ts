// Makes a path of a jail what its manifest says.

import { constants, fchmodSync, fchownSync, fsyncSync } from 'node:fs';

import { type BytePath, joinPath, pathBytes } from '../../binary/path.ts';
import { native } from '../../native.ts';
import { hashFile, hashInJail, openRegular } from '../hash.ts';
import { STORE } from '../layout.ts';
import type { Recorded } from '../manifest.ts';
import { openStore } from '../store.ts';
import type { CheckedJail } from './jail.ts';

/** Where files are kept that were replaced, under their SHA-256: somebody may want to look at them. */
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
  const store = openStore(root); // and nobody else changes the jail meanwhile
  try {
    const staged = await stage(jail, recorded, store);
    if (staged === undefined) return false;
    if (present?.kind === 'file') await keep(jail, path);
    native.inRootRename(root.fd, pathBytes(staged), pathBytes(path));
    return true;
  } finally {
    store.rollBack();
    store.close();
  }
}

function restoreDirectory({ root }: CheckedJail, { path, mode, uid, gid }: Recorded): boolean {
  const store = openStore(root);
  try {
    native.inRootRename(root.fd, pathBytes(store.stageDirectory({ mode, uid, gid })), pathBytes(path));
    return true;
  } finally {
    store.rollBack();
    store.close();
  }
}

type Store = ReturnType<typeof openStore>;

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
  { host, root }: CheckedJail,
  { source, sha256, mode, uid, gid, keepPrivileges }: Recorded,
  store: Store,
): Promise<BytePath | undefined> {
  const file = source === undefined || host === undefined ? undefined : openRegular(host.root, source);
  if (file === undefined) return undefined;
  try {
    if ((await hashFile(file.fd)) !== sha256) return undefined;
    const staged = store.stage((fd) => {
      native.copyFile(file.fd, fd);
      fchownSync(fd, uid, gid);
      fchmodSync(fd, mode); // after chown, which takes the set-user-ID bit away
      if (keepPrivileges === true) native.copyCapabilities(file.fd, fd);
      fsyncSync(fd);
    });
    // the source may have been written to meanwhile
    return (await hashInJail(root, staged)) === sha256 ? staged : undefined;
  } finally {
    file.close();
  }
}

async function keep({ root }: CheckedJail, path: BytePath): Promise<void> {
  const file = openRegular(root, path);
  if (file === undefined) return;
  try {
    const kept = joinPath(REPLACED, (await hashFile(file.fd)) as BytePath);
    if (root.lstat(REPLACED) === undefined) native.inRootMkdir(root.fd, pathBytes(REPLACED), 0o700);
    if (root.lstat(kept) !== undefined) return;
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const fd = native.inRootOpen(root.fd, pathBytes(kept), flags, 0o600);
    try {
      native.copyFile(file.fd, fd);
    } finally {
      native.closeDescriptor(fd);
    }
  } finally {
    file.close();
  }
}
