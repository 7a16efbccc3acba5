// Whether the first word of a third field is a command: what /bin/sh would find in PATH.

import { accessSync, constants, statSync } from 'node:fs';

/** The search path of dash(1) where PATH is not set. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function isProgram(path: Buffer): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Tells of words, one byte a character, whether PATH has them; each is looked for once. */
export function openPath(path = process.env.PATH ?? DEFAULT_PATH): (word: string) => boolean {
  const known = new Map<string, boolean>();
  return (word) => {
    let isFound = known.get(word);
    if (isFound === undefined) {
      const name = Buffer.from(`/${word}`, 'latin1');
      // an empty entry is the working directory, which is nobody's to rely on
      const directories = path.split(':').filter((directory) => directory !== '');
      isFound = directories.some((directory) => isProgram(Buffer.concat([Buffer.from(directory), name])));
      known.set(word, isFound);
    }
    return isFound;
  };
}
