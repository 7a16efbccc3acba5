// Puts entries into a jail, so that at any moment the jail is as before or as planned.

import { constants, fchmodSync, fchownSync } from 'node:fs';

import { type BytePath, pathBytes, showPath } from '../../binary/path.ts';
import { type DirectoryRoot, errorCode, type FileRoot, type FileStatus } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import { native } from '../../native.ts';
import { isWithin } from '../host/mounts.ts';
import type { DataEntry, DeviceEntry, DirectoryEntry, Entry, FileEntry } from '../manifest/entry.ts';
import type { Recorded } from '../manifest/manifest.ts';
import type { Staged } from './commit.ts';
import { judge } from './keep.ts';
import { checkDirectory, inTheWay } from './obstacle.ts';
import { ORDINARY, rankOf, rankOfLink } from './order.ts';
import { contentOf, foresee, openSource, toRecorded } from './record.ts';
import { type Store, writeAll } from './store.ts';
import { setTimes } from './times.ts';

/** Work on one jail: `add` prepares, `staged` waits for Store.commit, `rollBack` takes the rest back. */
export interface JailWriter {
  /**
   * Prepares an entry and tells how it is to be recorded.
   * @throws JailError if something else is in the way; system errors.
   */
  add(entry: Entry): Promise<Recorded>;
  /** In the order in which they are to be put in place. */
  staged(): readonly Staged[];
  /** Modification times of what is no copy, which change while the jail is filled. */
  setTimes(entries: readonly Recorded[]): void;
  rollBack(): void;
  readonly warnings: readonly string[];
}

interface Waiting extends Staged {
  readonly rank: number;
}

export interface Writing {
  /** Where it is copied from. */
  readonly source: FileRoot;
  readonly jail: DirectoryRoot;
  readonly store: Store;
  /** What the manifest says is there: a file that is still so stays. */
  readonly known: ReadonlyMap<BytePath, Recorded>;
  /** What something is mounted on, as the jail sees it. */
  readonly mounted: readonly BytePath[];
}

/** Opens the work on one jail. */
export function openWriter({ source, jail, store, known, mounted }: Writing): JailWriter {
  const undo: (() => void)[] = [];
  const waiting: Waiting[] = [];
  const warnings: string[] = [];
  const edited = new Set<BytePath>();
  const made = new Set<BytePath>();

  async function add(entry: Entry): Promise<Recorded> {
    const { path } = entry;
    const present = jail.lstat(path);
    switch (entry.kind) {
      case 'directory':
        if (present === undefined) makeDirectory(entry);
        else keepDirectory(entry, present);
        return toRecorded(entry);
      case 'link': {
        const record = toRecorded(entry);
        const isInTheWay = present !== undefined && present.target === undefined;
        if (isInTheWay && !(present.kind === 'file' && known.has(path)))
          throw inTheWay(path, `a link to ${showPath(entry.target)}`, present);
        const isSame = present?.target === entry.target;
        if (!isSame && !(await stays(record, present)))
          wait(path, rankOfLink(path), store.stageLink(entry.target));
        return record;
      }
      case 'file':
        return addFile(entry, present);
      case 'data':
        return addData(entry, present);
      case 'device':
        if (present === undefined) makeDevice(entry);
        else if (!isDevice(jail, entry)) throw inTheWay(path, 'a device', present);
        return toRecorded(entry);
      default:
        return entry satisfies never;
    }
  }

  /** Rename puts it in place, which does not lead from one mount into another, nor replace what something is mounted on. */
  function wait(path: BytePath, rank: number, staged: BytePath): void {
    const point = mounted.find((directory) => isWithin(path, directory));
    if (point !== undefined)
      throw new JailError(`something is mounted on ${showPath(point)} in the jail, where a file belongs`, {
        code: 'EXDEV',
        path: showPath(point),
        hint: 'unmount it first',
      });
    waiting.push({ staged, path, rank });
  }

  async function stays(record: Recorded, present: FileStatus | undefined): Promise<boolean> {
    const verdict = await judge(jail, known.get(record.path), record, present);
    if (verdict.warning !== undefined) warnings.push(verdict.warning);
    if (verdict.isEdited === true) edited.add(record.path);
    return verdict.stays;
  }

  function makeDirectory({ path, mode, uid = 0, gid = 0 }: DirectoryEntry): void {
    const staged = store.stageDirectory({ mode, uid, gid });
    native.inRootRename(jail.fd, pathBytes(staged), pathBytes(path));
    made.add(path);
    undo.push(() => native.inRootUnlink(jail.fd, pathBytes(path), true));
  }

  /** Of a directory that is there, mode and owner stay, unless others than before are planned. */
  function keepDirectory(entry: DirectoryEntry, present: FileStatus): void {
    checkDirectory(entry, present);
    const { path, mode, uid = 0, gid = 0 } = entry;
    const old = known.get(path);
    const isPlanned = old !== undefined && (old.mode !== mode || old.uid !== uid || old.gid !== gid);
    if (isPlanned || (uid !== 0 && present.uid === 0)) {
      setAttributes(path, { mode, uid, gid });
      undo.push(() => setAttributes(path, present));
    }
  }

  function setAttributes(path: BytePath, { mode, uid, gid }: Pick<Recorded, 'mode' | 'uid' | 'gid'>): void {
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    const fd = native.inRootOpen(jail.fd, pathBytes(path), flags);
    try {
      fchownSync(fd, uid, gid);
      fchmodSync(fd, mode);
    } finally {
      native.closeDescriptor(fd);
    }
  }

  async function addFile(entry: FileEntry, present: FileStatus | undefined): Promise<Recorded> {
    const { path, mode, uid = 0, gid = 0, keepPrivileges } = entry;
    if (present?.kind === 'directory') throw inTheWay(path, 'a file', present);
    if (present !== undefined || known.has(path)) {
      const fresh = await foresee(entry, source);
      if (await stays(fresh, present)) return fresh;
    }
    const file = openSource(source, entry);
    try {
      const staged = store.stage((fd) => {
        native.copyFile(file.fd, fd);
        fchownSync(fd, uid, gid);
        fchmodSync(fd, mode); // after chown, which takes the set-user-ID bit away
        if (keepPrivileges === true) native.copyCapabilities(file.fd, fd);
      });
      wait(path, rankOf(entry), staged);
      return await recordCopy(entry, staged);
    } finally {
      file.close();
    }
  }

  // by the copy: the host's file may have changed meanwhile
  async function recordCopy(entry: FileEntry, staged: BytePath): Promise<Recorded> {
    const copy = jail.open(staged);
    if (copy === undefined) return toRecorded(entry); // nobody but root can take it away
    try {
      return toRecorded(entry, await contentOf(copy));
    } finally {
      copy.close();
    }
  }

  async function addData(entry: DataEntry, present: FileStatus | undefined): Promise<Recorded> {
    const { path, data, mode } = entry;
    if (present?.kind === 'directory') throw inTheWay(path, 'a file', present);
    const record = toRecorded(entry);
    if (await stays(record, present)) return record;
    const staged = store.stage((fd) => {
      writeAll(fd, data);
      fchmodSync(fd, mode);
    });
    wait(path, ORDINARY, staged);
    return record;
  }

  function makeDevice(entry: DeviceEntry): void {
    try {
      wait(entry.path, ORDINARY, store.stageDevice(entry));
    } catch (error) {
      // a container without CAP_MKNOD, or with a device filter
      if (errorCode(error) !== 'EPERM') throw error;
      warnings.push(`${showPath(entry.path)} was not made: mknod is not permitted here`);
    }
  }

  return {
    add,
    staged: () => waiting.toSorted((a, b) => a.rank - b.rank),
    setTimes: (entries) => setTimes(jail, entries, { edited, made }),
    rollBack: () => {
      for (const step of undo.toReversed()) {
        try {
          step();
        } catch {
          // already gone, or no longer empty: what can be taken back is
        }
      }
    },
    warnings,
  };
}

function isDevice(jail: DirectoryRoot, { path, mode, major, minor }: DeviceEntry): boolean {
  const status = native.inRootLstat(jail.fd, pathBytes(path));
  return (status.mode & TYPE_BITS) === (mode & TYPE_BITS) && status.major === major && status.minor === minor;
}

const TYPE_BITS = 0o170000; // inode(7)
