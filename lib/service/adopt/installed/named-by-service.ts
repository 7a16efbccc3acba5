// What the host has that a service names: reads its configuration and the scripts of its packages, and looks its accounts and paths up.
import { lstatSync, readdirSync, realpathSync } from 'node:fs';

import { native, type Passwd } from '../../../native.ts';
import { ifReadable, readEnd } from '../host-file.ts';
import { type InstalledService, textOf } from './installed-service.ts';
import { namedInConfiguration, namedInScript } from './named-accounts.ts';
import { type Found, isApplication, namedPlaces, pathsIn } from './named-places.ts';
import { ofMany, ownConfiguration } from './service-paths.ts';
import type { HostMount } from './unit-mounts.ts';

const mostBytes = 1 << 16;
const mostFiles = 500;

// The text of a small file, through links; empty for anything else.
function textAt(path: string): string {
  const real = ifReadable(() => realpathSync(path));
  const { text = '', sizeBytes = 0 } = (real === undefined ? undefined : readEnd(real, mostBytes)) ?? {};
  return sizeBytes > mostBytes || text.includes('\0') ? '' : text;
}

// The files from these paths down. Directories of what can be switched on, such as sites-available, do not count.
function filesBelow(tops: readonly string[]): readonly string[] {
  const found: string[] = [];
  const left = [...tops];
  for (let path = left.shift(); path !== undefined && found.length < mostFiles; path = left.shift()) {
    const directory = path;
    const names = ifReadable(() => readdirSync(directory));
    if (names === undefined) found.push(directory);
    else if (!directory.endsWith('-available')) left.push(...names.map((name) => `${directory}/${name}`));
  }
  return found;
}

function lookAt(path: string): Found | undefined {
  const status = ifReadable(() => lstatSync(path));
  if (status === undefined) return undefined;
  const kind = status.isDirectory() ? 'directory' : status.isFile() ? 'file' : 'other';
  return { kind, uid: status.uid };
}

const info = '/var/lib/dpkg/info';
const isOfScripts = /^\/usr\/lib\/sysusers\.d\/|^\/var\/lib\/dpkg\/info\//;

/** What a service and its packages say. */
export interface Texts {
  /** The files of its own configuration. */
  readonly files: readonly string[];
  /** Configuration, and files that the command lines name. */
  readonly configuration: readonly string[];
  /** Maintainer scripts and files of sysusers.d(5). */
  readonly scripts: readonly string[];
}

/** What the unit says. */
export interface Words {
  /** Words of its command lines, and values of its variables. */
  readonly words: readonly string[];
  /** Its variables, as `NAME=VALUE`. */
  readonly assignments: readonly string[];
}

/** The texts of a service and its packages. */
export function textsOf(
  service: InstalledService,
  packages: readonly string[],
  packed: readonly string[],
  { words, assignments }: Words,
): Texts {
  const names = ifReadable(() => readdirSync(info)) ?? [];
  const isOfPackage = new RegExp(String.raw`^(.*?)(?::\w+)?\.(?:preinst|postinst|config)$`);
  const scripts = names
    .filter((name) => packages.includes(isOfPackage.exec(name)?.[1] ?? ''))
    .map((name) => `${info}/${name}`);
  const own = ownConfiguration(packed, service);
  const ofDefaults = packed.filter((path) => /^\/etc\/default\/./.test(path) || isOfScripts.test(path));
  const named = words.flatMap(pathsIn).filter((path) => lookAt(path)?.kind === 'file' && !ofMany.test(path));
  const inEtc = filesBelow(own);
  const files = [...new Set([...scripts, ...ofDefaults, ...inEtc, ...named])];
  const read = (isIt: (path: string) => boolean): readonly string[] => files.filter(isIt).map(textAt);
  return {
    files: inEtc,
    configuration: [...read((path) => !isOfScripts.test(path)), ...assignments],
    scripts: read((path) => isOfScripts.test(path)),
  };
}

/** The accounts of the host, without root, that these texts name, that own directories of these packages, or that are asked for. */
export function accountsNamed(
  { configuration, scripts }: Texts,
  packed: readonly string[],
  asked: readonly string[],
): readonly Passwd[] {
  const names = [...asked, ...configuration.flatMap(namedInConfiguration), ...scripts.flatMap(namedInScript)];
  const found = [...new Set(names)].flatMap((name) => native.getpwnam(name) ?? []);
  const owners = packed
    .filter((path) => /^\/var\/(lib|cache|log|spool)\/./.test(path))
    .map((path) => lookAt(path)?.uid ?? 0);
  const all = [...found, ...[...new Set(owners)].flatMap((uid) => native.getpwuid(uid) ?? [])];
  const isService = ({ name, uid }: Passwd): boolean => uid !== 0 && (uid < 1000 || asked.includes(name));
  return [...new Map(all.map((one) => [one.name, one])).values()].filter(isService);
}

/** The paths of the host that a service gets because it names them, and its scripts there, whose modules the jail needs. */
export function placesNamed(
  { settings }: InstalledService,
  { files, configuration, scripts }: Texts,
  all: readonly Passwd[],
  { asked, names, words }: Record<'asked' | 'names' | 'words', readonly string[]>,
): { readonly mounts: readonly HostMount[]; readonly scripts: readonly string[] } {
  // those below 100 are of the whole host, such as `man` and `backup` (Debian policy 9.2.2)
  const accounts = all.filter(({ name, uid }) => uid >= 100 || asked.includes(name));
  return {
    mounts: namedPlaces({
      words: [...words, textOf(settings, 'WorkingDirectory').replace(/^!/, '')],
      texts: [...configuration, ...scripts],
      files,
      homes: accounts.map(({ dir }) => dir),
      names,
      uids: new Set(accounts.map(({ uid }) => uid)),
      lookAt,
    }),
    scripts: words.flatMap(pathsIn).filter((path) => isApplication(path) && lookAt(path)?.kind === 'file'),
  };
}
