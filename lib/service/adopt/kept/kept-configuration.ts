// The copy of a configuration with which a service has come up last.
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

import { type BytePath, bytePath } from '../../../tree/path.ts';
import { JailError } from '../../../errors.ts';
import {
  type AdoptionRecord,
  findRecord,
  type KeptConfiguration,
  placeOf,
  writeRecord,
} from '../adoption-record.ts';
import { type Bound, changedPaths, readTree } from './configuration-tree.ts';
import { mustRun } from '../host-command.ts';
import { type Copies, mountsFrom } from './kept-drop-in.ts';

/** The limit for all files of one copy together. */
const bound: Bound = { entries: 1000, bytes: 16e6 };

// Databases of the whole host. No copy of these is kept: a service must not use old accounts or addresses.
const hostDatabase =
  /^\/etc\/(passwd|group|shadow|gshadow|subuid|subgid|hosts|resolv\.conf|nsswitch\.conf|localtime|services|protocols)$/;

const copiesOf = (unit: string): string => `${placeOf(unit)}/configuration`;

/** The directory of a copy. Only root gets there; systemd mounts from it. */
const copyAt = (unit: string, number: number): string => `${copiesOf(unit)}/${number}`;

/** The paths of a service that are its own configuration. A path that the caller has named as writable is data. */
export function ownConfiguration({
  mounted,
  ofHost = [],
  wishes,
}: Pick<AdoptionRecord, 'mounted' | 'ofHost' | 'wishes'>): readonly string[] {
  const isData = (path: string): boolean => wishes.paths.some((one) => one.path === path && !one.isReadOnly);
  const isHosts = (path: string): boolean => hostDatabase.test(path) || ofHost.includes(path);
  return mounted.filter((path) => path.startsWith('/etc/') && !isHosts(path) && !isData(path));
}

/** Where the copies of a service lie. */
export function keptCopies(unit: string, { number, paths }: KeptConfiguration): Copies {
  return { directory: copyAt(unit, number), writable: `${copiesOf(unit)}/.${number}`, paths };
}

/** The configurations that have a copy, the newest first. */
export function keptOnes({
  tested,
  configuration,
}: Pick<AdoptionRecord, 'tested' | 'configuration'>): readonly KeptConfiguration[] {
  return [tested, configuration].filter((one) => one !== undefined);
}

/** The kept configuration that this drop-in mounts; undefined if the service runs with the files in /etc. */
export function keptInUse(
  record: Pick<AdoptionRecord, 'unit' | 'tested' | 'configuration'>,
  dropIn: string,
): KeptConfiguration | undefined {
  return keptOnes(record).find((kept) => mountsFrom(dropIn, keptCopies(record.unit, kept)));
}

/** Copies these paths once more, for a service that may write to them: the kept copy itself must not change. */
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

/** Whether no file of a copy is missing. */
export const isWhole = (unit: string, { number, paths }: KeptConfiguration): boolean =>
  paths.every((path) => existsSync(`${copyAt(unit, number)}${path}`));

/** The paths that have a copy, but are gone from /etc. */
export const missingPaths = (unit: string): readonly string[] =>
  (findRecord(unit)?.configuration?.paths ?? []).filter((path) => !existsSync(path));

// If the path is a link, systemd follows it.
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

// Makes a copy and returns its number. If an older copy has the same files, that one is used instead.
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
 * How we know that a configuration works. `start`: the service has come up with it. `test`: it has passed its tests and was reloaded.
 * `none`: we do not know.
 */
export type Proof = 'start' | 'test' | 'none';

/**
 * Keeps a copy of the configuration of a service. Without proof, it is copied only if there is no copy yet. A configuration that is only
 * tested is kept beside the one that the service has come up with. The record names the copies that count, and rename(2) replaces the
 * record. So after a kill, or on a full disk, the old copies stay in use.
 * @returns warnings, which concern the copy only
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
