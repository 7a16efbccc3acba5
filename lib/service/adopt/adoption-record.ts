// The record of an adopted service, below /var/lib/uchroot/services, and what else lies there.
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';

import { JailError, UsageError } from '../../errors.ts';
import { forgetPlan } from '../../jail/plan/kept-plan.ts';
import { bytePath } from '../../tree/path.ts';
import { requireRoot } from './service-request.ts';
import { native } from '../../native.ts';
import { printedJson } from '../../words/json.ts';
import { errorCode, unless } from '../../words/system-error.ts';
import { syncDirectory } from '../../values/replaced-file.ts';
import type { AdoptionOptions } from './adoption.ts';
import type { Reading } from './systemd-bus.ts';
import { doing, makeHostDirectory, replaceHostFile, writeHostFile } from './host-file.ts';
import type { AdoptionPlan } from './adoption-plan.ts';

export interface AdoptionRecord {
  readonly version: 1;
  /** Its `directory` is the one in use. */
  readonly plan: AdoptionPlan;
  readonly options: AdoptionOptions;
  readonly exposure: Exposure;
  /** How systemd has read its unit. Earlier versions did not record this. */
  readonly reading?: Reading | undefined;
  /** The copy with which the service came up last; undefined if there is none. */
  readonly configuration?: KeptConfiguration | undefined;
  /** The file of services.d that declares it: `apply` has adopted it, or found it adopted. */
  readonly declared?: string | undefined;
  /** A later copy. It has passed its tests and was reloaded, but the service was not started with it yet. */
  readonly tested?: KeptConfiguration | undefined;
  /** The last update, if it has failed. */
  readonly failedUpdate?: FailedUpdate | undefined;
}

export interface FailedUpdate {
  /** In ISO 8601. */
  readonly at: string;
  /** Why, in one line. */
  readonly message: string;
}

/** Of `systemd-analyze security`, from 0 to 10; undefined if it cannot tell. */
export interface Exposure {
  readonly before: number | undefined;
  readonly after: number | undefined;
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

const base = '/var/lib/uchroot/services';

/** The directory for everything that belongs to a service. It has no colon, which would end a path in a setting of systemd. */
export const placeOf = (unit: string): string => `${base}/${unit.replaceAll(':', '+')}`;

/** Directory of a jail and its launchers. */
export const generationAt = (unit: string, generation: number): string => `${placeOf(unit)}/${generation}`;

const fileOf = (unit: string): string => `${placeOf(unit)}/adoption.json`;

const stagedOf = (unit: string): string => `${fileOf(unit)}.new`;

/** The state before a change of the drop-in. */
export interface Before {
  /** The drop-in; undefined if there was none. */
  readonly dropIn?: string | undefined;
  /** The service ran. */
  readonly isActive: boolean;
}

const changeOf = (unit: string): string => `${placeOf(unit)}/swap.json`;

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code))) return undefined;
    throw new JailError(`${file}: ${(error as Error).message}`, { code: 'ERR_MANIFEST' });
  }
}

/** Records the state before a change, for as long as the change lasts. A later run reads it if this one is killed. */
export function beginChange(unit: string, before: Before): void {
  replaceHostFile(changeOf(unit), JSON.stringify(before));
}

/** The change is over. */
export function endChange(unit: string): void {
  rmSync(changeOf(unit), { force: true });
}

/** The state before a change that a process has left unfinished; undefined if there is none. */
export const unfinishedChange = (unit: string): Before | undefined =>
  readJson(changeOf(unit)) as Before | undefined;

/** The record of a service; undefined if it is not adopted. */
export const findRecord = (unit: string): AdoptionRecord | undefined =>
  readJson(fileOf(unit)) as AdoptionRecord | undefined;

/** The same; undefined also for a damaged record, which the next work on its service tells. */
export function findWhole(unit: string): AdoptionRecord | undefined {
  try {
    return findRecord(unit);
  } catch (error) {
    if (error instanceof JailError) return undefined;
    throw error;
  }
}

/** The record of a service. @throws UsageError if it is not adopted */
export function readRecord(unit: string, hint: string = `uchroot-service adopt ${unit}`): AdoptionRecord {
  const record = findRecord(unit);
  if (record !== undefined) return record;
  if (unfinishedChange(unit) !== undefined)
    throw new UsageError(
      `an adoption of ${unit} has begun and has not ended: it was killed, unless it still runs`,
      { hint: `uchroot-service release ${unit} puts the service back` },
    );
  throw new UsageError(`${unit} is not adopted`, { hint });
}

/** Writes a record under a temporary name. @throws JailError with the errno */
export function stageRecord(record: AdoptionRecord): void {
  writeHostFile(stagedOf(record.plan.unit), printedJson(record), 0o600);
}

/** The staged record counts from now on. @throws JailError with the errno */
export function commitRecord(unit: string): void {
  doing(fileOf(unit), () => {
    renameSync(stagedOf(unit), fileOf(unit));
    syncDirectory(placeOf(unit));
  });
}

export function dropStaged(unit: string): void {
  rmSync(stagedOf(unit), { force: true });
}

export function writeRecord(record: AdoptionRecord): void {
  stageRecord(record);
  commitRecord(record.plan.unit);
}

function recorded(): readonly string[] {
  try {
    return readdirSync(base);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EACCES') requireRoot();
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

// The services that have this file.
const unitsWith = (fileFor: (unit: string) => string): readonly string[] =>
  recorded()
    .map((name) => name.replaceAll('+', ':'))
    .filter((unit) => existsSync(fileFor(unit)))
    .toSorted();

/** The names of all adopted services. */
export const adoptedUnits = (): readonly string[] => unitsWith(fileOf);

/** The names of all services whose adoption has begun and has not ended. */
export const halfAdoptedUnits = (): readonly string[] =>
  unitsWith(changeOf).filter((unit) => !existsSync(fileOf(unit)));

/** The numbers of all generations that exist. An interrupted run may have left one of them. */
export function generationsOf(unit: string): readonly number[] {
  if (!existsSync(placeOf(unit))) return [];
  return readdirSync(placeOf(unit))
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);
}

/** Removes what is left of a service. A mount point is emptied, and stays. */
export function forgetService(unit: string): void {
  const place = placeOf(unit);
  for (const name of existsSync(place) ? readdirSync(place) : [])
    rmSync(`${place}/${name}`, { recursive: true, force: true });
  unless(['ENOENT', 'EBUSY'], () => rmdirSync(place));
  forgetPlan(bytePath(place));
}

// After the last service, the directories above it are removed too. EBUSY: a file system is mounted there.
function removeEmpty(): void {
  unless(['ENOTEMPTY', 'ENOENT', 'EBUSY'], () =>
    [base, '/var/lib/uchroot'].forEach((directory) => rmdirSync(directory)),
  );
}

// Another process may have removed the file between open(2) and flock(2), and made a new one.
function lockNow(file: string): number | undefined {
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600);
  if (native.lockFile(fd) && statSync(file, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return fd;
  closeSync(fd);
  return undefined;
}

/** Runs `work` while no other process works on this service. @throws JailError EBUSY */
export async function withService<T>(unit: string, work: () => Promise<T>): Promise<T> {
  const file = `/run/uchroot-service.${unit}.lock`;
  const fd = doing(file, () => lockNow(file));
  if (fd === undefined)
    throw new JailError(`another uchroot-service works on ${unit}`, {
      code: 'EBUSY',
      path: file,
      hint: 'wait until it has ended',
    });
  try {
    // if /run is full, this fails before anything is done
    doing(file, () => writeSync(fd, String(process.pid), 0));
    makeHostDirectory(base);
    return await work();
  } finally {
    rmSync(file, { force: true });
    closeSync(fd);
    removeEmpty();
  }
}
