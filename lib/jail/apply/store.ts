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
import type { DataEntry, DeviceEntry } from '../manifest/planned-entry.ts';
import type { CommitList } from './commit-list.ts';

/**
 * Opens or makes the store of a jail, and completes or undoes an interrupted run.
 * @throws JailError EBUSY if another process works on the jail; ERR_INSECURE_PATH if not only root can write the store.
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
      // Another run that failed may have removed its new store before it released the lock.
      if (jail.lstat(STORE)?.ino === native.inRootFstat(fd).ino)
        return new Store(jail, { lock: fd, isNew: made, completed: await recover(jail) });
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
  throw new JailError(`${STORE} in the jail is not a directory that only root can write`, {
    code: 'ERR_INSECURE_PATH',
    path: STORE,
    hint: 'uchroot-jail has not made it: move it away',
  });
}

interface Opened {
  readonly lock: number;
  readonly isNew: boolean;
  readonly completed: boolean;
}

export class Store {
  /** The last run had decided a change and was interrupted; openStore has completed that change. */
  readonly completed: boolean;
  readonly #jail: DirectoryRoot;
  readonly #opened: Opened;
  #next = 0;
  #decided = false;

  constructor(jail: DirectoryRoot, opened: Opened) {
    this.#jail = jail;
    this.#opened = opened;
    this.completed = opened.completed;
  }

  /** `commit` has begun to change the jail and cannot be undone. */
  get decided(): boolean {
    return this.#decided;
  }

  /** Reserves the number of a file that `copy` will make: it is the file's name. */
  reserve(): number {
    if (this.#next === 0) makeStage(this.#jail);
    return this.#next++;
  }

  #name(): BytePath {
    return stagedPath(this.reserve());
  }

  /** Copies files beneath `rootFd` to their reserved names. @throws as copyFiles */
  async copy(rootFd: number, copies: readonly WantedCopy[]): Promise<readonly FileFacts[]> {
    const fd = native.inRootOpen(this.#jail.fd, pathBytes(STAGE), DIRECTORY);
    try {
      return await copyFiles(rootFd, fd, copies);
    } finally {
      native.closeDescriptor(fd);
    }
  }

  /** Makes a staged file and lets `fill` write it. `made` is the result of `fill`. */
  async stage<T>(
    fill: (fd: number) => T | Promise<T>,
  ): Promise<{ readonly staged: BytePath; readonly made: T }> {
    const staged = this.#name();
    const fd = openNewFile(this.#jail, staged);
    try {
      return { staged, made: await fill(fd) };
    } finally {
      native.closeDescriptor(fd);
    }
  }

  stageData({ data, mode }: Pick<DataEntry, 'data' | 'mode'>): BytePath {
    const staged = this.#name();
    writeNewFile(this.#jail, staged, { data, mode });
    return staged;
  }

  /** Links, directories and devices are staged too: in the jail they must have their mode and owner from the start. */
  stageLink(target: BytePath): BytePath {
    const path = this.#name();
    native.inRootSymlink(this.#jail.fd, pathBytes(target), pathBytes(path));
    return path;
  }

  stageDirectory({ mode, uid, gid }: Pick<Recorded, 'mode' | 'uid' | 'gid'>): BytePath {
    const path = this.#name();
    native.inRootMkdir(this.#jail.fd, pathBytes(path), 0o700);
    setAttributes(this.#jail, { path, mode, uid, gid });
    return path;
  }

  /** `mode` includes the file type. @throws EPERM if devices cannot be made here */
  stageDevice({ mode, major, minor }: Pick<DeviceEntry, 'mode' | 'major' | 'minor'>): BytePath {
    const path = this.#name();
    native.inRootMknod(this.#jail.fd, pathBytes(path), mode, major, minor);
    return path;
  }

  /**
   * Carries out the list; the manifest is last. Once the list is on disk, the next run completes an interrupted one. Before that,
   * the jail is unchanged.
   * @throws JailError if an object in the way can be neither replaced nor removed; the next run tries again
   */
  commit(changes: CommitList, manifest: Buffer): void {
    const jail = this.#jail;
    const write = (path: BytePath, data: Uint8Array) =>
      writeNewFile(jail, path, { data, mode: 0o600, isSynced: true });
    const staged = this.#name();
    write(staged, manifest);
    const list = { ...changes, files: [...changes.files, { staged, path: MANIFEST_PATH }] };
    // A file must be on disk before it gets its name. Otherwise a power cut could leave the name without the content.
    native.inRootSync(jail.fd);
    decide(jail, list, write);
    this.#decided = true;
    complete(jail, list);
  }

  /** Removes the staged files, unless the change is decided. */
  rollBack(): void {
    if (this.#decided) return;
    if (this.#jail.lstat(STAGE) !== undefined) removeStage(this.#jail);
    if (this.#opened.isNew) native.inRootUnlink(this.#jail.fd, pathBytes(STORE), true);
  }

  close(): void {
    native.closeDescriptor(this.#opened.lock);
  }
}

// A default ACL of the directory that the jail was made in would come along with every staged path (acl(5)).
function makeStage(jail: DirectoryRoot): void {
  native.inRootMkdir(jail.fd, pathBytes(STAGE), 0o700);
  const fd = native.inRootOpen(jail.fd, pathBytes(STAGE), DIRECTORY);
  try {
    native.removeAttribute(fd, 'system.posix_acl_default');
  } finally {
    native.closeDescriptor(fd);
  }
}

function writeNewFile(
  jail: DirectoryRoot,
  path: BytePath,
  {
    data,
    mode,
    isSynced = false,
  }: { readonly data: Uint8Array; readonly mode: number; readonly isSynced?: boolean },
): void {
  const fd = openNewFile(jail, path);
  try {
    for (let rest = data; rest.length > 0;) rest = rest.subarray(writeSync(fd, rest));
    fchmodSync(fd, mode); // the umask does not apply
    if (isSynced) fsyncSync(fd);
  } finally {
    native.closeDescriptor(fd);
  }
}

export function stagedPath(number: number): BytePath {
  return joinPath(STAGE, String(number) as BytePath);
}

function openNewFile(jail: DirectoryRoot, path: BytePath): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = native.inRootOpen(jail.fd, pathBytes(path), flags, 0o600);
  try {
    fchownSync(fd, 0, 0); // the fsuid may differ, and the directory may be set-group-ID
    return fd;
  } catch (error) {
    native.closeDescriptor(fd);
    throw error;
  }
}
