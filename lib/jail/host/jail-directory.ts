// The directory of a jail on the host: nobody but root may be able to exchange it, or anything on the way to it.

import { constants, fchmodSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { type BytePath, bytePath } from '../../binary/path.ts';
import { errorCode, openFileRoot } from '../../binary/root.ts';
import { type ErrnoName, JailError } from '../../errors.ts';
import { type HostFacts, native } from '../../native.ts';
import { quote } from '../../quote.ts';
import { judgeWay, remedyOf, type Way } from '../../trust/way.ts';
const STICKY = 0o1000;
const ENOENT = 2;

/** An O_PATH descriptor of the jail. */
export interface JailDirectory {
  readonly fd: number;
  /** Without symbolic links. */
  readonly path: BytePath;
  /** Removes the directories that were made, if they are empty. */
  undo(): void;
  close(): void;
}

/**
 * Opens the directory `hostPath`, an absolute path, and makes it and what is missing above it: root's, mode 0755.
 * @throws JailError ERR_INSECURE_PATH if somebody else owns or may write a part of the path; ENOTDIR, ELOOP and the like.
 */
export function openJailDirectory(hostPath: Buffer): JailDirectory {
  return open(hostPath, { isJail: true, isMade: true });
}

/** The same for a directory that has to be there. */
export function findJailDirectory(hostPath: Buffer): JailDirectory {
  return open(hostPath, { isJail: true, isMade: false });
}

/** The directory that a jail lies in, which may be a sticky one such as /tmp; it is made if that is wished. */
export function openParentDirectory(hostPath: Buffer, isMade: boolean): JailDirectory {
  return open(hostPath, { isJail: false, isMade });
}

interface Wanted {
  readonly isJail: boolean;
  readonly isMade: boolean;
}

function open(hostPath: Buffer, { isJail, isMade }: Wanted): JailDirectory {
  const made: Buffer[] = []; // one turn for each: the walk tells what is missing first, links resolved
  for (;;) {
    const facts = native.readHostSync({ jail: hostPath });
    const { jailFd: fd, components, walkErrno, walkPath } = facts;
    // not by closeSync: at the end of a worker it would be closed again, when the number may be another file's
    const close = (): void => native.closeJail(fd);
    try {
      // What is yet to be made will be root's. The host's root is told with all other directories of the host (built.ts).
      judge({ components, isHostRoot: false, isParent: !isJail || fd < 0 });
      const path = bytePath(components.at(-1)?.path ?? '/');
      if (fd >= 0) return { fd, path, undo: () => removeAll(made), close };
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

/** False if somebody else has just made something there. */
function makeDirectory(path: Buffer): boolean {
  const host = openFileRoot('/');
  try {
    native.inRootMkdir(host.fd, path, 0o755);
    const fd = native.inRootOpen(host.fd, path, constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      fchmodSync(fd, 0o755); // whatever the umask
    } finally {
      native.closeDescriptor(fd);
    }
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    return false;
  } finally {
    host.close();
  }
}

function removeAll(made: readonly Buffer[]): void {
  const host = openFileRoot('/');
  try {
    for (const path of made.toReversed()) native.inRootUnlink(host.fd, path, true);
  } catch {
    // something lies in it by now; it stays
  } finally {
    host.close();
  }
}

// Stricter than a launch, which asks about one user only: a jail is built for users yet unknown.
function judge(way: Way): void {
  const [finding] = judgeWay(way, []);
  if (finding === undefined) return;
  const { component, kind, how, isEnd } = finding;
  const path = quote(component.path);
  const isShared = kind === 'writable' && isEnd && (component.mode & STICKY) !== 0; // /tmp itself
  const hint = isShared ? 'name a directory below it' : remedyOf(finding, path);
  throw new JailError(`${path} ${how}`, { code: 'ERR_INSECURE_PATH', path, hint });
}

function unreachable(facts: HostFacts): JailError {
  const [code, words] = getSystemErrorMap().get(-(facts.walkErrno ?? 0)) ?? ['EIO', 'unknown error'];
  const path = quote(facts.walkPath ?? '');
  return new JailError(`${path}: ${words}`, { code: code as ErrnoName, path });
}
