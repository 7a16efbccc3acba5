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
  /** The ids of its accounts, without root. */
  readonly uids: ReadonlySet<number>;
  /** Those of them that not only its configuration names. */
  readonly surely: ReadonlySet<number>;
  readonly lookAt: (path: string) => Found | undefined;
}

const absolute = /(?<=^|[\s=,:;"'`(){}<>|&[\]])\/(?:[\w@+~.-]+\/?)+/gm;

const comments = /^[ \t]*(?:[#;]|\/\/|--).*$/gm;

/** The absolute paths that a text names outside of its comments. */
export function pathsIn(text: string): readonly string[] {
  const found = text.replace(comments, '').match(absolute) ?? [];
  const plain = found.map((path) => path.replace(/[./]+$/, '').replace(/^\/var\/run(?=\/)/, '/run'));
  return [...new Set(plain)].filter((path) => path !== '' && !/\/(\.{0,2})\//.test(path));
}

/** The same of a word of a command line, such as `--config=/etc/web.conf`, which a text would have as a comment. */
export const pathsInWord = (word: string): readonly string[] => pathsIn(word.replace(/^--?[\w-]+=/, ''));

// The directory of an application and its files, such as /opt/app for /opt/app/bin/run.py.
const application = /^\/(?:opt|srv)\/[^/]+(?=\/|$)|^\/usr\/local\/(?:lib|libexec|share)\/[^/]+(?=\/|$)/;

// Logs of the whole host in /var/log, after which a service or its program can be called: those of syslog(3), dpkg(1) and booting.
const ofHost = new Set(
  wordList('alternatives auth boot bootstrap cron daemon debug dpkg kern lpr mail messages syslog user'),
);

const logsOf = (names: readonly string[]): readonly string[] =>
  names.filter((name) => !ofHost.has(name)).map((name) => `/var/log/${name}.log`);

/** Whether a path lies where applications are that no package has brought. */
export const isApplication = (path: string): boolean => /^\/(opt|srv)\/.|^\/usr\/local\//.test(path);

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

/**
 * The directories and files of the host that the service gets because they are named. A directory of data that belongs to one of its
 * accounts can be written, as before. So can one of /var that its command line names. All else is only read.
 */
export function namedPlaces({
  words,
  texts,
  foreign,
  files,
  packed,
  homes,
  names,
  uids,
  surely,
  lookAt,
}: Naming): readonly HostMount[] {
  const onLines = words.flatMap(pathsInWord);
  const inTexts = [...texts.flatMap(pathsIn), ...homes];
  const isOwn = (path: string, ids = uids): boolean => ids.has(lookAt(path)?.uid ?? 0);
  // a link on the way leads to another place, and `isOwn` would be about the link
  const isPlain = (path: string): boolean => waysTo(path).every((one) => lookAt(one)?.kind === 'directory');

  // the topmost directory that is its own
  const owned = (path: string, isIt = isData, ids = uids): readonly string[] =>
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
    ...foreign.flatMap(pathsIn).flatMap((path) => owned(path, isData, surely)),
    ...onLines.flatMap(ofLine),
    ...ofConfiguration,
  ];

  const placeOf = (path: string): readonly string[] => {
    const top = application.exec(path)?.[0] ?? path;
    const found = [top, path].find((one) => lookAt(one) !== undefined);
    return found === undefined || lookAt(path) === undefined ? [] : [found];
  };
  const read = [
    ...[...onLines, ...inTexts.filter((path) => /^\/srv\/./.test(path))].filter(isApplication),
    ...homes.filter((path) => /^\/(srv\/.|var\/www(\/|$))/.test(path)),
  ].flatMap(placeOf);
  const logs = logsOf(names).filter((path) => lookAt(path)?.kind === 'file');
  const all = [
    ...[...written, ...logs].map((path) => ({ path, isReadOnly: false })),
    ...read.map((path) => ({ path, isReadOnly: !isOwn(path) })),
  ];
  return outermost(all);
}
