// The functions that executables import. Several searches ask for those of one file.

import { readImports } from '../../binary/elf-symbols.ts';
import type { BytePath } from '../../tree/path.ts';
import { type FileRoot, withFile } from '../../tree/root.ts';
import { memoize } from '../../values/remember.ts';

/** Functions that look a program up in PATH: execvp(3), posix_spawnp(3). */
export const LOOKING_UP: readonly string[] = ['execlp', 'execvp', 'execvpe', 'posix_spawnp'];

/** The names that a file imports, among the wanted ones. @throws system errors of the root, such as EIO */
export type Imports = (path: BytePath) => ReadonlySet<string>;

/** Reads each file once, for LOOKING_UP and `others`. */
export function openImports(root: FileRoot, others: Iterable<string> = []): Imports {
  const wanted = new Set([...LOOKING_UP, ...others]);
  return memoize(
    (path) => withFile(root, path, ({ read }) => readImports(read, wanted)) ?? new Set<string>(),
  );
}
