// The error for a file that a program needs.

import type { MissingFile } from '../../binary/chain.ts';
import { showPath } from '../../tree/path.ts';
import { JailError } from '../../errors.ts';
import { shellWord, withoutReturns } from '../../words/shell-word.ts';

const ROLES: Readonly<Record<MissingFile['role'], string>> = {
  program: 'program',
  'script-interpreter': 'interpreter',
  command: 'command',
  'elf-interpreter': 'loader',
  library: 'library',
  dlopen: 'library',
};

/** The reason for a missing file that --without leaves out. */
export const LEFT_OUT = 'it is to be left out';

/** The error for a file that a program needs in order to start. */
export function lacks(
  missing: MissingFile,
  where = '',
  hint = hintFor(missing, showPath(missing.path)),
): JailError {
  const path = showPath(missing.path);
  const needed = missing.neededBy === undefined ? '' : `, needed by ${showPath(missing.neededBy)}`;
  return new JailError(`${ROLES[missing.role]} ${path}${needed}${where}: ${missing.message}`, {
    code: 'ERR_MISSING',
    path,
    hint,
  });
}

function hintFor({ role, reason, message, path, neededBy }: MissingFile, shown: string): string | undefined {
  if (message === LEFT_OUT) return 'do without the --without that leaves it out';
  if (role === 'program' && reason === 'no-interpreter')
    return `a file that is no program is copied by: --copy ${shown}`;
  if ((role !== 'script-interpreter' && role !== 'command') || neededBy === undefined) return undefined;
  return path.endsWith('\r')
    ? withoutReturns(shellWord(neededBy))
    : `install it on the host, or write the right interpreter into the first line of ${showPath(neededBy)}`;
}
