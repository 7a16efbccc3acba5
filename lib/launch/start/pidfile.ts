// --pid-file: the program's pid where an init script looks for it.
import { constants, lstatSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';

import { type ErrnoName, LaunchError } from '../../errors.ts';
import { native } from '../../native.ts';
import { quote } from '../../quote.ts';
import type { Way } from '../../trust/way.ts';
import type { Account } from '../host/account.ts';
import { acceptDirectory, judgeDirectory, type DirectoryFinding } from '../host/directory.ts';
import { errnoName, reason } from '../../errno.ts';
import { absolutePath } from '../host/hostpath.ts';

/** A pid file by its name in a directory that was judged, by descriptor: no link on the way counts from then on. */
export interface PidPlace {
  readonly directoryFd: number;
  readonly name: Buffer;
  readonly path: string;
  /** What is unwise about its directory. */
  readonly warnings: readonly DirectoryFinding[];
}

/** A pid file that was written, as execPlan() takes it back. */
export interface PidFile {
  readonly directoryFd: number;
  readonly name: Buffer;
  readonly fileFd: number;
}

/** Judges the way to the directory of a pid file. @throws LaunchError ERR_INSECURE_PATH */
export function judgePidDirectory(
  { components }: Pick<Way, 'components'>,
  account: Account,
  insecurePath: boolean,
): readonly DirectoryFinding[] {
  const to = { step: 'pid_file', title: 'pid file', name: 'the pid file' };
  const way = { components, isHostRoot: false, isParent: true };
  return acceptDirectory(judgeDirectory(way, account, to), insecurePath, to);
}

/**
 * Opens the directory of a pid file and judges it for the user of the program, who must not be able to replace the file: who
 * reads it sends signals to what stands in it. Close it with closePidPlace().
 *
 * @throws LaunchError ERR_INSECURE_PATH, or with the errno
 */
export function openPidPlace(path: string, account: Account, insecurePath: boolean): PidPlace {
  const absolute = absolutePath(path);
  const facts = native.readHostSync({ jail: dirname(absolute) });
  const { jailFd: directoryFd, walkErrno = EIO } = facts;
  if (directoryFd < 0) throw failed(path, walkErrno);
  try {
    const warnings = judgePidDirectory(facts, account, insecurePath);
    if (isDirectory(absolute)) throw failed(path, EISDIR);
    return { directoryFd, name: Buffer.from(basename(absolute)), path, warnings };
  } catch (error) {
    native.closeJail(directoryFd);
    throw error;
  }
}

function isDirectory(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false; // to write it will say what is wrong
  }
}

export function closePidPlace({ directoryFd }: PidPlace): void {
  native.closeJail(directoryFd);
}

/**
 * Writes `pid` and a newline to a new file beside it and renames that: nobody ever reads half a pid, and a symbolic link in its
 * place is replaced, not followed. It is not synced to disk: after a crash of the machine there is no such process. The receiver
 * closes `fileFd`.
 *
 * @throws LaunchError with the errno
 */
export function writePidFile({ directoryFd, name, path }: PidPlace, pid: number): PidFile {
  const temporary = Buffer.concat([name, Buffer.from(`.${process.pid}.new`)]);
  try {
    const fileFd = create(directoryFd, temporary);
    try {
      writeSync(fileFd, `${pid}\n`);
      native.inRootRename(directoryFd, temporary, name);
    } catch (error) {
      native.closeDescriptor(fileFd);
      native.inRootUnlink(directoryFd, temporary);
      throw error;
    }
    return { directoryFd, name, fileFd };
  } catch (error) {
    throw failed(path, -((error as NodeJS.ErrnoException).errno ?? -EIO), error);
  }
}

const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

// O_EXCL, so that a prepared link is refused.
function create(directoryFd: number, name: Buffer): number {
  try {
    return native.inRootOpen(directoryFd, name, flags, 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // of a process that had this pid, and was killed: none has it now
    native.inRootUnlink(directoryFd, name);
    return native.inRootOpen(directoryFd, name, flags, 0o644);
  }
}

const EIO = 5;
const EISDIR = 21;
const pidDirectoryHint = 'its directory must exist and be writable by root';
const pidNameHint = 'give the path of a file, not of a directory';
const hintOf: Readonly<Partial<Record<ErrnoName, string>>> = {
  ENOENT: pidDirectoryHint,
  ENOTDIR: pidDirectoryHint,
  EACCES: pidDirectoryHint,
  EROFS: pidDirectoryHint,
  EINVAL: pidNameHint,
  EISDIR: pidNameHint,
};

function failed(path: string, errno: number, cause?: unknown): LaunchError {
  const code = errnoName(errno);
  return new LaunchError(`pid file: ${quote(path)}: ${reason(errno)}`, {
    step: 'pid_file',
    call: 'open',
    code,
    errno,
    path,
    hint: hintOf[code],
    cause,
  });
}
