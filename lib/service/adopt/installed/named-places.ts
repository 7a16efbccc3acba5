// The directories of a service that its command lines, its configuration and the scripts of its packages name, and its home. Pure.
import { dirname } from 'node:path';

import { isWithin, waysTo } from '../../../tree/path.ts';
import { words as wordList } from '../../../words/word-list.ts';
import { isData } from './service-paths.ts';
import type { HostMount } from './unit-mounts.ts';

/** What the host has at a path; links are not followed. */
export interface Found {
  readonly kind: 'file' | 'directory' | 'other';
  readonly uid: number;
  /** The group that can write there. */
  readonly writingGid?: number | undefined;
}

/** Accounts, by their ids and those of their first groups. */
export interface Ids {
  readonly uids: ReadonlySet<number>;
  readonly gids: ReadonlySet<number>;
}

export interface Naming {
  /** Words of its command lines, and its WorkingDirectory=. */
  readonly words: readonly string[];
  /** Texts of its configuration and of the scripts of its packages. */
  readonly texts: readonly string[];
  /** Those of them that another user than root can write. */
  readonly foreign: readonly string[];
  /** The files of its own configuration. */
  readonly files: readonly string[];
  /** The paths of its packages. */
  readonly packed: readonly string[];
  /** The homes of its accounts. */
  readonly homes: readonly string[];
  /** What its log is called: names of its unit, its program and its packages. */
  readonly names: readonly string[];
  /** Its accounts, without root. */
  readonly own: Ids;
  /** Those of them that not only its configuration names. */
  readonly surely: Ids;
  readonly lookAt: (path: string) => Found | undefined;
  /** The names in a directory. */
  readonly list: (path: string) => readonly string[];
}

const absolute = /(?<=^|[\s=,:;"'`(){}<>|&[\]])\/(?:[\w@+~.-]+\/?)+/gm;

const comments = /^[ \t]*(?:[#;]|\/\/|--).*$/gm;

/** The absolute paths that a text names outside of its comments. */
export function pathsIn(text: string): readonly string[] {
  const found = text.replace(comments, '').match(absolute) ?? [];
  const plain = found.map((path) => path.replace(/[./]+$/, '').replace(/^\/var\/run(?=\/)/, '/run'));
  return [...new Set(plain)].filter((path) => path !== '' && !/\/(\.{0,2})\//.test(path));
}

const chroot =
  /^[ \t]*(?:\w+[ \t]+)?\w*chroot\w*(?:[ \t]*[=:][ \t]*|[ \t]+(?![=:]))"?(?!(?:no|off|false|none|0)\b)[^\s"'#;=:]/im;

/** Whether a text has a setting such as `chroot = /var/empty`, and not as a comment. */
export const asksChroot = (text: string): boolean => chroot.test(text);

/** The absolute paths of a word of a command line, such as `--config=/etc/web.conf`, which a text would have as a comment. */
export const pathsInWord = (word: string): readonly string[] => pathsIn(word.replace(/^--?[\w-]+=/, ''));

// Refuses what hier(7) has directly in the root directory for the system and its users. All else, such as /srv and /data, is for applications.
const notOfSystem =
  '(?!(?:bin|boot|dev|efi|etc|home|lib\\w*|lost\\+found|proc|root|run|sbin|sys|tmp|usr|var)/)';

// The directory of an application and its files, such as /opt/app for /opt/app/bin/run.py.
const application = new RegExp(
  `^/usr/local/(?:lib|libexec|share)/[^/]+(?=/|$)|^/(?:mnt|media)/[^/]+/[^/]+(?=/|$)|^/${notOfSystem}[^/]+/[^/]+(?=/|$)`,
);

// Logs of the whole host in /var/log, after which a service or its program can be called: those of syslog(3), dpkg(1) and booting.
const ofHost = new Set(
  wordList('alternatives auth boot bootstrap cron daemon debug dpkg kern lpr mail messages syslog user'),
);

const logsOf = (names: readonly string[]): readonly string[] =>
  names.filter((name) => !ofHost.has(name)).map((name) => `/var/log/${name}.log`);

/** Whether a path lies where applications are that no package has brought. */
export const isApplication = (path: string): boolean => inApplications.test(path);

const inApplications = new RegExp(`^/${notOfSystem}[^/]+/.|^/usr/local/.`);

// Sites and data lie there, such as those that a web server names. /opt and /usr/local have the programs of applications.
const isSite = (path: string): boolean => isApplication(path) && !/^\/(opt|usr)\//.test(path);

const mayBeOwn = (path: string): boolean => isData(path) || isApplication(path);

// Each place once, by its first mention, and none in another one of the same kind.
function outermost(all: readonly HostMount[]): readonly HostMount[] {
  const first = new Map<string, HostMount>();
  for (const one of all) if (!first.has(one.path)) first.set(one.path, one);
  return [...first.values()]
    .filter(
      (one) =>
        ![...first.values()].some(
          (other) =>
            other.path !== one.path && isWithin(one.path, other.path) && other.isReadOnly === one.isReadOnly,
        ),
    )
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

// What is mounted for a named path: the directory of its application, or the path itself.
function placeOf(path: string, lookAt: Naming['lookAt']): readonly string[] {
  // /srv/www can have the sites of others beside /srv/www/one
  const isAlone = isSite(path) && lookAt(path)?.kind === 'directory';
  const top = isAlone ? path : (application.exec(path)?.[0] ?? path);
  const found = [top, path].find((one) => lookAt(one) !== undefined);
  return found === undefined || lookAt(path) === undefined ? [] : [found];
}

const mostLevels = 2;
const mostNames = 200;

// The topmost directories in another one that are its own, such as /opt/app/data. `isOwn` returns undefined for anything but a directory.
function ownIn(
  top: string,
  list: Naming['list'],
  isOwn: (path: string) => boolean | undefined,
  levels = mostLevels,
): readonly string[] {
  const paths = list(top)
    .slice(0, mostNames)
    .map((name) => `${top}/${name}`);
  const deeper = levels === 1 ? [] : paths.filter((path) => isOwn(path) === false);
  return paths
    .filter((path) => isOwn(path) === true)
    .concat(deeper.flatMap((path) => ownIn(path, list, isOwn, levels - 1)));
}

/**
 * The directories and files of the host that the service gets because they are named. A directory of data that belongs to one of its
 * accounts, or that the group of one can write, can be written, as before. So can one of /var that its command line names. All else is only
 * read.
 */
export function namedPlaces({
  words,
  texts,
  foreign,
  files,
  packed,
  homes,
  names,
  own,
  surely,
  lookAt,
  list,
}: Naming): readonly HostMount[] {
  const onLines = words.flatMap(pathsInWord);
  const inTexts = [...texts.flatMap(pathsIn), ...homes];
  const isOwn = (path: string, { uids, gids } = own): boolean => {
    const { uid = 0, writingGid = 0 } = lookAt(path) ?? {};
    return uids.has(uid) || gids.has(writingGid);
  };
  // a link on the way leads to another place, and `isOwn` would be about the link
  const isPlain = (path: string): boolean => waysTo(path).every((one) => lookAt(one)?.kind === 'directory');

  // the topmost directory that is its own
  const owned = (path: string, isIt = mayBeOwn, ids = own): readonly string[] =>
    waysTo(path)
      .filter((one) => isIt(one) && isOwn(one, ids) && isPlain(one))
      .slice(0, 1);
  const ofLine = (path: string): readonly string[] => {
    const named = [path, dirname(path)].find(
      (one) => /^\/var\/(lib|cache|log|spool)\/./.test(one) && isPlain(one),
    );
    return owned(path)
      .concat(named ?? [])
      .slice(0, 1);
  };
  // a directory that a package brings holds its configuration, even if the service owns it, as redis does /etc/redis
  const ofPackages = new Set(packed);
  const ofConfiguration = files.flatMap((path) => owned(path, (one) => !ofPackages.has(one)));
  const written = [
    ...inTexts.flatMap((path) => owned(path)),
    ...foreign.flatMap(pathsIn).flatMap((path) => owned(path, mayBeOwn, surely)),
    ...onLines.flatMap(ofLine),
    ...ofConfiguration,
  ];

  const read = [
    ...[...onLines, ...inTexts.filter(isSite)].filter(isApplication),
    ...homes.filter((path) => /^\/(srv\/.|var\/www(\/|$))/.test(path)),
  ].flatMap((path) => placeOf(path, lookAt));
  const isOwnDirectory = (path: string): boolean | undefined =>
    lookAt(path)?.kind === 'directory' ? isOwn(path) : undefined;
  const inRead = read
    .filter((path) => isApplication(path) && !isOwn(path) && isPlain(path))
    .flatMap((path) => ownIn(path, list, isOwnDirectory));
  const logs = logsOf(names).filter((path) => lookAt(path)?.kind === 'file');
  return outermost([
    ...[...written, ...inRead, ...logs].map((path) => ({ path, isReadOnly: false })),
    ...read.map((path) => ({ path, isReadOnly: !isOwn(path) })),
  ]);
}
