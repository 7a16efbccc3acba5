// --pid-file: the file with the program's pid, for an init script.
import { constants, lstatSync, readlinkSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';

import { bytePath, type BytePath } from '../../tree/path.ts';
import { EINVAL, EIO, EISDIR } from '../../words/errno-numbers.ts';
import { errnoName, reason } from '../../words/errno.ts';
import { type ErrnoName, LaunchError } from '../../errors.ts';
import { native } from '../../native.ts';
import { quote } from '../../words/quote.ts';
import { commandLine } from '../../words/shell-word.ts';
import type { Way } from '../../trust/way.ts';
import type { Account } from '../host/account.ts';
import { absolutePath, acceptDirectory, judgeDirectory, type DirectoryFinding } from '../host/directory.ts';
import type { Launch } from '../plan/launch.ts';

/** A name for a pid file in a directory that is open and judged: links on the way to it do not matter any more. */
export interface PidPlace {
  readonly directoryFd: number;
  readonly name: Buffer;
  readonly path: string;
  readonly words: FileWords;
  /** Warnings about the directory. */
  readonly warnings: readonly DirectoryFinding[];
}

/** A pid file that was written, for execPlan(), which removes it if the plan fails. */
export interface PidFile {
  readonly directoryFd: number;
  readonly name: Buffer;
  readonly fileFd: number;
}

/** The words for a file of the host in errors. */
interface FileWords {
  readonly step: string;
  readonly title: string;
  readonly name: string;
}
const pidWords: FileWords = { step: 'pid_file', title: 'pid file', name: 'the pid file' };

/** Judges the way to the directory of a pid file. @throws LaunchError ERR_INSECURE_PATH */
export function judgePidDirectory(
  { components }: Pick<Way, 'components'>,
  account: Account,
  insecurePath: boolean,
  to = pidWords,
): readonly DirectoryFinding[] {
  const way = { components, isHostRoot: false, isParent: true };
  return acceptDirectory(judgeDirectory(way, account, to), insecurePath, to);
}

/** The directory of a pid file. */
export const pidDirectory = (path: string): BytePath => bytePath(dirname(absolutePath(path)));

/**
 * Opens and judges the directory of a pid file. The program's user must not be able to replace the file: its readers send signals
 * to the pid in it. Close the directory with closePidPlace().
 *
 * @throws LaunchError ERR_INSECURE_PATH, or with the errno
 */
export function openPidPlace(
  path: string,
  account: Account,
  insecurePath: boolean,
  words = pidWords,
): PidPlace {
  const absolute = absolutePath(path);
  const facts = native.walkPathSync(dirname(absolute));
  const { fd: directoryFd, walkErrno = EIO } = facts;
  if (directoryFd < 0) throw failed({ path, words }, walkErrno);
  try {
    const warnings = judgePidDirectory(facts, account, insecurePath, words);
    const errno = inTheWay(absolute);
    if (errno !== 0) throw failed({ path, words }, errno);
    return { directoryFd, name: Buffer.from(basename(absolute)), path, words, warnings };
  } catch (error) {
    native.closeDescriptor(directoryFd);
    throw error;
  }
}

/** Opens the directory of a launch's pid file, if the request asks for one. @throws LaunchError as openPidPlace() */
export function pidPlaceOf(
  { request, account }: Pick<Launch, 'request' | 'account'>,
  warn: (warning: DirectoryFinding) => void,
): PidPlace | undefined {
  if (request.pidFile === undefined) return undefined;
  const place = openPidPlace(request.pidFile, account, request.insecurePath);
  place.warnings.forEach(warn);
  return place;
}

// rename(2) would replace a device, or whatever else is there; and a link to one, such as /dev/stdout, which all programs of the host
// use. The errno, or 0.
function inTheWay(path: string): number {
  try {
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there?.isDirectory() === true) return EISDIR;
    if (there?.isSymbolicLink() === true) return /^\/(?:proc|dev)\//.test(readlinkSync(path)) ? EINVAL : 0;
    return there === undefined || there.isFile() ? 0 : EINVAL;
  } catch {
    return 0; // writing the file will fail with the right error
  }
}

export function closePidPlace({ directoryFd }: PidPlace): void {
  native.closeDescriptor(directoryFd);
}

/**
 * Writes `pid` and a newline to a temporary file and renames it: nobody ever reads half a pid, and a symbolic link at the path is
 * replaced, not followed. The file is not synced to disk: after a crash of the machine the process does not exist either. The
 * receiver closes `fileFd`.
 *
 * @throws LaunchError with the errno
 */
export function writePidFile(place: PidPlace, pid: number, content = `${pid}\n`, mode = 0o644): PidFile {
  const { directoryFd, name } = place;
  // not longer than `name`, which may have as many bytes as a name can have
  const temporary = Buffer.from(`.uchroot.${pid}`);
  try {
    const fileFd = create(directoryFd, temporary, mode);
    try {
      writeSync(fileFd, content);
      native.inRootRename(directoryFd, temporary, name);
    } catch (error) {
      native.closeDescriptor(fileFd);
      native.inRootUnlink(directoryFd, temporary);
      throw error;
    }
    return { directoryFd, name, fileFd };
  } catch (error) {
    throw failed(place, -((error as NodeJS.ErrnoException).errno ?? -EIO), error);
  }
}

// O_EXCL: a link that somebody has prepared is refused.
function create(directoryFd: number, name: Buffer, mode: number): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  try {
    return native.inRootOpen(directoryFd, name, flags, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // left by a process that had this pid and was killed
    native.inRootUnlink(directoryFd, name);
    return native.inRootOpen(directoryFd, name, flags, mode);
  }
}

const pidDirectoryHint = 'its directory must exist, and this user must be able to write there';
const pidNameHint = 'give the path of a file, not of a directory, a device or a link to one';
const hintOf: Readonly<Partial<Record<ErrnoName, string>>> = {
  ENOTDIR: pidDirectoryHint,
  EACCES: pidDirectoryHint,
  EROFS: pidDirectoryHint,
  EINVAL: pidNameHint,
  EISDIR: pidNameHint,
};

function failed(
  { path, words: { step, title } }: Pick<PidPlace, 'path' | 'words'>,
  errno: number,
  cause?: unknown,
): LaunchError {
  const code = errnoName(errno);
  return new LaunchError(`${title}: ${quote(path)}: ${reason(errno)}`, {
    step,
    call: 'open',
    code,
    errno,
    path,
    hint: code === 'ENOENT' ? commandLine('mkdir', '-p', dirname(path)) : hintOf[code],
    cause,
  });
}
