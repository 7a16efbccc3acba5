// Which directory of /etc is mounted, so that a service sees a file in it, and also a file that replaces this one by rename(2).
import { existsSync, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';

import { memoize } from '../../../values/remember.ts';
import { ofMany } from './service-paths.ts';

// The helper scripts of a daemon read its file in /etc/default.
const isForOthers = (path: string): boolean => ofMany.test(path) && !/^\/etc\/default\/./.test(path);

const mostEntries = 5000;

// The path and the directories above it; the first is directly below `/`.
function waysTo(path: string): readonly string[] {
  const names = path.split('/').slice(1);
  return names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`);
}

// Whether everybody may read what a path leads to.
function isPublic(path: string): boolean {
  const real = realpathSync(path);
  const mode = statSync(real).mode;
  const isEnterable = waysTo(real).every((one) => one === real || (statSync(one).mode & 0o1) !== 0);
  return isEnterable && (mode & 0o4) !== 0;
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // removed meanwhile
    throw error;
  }
}

/**
 * The files and directories from `top` down that not everybody may read. Those in such a directory are not listed.
 * @returns undefined if there are more than 5000 entries
 */
function secretsIn(top: string): readonly string[] | undefined {
  if (!existsSync(top)) return undefined;
  if (!isPublic(top)) return [top];
  const found: string[] = [];
  const left = statSync(top).isDirectory() ? [top] : [];
  let count = 0;
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    for (const name of namesIn(path)) {
      const entry = `${path}/${name}`;
      const status = lstatSync(entry, { throwIfNoEntry: false });
      if (++count > mostEntries) return undefined;
      // a link leads to a file of the jail
      if (status === undefined || status.isSymbolicLink()) continue;
      const bits = status.isDirectory() ? 0o5 : 0o4;
      if ((status.mode & bits) !== bits) found.push(entry);
      else if (status.isDirectory()) left.push(entry);
    }
  }
  return found;
}

// A link leads out of the directory, so its target would have to be mounted.
const isPlain = (path: string): boolean =>
  waysTo(path).every((one) => lstatSync(one, { throwIfNoEntry: false })?.isDirectory() === true);

// What might be mounted for a path; the largest comes first.
const candidates = (path: string): readonly string[] =>
  isForOthers(path)
    ? []
    : waysTo(path)
        .slice(1)
        .filter((one) => one === path || (!ofMany.test(one) && isPlain(one)));

/**
 * Decides what is mounted for a path below /etc. A service that is root of its jail can read each file in a mounted directory, whatever
 * the mode of the file.
 */
export interface EtcPlaces {
  /**
   * The largest directory, or the path itself, in which nothing is a secret of others.
   * @returns undefined if the path is not there, is for other programs, or is a secret of others
   */
  of(path: string, isOwn?: (secret: string) => boolean): string | undefined;
  /** The secrets that of() asks about. */
  secretsFor(path: string): readonly string[];
}

export function openEtcPlaces(): EtcPlaces {
  const secrets = memoize(secretsIn);
  return {
    of: (path, isOwn = () => false) =>
      candidates(path).find((one) => secrets(one)?.every((secret) => isOwn(secret)) === true),
    secretsFor: (path) => candidates(path).flatMap((one) => secrets(one) ?? []),
  };
}
