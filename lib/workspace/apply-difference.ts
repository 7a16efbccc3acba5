// Makes a path of the host what a program made of it. No link of the host is followed (openat2(2)), and nothing is brought along but content,
// permissions without set-user-ID bits, and the time of the last change.
import { chmodSync, chownSync, constants, fstatSync } from 'node:fs';

import { withDescriptor, withOpen } from '../jail/work/closing.ts';
import { native } from '../native.ts';
import { joinPath, parentPath, pathBytes, type BytePath } from '../tree/path.ts';
import { O_PATH, type DirectoryRoot, type FileStatus } from '../tree/root.ts';
import { errorCode } from '../words/system-error.ts';
import { changingIn, temporaryName, type Difference, type Sides } from './changes.ts';

interface Rights {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

const setGroup = 0o2000;

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

// What is there keeps its owner, and a directory its special bits. New entries get those that the host would give them: below a set-group-ID
// directory its group, and directories that bit (inode(7)). Those that the program has set never come along.
function rightsOf({ host }: Sides, { path, now, before }: Difference): Rights {
  const above = host.lstat(parentPath(path));
  const isShared = ((above?.mode ?? 0) & setGroup) !== 0;
  const { uid, gid } = before ?? fstatSync(host.fd);
  const kept = before?.kind === 'directory' ? before.mode & 0o7000 : isShared ? setGroup : 0;
  return {
    uid,
    gid: before === undefined && isShared ? (above?.gid ?? gid) : gid,
    mode: ((now?.mode ?? 0) & 0o777) | (now?.kind === 'directory' ? kept : 0),
  };
}

// By descriptor, also of a directory that its owner may not read.
function setRights(fd: number, { uid, gid, mode }: Rights): void {
  const seen = fstatSync(fd);
  const path = `/proc/self/fd/${fd}`;
  if (process.geteuid?.() === 0 && (seen.uid !== uid || seen.gid !== gid)) chownSync(path, uid, gid);
  // after chown(2), which clears bits
  chmodSync(path, mode);
}

// The owner of its directory could have put another file there since the changes were judged: one that is not his.
function refuseOther(fd: number, before: FileStatus | undefined): void {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  if (before !== undefined && (dev !== before.dev || ino !== before.ino))
    throw Object.assign(new Error('it was replaced'), { code: 'ESTALE', errno: -116 });
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
  try {
    make(temporary);
    if (before?.kind === 'directory') removeFrom(host, path, before);
    native.inRootRename(host.fd, pathBytes(temporary), pathBytes(path));
  } catch (error) {
    removeFrom(host, temporary, host.lstat(temporary));
    throw error;
  }
}

/** Removes what commits that were interrupted have left beside these paths. */
export function sweep({ host }: Sides, all: readonly Difference[]): void {
  for (const parent of new Set(all.map(({ path }) => parentPath(path)))) {
    if (host.lstat(parent)?.kind !== 'directory') continue;
    const left = joinPath(parent, temporaryName);
    removeFrom(host, left, host.lstat(left));
  }
}

function putFile(sides: Sides, { path, before }: Difference, rights: Rights): void {
  const { host, upper } = sides;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  place(sides, path, before, (temporary) =>
    openNoFollow(upper, path, constants.O_RDONLY, (source) =>
      withDescriptor(native.inRootOpen(host.fd, pathBytes(temporary), flags, 0o600), (target) => {
        native.copyFile(source, target);
        // the group bits of its mode are the mask of its list: without that, they would be the group's
        if (before?.kind === 'file')
          openNoFollow(host, path, O_PATH, (old) => native.copyAccessList(old, target));
        setRights(target, rights);
      }),
    ),
  );
}

const openDirectory = <T>(root: DirectoryRoot, path: BytePath, use: (fd: number) => T): T =>
  openNoFollow(root, path, O_PATH | constants.O_DIRECTORY, use);

function putDirectory({ host }: Sides, { path, before }: Difference, rights: Rights): void {
  if (before?.kind !== 'directory') {
    removeFrom(host, path, before);
    native.inRootMkdir(host.fd, pathBytes(path), 0o700);
  }
  openDirectory(host, path, (fd) => {
    refuseOther(fd, before?.kind === 'directory' ? before : undefined);
    setRights(fd, { ...rights, mode: rights.mode | 0o700 });
  });
}

/** Gives a directory its permissions, once everything is in it. */
export function applyRights(sides: Sides, one: Difference): void {
  const rights = rightsOf(sides, one);
  openDirectory(sides.host, one.path, (fd) => {
    refuseOther(fd, one.before?.kind === 'directory' ? one.before : undefined);
    setRights(fd, rights);
  });
}

/** Applies one difference. @returns the ctime of the path on the host, in ms since 1970; 0 if nothing is there any more */
export function applyDifference(sides: Sides, one: Difference): number {
  const { host } = sides;
  const { path, kind, now, before } = one;
  if (kind === 'deleted' || now === undefined) {
    removeFrom(host, path, before);
    return 0;
  }
  const rights = rightsOf(sides, one);
  if (now.kind === 'directory') putDirectory(sides, one, rights);
  else if (kind === 'mode')
    openNoFollow(host, path, O_PATH, (fd) => {
      refuseOther(fd, before);
      setRights(fd, rights);
    });
  else if (now.kind === 'file') putFile(sides, one, rights);
  else
    place(sides, path, before, (temporary) =>
      native.inRootSymlink(host.fd, {
        path: pathBytes(temporary),
        target: pathBytes(now.target ?? ('' as BytePath)),
        uid: rights.uid,
        gid: rights.gid,
      }),
    );
  return ctimeOf(sides, path);
}

/** Removes a difference from the layer, so that the host's state shows again. A directory goes if nothing is left in it. */
export function forget({ host, upper }: Sides, { path, kind }: Difference): void {
  const status = upper.lstat(path);
  if (status === undefined) return;
  changingIn(upper, parentPath(path), () => {
    if (status.kind !== 'directory') return native.inRootUnlink(upper.fd, pathBytes(path));
    if ((upper.list(path) ?? []).length === 0) return native.inRootRmdir(upper.fd, pathBytes(path));
    const mode = (host.lstat(path)?.mode ?? status.mode) & 0o777;
    if (kind === 'mode') openDirectory(upper, path, (fd) => chmodSync(`/proc/self/fd/${fd}`, mode));
    return undefined;
  });
}
