// Whether a service asks PAM, and so the passwords of the host.
import { statSync } from 'node:fs';

import { openFiles } from '../../../binary/elf-files.ts';
import { bytePath } from '../../../tree/path.ts';
import { openFileRoot } from '../../../tree/root.ts';
import { ifReadable } from '../host-file.ts';
import type { InstalledService } from '../installed/installed-service.ts';
import { processesOf, readOfProcess } from './behaviour.ts';

const library = /^libpam\.so(\.|$)/;

const isExecutable = (path: string): boolean => {
  const status = ifReadable(() => statSync(path));
  return status?.isFile() === true && (status.mode & 0o111) !== 0;
};

// A plugin, which has no loader of its own, counts only in a process that has loaded it.
function needsLibrary(paths: readonly string[]): boolean {
  const root = openFileRoot('/');
  try {
    const files = openFiles(root);
    return paths.some((path) => {
      const look = files.look(bytePath(path));
      return (
        look.kind === 'elf' &&
        look.elf.interpreter !== undefined &&
        look.elf.needed.some(({ name }) => library.test(name))
      );
    });
  } finally {
    root.close();
  }
}

/**
 * Whether a service may ask PAM: a program of its packages needs the library, or one of its processes has it. A service that does not run
 * could load it as a plugin.
 *
 * @param packed the files of its packages
 */
export async function asksPam(
  { unit, isActive }: Pick<InstalledService, 'unit' | 'isActive'>,
  packed: readonly string[],
): Promise<boolean> {
  if (!isActive || needsLibrary(packed.filter((path) => path.startsWith('/usr/') && isExecutable(path))))
    return true;
  const pids = await processesOf(unit);
  return pids.some((pid) => /\/libpam\.so\./.test(readOfProcess(`/proc/${pid}/maps`)));
}
