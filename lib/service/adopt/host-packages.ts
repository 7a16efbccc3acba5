// The packages of the host.
import { readFileSync } from 'node:fs';

import { hostDatabase } from '../../jail/dpkg/host-database.ts';
import { bytePath } from '../../tree/path.ts';
import { unless } from '../../words/system-error.ts';

const database = '/var/lib/dpkg';

/** The names of the packages that list a path. Links are not followed. */
export const packagesWith = (path: string): readonly string[] =>
  hostDatabase()
    .packages?.owners(bytePath(path))
    .map(({ name }) => name) ?? [];

/** The paths that a package lists, under the names that it has for them. */
export function pathsOf(name: string): readonly string[] {
  const architecture = hostDatabase().packages?.find(name)?.architecture;
  const files = [name, `${name}:${architecture}`].map((one) => `${database}/info/${one}.list`);
  const text = files
    .map((file) => unless(['ENOENT'], () => readFileSync(file, 'utf8')))
    .find((one) => one !== undefined);
  return text?.split('\n').filter((line) => line.startsWith('/')) ?? [];
}
