// The copy of a configuration with which a service has come up last.
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

import { type BytePath, bytePath } from '../../binary/path.ts';
import { JailError } from '../../errors.ts';
import {
  type AdoptionRecord,
  findRecord,
  type KeptConfiguration,
  placeOf,
  writeRecord,
} from './adoption-record.ts';
import { type Bound, changedPaths, readTree } from './configuration-tree.ts';
import { mustRun } from './host-command.ts';
import type { Copies } from './kept-drop-in.ts';

/** Of all copies of a service together. */
const bound: Bound = { entries: 1000, bytes: 16e6 };

// Databases of the whole host: a service must not go on with accounts or addresses that are no longer right.
const ofHost =
  /^\/etc\/(passwd|group|shadow|gshadow|subuid|subgid|hosts|resolv\.conf|nsswitch\.conf|localtime|services|protocols)$/;

const copiesOf = (unit: string): string => `${placeOf(unit)}/configuration`;

/** The directory of a copy. Only root gets there; systemd mounts from it. */
const copyAt = (unit: string, number: number): string => `${copiesOf(unit)}/${number}`;

/** The paths of a service that are its own configuration. A path that the caller has given it to write is data. */
export function ownConfiguration({
  mounted,
  wishes,
}: Pick<AdoptionRecord, 'mounted' | 'wishes'>): readonly string[] {
  const isData = (path: string): boolean => wishes.paths.some((one) => one.path === path && !one.isReadOnly);
  return mounted.filter((path) => path.startsWith('/etc/') && !ofHost.test(path) && !isData(path));
}

/** Where the copies of a service lie. */
export function keptCopies(unit: string, { number, paths }: KeptConfiguration): Copies {
  return { directory: copyAt(unit, number), paths };
}

/** The files of /etc that are not as in the copy. */
export function changedFiles(unit: string, { number, paths }: KeptConfiguration): readonly BytePath[] {
  const found = paths.flatMap((path) =>
    changedPaths(bytePath(`${copyAt(unit, number)}${path}`), liveTop(path), bound).map(
      (below) => `${bytePath(path)}${below}` as BytePath,
    ),
  );
  return [...new Set(found)];
}

/** Whether all that was copied is still there. */
export const isWhole = (unit: string, { number, paths }: KeptConfiguration): boolean =>
  paths.every((path) => existsSync(`${copyAt(unit, number)}${path}`));

/** The paths of which there is a copy, and that are gone from /etc. */
export const missingPaths = (unit: string): readonly string[] =>
  (findRecord(unit)?.configuration?.paths ?? []).filter((path) => !existsSync(path));

// systemd follows a link that a path is.
const liveTop = (path: string): BytePath => bytePath(existsSync(path) ? realpathSync(path) : path);

/** The moment of a copy, for a message. */
export const shownDate = (keptAt: string): string => keptAt.replace('T', ' ').replace(/\..*$/, ' UTC');

// The paths within the bound, and a warning for each of the others.
function measure(paths: readonly string[]): {
  readonly fit: readonly string[];
  readonly warnings: readonly string[];
} {
  const fit: string[] = [];
  const warnings: string[] = [];
  const left = { ...bound };
  for (const path of paths.filter((one) => existsSync(one))) {
    const tree = readTree(liveTop(path), left);
    if (tree === undefined) {
      warnings.push(
        `no copy of ${path} is kept: with it the configuration has more than ${bound.entries} files or ${bound.bytes / 1e6} MB`,
      );
      continue;
    }
    left.entries -= tree.size;
    for (const { size } of tree.values()) left.bytes -= size;
    fit.push(path);
  }
  return { fit, warnings };
}

// cp(1) keeps owners, modes, ACLs and links as they are.
async function copyTo(directory: string, paths: readonly string[]): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const isInOther = (path: string): boolean => paths.some((other) => path.startsWith(`${other}/`));
  for (const path of paths.filter((one) => !isInOther(one))) {
    const copy = `${directory}${path}`;
    mkdirSync(dirname(copy), { recursive: true, mode: 0o700 });
    await mustRun('cp', ['--archive', '--no-target-directory', '--', realpathSync(path), copy]);
  }
}

// The number of a copy that is complete: a new one, unless nothing has changed.
async function makeCopy(
  unit: string,
  old: KeptConfiguration | undefined,
  paths: readonly string[],
): Promise<number> {
  const isOld = old !== undefined && old.paths.join(' ') === paths.join(' ');
  if (isOld && changedFiles(unit, old).length === 0) return old.number;
  const number = Math.max(0, ...numbersOf(unit)) + 1;
  try {
    await copyTo(copyAt(unit, number), paths);
  } catch (error) {
    rmSync(copyAt(unit, number), { recursive: true, force: true });
    throw error;
  }
  return number;
}

function numbersOf(unit: string): readonly number[] {
  if (!existsSync(copiesOf(unit))) return [];
  return readdirSync(copiesOf(unit))
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);
}

async function keep(record: AdoptionRecord): Promise<readonly string[]> {
  const { unit } = record;
  const { fit: paths, warnings } = measure(ownConfiguration(record));
  const number = paths.length === 0 ? 0 : await makeCopy(unit, record.configuration, paths);
  const configuration = number === 0 ? undefined : { number, keptAt: new Date().toISOString(), paths };
  writeRecord({ ...record, configuration });
  for (const other of numbersOf(unit).filter((one) => one !== number))
    rmSync(copyAt(unit, other), { recursive: true, force: true });
  return warnings;
}

/**
 * Keeps a copy of the configuration of a service that has come up with it; of another one, only if there is none yet.
 * The record names the copy that counts, and rename(2) replaces the record: a run that is killed, or a full disk, leaves the old
 * copy in use.
 * @returns warnings: the service itself is well
 */
export async function keepConfiguration(
  record: AdoptionRecord,
  hasComeUp: boolean,
): Promise<readonly string[]> {
  if (!hasComeUp && record.configuration !== undefined) return [];
  try {
    return await keep(record);
  } catch (error) {
    if (!(error instanceof JailError) && (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    return [`no new copy of the configuration is kept: ${(error as Error).message}`];
  }
}
