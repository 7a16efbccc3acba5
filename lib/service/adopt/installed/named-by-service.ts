// What the host has that a service names: reads its configuration and the scripts of its packages, and looks its accounts and paths up.
import { lstatSync, readdirSync, realpathSync } from 'node:fs';

import { wayTo } from '../../../launch/host/host-ways.ts';
import { bytePath, waysTo } from '../../../tree/path.ts';
import { judgeWay } from '../../../trust/way.ts';
import { native, type Passwd } from '../../../native.ts';
import { ifReadable, readEnd } from '../host-file.ts';
import { type InstalledService, textOf } from './installed-service.ts';
import { knownOf } from './known-daemons.ts';
import { namedInConfiguration, namedInScript } from './named-accounts.ts';
import { type Found, type Ids, isApplication, namedPlaces, pathsIn, pathsInWord } from './named-places.ts';
import { ofMany, ownConfiguration } from './service-paths.ts';
import type { HostMount } from './unit-mounts.ts';

const mostBytes = 1 << 16;
const mostFiles = 500;
const mostLooks = 5000;
const mostLevels = 8;

interface Text {
  readonly text: string;
  readonly isRoots: boolean;
}

// The text of a small file, through links; empty for anything else. Whoever can put a link there chooses the text: another service's
// configuration is root's too.
function textAt(path: string): Text {
  const real = ifReadable(() => realpathSync(path));
  const found = real === undefined ? undefined : readEnd(real, mostBytes);
  const isText = found !== undefined && found.sizeBytes <= mostBytes && !found.text.includes('\0');
  if (!isText) return { text: '', isRoots: true };
  const isLinked = real !== path && judgeWay(wayTo(bytePath(path)), []).length > 0;
  return { text: found.text, isRoots: found.isRoots && !isLinked };
}

// The files from these paths down. Directories of what can be switched on, such as sites-available, do not count. Links of the service may
// lead in a circle, without a file in it.
function filesBelow(tops: readonly string[]): readonly string[] {
  const found: string[] = [];
  const left = [...tops];
  let looks = 0;
  for (let path = left.shift(); path !== undefined && found.length < mostFiles; path = left.shift()) {
    if (++looks > mostLooks) break;
    const directory = path;
    const names = ifReadable(() => readdirSync(directory));
    if (names === undefined) found.push(directory);
    else if (!directory.endsWith('-available')) left.push(...names.map((name) => `${directory}/${name}`));
  }
  return found;
}

// Whether nobody but root decides what is at a path.
const isOfRoot = (path: string): boolean =>
  judgeWay({ ...wayTo(bytePath(path)), endsInEntry: false }, []).length === 0;

// What these texts of root's include, and the texts there. A path that others can write to is left out: they would choose what the jail gets.
function includedBy(service: InstalledService, texts: readonly Text[]) {
  const { included = () => [] } = knownOf(service);
  const [places, found] = [new Set<string>(), new Map<string, Text>()];
  for (let level = 0, left = texts; level < mostLevels && left.length > 0; level++) {
    const named = left.filter(({ isRoots }) => isRoots).flatMap(({ text }) => included(text));
    const paths = named
      .filter(([path]) => lookAt(path) !== undefined && isOfRoot(path))
      .flatMap(([path, ending]) => {
        places.add(path);
        const names = ifReadable(() => readdirSync(path))?.filter((name) => name.endsWith(ending));
        return names?.map((name) => `${path}/${name}`) ?? [path];
      });
    const fresh = paths.filter((path) => !found.has(path)).slice(0, mostFiles - found.size);
    const read = new Map(fresh.map((path) => [path, textAt(path)]));
    for (const [path, text] of read) found.set(path, text);
    left = [...read.values()];
  }
  return { places: [...places], texts: [...found.values()] };
}

function lookAt(path: string): Found | undefined {
  const status = ifReadable(() => lstatSync(path));
  if (status === undefined) return undefined;
  const kind = status.isDirectory() ? 'directory' : status.isFile() ? 'file' : 'other';
  return { kind, uid: status.uid, writingGid: (status.mode & 0o020) === 0 ? undefined : status.gid };
}

const idsOf = (accounts: readonly Passwd[]): Ids => ({
  uids: new Set(accounts.map(({ uid }) => uid)),
  // those up to 100, and 65534, are of many accounts: `users`, `nogroup` (Debian policy 9.2.2)
  gids: new Set(accounts.map(({ gid }) => gid).filter((gid) => gid > 100 && gid < 65_534)),
});

const info = '/var/lib/dpkg/info';
const isOfScripts = /^\/usr\/lib\/sysusers\.d\/|^\/var\/lib\/dpkg\/info\//;

const textsIn = (all: readonly Text[]): readonly string[] => all.map(({ text }) => text);

/** What a service and its packages say. */
export interface Texts {
  /** The files of its own configuration. */
  readonly files: readonly string[];
  /** Configuration, and files that the command lines name. */
  readonly configuration: readonly string[];
  /** The same that another user than root can write: it gives the service nothing that it does not own. */
  readonly foreign: readonly string[];
  /** Files and directories that its configuration includes. */
  readonly included: readonly string[];
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
  const named = words
    .flatMap(pathsInWord)
    .filter((path) => lookAt(path)?.kind === 'file' && !ofMany.test(path));
  const inEtc = filesBelow(own);
  const files = [...new Set([...scripts, ...ofDefaults, ...inEtc, ...named])];
  const read = (isIt: (path: string) => boolean): readonly Text[] => files.filter(isIt).map(textAt);
  const written = read((path) => !isOfScripts.test(path));
  const included = includedBy(service, written);
  const configuration = [...written, ...included.texts];
  return {
    files: inEtc,
    configuration: [...textsIn(configuration.filter(({ isRoots }) => isRoots)), ...assignments],
    foreign: textsIn(configuration.filter(({ isRoots }) => !isRoots)),
    included: included.places,
    scripts: textsIn(read((path) => isOfScripts.test(path))),
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

const ofAccounts = /^\/etc\/(?:g?shadow-?|sudoers(?:\.d\/.*)?)$/;

const isKey = (path: string): boolean => {
  const status = ifReadable(() => lstatSync(path));
  return status?.isFile() === true && status.uid === 0 && (status.mode & 0o004) === 0;
};

// Whether the members of these groups may read a file, without a link on the way.
function areReaders(gids: ReadonlySet<number>, path: string): boolean {
  const may = (one: string, bit: number): boolean => {
    const status = ifReadable(() => lstatSync(one));
    if (status === undefined || status.isSymbolicLink()) return false;
    const { mode, gid } = status;
    return gids.has(gid) ? (mode & (bit << 3)) !== 0 : (mode & bit) !== 0;
  };
  return waysTo(path).every((one) => may(one, one === path ? 4 : 1));
}

/**
 * The files of /etc that not everybody may read, that its configuration names and that the service could read so far, such as the key of a
 * certificate. If it starts as root, only configuration of root's names them. No passwords of the host.
 * @param user as whom it starts
 */
export function keysNamed({ configuration, foreign }: Texts, user: string): readonly string[] {
  const isRoot = user === 'root';
  const account = isRoot ? null : native.getpwnam(user);
  const gids = new Set(account === null ? [] : native.getgrouplist(user, account.gid));
  const named = (isRoot ? configuration : [...configuration, ...foreign]).flatMap(pathsIn);
  return [...new Set(named)].filter(
    (path) =>
      /^\/etc\/.+\/./.test(path) &&
      !ofAccounts.test(path) &&
      isKey(path) &&
      (isRoot || areReaders(gids, path)),
  );
}

/**
 * The paths of the host that a service gets because it names them, and its scripts there, whose modules the jail needs.
 * @param own the accounts whose homes it gets: one that its configuration alone names can be that of a database (`db_user=postgres`)
 */
export function placesNamed(
  { settings }: InstalledService,
  { files, configuration, foreign, scripts }: Texts,
  all: readonly Passwd[],
  own: readonly Passwd[],
  { asked, names, words, packed }: Record<'asked' | 'names' | 'words' | 'packed', readonly string[]>,
): { readonly mounts: readonly HostMount[]; readonly scripts: readonly string[] } {
  // those below 100 are of the whole host, such as `man` and `backup` (Debian policy 9.2.2)
  const accounts = all.filter(({ name, uid }) => uid >= 100 || asked.includes(name));
  const sure = accounts.filter(({ name }) => own.some((one) => one.name === name));
  return {
    mounts: namedPlaces({
      words: [...words, textOf(settings, 'WorkingDirectory').replace(/^!/, '')],
      texts: [...configuration, ...scripts],
      foreign,
      files,
      packed,
      homes: sure.map(({ dir }) => dir),
      names,
      own: idsOf(accounts),
      surely: idsOf(sure),
      lookAt,
      list: (path) => ifReadable(() => readdirSync(path)) ?? [],
    }),
    scripts: words
      .flatMap(pathsInWord)
      // such as /bin/sh /usr/libexec/web/start.sh
      .filter((path) => (isApplication(path) || path.startsWith('/usr/')) && lookAt(path)?.kind === 'file'),
  };
}
