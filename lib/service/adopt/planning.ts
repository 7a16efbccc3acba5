// Makes the plan of an adoption: looks at the host, builds the jail or finds that it is current, and chooses by what is in it.
import { existsSync, statSync } from 'node:fs';

import { type JailReport } from '../../jail/building.ts';
import { hostDatabase } from '../../jail/dpkg/host-database.ts';
import type { VersionChange } from '../../jail/manifest/manifest-changes.ts';
import type { PlanSlot } from '../../jail/plan/kept-plan.ts';
import type { JailWork } from '../../jail/request/jail-request.ts';
import { bytePath } from '../../tree/path.ts';
import { commandDirectory } from '../../native.ts';
import { readVersion } from '../../version.ts';
import { nodePath, stablePath } from '../unit/node-path.ts';
import { type Adoption, type AdoptionOptions, chooseAdoption, type HostFacts, jailOf } from './adoption.ts';
import { replacedPaths } from './behind.ts';
import { presentDropIn, type Unjailed } from './systemd-bus.ts';
import { lookAtHost, lookAtJail } from './host-facts.ts';
import { type Chosen, measure } from './exposure.ts';
import { buildGeneration } from './generation.ts';
import { chooseIdentity } from './identity.ts';
import { type InstalledService, textOf } from './installed/installed-service.ts';
import { laterRefusal, laterWarnings } from './installed/later-drop-in.ts';
import { asksPam } from './seen/pam.ts';
import { changedFiles, missingPaths } from './kept/kept-configuration.ts';
import { areOutboundPresent, writeOutboundFiles } from './outbound.ts';
import {
  type AdoptionPlan,
  dropInOf,
  outboundOf,
  isSamePlan,
  planAdoption,
  showStep,
  stepsOf,
} from './adoption-plan.ts';
import { type AdoptionRecord, type Exposure, findRecord, placeOf } from './adoption-record.ts';
import {
  directoryRefusal,
  loginRefusal,
  missingProgram,
  pathRefusal,
  programRefusal,
  type Refusal,
  refuse,
} from './service-refusal.ts';
import { dropInPath, hostWritten } from './service-drop-in.ts';
import { compareJail, type UpdateCause } from './update-cause.ts';
import { dangerRefusal, givenBy, lostWarnings, replaceableWarnings } from './tell/given-away.ts';
import {
  chrootWarnings,
  servedWarnings,
  toServiceWarning,
  unseenPaths,
  unseenWarnings,
  changeWarnings,
} from './tell/service-warning.ts';

/** What an adoption or an update reports. */
export interface AdoptReport extends Pick<
  AdoptionPlan,
  'unit' | 'directory' | 'user' | 'caps' | 'reason' | 'entry' | 'entryReason' | 'paths'
> {
  /** Paths of the host that the service can write. The exposure does not count them. */
  readonly writable: readonly string[];
  /** Whom it may call; empty: everybody. */
  readonly connectTo: readonly string[];
  /** What the paths give away that `insecurePath` accepts: a sentence for each. */
  readonly givesAway: readonly string[];
  readonly dropIn: { readonly path: string; readonly text: string };
  /** What is done once the jail is built, in this order: a sentence for each step. */
  readonly steps: readonly string[];
  readonly exposure: Exposure;
  /** Why it was not started beside the running service before; undefined if it was, or did not run. */
  readonly noTrial?: string | undefined;
  /** How many tests of the configuration have run in the jail. */
  readonly checks: number;
  /** The service runs in the jail now; otherwise it does from its next start on. */
  readonly isRunning: boolean;
  readonly files: number;
  readonly sizeBytes: number;
  /** False if an update had nothing to do: the service goes on in its jail, and was not restarted. */
  readonly isChanged: boolean;
  /** Why an update had something to do; undefined for an adoption, and if there was nothing to do. */
  readonly because: UpdateCause | undefined;
  /** With an update, the packages of its jail that the host had in another version. */
  readonly packages: readonly VersionChange[];
  readonly warnings: readonly string[];
}

/** A service, what was asked for, and what the host has for it. */
export interface Subject {
  readonly service: InstalledService;
  readonly options: AdoptionOptions;
  readonly host: HostFacts;
  /** The plan of its jail: of the present one, and of the next. */
  readonly slot: PlanSlot;
}

type Work = Pick<JailWork, 'signal' | 'onProgress'>;

function dangerOf({ service, options, host }: Subject, paths: Adoption['paths']): Refusal | undefined {
  const isAdopted = findRecord(service.unit) !== undefined;
  return dangerRefusal(service.unit, options, givenBy(service, host, paths), isAdopted);
}

function kindOfPath(path: string): 'file' | 'directory' | undefined {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status?.isDirectory() === true) return 'directory';
  return status?.isFile() === true ? 'file' : undefined;
}

/** Looks at the host. @throws UsageError if something is missing there, or gives the host away; LaunchError for an unknown account */
export async function lookFor(unjailed: Unjailed, options: AdoptionOptions): Promise<Subject> {
  const { service } = unjailed;
  const slot = { directory: bytePath(placeOf(service.unit)), database: hostDatabase() };
  const subject = { service, options, host: await lookAtHost(unjailed, options), slot };
  refuse(
    missingProgram(service, existsSync),
    programRefusal(service.unit, options.programs, kindOfPath),
    await loginRefusalOf(subject),
    dangerOf(subject, options.paths),
  );
  return subject;
}

async function loginRefusalOf({ service, options, host }: Subject): Promise<Refusal | undefined> {
  const refusal = loginRefusal(service.unit, host.packed, options.paths);
  return refusal !== undefined && (await asksPam(service, host.packed)) ? refusal : undefined;
}

const planOf = (adoption: Adoption, { service, options, host }: Subject): AdoptionPlan =>
  planAdoption(adoption, host, options.paths, {
    version: readVersion(),
    isActive: service.isActive,
    isFirst: findRecord(service.unit) === undefined,
    watchMs: options.watchMs,
    noTrial: options.noTrial,
    relay: { node: nodePath(), commands: stablePath(commandDirectory) },
  });

// What is told of a plan.
function report(
  plan: AdoptionPlan,
  { adoption, exposure }: Chosen,
  { service, host }: Subject,
  jail: JailReport,
): AdoptReport {
  const { unit, directory, user, caps, reason, entry, entryReason, paths } = plan;
  return {
    unit,
    directory,
    user,
    caps,
    reason,
    entry,
    entryReason,
    paths,
    writable: hostWritten(adoption),
    connectTo: adoption.connectTo,
    givesAway: givenBy(service, host, paths).map(({ message }) => message),
    dropIn: { path: dropInPath(unit), text: dropInOf(plan) },
    steps: plan.steps.map(showStep),
    exposure,
    noTrial: stepsOf(plan, 'trial')[0]?.reason,
    checks: stepsOf(plan, 'test').length,
    isRunning: service.isActive,
    files: jail.files,
    sizeBytes: jail.sizeBytes,
    isChanged: true,
    because: undefined,
    packages: [],
    warnings: [],
  };
}

// in one hint
const mostUnseen = 8;

/** Builds the jail in `directory`, and plans the adoption with it. The running service is not touched. */
export async function planNew(
  subject: Subject,
  directory: string,
  work: Work,
): Promise<{
  readonly plan: AdoptionPlan;
  readonly report: AdoptReport;
  /** Paths of the host that the service names, and that are not in its jail. */
  readonly unseen: readonly string[];
}> {
  const { service, options, host, slot } = subject;
  const { unit, settings } = service;
  const jail = jailOf(directory);
  const identity = chooseIdentity(service, options);
  const built = await buildGeneration(directory, service, identity, host, { ...work, slot });
  if ((options.connectTo ?? []).length > 0) writeOutboundFiles(directory);
  const { facts, warnings: withheld } = lookAtJail(jail, service, host);
  const first = chooseAdoption(service, options, host, facts, directory);
  // systemd, which enters the jail for `~`, goes to the home of the account (systemd.exec(5), WorkingDirectory=)
  const cwd = textOf(settings, 'WorkingDirectory').replace(/^~$/, host.account?.home ?? '');
  const isInJail = (path: string): boolean => existsSync(`${jail}${path}`);
  refuse(
    pathRefusal(unit, first.paths),
    dangerOf(subject, first.paths),
    directoryRefusal(service, cwd, first.paths, isInJail),
  );
  const chosen = await measure(first, host.unitText);
  const { adoption } = chosen;
  const plan = planOf(adoption, subject);
  const ours = { text: dropInOf(plan), directory };
  refuse(laterRefusal(unit, host.unitText, ours));
  const unseen = unseenPaths(adoption, host.configured, existsSync, isInJail);
  const before = findRecord(unit)?.plan.paths.map(({ path }) => path) ?? [];
  const warnings = [
    ...lostWarnings(unit, before, plan.paths),
    ...withheld,
    ...replaceableWarnings(options.paths),
    ...built.warningDetails.flatMap((warning) => toServiceWarning(warning, adoption)),
    ...unseenWarnings(unseen.onLines),
    ...chrootWarnings(identity, host),
    ...servedWarnings(adoption, host),
    ...changeWarnings(adoption),
    ...laterWarnings(host.unitText, ours),
  ];
  return {
    plan,
    report: { ...report(plan, chosen, subject, built), warnings },
    unseen: [...unseen.onLines, ...unseen.inConfiguration].slice(0, mostUnseen),
  };
}

/** What an update finds. */
export interface Present extends Pick<AdoptReport, 'because' | 'packages'> {
  /** The report of an update that has nothing to do; undefined if there is something to do. */
  readonly current?: AdoptReport | undefined;
}

const ofUnit: Present = { because: 'unit', packages: [] };

/**
 * Finds out whether an update has something to do. It has nothing to do if it would make the same jail, launchers and drop-in again, and
 * the service has started with the configuration in /etc.
 */
export async function planPresent(
  subject: Subject,
  { plan: before, exposure, configuration }: AdoptionRecord,
  work: Work,
): Promise<Present> {
  const { service, options, host, slot } = subject;
  const { unit, directory, entry, entryReason } = before;
  const dropIn = presentDropIn(unit);
  if (dropIn !== dropInOf(before) || !areOutboundPresent(unit, outboundOf(before))) return ofUnit;
  const { jail, ...found } = await compareJail(host.contents, before, { ...work, slot });
  if (jail === undefined) return found;
  const { facts } = lookAtJail(jailOf(directory), service, host);
  const chosen = chooseAdoption(service, options, host, facts, directory);
  // a measured exposure can make systemd enter too, but a launcher must never replace systemd
  if (chosen.entry === 'systemd' && entry === 'launcher') return ofUnit;
  const adoption = { ...chosen, entry, entryReason };
  const plan = planOf(adoption, subject);
  const mounted = plan.paths.map(({ path }) => path);
  const isCurrent =
    isSamePlan(plan, before) &&
    stepsOf(plan, 'compile').every(({ file }) => existsSync(file)) &&
    missingPaths(unit).length === 0 &&
    (configuration === undefined || changedFiles(unit, configuration).length === 0) &&
    !(service.isActive && (await replacedPaths(unit, mounted)).length > 0);
  if (!isCurrent) return ofUnit;
  return {
    ...found,
    current: { ...report(plan, { adoption, exposure }, subject, jail), steps: [], isChanged: false },
  };
}
