// The tables of doc/isolation.md, and the attempts of walled.c behind their first rows.
import { readFileSync } from 'node:fs';

import type { Test } from 'tap';

import { packageDirectory } from './launch.ts';

/** The result of each attempt: 0 or an errno. */
export type Attempts = Readonly<Record<string, number>>;

/** The columns of the tables, in their order. */
export const levelColumns = ['bare', 'landlock', 'isolate', 'both', 'root inside', 'rootless'] as const;

/** A level, or levels together. */
export type LevelColumn = (typeof levelColumns)[number];

/** Attempts of `walled try` through a directory of the host that a helper passes in. */
export const passedIn: readonly string[] = [
  'read',
  'list',
  'write',
  'create',
  'make a directory',
  'make a link',
  'make a socket',
  'remove',
  'execute',
  'truncate',
];

// Attempts of `walled try`.
const ofAll: Readonly<Record<string, readonly string[]>> = {
  'read, write, execute and remove files of the host through a descriptor that a helper passes in': passedIn,
  'see the status of such a file, change its mode, connect to a socket there': [
    'look at the status',
    'change the mode',
    'go there',
    'connect to a path',
  ],
  'link or move files out of the jail, or into it': ['link out', 'rename out', 'rename in'],
  'send signals to processes of the same user': ['signal', 'signal by descriptor'],
  'trace them, read their memory, take their descriptors': ['trace', 'read memory', 'take a descriptor'],
  'reach files of theirs through /proc': ['read by /proc/PID/root', 'read an environment'],
  'connect to abstract unix sockets of the host': ['connect to an abstract name'],
  'connect to TCP ports of the host': ['connect to a port'],
  'ioctl on devices that are no terminals': ['ioctl on a device'],
};

// Attempts of `walled caps`.
const ofCapable: Readonly<Record<string, readonly string[]>> = {
  'mount a file system (`sys_admin`)': ['mount'],
  'leave the jail by a second chroot (`sys_chroot`)': ['read after a chroot out'],
};

/** The rows of the page that walled.c tries. */
export const triedThreats: readonly string[] = [...Object.keys(ofAll), ...Object.keys(ofCapable)];

/** A row of a table of the page. */
export interface PageRow {
  readonly threat: string;
  /** `yes` or `no` for each column. */
  readonly cells: readonly string[];
  /** The cells after them. */
  readonly rest: readonly string[];
}

/** The rows of the page's tables. */
export function pageRows(): readonly PageRow[] {
  const page = readFileSync(`${packageDirectory}/doc/isolation.md`, 'utf8');
  return [...page.matchAll(/^\| (.+) \|$/gm)].flatMap(([, row = '']): PageRow[] => {
    const [threat = '', ...words] = row.split(' | ');
    const cells = words.slice(0, levelColumns.length);
    const isThreat = cells.length === levelColumns.length && cells.every((cell) => /^(yes|no)$/.test(cell));
    return isThreat ? [{ threat, cells, rest: words.slice(levelColumns.length) }] : [];
  });
}

/** Compares a column of the page with what `walled try` and `walled caps` could do. */
export function compareWithPage(t: Test, column: LevelColumn, tried: Attempts, capable: Attempts): void {
  const rows = new Map(pageRows().map(({ threat, cells }) => [threat, cells]));
  for (const [names, found] of [
    [ofAll, tried],
    [ofCapable, capable],
  ] as const)
    for (const [threat, keys] of Object.entries(names)) {
      const stopped = keys.filter((key) => found[key] !== 0);
      const says = rows.get(threat)?.[levelColumns.indexOf(column)];
      t.same(stopped, says === 'yes' ? keys : [], `${column}: ${threat}`);
    }
}
