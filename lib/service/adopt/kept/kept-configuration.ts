// The copy of a configuration with which a service has come up last.
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

import { type BytePath, bytePath } from '../../../tree/path.ts';
import { JailError } from '../../../errors.ts';
import { mustRun } from '../host-command.ts';
import { syncFileSystem } from '../host-file.ts';
import { copiedBy } from '../adoption-plan.ts';
import {
  type AdoptionRecord,
  findRecord,
  type KeptConfiguration,
  placeOf,
  writeRecord,
} from '../adoption-record.ts';
import { type Bound, changedPaths, readTree } from './configuration-tree.ts';

/** The limit for all files of one copy together. */
const bound: Bound = { entries: 1000, bytes: 16e6 };

const copiesOf = (unit: string): string => `${placeOf(unit)}/configuration`;

/** Copies of paths of the host: that of `/etc/web` lies at `directory` + `/etc/web`. */
export interface Copies {
  readonly directory: string;
  /** Duplicates of the copies that the service may write. */
  readonly writable: string;
  readonly paths: readonly string[];
}

/** Where the copies of a service lie. Only root gets there; systemd mounts from it. */
export const keptCopies = (unit: string, { number, paths }: KeptConfiguration): Copies => ({
  directory: `${copiesOf(unit)}/${number}`,
  writable: `${copiesOf(unit)}/.${number}`,
  paths,
});

/** Whether this drop-in mounts copies of one of these two directories. */
export const mountsFrom = (text: string, { directory, writable }: Omit<Copies, 'paths'>): boolean =>
  text.split('\n').some((line) => [directory, writable].some((from) => line.includes(`Paths=${from}/`)));

type Kept = Pick<AdoptionRecord, 'tested' | 'configuration'>;

/** The configurations that have a copy, the newest first. */
export const keptOnes = ({ tested, configuration }: Kept): readonly KeptConfiguration[] =>
  [tested, configuration].filter((one) => one !== undefined);

/** The kept configuration that this drop-in mounts; undefined if the service runs with the files in /etc. */
export const keptInUse = (
  unit: string,
  dropIn: string | undefined,
  record: Kept | undefined = findRecord(unit),
): KeptConfiguration | undefined =>
  keptOnes(record ?? {}).find((kept) => dropIn !== undefined && mountsFrom(dropIn, keptCopies(unit, kept)));

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
export function changedFiles(unit: string, kept: KeptConfiguration): readonly BytePath[] {
  const { directory } = keptCopies(unit, kept);
  const found = kept.paths.flatMap((path) =>
    changedPaths(bytePath(`${directory}${path}`), liveTop(path), bound).map(
      (below) => `${bytePath(path)}${below}` as BytePath,
    ),
  );
  return [...new Set(found)];
}

/** Whether no file of a copy is missing. */
export const isWhole = (unit: string, kept: KeptConfiguration): boolean =>
  kept.paths.every((path) => existsSync(`${keptCopies(unit, kept).directory}${path}`));

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
    const found = readTree(liveTop(path), left);
    if (found === undefined)
      warnings.push(
        `no copy of ${path} is kept: with it the configuration has more than ${bound.entries} files or ${bound.bytes / 1e6} MB`,
      );
    else {
      left.entries -= found.tree.size;
      left.bytes -= found.bytes;
      fit.push(path);
    }
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
  syncFileSystem(directory);
}

// The names of copies, and of their duplicates.
const namesOf = (unit: string): readonly string[] =>
  existsSync(copiesOf(unit)) ? readdirSync(copiesOf(unit)).filter((name) => /^\.?[0-9]+$/.test(name)) : [];

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
  const number = Math.max(0, ...namesOf(unit).map((name) => Number(name.replace('.', '')))) + 1;
  const directory = `${copiesOf(unit)}/${number}`;
  try {
    await copyTo(directory, paths);
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  return number;
}

async function keep(record: AdoptionRecord, isTestedOnly: boolean): Promise<readonly string[]> {
  const { unit } = record.plan;
  const { fit: paths, warnings } = measure(copiedBy(record.plan));
  const number = paths.length === 0 ? 0 : await makeCopy(unit, keptOnes(record), paths);
  const kept = number === 0 ? undefined : { number, keptAt: new Date().toISOString(), paths };
  const isProven = number === record.configuration?.number;
  const next: AdoptionRecord = isTestedOnly
    ? { ...record, tested: isProven ? undefined : kept }
    : { ...record, configuration: kept, tested: undefined };
  writeRecord(next);
  const used = new Set(keptOnes(next).map((one) => String(one.number)));
  for (const name of namesOf(unit).filter((one) => !used.has(one)))
    rmSync(`${copiesOf(unit)}/${name}`, { recursive: true, force: true });
  return warnings;
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
