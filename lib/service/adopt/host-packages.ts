// The packages of the host. dpkg's database is read once for all services of a command.
import { readFileSync, statSync } from 'node:fs';

import { openPackages, type Packages } from '../../jail/dpkg/database.ts';
import { unless } from '../../jail/work/jail-error.ts';
import { bytePath } from '../../tree/path.ts';
import { type DirectoryRoot, openFileRoot } from '../../tree/root.ts';

const database = '/var/lib/dpkg';

interface Known {
  readonly stamp: string;
  readonly root: DirectoryRoot;
  readonly packages: Packages | undefined;
}

let known: Known | undefined;

// dpkg replaces the file of states in each run. Undefined if the host has no dpkg.
function hostPackages(): Packages | undefined {
  const status = unless(['ENOENT'], () => statSync(`${database}/status`, { bigint: true }));
  const stamp = status === undefined ? '' : [status.ino, status.size, status.mtimeNs, status.ctimeNs].join();
  if (known?.stamp !== stamp) {
    known?.root.close();
    const root = openFileRoot('/');
    known = { stamp, root, packages: openPackages(root) };
  }
  return known.packages;
}

/** The names of the packages that list a path. Links are not followed. */
export const packagesWith = (path: string): readonly string[] =>
  hostPackages()
    ?.owners(bytePath(path))
    .map(({ name }) => name) ?? [];

/** The paths that a package lists, under the names that it has for them. */
export function pathsOf(name: string): readonly string[] {
  const architecture = hostPackages()?.find(name)?.architecture;
  const files = [name, `${name}:${architecture}`].map((one) => `${database}/info/${one}.list`);
  const text = files
    .map((file) => unless(['ENOENT'], () => readFileSync(file, 'utf8')))
    .find((one) => one !== undefined);
  return text?.split('\n').filter((line) => line.startsWith('/')) ?? [];
}
