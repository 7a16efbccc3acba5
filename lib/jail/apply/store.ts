// The builder's own directory in a jail. It holds the lock, the manifest, and new files until all of them are complete.

import { constants, fchmodSync, fsyncSync, writeSync } from 'node:fs';

import { type BytePath, joinPath, pathBytes } from '../../tree/path.ts';
import { type DirectoryRoot } from '../../tree/root.ts';
import { JailError } from '../../errors.ts';
import { native } from '../../native.ts';
import { errorCode } from '../../words/system-error.ts';
import { STORE } from '../manifest/layout.ts';
import { MANIFEST_PATH, type Recorded } from '../manifest/manifest.ts';
import type { Entry, FileEntry } from '../manifest/planned-entry.ts';
import { caller, onHost } from '../../trust/owner.ts';
import { isRootsAlone } from '../../trust/writer.ts';
import { withDescriptor, withOpen } from '../work/closing.ts';
import type { CommitList } from './commit-list.ts';
import {
  complete,
  decide,
  DIRECTORY,
  recover,
  removeStage,
  setAttributes,
  setOwner,
  STAGE,
} from './commit.ts';
import { adoptFiles, type HashOf } from './adopted-files.ts';
import { type Content, copyFiles, type WantedCopy } from './file-facts.ts';

/** Opens or makes the store, and ends an interrupted run. @throws JailError EBUSY (another process), ERR_INSECURE_PATH */
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

/** True if it was made. */
function makeStore(jail: DirectoryRoot): boolean {
  const present = jail.lstat(STORE);
  if (present === undefined) {
    try {
      native.inRootMkdir(jail.fd, pathBytes(STORE), 0o700);
      return true;
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
      return makeStore(jail); // another run has just made it
    }
  }
  if (present.kind === 'directory' && isRootsAlone(present)) return false;
  throw new JailError(`${STORE} in the jail is not a directory that only its owner can write`, {
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
  /** `commit` has begun to change the jail and cannot be undone. */
  decided = false;
  readonly #jail: DirectoryRoot;
  readonly #opened: Opened;
  #next = 0;

  constructor(jail: DirectoryRoot, opened: Opened) {
    this.#jail = jail;
    this.#opened = opened;
  }

  /** The last run had decided a change and was interrupted; openStore has completed that change. */
  get completed(): boolean {
    return this.#opened.completed;
  }

  /** Reserves the number of a file that `copy` will make: it is the file's name. */
  reserve(): number {
    if (this.#next === 0) makeStage(this.#jail);
    return this.#next++;
  }

  #name(): BytePath {
    return stagedPath(this.reserve());
  }

  /** Copies files beneath `rootFd` to their reserved names; with `hashOf` it moves them there. @throws as copyFiles */
  copy(rootFd: number, copies: readonly WantedCopy[], hashOf?: HashOf): Promise<readonly Content[]> {
    return withOpen(this.#jail, STAGE, DIRECTORY, (fd) =>
      hashOf === undefined ? copyFiles(rootFd, fd, copies) : adoptFiles(rootFd, fd, copies, hashOf),
    );
  }

  /** Makes a staged file and lets `fill` write it. `made` is the result of `fill`. */
  async stage<T>(
    fill: (fd: number) => T | Promise<T>,
  ): Promise<{ readonly staged: BytePath; readonly made: T }> {
    const staged = this.#name();
    return { staged, made: await withNewFile(this.#jail, staged, fill) };
  }

  /** Links, directories and devices are staged too: in the jail they must have their mode and owner from the start. */
  stageLink(target: BytePath): BytePath {
    const path = this.#name();
    const { uid, gid } = onHost(caller(), { uid: 0, gid: 0 });
    native.inRootSymlink(this.#jail.fd, { target: pathBytes(target), path: pathBytes(path), uid, gid });
    return path;
  }

  stageDirectory({ mode, uid, gid }: Pick<Recorded, 'mode' | 'uid' | 'gid'>): BytePath {
    const path = this.#name();
    native.inRootMkdir(this.#jail.fd, pathBytes(path), 0o700);
    setAttributes(this.#jail, { path, mode, uid, gid });
    return path;
  }

  /** @throws EPERM if devices cannot be made here */
  stageEntry(entry: Exclude<Entry, FileEntry>): BytePath {
    switch (entry.kind) {
      case 'directory':
        return this.stageDirectory({ mode: entry.mode, uid: entry.uid ?? 0, gid: entry.gid ?? 0 });
      case 'link':
        return this.stageLink(entry.target);
      case 'data': {
        const path = this.#name();
        withNewFile(this.#jail, path, (fd) => writeAll(fd, entry.data, entry.mode));
        return path;
      }
      case 'device': {
        const path = this.#name();
        native.inRootMknod(this.#jail.fd, pathBytes(path), entry.mode, entry.major, entry.minor);
        return path;
      }
      default:
        return entry satisfies never;
    }
  }

  /** Carries out the list, the manifest last. The jail is unchanged until the list is on disk. @throws as complete */
  commit(changes: CommitList, manifest: Buffer): void {
    const jail = this.#jail;
    const write = (path: BytePath, data: Uint8Array) =>
      withNewFile(jail, path, (fd) => {
        writeAll(fd, data, 0o600);
        fsyncSync(fd);
      });
    const staged = this.#name();
    write(staged, manifest);
    const list = { ...changes, files: [...changes.files, { staged, path: MANIFEST_PATH }] };
    // A file must be on disk before it gets its name. Otherwise a power cut could leave the name without the content.
    native.inRootSync(jail.fd);
    decide(jail, list, write);
    this.decided = true;
    complete(jail, list);
  }

  /** Removes the staged files, unless the change is decided. */
  rollBack(): void {
    if (this.decided) return;
    if (this.#jail.lstat(STAGE) !== undefined) removeStage(this.#jail);
    if (this.#opened.isNew) native.inRootRmdir(this.#jail.fd, pathBytes(STORE));
  }

  close(): void {
    native.closeDescriptor(this.#opened.lock);
  }
}

// Every staged path would inherit a default ACL of the directory that the jail was made in (acl(5)).
function makeStage(jail: DirectoryRoot): void {
  native.inRootMkdir(jail.fd, pathBytes(STAGE), 0o700);
  withOpen(jail, STAGE, DIRECTORY, (fd) => native.removeAttribute(fd, 'system.posix_acl_default'));
}

export const stagedPath = (number: number): BytePath => joinPath(STAGE, String(number) as BytePath);

function withNewFile<T>(jail: DirectoryRoot, path: BytePath, use: (fd: number) => T): T {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  return withDescriptor(native.inRootOpen(jail.fd, pathBytes(path), flags, 0o600), (fd) => {
    setOwner(fd, { uid: 0, gid: 0 }); // the fsuid may differ, and the directory may be set-group-ID
    return use(fd);
  });
}

function writeAll(fd: number, data: Uint8Array, mode: number): void {
  for (let rest = data; rest.length > 0;) rest = rest.subarray(writeSync(fd, rest));
  fchmodSync(fd, mode); // the umask does not apply
}
