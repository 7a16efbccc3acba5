// Puts installed services of systemd into jails, keeps them current, and takes them out again.
import { existsSync } from 'node:fs';

import { JailError } from '../../errors.ts';
import { commandLine } from '../../words/shell-word.ts';
import { keyedOptions } from './adopt-options.ts';
import type { AdoptionOptions } from './adoption.ts';
import { carryOut } from './carry-out.ts';
import { declaredAs } from './declared.ts';
import { isOurs, presentDropIn } from './systemd-bus.ts';
import { removeGeneration, removeOld, type Removals } from './generation.ts';
import { dropInOf, stepsOf, swapSteps } from './adoption-plan.ts';
import { type AdoptReport, lookFor, planNew, planPresent, type Subject } from './planning.ts';
import {
  type AdoptionRecord,
  dropStaged,
  findRecord,
  forgetService,
  generationAt,
  generationsOf,
  readRecord,
  unfinishedChange,
  writeRecord,
} from './adoption-record.ts';
import { stopWithLast } from './follow.ts';
import { restartRefusal } from './running.ts';
import { goneRefusal, missingProgram, refusalOf, refuse } from './service-refusal.ts';
import {
  type AdoptRequest,
  changedKeys,
  optionsOf,
  type ServiceWork,
  takeServiceRequest,
} from './service-request.ts';
import { listRefusal } from './outbound-units.ts';
import { openComparison } from './seen/comparison.ts';
import { dropInPath } from './service-drop-in.ts';
import { readService, readWithout, realName, type Unjailed, withoutOurs } from './systemd-bus.ts';
import { otherUnit } from './tell/remedy.ts';
import { withWholeService } from './undo.ts';

interface Renewal extends ServiceWork {
  readonly plan?: boolean | undefined;
  /** The file that declares it. */
  readonly declared?: string | undefined;
  /** Takes the old jails. By default they are removed at once. */
  readonly removals?: Removals | undefined;
  /** What was found on the host a moment ago. */
  readonly subject?: Subject | undefined;
}

// Makes the next generation and uses it. If that fails, nothing of it is left, unless the change is left to be undone.
async function renew(
  unjailed: Unjailed,
  asked: AdoptionOptions,
  { plan: isPlan = false, signal, onProgress, declared, removals, subject: found }: Renewal,
): Promise<AdoptReport> {
  const { service, reading } = unjailed;
  const { unit, isActive } = service;
  refuse(await restartRefusal(service));
  const old = findRecord(unit);
  const present = generationsOf(unit);
  const directory = generationAt(unit, Math.max(0, ...present) + 1);
  const discard = async (): Promise<void> => {
    await removeGeneration(directory);
    if (old === undefined) forgetService(unit);
  };
  try {
    const watch = { watchMs: asked.watchMs, signal };
    const hasNewList = (old?.options.connectTo ?? []).length === 0;
    const isLooked = isActive && (old === undefined || (hasNewList && (asked.connectTo ?? []).length > 0));
    const comparison = isLooked ? await openComparison(service, watch) : undefined;
    if (hasNewList) refuse(listRefusal(service, asked, comparison?.ownPorts));
    const seen = old === undefined ? comparison?.seen : undefined;
    const options = { ...asked, seen: seen ?? asked.seen };
    const subject = found ?? (await lookFor(unjailed, options));
    const { plan, report, unseen } = await planNew(subject, directory, { signal, onProgress });
    const { configuration, tested } = old ?? {};
    const { exposure } = report;
    const by = declared ?? old?.declared;
    const kept = { configuration, tested, declared: by };
    const record = { version: 1 as const, plan, options, exposure, reading, ...kept };
    // a plan has the warnings of the launchers too
    const steps = isPlan ? stepsOf(plan, 'compile') : plan.steps;
    const warnings = await carryOut(steps, { unit, isActive, signal, record, comparison, unseen });
    if (isPlan) await discard();
    else removals?.add(unit, present);
    const left = isPlan || removals !== undefined ? [] : await removeOld(unit, present);
    return { ...report, warnings: [...report.warnings, ...warnings, ...left] };
  } catch (error) {
    if (unfinishedChange(unit) === undefined) await discard(); // else the drop-in may still name this jail
    throw error;
  }
}

/**
 * Puts an installed service into a jail: builds the jail, writes a drop-in beside the unit, and restarts the service if it runs.
 * Data and configuration stay where they are on the host. If the service does not come up, everything is as before.
 * @throws UsageError for a service that cannot be adopted, with the reason; JailError ERR_SERVICE if systemd refuses, the test
 * of the configuration fails, or the service does not come up; as buildJail
 */
export async function adoptService(asked: AdoptRequest): Promise<AdoptReport> {
  const request = takeServiceRequest(asked, [...keyedOptions().map(([key]) => key), 'plan']);
  const options = optionsOf(request);
  const unit = await realName(request.unit);
  return withWholeService(unit, async () => {
    refuse(
      findRecord(unit) && {
        message: `${unit} is adopted already`,
        hint: `uchroot-service update ${unit}; for other options, write them to ${findRecord(unit)?.declared ?? declaredAs(unit)}, then: ${commandLine('uchroot-service', 'apply', unit)}`,
      },
    );
    return adoptFirst(unit, options, request);
  });
}

// Adopts a service that is not adopted yet.
async function adoptFirst(unit: string, options: AdoptionOptions, work: Renewal): Promise<AdoptReport> {
  const service = await readService(unit);
  const left = presentDropIn(unit);
  const refusal = refusalOf(service);
  const other = service.loadState === 'not-found' ? otherUnit(unit) : undefined;
  refuse(
    refusal && { ...refusal, ...(other === undefined ? {} : { hint: other }) },
    left === undefined
      ? undefined
      : {
          message: `${dropInPath(unit)} is there, and uchroot knows nothing of it`,
          hint: isOurs(left) ? commandLine('uchroot-service', 'release', unit) : 'move it away',
        },
  );
  return renew(withoutOurs(service), options, work);
}

/** What was done, or would be done, for a service that a file declares. */
export interface Applied {
  readonly unit: string;
  readonly file: string;
  /** `declare`: it was adopted by hand, and only its record changes. */
  readonly act: 'adopt' | 'change' | 'declare' | 'release' | 'none';
  /** The keys of an AdoptRequest that have another value. */
  readonly changes: readonly string[];
  /** Of an adoption or a change; undefined for a change that only its record has. */
  readonly report?: AdoptReport | undefined;
}

/**
 * Makes a service what a file declares: adopts it, or gives it other options, with one restart. A service that is so already is not
 * touched: nothing is built.
 * @param file which declares it
 * @throws as adoptService
 */
export async function adoptDeclared(request: AdoptRequest, file: string): Promise<Applied> {
  const { unit, plan: isPlan = false, signal, onProgress } = request;
  const given = optionsOf(request);
  return withWholeService(unit, async () => {
    const record = findRecord(unit);
    const work = { ...request, declared: file };
    if (record === undefined)
      return { unit, file, act: 'adopt', changes: [], report: await adoptFirst(unit, given, work) };
    const { declared, options: before, plan } = record;
    refuse(
      declared !== undefined && declared !== file && existsSync(declared)
        ? { message: `${unit} is declared twice: ${declared} names it too`, hint: 'remove one of the files' }
        : undefined,
    );
    const options = { ...given, seen: before.seen };
    const changes = changedKeys(before, options);
    if (changes.length === 0 && presentDropIn(unit) === dropInOf(plan)) {
      if (declared !== file && !isPlan) writeRecord({ ...record, declared: file });
      return { unit, file, act: declared === undefined ? 'declare' : 'none', changes };
    }
    const unjailed = await readWithout(unit, record.reading);
    refuse(goneRefusal(unjailed.service), refusalOf(unjailed.service));
    const subject = await lookFor(unjailed, options);
    const { current: same } = await planPresent(subject, record, { signal, onProgress });
    if (same !== undefined && !isPlan) writeRecord({ ...record, options, declared: file });
    const report = same === undefined ? await renew(unjailed, options, { ...work, subject }) : undefined;
    return { unit, file, act: 'change', changes, report };
  });
}

export interface UpdateServiceRequest extends ServiceWork {
  /** Changes nothing: the report says what would be done. */
  readonly plan?: boolean | undefined;
}

/**
 * Builds the jail of an adopted service anew from the host, tests the configuration in it, and restarts the service with it. If
 * the service does not come up, it goes on with the old jail. If the jail, the drop-in and the configuration are as a build would make
 * them, nothing is built and nothing restarted.
 * @throws as adoptService
 */
export const updateService = (asked: UpdateServiceRequest): Promise<AdoptReport> => updateOf(asked);

/** The same for one of several services, whose old jails are removed together. */
export async function updateOf(asked: UpdateServiceRequest, removals?: Removals): Promise<AdoptReport> {
  const request = takeServiceRequest(asked, ['plan']);
  // a record has the real name, and each question to systemd takes time
  const isKnown = findRecord(request.unit) !== undefined;
  const unit = isKnown ? request.unit : await realName(request.unit);
  return withWholeService(unit, async () => {
    const record = readRecord(unit);
    try {
      return await bringUpToDate(unit, record, { ...request, removals });
    } catch (error) {
      if (request.plan !== true && isFailure(error)) rememberFailure(unit, error.message);
      throw error;
    }
  });
}

/** Whether an update has been tried and has failed: a test of its configuration, or its start. It was not refused before. */
export const isFailure = (error: unknown): error is JailError =>
  error instanceof JailError && error.code === 'ERR_SERVICE';

function rememberFailure(unit: string, message: string): void {
  const record = findRecord(unit);
  if (record === undefined) return;
  const [line = ''] = message.split('\n', 1);
  try {
    writeRecord({ ...record, failedUpdate: { at: new Date().toISOString(), message: line } });
  } catch (error) {
    dropStaged(unit); // the update itself tells its failure
    if (!(error instanceof JailError)) throw error;
  }
}

async function bringUpToDate(
  unit: string,
  record: AdoptionRecord,
  request: UpdateServiceRequest & Renewal,
): Promise<AdoptReport> {
  const unjailed = await readWithout(unit, record.reading);
  const { service, reading } = unjailed;
  refuse(goneRefusal(service), refusalOf(service));
  const { signal, onProgress, plan: isPlan = false } = request;
  const subject = await lookFor(unjailed, record.options);
  const { current, ...found } = await planPresent(subject, record, { signal, onProgress });
  if (current === undefined)
    return { ...(await renew(unjailed, record.options, { ...request, subject })), ...found };
  const isNew = reading.basis !== record.reading?.basis || record.failedUpdate !== undefined;
  if (!isPlan && isNew) writeRecord({ ...record, reading, failedUpdate: undefined });
  return { ...current, warnings: isPlan ? [] : await removeOld(unit, generationsOf(unit)) };
}

/**
 * Takes a service out of its jail: removes the drop-in and the jail, and restarts the service if it runs.
 * @throws JailError ERR_SERVICE if it does not come up without its jail; it then stays adopted
 */
export async function releaseService(asked: ServiceWork): Promise<void> {
  const request = takeServiceRequest(asked);
  const unit = await realName(request.unit);
  await withWholeService(unit, async () => {
    const service = await readService(unit);
    const { isActive } = service;
    const watchMs = findRecord(unit)?.options.watchMs;
    // a run of `adopt` that was killed leaves no record
    if (!isOurs(presentDropIn(unit)) && generationsOf(unit).length === 0)
      readRecord(unit, 'it has no jail to leave; uchroot-service status shows the services that have one');
    refuse(await restartRefusal(service));
    const steps = [...swapSteps(unit, undefined, { isActive, watchMs }), { op: 'remove' } as const];
    await carryOut(steps, { unit, isActive, signal: request.signal });
  });
  await stopWithLast();
}

/** Releases a service whose unit or program has gone with its package, if it does not run any more. @returns whether it was released */
export async function releaseRemoved(request: ServiceWork): Promise<boolean> {
  const { unit } = request;
  const { service } = await readWithout(unit, readRecord(unit).reading);
  const isGone = service.loadState === 'not-found' || missingProgram(service, existsSync) !== undefined;
  if (!isGone || service.isActive) return false;
  await releaseService(request);
  return true;
}
