// Puts planned entries into a jail, so that at any moment the jail is as before or as planned.

import { randomBytes } from 'node:crypto';
import { closeSync, constants, fchmodSync, fchownSync, writeSync } from 'node:fs';

import { type BytePath, joinPath, parentPath, pathBytes, showPath } from '../binary/path.ts';
import { type DirectoryRoot, errorCode, type FileRoot, type FileStatus } from '../binary/root.ts';
import { JailError } from '../errors.ts';
import { native } from '../native.ts';
import type { Entry } from './plan.ts';

/** Work on one jail: `add` prepares, `commit` makes all of it visible, `rollBack` takes all of it back. */
export interface JailWriter {
  /** @throws JailError if something else is in the way; system errors. */
  add(entry: Entry): void;
  /** A file of these bytes. */
  addData(path: BytePath, data: Uint8Array): void;
  /** Writes to disk what was prepared, then puts each file in its place by rename(2). */
  commit(): void;
  rollBack(): void;
  readonly warnings: readonly string[];
}

/** Copies out of `source` into `jail`; both see the same paths. */
export function openWriter(source: FileRoot, jail: DirectoryRoot): JailWriter {
  const undo: (() => void)[] = [];
  const waiting: { readonly temporary: BytePath; readonly path: BytePath }[] = [];
  const warnings: string[] = [];

  function add(entry: Entry): void {
    const present = jail.lstat(entry.path);
    switch (entry.kind) {
      case 'directory':
        if (present === undefined) makeDirectory(entry.path, entry.mode);
        else checkDirectory(entry, present);
        return;
      case 'link':
        if (present === undefined) makeLink(entry.path, entry.target);
        else if (present.target === undefined) throw inTheWay(entry, present);
        else if (present.target !== entry.target) replaceLink(entry.path, entry.target);
        return;
      case 'file':
        if (present?.kind === 'directory') throw inTheWay(entry, present);
        prepare(entry.path, (fd) => copyFrom(source, entry.path, fd));
        return;
      case 'device':
        if (present === undefined) makeDevice(entry);
        return;
      default:
        entry satisfies never;
    }
  }

  function makeDirectory(path: BytePath, mode: number): void {
    native.inRootMkdir(jail.fd, pathBytes(path), mode & 0o755);
    undo.push(() => native.inRootUnlink(jail.fd, pathBytes(path), true));
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    withDescriptor(native.inRootOpen(jail.fd, pathBytes(path), flags), (fd) => fchmodSync(fd, mode));
  }

  function makeLink(path: BytePath, target: BytePath): void {
    native.inRootSymlink(jail.fd, pathBytes(target), pathBytes(path));
    undo.push(() => native.inRootUnlink(jail.fd, pathBytes(path)));
  }

  function replaceLink(path: BytePath, target: BytePath): void {
    const temporary = temporaryBeside(path);
    makeLink(temporary, target);
    waiting.push({ temporary, path });
  }

  function makeDevice({ path, mode, major, minor }: Extract<Entry, { kind: 'device' }>): void {
    try {
      native.inRootMknod(jail.fd, pathBytes(path), mode, major, minor);
      undo.push(() => native.inRootUnlink(jail.fd, pathBytes(path)));
    } catch (error) {
      // a container without CAP_MKNOD, or with a device filter
      if (errorCode(error) !== 'EPERM') throw error;
      warnings.push(`${showPath(path)} was not made: mknod is not permitted here`);
    }
  }

  function prepare(path: BytePath, fill: (fd: number) => number): void {
    const temporary = temporaryBeside(path);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    withDescriptor(native.inRootOpen(jail.fd, pathBytes(temporary), flags, 0o600), (fd) => {
      undo.push(() => native.inRootUnlink(jail.fd, pathBytes(temporary)));
      const mode = fill(fd);
      fchownSync(fd, 0, 0);
      fchmodSync(fd, mode);
    });
    waiting.push({ temporary, path });
  }

  return {
    add,
    addData: (path, data) =>
      prepare(path, (fd) => {
        for (let rest = data; rest.length > 0;) rest = rest.subarray(writeSync(fd, rest));
        return 0o644;
      }),
    commit: () => {
      // A name must not come to a file whose content a power cut can still take away.
      native.inRootSync(jail.fd);
      for (const { temporary, path } of waiting)
        native.inRootRename(jail.fd, pathBytes(temporary), pathBytes(path));
      undo.length = 0;
    },
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

/** Not guessable, and without a link on the way: its directory was made or checked before. */
function temporaryBeside(path: BytePath): BytePath {
  return joinPath(parentPath(path), `.uchroot-${randomBytes(12).toString('hex')}` as BytePath);
}

function withDescriptor(fd: number, use: (fd: number) => void): void {
  try {
    use(fd);
  } finally {
    closeSync(fd);
  }
}

// Without set-user-ID and set-group-ID, and nobody but root may write: its owner is root now, not who it was.
function copyFrom(source: FileRoot, path: BytePath, target: number): number {
  const file = source.open(path);
  if (file === undefined)
    throw new JailError(`${showPath(path)} has vanished from the host`, {
      code: 'ENOENT',
      path: showPath(path),
    });
  try {
    native.copyFile(file.fd, target);
    return file.status.mode & 0o755;
  } finally {
    file.close();
  }
}

function checkDirectory(entry: Extract<Entry, { kind: 'directory' }>, present: FileStatus): void {
  if (present.kind !== 'directory') throw inTheWay(entry, present);
  const path = showPath(entry.path);
  const mayBeWritten = (entry.mode & 0o002) !== 0;
  const othersWrite = (present.mode & 0o002) !== 0 || ((present.mode & 0o020) !== 0 && present.gid !== 0);
  if (present.uid === 0 && (mayBeWritten || !othersWrite)) return;
  const why = present.uid === 0 ? 'can be written by others' : `is owned by uid ${present.uid}`;
  throw new JailError(`${path} in the jail ${why}, who could exchange what is put there`, {
    code: 'ERR_INSECURE_PATH',
    path,
    hint: 'chown it to root and chmod go-w it, or build a new jail',
  });
}

function inTheWay(entry: Entry, present: FileStatus): JailError {
  const path = showPath(entry.path);
  const is =
    present.target === undefined ? `a ${NAMES[present.kind]}` : `a link to ${showPath(present.target)}`;
  const should = entry.kind === 'link' ? `a link to ${showPath(entry.target)}` : `a ${entry.kind}`;
  return new JailError(`${path} is ${is} in the jail, and ${should} on the host`, {
    code: 'EEXIST',
    path,
    hint: `move it away in the jail, or build a new one`,
  });
}

const NAMES = { file: 'file', directory: 'directory', symlink: 'link', other: 'special file' } as const;
