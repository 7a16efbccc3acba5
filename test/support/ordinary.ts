// For root tests of launches without root: the command as an ordinary user runs it, and a jail of his own.
import { chownSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';

import { makeJail, publicCommand, start, type Ended, type StartOptions } from './launch.ts';

/** An ordinary user, and what he runs. */
export interface Ordinary {
  /** The words before a program that he starts. */
  readonly by: readonly string[];
  readonly command: readonly string[];
  readonly jail: string;
  /** Runs `uchroot --rootless` with these words. */
  readonly run: (words: readonly string[], options?: StartOptions) => Ended;
  /** The words that run the command in a user namespace in which root has run the shell script `set` before: limits, mounts. */
  readonly inNamespace: (set: string, words: readonly string[]) => readonly string[];
}

/** Gives a tree to a user. */
export function give(path: string, uid: number): void {
  const { mode } = lstatSync(path);
  if ((mode & 0o170000) === 0o120000) return;
  chownSync(path, uid, uid);
  if ((mode & 0o170000) === 0o040000) for (const name of readdirSync(path)) give(`${path}/${name}`, uid);
}

/** An ordinary user with a jail of his own, as makeJail() makes it, with empty /proc and /dev. */
export function ordinary(uid: number, groups: readonly number[] = []): Ordinary {
  const jail = makeJail();
  const by = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`];
  by.push(groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`);
  const isRoot = process.getuid?.() === 0; // else the tests are skipped
  const command = isRoot ? publicCommand() : [];
  if (isRoot) {
    for (const name of ['proc', 'dev']) mkdirSync(`${jail}/${name}`);
    give(jail, uid);
  }
  const run: Ordinary['run'] = (words, options = {}) =>
    start([...by, ...command, '--rootless', ...words], options);
  const ids = `0,0,${uid + 1}`;
  const namespace = [
    'unshare',
    '--user',
    `--map-users=${ids}`,
    `--map-groups=${ids}`,
    '--setuid=0',
    '--setgid=0',
  ];
  const inNamespace: Ordinary['inNamespace'] = (set, words) => [
    ...namespace,
    '--mount',
    'sh',
    '-c',
    `${set}; exec "$@"`,
    'sh',
    ...by,
    ...command,
    ...words,
  ];
  return { by, command, jail, run, inNamespace };
}
