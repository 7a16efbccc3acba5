// The ELF files of this machine, on which the readers are tried out.

import { closeSync, openSync, readdirSync, readSync, realpathSync, statSync } from 'node:fs';

export function isElf(path: string): boolean {
  try {
    if (!statSync(path).isFile()) return false;
    const fd = openSync(path, 'r');
    const magic = Buffer.alloc(4);
    readSync(fd, magic);
    closeSync(fd);
    return magic.toString('latin1') === '\x7fELF';
  } catch {
    return false;
  }
}

/** Those in the directories and in all below, each once, with links resolved; a directory that is not there has none. */
export function elfFilesBelow(directories: readonly string[]): string[] {
  const files = directories.flatMap(pathsBelow).filter(isElf);
  return [...new Set(files.map((path) => realpathSync(path)))];
}

function pathsBelow(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' }).map(
      (name) => `${directory}/${name}`,
    );
  } catch {
    return [];
  }
}
