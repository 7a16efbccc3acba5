// The record of an adopted service, below /var/lib/uchroot/services.
import { existsSync, linkSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync } from 'node:fs';

import { JailError, UsageError } from '../../errors.ts';
import { printedJson } from '../../words/json.ts';
import { syncDirectory } from '../unit/unit-files.ts';
import type { Entry } from './adoption.ts';
import { presentDropIn } from './drop-in-file.ts';
import { makeHostDirectory, toHostError, writeHostFile } from './host-file.ts';
import type { InstalledService } from './installed/installed-service.ts';
import type { ServicePath } from './installed/service-paths.ts';

/** What the caller has asked for. An update asks for the same again. */
export interface AdoptionWishes {
  readonly user: string | undefined;
  readonly paths: readonly ServicePath[];
  /** Further programs in the jail. */
  readonly programs: readonly string[];
  /** Paths that give the host away are accepted. Undefined: an earlier version did not ask. */
  readonly insecurePath?: boolean | undefined;
  /** Accounts that its processes had before it was adopted. The jail knows them. */
  readonly accounts?: readonly string[];
  /** How long it must run after a start; undefined for the usual time. */
  readonly watchMs?: number | undefined;
}

export interface AdoptionRecord {
  readonly version: 1;
  readonly unit: string;
  /** Number of the directory that is in use. */
  readonly generation: number;
  readonly entry: Entry;
  /** Why systemd enters the jail; undefined if the launcher does, and in records of earlier versions. */
  readonly entryReason?: string | undefined;
  readonly user: string;
  readonly reason: string;
  readonly exposure: { readonly before: number | undefined; readonly after: number | undefined };
  readonly wishes: AdoptionWishes;
  /** Paths of the host that are mounted in the jail. */
  readonly mounted: readonly string[];
  /** Of these, the databases of the whole host. An earlier version has not mounted them. */
  readonly ofHost?: readonly string[];
  /** The unit without our drop-in, and what it was read from. Undefined in records of earlier versions. */
  readonly installed?: { readonly basis: string; readonly service: InstalledService } | undefined;
  /** Tests of the configuration. */
  readonly checks: readonly ConfigurationCheck[];
  /** The SHA-256 of each file of EnvironmentFile=, by its path. An earlier version has not recorded them. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Undefined without a copy: an earlier version may have adopted the service. */
  readonly configuration?: KeptConfiguration | undefined;
  /** A later copy. It has passed its tests and was reloaded, but the service was not started with it yet. */
  readonly tested?: KeptConfiguration | undefined;
}

/** The copy of a configuration. */
export interface KeptConfiguration {
  /** Number of its directory. */
  readonly number: number;
  /** When the service came up with it, in ISO 8601. */
  readonly keptAt: string;
  /** The paths of /etc that were copied. */
  readonly paths: readonly string[];
}

/** A test of the configuration, as a unit that runs it in the surroundings of the service. */
export interface ConfigurationCheck {
  /** What it runs, for messages. */
  readonly words: string;
  readonly text: string;
}

const base = '/var/lib/uchroot/services';

/** The directory for everything that belongs to a service. It has no colon, which would end a path in a setting of systemd. */
export const placeOf = (unit: string): string => `${base}/${unit.replaceAll(':', '+')}`;

/** Directory of a jail and its launchers. */
export const generationAt = (unit: string, generation: number): string => `${placeOf(unit)}/${generation}`;

const fileOf = (unit: string): string => `${placeOf(unit)}/adoption.json`;

const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code));

const stagedOf = (unit: string): string => `${fileOf(unit)}.new`;

/** What a change of the drop-in has to undo; it is there while the change lasts. */
export const swapFile = (unit: string): string => `${placeOf(unit)}/swap.json`;

function readAt(file: string): AdoptionRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as AdoptionRecord;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new JailError(`${file}: ${(error as Error).message}`, { code: 'ERR_MANIFEST' });
  }
}

// A run that was killed after its change of the drop-in has left its record staged.
function leftRecord(unit: string): AdoptionRecord | undefined {
  if (existsSync(swapFile(unit)) || !existsSync(stagedOf(unit))) return undefined;
  const dropIn = presentDropIn(unit);
  const inUse = generationsOf(unit).find((number) => dropIn?.includes(`=${generationAt(unit, number)}\n`));
  // it may be cut: then no drop-in was written yet
  if (inUse === undefined || inUse === readAt(fileOf(unit))?.generation) return undefined;
  const staged = readAt(stagedOf(unit));
  return staged?.generation === inUse ? staged : undefined;
}

/** The record of a service; undefined if it is not adopted. */
export function findRecord(unit: string): AdoptionRecord | undefined {
  return leftRecord(unit) ?? readAt(fileOf(unit));
}

/** The record of a service. @throws UsageError if it is not adopted */
export function readRecord(unit: string, hint: string = `uchroot-service adopt ${unit}`): AdoptionRecord {
  const record = findRecord(unit);
  if (record !== undefined) return record;
  throw new UsageError(`${unit} is not adopted`, { hint });
}

/**
 * Writes a record under a temporary name. So a full disk is noticed before the service is touched.
 * @throws JailError with the errno
 */
export function stageRecord(record: AdoptionRecord): {
  readonly commit: () => void;
  readonly drop: () => void;
} {
  const file = fileOf(record.unit);
  writeHostFile(stagedOf(record.unit), printedJson(record), 0o600);
  return {
    commit: () => {
      try {
        renameSync(stagedOf(record.unit), file);
        syncDirectory(placeOf(record.unit));
      } catch (error) {
        throw toHostError(file, error);
      }
    },
    drop: () => rmSync(stagedOf(record.unit), { force: true }),
  };
}

export function writeRecord(record: AdoptionRecord): void {
  stageRecord(record).commit();
}

/** The names of all adopted services. */
export function adoptedUnits(): readonly string[] {
  try {
    return readdirSync(base)
      .map((name) => name.replaceAll('+', ':'))
      .filter((unit) => existsSync(fileOf(unit)) || leftRecord(unit) !== undefined)
      .toSorted();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** The numbers of all generations that exist. An interrupted run may have left one of them. */
export function generationsOf(unit: string): readonly number[] {
  if (!existsSync(placeOf(unit))) return [];
  return readdirSync(placeOf(unit))
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);
}

/** Removes what is left of a service. */
export function forgetService(unit: string): void {
  rmSync(placeOf(unit), { recursive: true, force: true });
}

// After the last service, the directories above it are removed too.
function removeEmpty(): void {
  for (const directory of [base, '/var/lib/uchroot']) {
    try {
      rmdirSync(directory);
    } catch (error) {
      // EBUSY: a file system is mounted there
      if (['ENOTEMPTY', 'ENOENT', 'EBUSY'].includes((error as NodeJS.ErrnoException).code ?? '')) return;
      throw error;
    }
  }
}

function isAlive(pid: string): boolean {
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch {
    return false;
  }
}

// By link(2), a lock file never exists without the pid in it, even if the process is killed or the disk is full.
function takeLock(file: string): void {
  const own = `${file}.${process.pid}`;
  try {
    writeHostFile(own, String(process.pid), 0o600);
    linkSync(own, file);
  } catch (error) {
    throw error instanceof JailError ? error : toHostError(file, error);
  } finally {
    rmSync(own, { force: true });
  }
}

/** Runs `work` while no other process works on this service. @throws JailError EBUSY */
export async function withService<T>(unit: string, work: () => Promise<T>): Promise<T> {
  // /run: after a boot the number can be that of any process
  const file = `/run/uchroot-service.${unit}.pid`;
  for (let tries = 0; ; tries++) {
    try {
      takeLock(file);
      break;
    } catch (error) {
      if (!(error instanceof JailError && error.code === 'EEXIST')) throw error;
      const pid = readFileSync(file, 'utf8');
      if (tries > 0 || isAlive(pid))
        throw new JailError(`process ${pid} works on ${unit}`, { code: 'EBUSY', path: file });
      rmSync(file, { force: true }); // its process was killed
    }
  }
  try {
    makeHostDirectory(base);
    return await work();
  } finally {
    rmSync(file, { force: true });
    removeEmpty();
  }
}
