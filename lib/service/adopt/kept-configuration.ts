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
import { type Copies, mountsFrom } from './kept-drop-in.ts';

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
  return { directory: copyAt(unit, number), writable: `${copiesOf(unit)}/.${number}`, paths };
}

/** The configurations of which there are copies, the newest first. */
export function keptOnes({
  tested,
  configuration,
}: Pick<AdoptionRecord, 'tested' | 'configuration'>): readonly KeptConfiguration[] {
  return [tested, configuration].filter((one) => one !== undefined);
}

/** The one with which a service runs by this drop-in; undefined if it runs with /etc. */
export function keptInUse(
  record: Pick<AdoptionRecord, 'unit' | 'tested' | 'configuration'>,
  dropIn: string,
): KeptConfiguration | undefined {
  return keptOnes(record).find((kept) => mountsFrom(dropIn, keptCopies(record.unit, kept)));
}

/** Makes the duplicates for a service that may write to these paths. */
export async function makeWritable(
  unit: string,
  kept: KeptConfiguration,
  paths: readonly string[],
): Promise<void> {
  const { directory, writable } = keptCopies(unit, kept);
  rmSync(writable, { recursive: true, force: true });
  if (paths.length > 0) await copyTo(writable, paths, (path) => `${directory}${path}`);
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
async function copyTo(
  directory: string,
  paths: readonly string[],
  from: (path: string) => string = realpathSync,
): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const isInOther = (path: string): boolean => paths.some((other) => path.startsWith(`${other}/`));
  for (const path of paths.filter((one) => !isInOther(one))) {
    const copy = `${directory}${path}`;
    mkdirSync(dirname(copy), { recursive: true, mode: 0o700 });
    await mustRun('cp', ['--archive', '--no-target-directory', '--', from(path), copy]);
  }
  // before a record or a drop-in names it
  await mustRun('sync', ['--file-system', directory]);
}

// The number of a copy that is complete: a new one, unless nothing has changed since one of the others.
async function makeCopy(
  unit: string,
  others: readonly KeptConfiguration[],
  paths: readonly string[],
): Promise<number> {
  const same = others.find(
    (one) => one.paths.join(' ') === paths.join(' ') && changedFiles(unit, one).length === 0,
  );
  if (same !== undefined) return same.number;
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

async function keep(record: AdoptionRecord, isTestedOnly: boolean): Promise<readonly string[]> {
  const { unit } = record;
  const { fit: paths, warnings } = measure(ownConfiguration(record));
  const number = paths.length === 0 ? 0 : await makeCopy(unit, keptOnes(record), paths);
  const kept = number === 0 ? undefined : { number, keptAt: new Date().toISOString(), paths };
  const isProven = number === record.configuration?.number;
  const next: AdoptionRecord = isTestedOnly
    ? { ...record, tested: isProven ? undefined : kept }
    : { ...record, configuration: kept, tested: undefined };
  writeRecord(next);
  removeOthers(unit, new Set(keptOnes(next).map((one) => String(one.number))));
  return warnings;
}

function removeOthers(unit: string, names: ReadonlySet<string>): void {
  if (!existsSync(copiesOf(unit))) return;
  for (const name of readdirSync(copiesOf(unit)).filter((one) => /^\.?[0-9]+$/.test(one) && !names.has(one)))
    rmSync(`${copiesOf(unit)}/${name}`, { recursive: true, force: true });
}

/**
 * What shows that a configuration works: the service has come up with it; it has passed its tests, and the service was told of it; or
 * nothing.
 */
export type Proof = 'start' | 'test' | 'none';

/**
 * Keeps a copy of the configuration of a service: of one without proof, only if there is none yet; of one that is only tested, beside the
 * one with which the service has come up. The record names the copies that count, and rename(2) replaces the record: a run that is
 * killed, or a full disk, leaves the old copies in use.
 * @returns warnings: the service itself is well
 */
export async function keepConfiguration(record: AdoptionRecord, proof: Proof): Promise<readonly string[]> {
  if (proof === 'none' && record.configuration !== undefined) return [];
  try {
    return await keep(record, proof === 'test' && record.configuration !== undefined);
  } catch (error) {
    if (!(error instanceof JailError) && (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    return [`no new copy of the configuration is kept: ${(error as Error).message}`];
  }
}
