// A unit's files, as text for a reader or in the directory of the init system.
import { closeSync, fchmodSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';

import { type ErrnoName, LaunchError } from '../../errors.ts';
import { quote } from '../../quote.ts';
import { unitDirectories, type Format, type UnitFile } from './unit.ts';

function placeOf({ path, isBeside }: UnitFile, directory: string): string {
  const above = isBeside === true && basename(directory) === 'init.d' ? dirname(directory) : directory;
  return `${above.replace(/\/+$/, '')}/${path}`;
}

/** A single file as it is; of several, each below a comment with its path, as `systemctl cat` shows them. */
export function printedFiles(format: Format, files: readonly UnitFile[]): Buffer {
  const texts = files.map((file) =>
    files.length === 1 ? file.text : `# ${placeOf(file, unitDirectories[format])}\n${file.text}`,
  );
  return Buffer.from(texts.join('\n'), 'latin1');
}

/**
 * Writes the files below a directory, and answers with their paths. Each is replaced by rename(2): an init system that
 * looks at the same moment sees the old file or the new one.
 *
 * @throws LaunchError with the errno
 */
export function writeFiles(files: readonly UnitFile[], directory: string): readonly string[] {
  return files.map((file) => {
    const path = placeOf(file, directory);
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      replaceFile(path, file);
    } catch (error) {
      const { code = 'EIO', errno } = error as NodeJS.ErrnoException;
      throw new LaunchError(`unit: ${quote(path)}: ${code}`, {
        step: 'unit',
        code: code as ErrnoName,
        errno: errno === undefined ? undefined : -errno,
        path,
        cause: error,
      });
    }
    return path;
  });
}

function replaceFile(path: string, { text, mode }: UnitFile): void {
  const temporary = `${path}.${process.pid}.new`;
  // wx: O_EXCL, so that a prepared link is refused.
  const fd = openSync(temporary, 'wx', mode);
  try {
    for (let rest = Buffer.from(text, 'latin1'); rest.length > 0;) rest = rest.subarray(writeSync(fd, rest));
    // whatever the umask: an init system does not start a script that is not executable
    fchmodSync(fd, mode);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}
