// --pid-file: the program's pid where an init script looks for it.
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';

import { type ErrnoName, LaunchError } from '../errors.ts';
import { quote } from '../quote.ts';

/** A pid file that was written and can be taken back. */
export interface PidFile {
  /** Closes it: the program runs. */
  keep(): void;
  /**
   * Empties it: the program does not run. By descriptor, since the path may be out of reach by now; removes it too
   * where the path still leads there.
   */
  takeBack(): void;
}

function isAt(path: string, fd: number): boolean {
  const there = lstatSync(path, { throwIfNoEntry: false });
  const { dev, ino } = fstatSync(fd);
  return there?.dev === dev && there.ino === ino;
}

/**
 * Writes `pid` and a newline to a new file beside `path` and renames it: nobody ever reads half a pid, and a symbolic
 * link in its place is replaced, not followed.
 *
 * @throws LaunchError with the errno
 */
export function writePidFile(path: string, pid: number): PidFile {
  const temporary = `${path}.${process.pid}.new`;
  try {
    // wx: O_EXCL, so that a prepared link is refused.
    const fd = openSync(temporary, 'wx', 0o644);
    try {
      writeSync(fd, `${pid}\n`);
      fsyncSync(fd);
      renameSync(temporary, path);
    } catch (error) {
      closeSync(fd);
      rmSync(temporary, { force: true });
      throw error;
    }
    return {
      keep: () => closeSync(fd),
      takeBack: () => {
        ftruncateSync(fd);
        try {
          // after chroot the same path is one of the jail
          if (isAt(path, fd)) rmSync(path);
        } catch {
          // An empty file stays: without root's rights its name is out of reach.
        }
        closeSync(fd);
      },
    };
  } catch (error) {
    const { code = 'EIO', errno } = error as NodeJS.ErrnoException;
    throw new LaunchError(`pid file: ${quote(path)}: ${code}`, {
      step: 'pid_file',
      call: 'open',
      code: code as ErrnoName,
      errno: errno === undefined ? undefined : -errno,
      path,
      hint: 'its directory must exist and be writable by root',
      cause: error,
    });
  }
}
