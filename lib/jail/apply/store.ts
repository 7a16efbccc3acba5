// The builder's own directory in a jail. It holds the lock, the manifest, and new files until all of them are complete.

import { constants, fchmodSync, fchownSync, fsyncSync, writeSync } from 'node:fs';

import { type BytePath, joinPath, pathBytes } from '../../binary/path.ts';
import { type DirectoryRoot, errorCode } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import { native } from '../../native.ts';
import { STORE } from '../manifest/layout.ts';
import { MANIFEST_PATH, type Recorded } from '../manifest/manifest.ts';
import { complete, decide, DIRECTORY, recover, removeStage, setAttributes, STAGE } from './commit.ts';
import { copyFiles, type FileFacts, type WantedCopy } from './file-facts.ts';
import type { CommitList } from './commit-list.ts';

export interface Store {
  /** The last run had decided a change and was interrupted; openStore has completed that change. */
  readonly completed: boolean;
  /** `commit` has begun to change the jail, and there is no way back. */
  readonly decided: boolean;
  /** Makes a staged file and has `fill` write it. `made` is what `fill` returns. */
  stage<T>(fill: (fd: number) => T | Promise<T>): Promise<{ readonly staged: BytePath; readonly made: T }>;
  /** A number for a file that `copy` is to make: its name. */
  reserve(): number;
  /** Copies files beneath `rootFd` to their reserved names. @throws as copyFiles */
  copy(rootFd: number, copies: readonly WantedCopy[]): Promise<readonly FileFacts[]>;
  /** Links, directories and devices are staged too, so that none appears in the jail before it has its mode and owner. */
  stageLink(target: BytePath): BytePath;
  stageDirectory(attributes: Pick<Recorded, 'mode' | 'uid' | 'gid'>): BytePath;
  /** `mode` includes the file type. @throws EPERM if devices cannot be made here */
  stageDevice(device: { readonly mode: number; readonly major: number; readonly minor: number }): BytePath;
  /**
   * Carries out the list, the manifest last. Once the list is on disk, the next run completes an interrupted one. Before that,
   * the jail is unchanged.
   * @throws JailError if something in the way can be neither replaced nor removed; the next run tries again
   */
  commit(list: CommitList, manifest: Buffer): void;
  /** Removes the staged files, unless the change is decided. */
  rollBack(): void;
  close(): void;
}

/**
 * Opens the store of a jail, or makes one, and completes or undoes an interrupted run.
 * @throws JailError EBUSY if another process works on the jail; ERR_INSECURE_PATH if the store is not root's alone.
 */
export async function openStore(jail: DirectoryRoot): Promise<Store> {
  for (;;) {
    const made = makeStore(jail);
    const fd = native.inRootOpen(jail.fd, pathBytes(STORE), DIRECTORY);
    try {
      if (!native.lockFile(fd))
        throw new JailError('another uchroot-jail works on this jail', {
          code: 'EBUSY',
          hint: 'wait until it has ended',
        });
      // another run that failed may have removed its new store before it gave up the lock
      if (jail.lstat(STORE)?.ino === native.inRootFstat(fd).ino)
        return storeOf(jail, fd, made, await recover(jail));
    } catch (error) {
      native.closeDescriptor(fd);
      throw error;
    }
    native.closeDescriptor(fd);
  }
}

function makeStore(jail: DirectoryRoot): boolean {
  let present = jail.lstat(STORE);
  if (present === undefined) {
    try {
      native.inRootMkdir(jail.fd, pathBytes(STORE), 0o700);
      return true;
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
      present = jail.lstat(STORE); // another run has just made it
    }
  }
  if (present === undefined) return makeStore(jail);
  if (present.kind === 'directory' && present.uid === 0 && (present.mode & 0o022) === 0) return false;
  throw new JailError(`${STORE} in the jail is not a directory of root's alone`, {
    code: 'ERR_INSECURE_PATH',
    path: STORE,
    hint: 'somebody else has made it: move it away',
  });
}

function storeOf(jail: DirectoryRoot, lock: number, isNew: boolean, completed: boolean): Store {
  let next = 0;
  let staging = false;
  let decided = false;

  function reserve(): number {
    if (!staging) native.inRootMkdir(jail.fd, pathBytes(STAGE), 0o700);
    staging = true;
    return next++;
  }
  const name = (): BytePath => stagedPath(reserve());

  function write(path: BytePath, data: Uint8Array): void {
    const fd = openNewFile(jail, path);
    try {
      writeAll(fd, data);
      fchmodSync(fd, 0o600); // the umask does not apply
      fsyncSync(fd);
    } finally {
      native.closeDescriptor(fd);
    }
  }

  return {
    completed,
    get decided() {
      return decided;
    },
    stage: async (fill) => {
      const staged = name();
      const fd = openNewFile(jail, staged);
      try {
        return { staged, made: await fill(fd) };
      } finally {
        native.closeDescriptor(fd);
      }
    },
    reserve,
    copy: async (rootFd, copies) => {
      const fd = native.inRootOpen(jail.fd, pathBytes(STAGE), DIRECTORY);
      try {
        return await copyFiles(rootFd, fd, copies);
      } finally {
        native.closeDescriptor(fd);
      }
    },
    stageLink: (target) => {
      const path = name();
      native.inRootSymlink(jail.fd, pathBytes(target), pathBytes(path));
      return path;
    },
    stageDirectory: ({ mode, uid, gid }) => {
      const path = name();
      native.inRootMkdir(jail.fd, pathBytes(path), 0o700);
      setAttributes(jail, { path, mode, uid, gid });
      return path;
    },
    stageDevice: ({ mode, major, minor }) => {
      const path = name();
      native.inRootMknod(jail.fd, pathBytes(path), mode, major, minor);
      return path;
    },
    commit: (changes, manifest) => {
      const staged = name();
      write(staged, manifest);
      const list = { ...changes, files: [...changes.files, { staged, path: MANIFEST_PATH }] };
      // A file must be on disk before it gets its name, or a power cut could leave the name without the content.
      native.inRootSync(jail.fd);
      decide(jail, list, write);
      decided = true;
      complete(jail, list);
    },
    rollBack: () => {
      if (decided) return;
      if (jail.lstat(STAGE) !== undefined) removeStage(jail);
      if (isNew) native.inRootUnlink(jail.fd, pathBytes(STORE), true);
    },
    close: () => native.closeDescriptor(lock),
  };
}

export function stagedPath(number: number): BytePath {
  return joinPath(STAGE, String(number) as BytePath);
}

function openNewFile(jail: DirectoryRoot, path: BytePath): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = native.inRootOpen(jail.fd, pathBytes(path), flags, 0o600);
  try {
    fchownSync(fd, 0, 0); // fsuid may be another, and the directory set-group-ID
    return fd;
  } catch (error) {
    native.closeDescriptor(fd);
    throw error;
  }
}

export function writeAll(fd: number, data: Uint8Array): void {
  for (let rest = data; rest.length > 0;) rest = rest.subarray(writeSync(fd, rest));
}
