// The files below /etc that a service reads: those of its packages, those that its command lines, its variables and its scripts name, and
// those that the builder has found for its programs.
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';

import { type BytePath, bytePath, isWithin, pathBytes, waysTo } from '../../../tree/path.ts';
import { memoize } from '../../../values/remember.ts';
import { readBuilt } from '../../../jail/listing.ts';
import type { Recorded } from '../../../jail/manifest/manifest.ts';
import { unless } from '../../../words/system-error.ts';
import type { Adoption } from '../adoption.ts';
import { packagesWith } from '../host-packages.ts';
import { conditionsOf } from './installed-service.ts';
import { ofMany } from './service-paths.ts';
import { mountedPlaces } from './unit-mounts.ts';

// The helper scripts of a daemon read its file in /etc/default.
const isForOthers = (path: string): boolean => ofMany.test(path) && !/^\/etc\/default\/./.test(path);

const mostEntries = 5000;

// Whether everybody may read what a path leads to.
function isPublic(path: string): boolean {
  const real = realpathSync(path);
  const mode = statSync(real).mode;
  const isEnterable = waysTo(real).every((one) => one === real || (statSync(one).mode & 0o1) !== 0);
  return isEnterable && (mode & 0o4) !== 0;
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
    // it may have been removed meanwhile
    for (const name of unless(['ENOENT'], () => readdirSync(path)) ?? []) {
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
}

export function openEtcPlaces(): EtcPlaces {
  const secrets = memoize(secretsIn);
  return {
    of: (path, isOwn = () => false) =>
      candidates(path).find((one) => secrets(one)?.every((secret) => isOwn(secret)) === true),
  };
}

/** Paths of /etc that are mounted. */
export interface Configuration {
  /** Files of the service, its libraries and its scripts. */
  readonly own: readonly string[];
  /** Databases of the whole host, such as `/etc/hosts` and the certificates of authorities. */
  readonly ofHost: readonly string[];
}

/** The paths below /etc that a text names. A path ends where a variable or a pattern of a shell begins. */
export function namedInEtc(text: string): readonly string[] {
  const found = [...text.matchAll(/(?<=^|[\s=,:;"'`(){}<>|&[\]]|(?:^|\s)-\w)\/etc(?:\/[\w@+~.-]+)+/g)].map(
    ([path]) => path.replace(/\.+$/, ''),
  );
  return [...new Set(found)].filter((path) => !path.split('/').includes('..'));
}

const sha256Of = (path: BytePath): string =>
  createHash('sha256')
    .update(readFileSync(pathBytes(path)))
    .digest('hex');

// Whether the builder wrote a file that differs from the host's, such as the accounts of the jail.
const isOfJail = ({ path, kind, source, sha256 }: Recorded): boolean =>
  kind === 'file' && source === undefined && !(existsSync(pathBytes(path)) && sha256Of(path) === sha256);

const mostScriptBytes = 256_000;

// The text of a script; empty for another program, and for a file that is too large for a script.
function scriptAt(path: string): string {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status?.isFile() !== true || status.size > mostScriptBytes) return '';
  const bytes = readFileSync(path);
  return bytes.includes(0) ? '' : bytes.toString('latin1');
}

const shown = ({ path }: Recorded): string => pathBytes(path).toString();

interface Found {
  /** Files of the jail's own. Nothing is mounted over them. */
  readonly ofJail: readonly string[];
  /** systemd would follow a link of the jail on the host. */
  readonly links: ReadonlySet<string>;
  readonly own: readonly string[];
  readonly ofHost: readonly string[];
}

// What the builder has put into the jail.
function foundIn(jail: string, packages: readonly string[]): Found {
  return readBuilt(bytePath(jail), (_, { entries }) => {
    const inEtc = entries.filter(({ path }) => path.startsWith('/etc/'));
    const ofJail = inEtc.filter(isOfJail).map(shown);
    const read = inEtc.filter(
      ({ kind, reason }) =>
        kind === 'file' || (kind === 'directory' && ['pack', 'package'].includes(reason.how)),
    );
    const scripts = entries
      .filter(
        ({ kind, source, package: name }) =>
          kind === 'file' && source !== undefined && (name === undefined || packages.includes(name)),
      )
      .map(shown)
      .filter((path) => !path.startsWith('/etc/'));
    return {
      ofJail,
      links: new Set(inEtc.filter(({ kind }) => kind === 'link').map(shown)),
      own: [
        ...read.filter(({ reason }) => reason.how !== 'pack').map(shown),
        ...scripts.flatMap((path) => namedInEtc(scriptAt(path))),
      ],
      ofHost: read.filter(({ reason }) => reason.how === 'pack').map(shown),
    };
  });
}

// Whether a secret belongs to other packages alone.
function isOfOthers(secret: string, packages: readonly string[]): boolean {
  const names = packagesWith(secret);
  return names.length > 0 && !names.some((name) => packages.includes(name));
}

/**
 * Finds them. A file that its packages or its command lines name is the service's own, even if only root may read it. Of the others, only
 * files that everybody may read count.
 *
 * @param packed the files of the packages
 */
export function configurationOf(
  { service, own, variables }: Pick<Adoption, 'service' | 'own' | 'variables'>,
  packages: readonly string[],
  packed: readonly string[],
  jail: string,
): Configuration {
  const words = [...service.lines.flatMap(({ argv }) => argv), ...own.flatMap(({ argv }) => argv)];
  const named = [...words, ...variables.values(), ...conditionsOf(service.settings)].flatMap(namedInEtc);
  const found = foundIn(jail, packages);
  const ofUnit = mountedPlaces(service.settings);
  const places = openEtcPlaces();
  const ours = [...new Set([...packed.filter((path) => path.startsWith('/etc/')), ...named])];
  const placed = (paths: readonly string[], isOwn?: (secret: string) => boolean): readonly string[] =>
    paths
      .flatMap((path) => places.of(path, isOwn) ?? [])
      .filter((path) => !found.links.has(path) && !found.ofJail.some((one) => isWithin(one, path)))
      .filter((path) => !ofUnit.some((place) => isWithin(path, place)));
  const all = [...placed(ours, (secret) => !isOfOthers(secret, packages)), ...placed(found.own)];
  const mine = new Set(all);
  return {
    own: [...mine].toSorted(),
    ofHost: [...new Set(placed(found.ofHost))].filter((path) => !mine.has(path)).toSorted(),
  };
}
