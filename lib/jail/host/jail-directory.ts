// Opens the directory of a jail on the host. Only its owner and root may be able to replace it or a directory above it.

import { constants, fchmodSync, fstatSync } from 'node:fs';
import { type BytePath, bytePath, showPath } from '../../tree/path.ts';
import { openFileRoot } from '../../tree/root.ts';
import { ENOENT } from '../../words/errno-numbers.ts';
import { errnoName, reason } from '../../words/errno.ts';
import { JailError } from '../../errors.ts';
import { native, type PathFacts } from '../../native.ts';
import { quote } from '../../words/quote.ts';
import { commandLine } from '../../words/shell-word.ts';
import { caller, isOrdinary, waySeenBy } from '../../trust/owner.ts';
import { isForAll, judgeWay, remedyOf, type Way } from '../../trust/way.ts';
import { attempt, errorCode } from '../../words/system-error.ts';

/** An O_PATH descriptor of the jail. */
export interface JailDirectory {
  readonly fd: number;
  /** Without symbolic links. */
  readonly path: BytePath;
  /** Removes the directories that were created, if they are empty. */
  undo(): void;
  close(): void;
}

/**
 * Opens the directory of a jail, or the `parent` of one, which may be sticky as /tmp is, at an absolute path. `isMade`: it and
 * its missing parents are created, mode 0755; by an ordinary user with mode 0700.
 * @throws JailError ERR_INSECURE_PATH if a user other than root and the caller owns or can write a part of the path; EPERM if a jail
 * is not the caller's; ENOTDIR, ELOOP and others.
 */
export function openJailDirectory(
  hostPath: Buffer,
  { what = 'jail', isMade = true }: { readonly what?: 'jail' | 'parent'; readonly isMade?: boolean } = {},
): JailDirectory {
  const made: Buffer[] = []; // one iteration for each: the walk reports the first missing directory, links resolved
  for (;;) {
    const facts = native.walkPathSync(hostPath);
    const { fd, components, walkErrno, walkPath } = facts;
    // not closeSync: the end of a worker would close the number again, and it may be another file by then
    const close = (): void => native.closeDescriptor(fd);
    try {
      // Directories that are created belong to the caller. make.ts refuses the root directory of the host.
      judge({ components, isHostRoot: false, isParent: what === 'parent' || fd < 0 });
      const path = bytePath(components.at(-1)?.path ?? '/');
      if (fd >= 0) {
        if (what === 'jail') requireOwner(fd, path);
        return { fd, path, undo: () => removeAll(made), close };
      }
      if (!isMade || walkErrno !== ENOENT || walkPath === undefined) throw unreachable(facts);
      const missing = Buffer.from(walkPath);
      if (makeDirectory(missing)) made.push(missing);
    } catch (error) {
      if (fd >= 0) close();
      removeAll(made);
      throw error;
    }
  }
}

/** Opens the directory of a jail that must exist. @throws as openJailDirectory */
export function findJailDirectory(hostPath: Buffer): JailDirectory {
  return openJailDirectory(hostPath, { isMade: false });
}

/** Root may work on every jail, and an ordinary user on his own. @throws JailError EPERM */
export function requireOwner(fd: number, directory: BytePath): void {
  const owner = caller();
  if (!isOrdinary(owner)) return;
  const { uid, mode } = fstatSync(fd);
  if (uid !== owner.uid) throw notOwner(directory);
  if ((mode & 0o500) !== 0o500) throw closedTo(uid, directory);
}

/** The error for a jail of `uid` that an ordinary user may not enter: of somebody else, or his own that a program has closed. */
export function closedTo(uid: number, directory: BytePath): JailError {
  if (uid !== caller().uid) return notOwner(directory);
  const path = showPath(directory);
  const message = `${path}: its mode keeps its owner out`;
  return new JailError(message, { code: 'EACCES', path, hint: commandLine('chmod', 'u+rwx', directory) });
}

function notOwner(directory: BytePath): JailError {
  const path = showPath(directory);
  const message = `${path} is not yours: only its owner and root can work on a jail`;
  return new JailError(message, { code: 'EPERM', path, hint: 'try sudo, or name a directory of your own' });
}

function onHost<T>(use: (fd: number) => T): T {
  const host = openFileRoot('/');
  try {
    return use(host.fd);
  } finally {
    host.close();
  }
}

/** False if something was created there in the meantime. */
function makeDirectory(path: Buffer): boolean {
  try {
    onHost((rootFd) => {
      native.inRootMkdir(rootFd, path, 0o755);
      const fd = native.inRootOpen(rootFd, path, constants.O_DIRECTORY | constants.O_NOFOLLOW);
      try {
        // Independent of the umask. The program of an ordinary user can make set-user-ID files of his: nobody else must reach them.
        fchmodSync(fd, isOrdinary(caller()) ? 0o700 : 0o755);
      } finally {
        native.closeDescriptor(fd);
      }
    });
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    return false;
  }
}

// One that is no longer empty stays.
const removeAll = (made: readonly Buffer[]): void =>
  attempt(() => onHost((rootFd) => made.toReversed().forEach((path) => native.inRootRmdir(rootFd, path))));

// Stricter than a launch, which checks for one user: the future users of a jail are not known yet.
function judge(way: Way): void {
  const owner = caller();
  const [finding] = judgeWay(waySeenBy(owner, way), []);
  if (finding === undefined) return;
  const { component, how } = finding;
  const path = quote(component.path);
  const hint = isForAll(finding) ? 'name a directory below it' : remedyOf(finding, path, !isOrdinary(owner));
  throw new JailError(`${path} ${how}`, { code: 'ERR_INSECURE_PATH', path, hint });
}

function unreachable({ walkErrno = 0, walkPath }: PathFacts): JailError {
  const path = quote(walkPath ?? '');
  const hint = closedWay(walkErrno);
  return new JailError(`${path}: ${reason(walkErrno)}`, { code: errnoName(walkErrno), path, hint });
}

/** The hint for a way that the caller may not go. */
export const closedWay = (errno: number): string | undefined =>
  errnoName(errno) === 'EACCES'
    ? 'this user may not enter it: name a directory of your own, or try sudo'
    : undefined;
