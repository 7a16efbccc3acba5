// dpkg's database of the host, read once for all jails of a command.

import { statSync } from 'node:fs';

import { noteReads, type Notes } from '../../tree/noted-root.ts';
import { type DirectoryRoot, openFileRoot } from '../../tree/root.ts';
import { unless } from '../../words/system-error.ts';
import { openPackages, type Packages } from './database.ts';

export interface HostDatabase {
  /** Undefined if the host has no dpkg. */
  readonly packages: Packages | undefined;
  /** What was read for it so far. */
  readonly notes: Notes;
  /** When it was opened, in ms since 1970. */
  readonly readMs: number;
}

// dpkg(1), dpkg-divert(1), update-alternatives(1) and ucf(1) replace files by rename(2), which changes the directory.
const watched = [
  '/',
  '/var/lib/dpkg',
  '/var/lib/dpkg/status',
  '/var/lib/dpkg/info',
  '/var/lib/dpkg/diversions',
  '/var/lib/dpkg/alternatives',
  '/etc/alternatives',
  '/var/lib/ucf',
  '/var/lib/ucf/registry',
];

const stampOf = (path: string): string => {
  const status = unless(['ENOENT', 'ENOTDIR'], () => statSync(path, { bigint: true }));
  return status === undefined ? '' : [status.dev, status.ino, status.mtimeNs, status.ctimeNs].join();
};

let root: DirectoryRoot | undefined;
let known: (HostDatabase & { readonly stamp: string }) | undefined;

/** The database; it is read again if it has changed. It stays in memory until the process ends. */
export function hostDatabase(): HostDatabase {
  const readMs = Date.now();
  const stamp = watched.map(stampOf).join(' ');
  if (known?.stamp !== stamp) {
    // it stays open: a plan may still use the database of before
    const notes = noteReads((root ??= openFileRoot('/')));
    known = { stamp, notes, readMs, packages: openPackages(notes.root) };
  }
  return known;
}
