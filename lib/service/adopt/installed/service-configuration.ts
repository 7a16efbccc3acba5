// The files below /etc that a service reads: those of its packages, those that its command lines, its variables and its scripts name, and
// those that the builder has found for its programs.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';

import { type BytePath, bytePath, isWithin, pathBytes } from '../../../tree/path.ts';
import { readBuilt } from '../../../jail/listing.ts';
import type { Recorded } from '../../../jail/manifest/manifest.ts';
import type { Adoption } from '../adoption.ts';
import { runHost } from '../host-command.ts';
import { openEtcPlaces } from './etc-place.ts';
import { mountedPlaces } from './unit-mounts.ts';

/** Paths of /etc that are mounted. */
export interface Configuration {
  /** Files of the service, and of what it is made of. */
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

// The secrets among these that belong to other packages.
async function secretsOfOthers(
  secrets: readonly string[],
  packages: readonly string[],
): Promise<ReadonlySet<string>> {
  if (secrets.length === 0) return new Set();
  const { stdout } = await runHost('dpkg-query', ['-S', ...secrets]);
  const found = stdout.split('\n').flatMap((line) => {
    const [, owners = '', path = ''] = /^(.*?): (\/.*)$/.exec(line) ?? [];
    const names = owners.split(', ').map((name) => name.replace(/:\w+$/, ''));
    return path === '' || names.some((name) => packages.includes(name)) ? [] : [path];
  });
  return new Set(found);
}

/**
 * Finds them; `packed` are the files of the packages. A file that its packages or its command lines name is the service's own, even if only root may read it. Of the others, only
 * those count that everybody may read.
 */
export async function configurationOf(
  { service, own, variables }: Pick<Adoption, 'service' | 'own' | 'variables'>,
  packages: readonly string[],
  packed: readonly string[],
  jail: string,
): Promise<Configuration> {
  const words = [...service.lines.flatMap(({ argv }) => argv), ...own.flatMap(({ argv }) => argv)];
  const named = [...words, ...variables.values()].flatMap(namedInEtc);
  const found = foundIn(jail, packages);
  const ofUnit = mountedPlaces(service.settings);
  const places = openEtcPlaces();
  const ours = [...new Set([...packed.filter((path) => path.startsWith('/etc/')), ...named])];
  const others = await secretsOfOthers(
    [...new Set(ours.flatMap((path) => places.secretsFor(path)))],
    packages,
  );
  const placed = (paths: readonly string[], isOwn?: (secret: string) => boolean): readonly string[] =>
    paths
      .flatMap((path) => places.of(path, isOwn) ?? [])
      .filter((path) => !found.links.has(path) && !found.ofJail.some((one) => isWithin(one, path)))
      .filter((path) => !ofUnit.some((place) => isWithin(path, place)));
  const all = [...placed(ours, (secret) => !others.has(secret)), ...placed(found.own)];
  const mine = new Set(all);
  return {
    own: [...mine].toSorted(),
    ofHost: [...new Set(placed(found.ofHost))].filter((path) => !mine.has(path)).toSorted(),
  };
}
