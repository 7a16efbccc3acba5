// Makes a path of the host what a program made of it. No link of the host is followed (openat2(2)), and nothing is brought along but content,
// permissions without set-user-ID bits, and the time of the last change.
import { constants, fchmodSync, fchownSync, fstatSync } from 'node:fs';

import { withDescriptor, withOpen } from '../jail/work/closing.ts';
import { native } from '../native.ts';
import { joinPath, parentPath, pathBytes, type BytePath } from '../tree/path.ts';
import { errorCode, O_PATH, type DirectoryRoot, type FileStatus } from '../tree/root.ts';
import { temporaryName, type Difference, type Sides } from './changes.ts';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const openNoFollow = <T>(root: DirectoryRoot, path: BytePath, flags: number, use: (fd: number) => T): T =>
  withOpen(root, path, flags | constants.O_NOFOLLOW, use);

/** The time at which content, owner or mode of a path of the host has changed last, in ms since 1970 (inode(7)). */
export const ctimeOf = ({ host }: Sides, path: BytePath): number =>
  openNoFollow(host, path, O_PATH, (fd) => fstatSync(fd).ctimeMs);

function removeFrom(root: DirectoryRoot, path: BytePath, status: FileStatus | undefined): void {
  if (status === undefined) return;
  if (status.kind !== 'directory') return native.inRootUnlink(root.fd, pathBytes(path));
  for (const name of root.list(path) ?? []) {
    const child = joinPath(path, name);
    removeFrom(root, child, root.lstat(child));
  }
  return native.inRootRmdir(root.fd, pathBytes(path));
}

function setRights(fd: number, { uid, gid }: Owner, mode: number): void {
  const seen = fstatSync(fd);
  if (process.geteuid?.() === 0 && (seen.uid !== uid || seen.gid !== gid)) fchownSync(fd, uid, gid);
  // after fchown(2), which clears bits
  fchmodSync(fd, mode & 0o777);
}

// EXDEV, as for all calls that change entries, before a file is made in what the host has mounted there.
function refuseMount(host: DirectoryRoot, absent: BytePath): void {
  try {
    native.inRootUnlink(host.fd, pathBytes(absent));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

// The new content gets a name of its own first, and then takes the place of the old one at once. A directory in its place goes before.
function place(
  { host }: Sides,
  path: BytePath,
  before: FileStatus | undefined,
  make: (temporary: BytePath) => void,
): void {
  const temporary = joinPath(parentPath(path), temporaryName);
  const left = host.lstat(temporary);
  if (left === undefined) refuseMount(host, temporary);
  else removeFrom(host, temporary, left);
  make(temporary);
  if (before?.kind === 'directory') removeFrom(host, path, before);
  native.inRootRename(host.fd, pathBytes(temporary), pathBytes(path));
}

function putFile(sides: Sides, { path, now, before }: Difference, owner: Owner): void {
  const { host, upper } = sides;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  place(sides, path, before, (temporary) =>
    openNoFollow(upper, path, constants.O_RDONLY, (source) =>
      withDescriptor(native.inRootOpen(host.fd, pathBytes(temporary), flags, 0o600), (target) => {
        native.copyFile(source, target);
        setRights(target, owner, now?.mode ?? 0);
      }),
    ),
  );
}

function putDirectory({ host }: Sides, { path, now, before }: Difference, owner: Owner): void {
  if (before?.kind !== 'directory') {
    removeFrom(host, path, before);
    native.inRootMkdir(host.fd, pathBytes(path), 0o700);
  }
  openNoFollow(host, path, constants.O_RDONLY | constants.O_DIRECTORY, (fd) =>
    setRights(fd, owner, (now?.mode ?? 0) | 0o700),
  );
}

/** Gives a directory its permissions, once everything is in it. */
export function applyRights({ host }: Sides, { path, now }: Difference): void {
  openNoFollow(host, path, constants.O_RDONLY | constants.O_DIRECTORY, (fd) =>
    fchmodSync(fd, (now?.mode ?? 0) & 0o777),
  );
}

/** Applies one difference. @returns the ctime of the path on the host, in ms since 1970; 0 if nothing is there any more */
export function applyDifference(sides: Sides, one: Difference): number {
  const { host } = sides;
  const { path, kind, now, before } = one;
  if (kind === 'deleted' || now === undefined) {
    removeFrom(host, path, before);
    return 0;
  }
  const owner = before ?? fstatSync(host.fd);
  if (now.kind === 'directory') putDirectory(sides, one, owner);
  else if (kind === 'mode')
    openNoFollow(host, path, constants.O_RDONLY | constants.O_NONBLOCK, (fd) =>
      setRights(fd, owner, now.mode),
    );
  else if (now.kind === 'file') putFile(sides, one, owner);
  else
    place(sides, path, before, (temporary) =>
      native.inRootSymlink(host.fd, {
        path: pathBytes(temporary),
        target: pathBytes(now.target ?? ('' as BytePath)),
        uid: owner.uid,
        gid: owner.gid,
      }),
    );
  return ctimeOf(sides, path);
}

/** Removes a difference from the layer, so that the host's state shows again. A directory goes if nothing is left in it. */
export function forget(upper: DirectoryRoot, { path, kind }: Difference): void {
  const status = upper.lstat(path);
  if (status === undefined) return;
  if (status.kind !== 'directory') return native.inRootUnlink(upper.fd, pathBytes(path));
  if (kind === 'mode' || (upper.list(path) ?? []).length > 0) return undefined;
  return native.inRootRmdir(upper.fd, pathBytes(path));
}
