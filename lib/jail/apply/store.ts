// The builder's own directory in a jail: a lock, the manifest, and new files until all are complete.

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
  /** Whether the last run was interrupted when it had decided to change the jail: that was completed just now. */
  readonly completed: boolean;
  /** Whether `commit` has begun to change the jail: there is no way back then. */
  readonly decided: boolean;
  /** Creates the next file to be staged and fills it; `made` is what `fill` returns. */
  stage<T>(fill: (fd: number) => T | Promise<T>): Promise<{ readonly staged: BytePath; readonly made: T }>;
  /** The number that is the name of the next file to be staged, for `copy`. */
  reserve(): number;
  /** Copies files beneath `rootFd`, each to the name that was reserved for it. @throws as copyFiles */
  copy(rootFd: number, copies: readonly WantedCopy[]): Promise<readonly FileFacts[]>;
  /** What is no file is staged too: it gets its name when it has its mode and owner. */
  stageLink(target: BytePath): BytePath;
  stageDirectory(attributes: Pick<Recorded, 'mode' | 'uid' | 'gid'>): BytePath;
  /** `mode` with the file type. @throws EPERM where no device may be made. */
  stageDevice(device: { readonly mode: number; readonly major: number; readonly minor: number }): BytePath;
  /**
   * Makes the changes of the list, the manifest last. From the moment at which the list is on disk, an interrupted run is
   * completed by the next one; before, nothing of the jail has changed.
   * @throws JailError if something is in the way that can be neither replaced nor removed: the next run completes it.
   */
  commit(list: CommitList, manifest: Buffer): void;
  /** Removes what is staged, unless it is decided. */
  rollBack(): void;
  close(): void;
}

/**
 * Opens the store of a jail, makes it if there is none, and brings an interrupted run to its end.
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
      // a run that failed may have taken its new store away before it gave up the lock
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
      present = jail.lstat(STORE); // another run has been quicker
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
      fchmodSync(fd, 0o600); // whatever the umask
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
      // A name must not come to a file whose content a power cut can still take away.
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

/** Where the file of this number waits. */
export function stagedPath(number: number): BytePath {
  return joinPath(STAGE, String(number) as BytePath);
}

function openNewFile(jail: DirectoryRoot, path: BytePath): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = native.inRootOpen(jail.fd, pathBytes(path), flags, 0o600);
  try {
    fchownSync(fd, 0, 0); // whatever fsuid, and a directory that is set-group-ID
    return fd;
  } catch (error) {
    native.closeDescriptor(fd);
    throw error;
  }
}

/** Writes all of it, from where the file stands. */
export function writeAll(fd: number, data: Uint8Array): void {
  for (let rest = data; rest.length > 0;) rest = rest.subarray(writeSync(fd, rest));
}
