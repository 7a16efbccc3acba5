// Puts installed services of systemd into jails, keeps them current, and takes them out again.
import { commandLine } from '../../words/shell-word.ts';
import type { AdoptionOptions } from './adoption.ts';
import { carryOut } from './carry-out.ts';
import { isOurs, presentDropIn } from './systemd-bus.ts';
import { removeGeneration, removeOld } from './generation.ts';
import { stepsOf, swapSteps } from './adoption-plan.ts';
import { type AdoptReport, lookFor, planNew, planPresent } from './planning.ts';
import {
  findRecord,
  forgetService,
  generationAt,
  generationsOf,
  readRecord,
  unfinishedChange,
  writeRecord,
} from './adoption-record.ts';
import { goneRefusal, maskedRefusal, refusalOf, refuse } from './service-refusal.ts';
import { type AdoptRequest, optionsOf, type ServiceWork, takeServiceRequest } from './service-request.ts';
import { listRefusal } from './outbound-units.ts';
import { openComparison } from './seen/comparison.ts';
import { dropInPath } from './service-drop-in.ts';
import { readService, readWithout, realName, type Unjailed, withoutOurs } from './systemd-bus.ts';
import { otherUnit } from './tell/remedy.ts';
import { withWholeService } from './undo.ts';

// Makes the next generation and uses it. If that fails, nothing of it is left, unless the change is left to be undone.
async function renew(
  unjailed: Unjailed,
  asked: AdoptionOptions,
  { plan: isPlan = false, signal, onProgress }: ServiceWork & { readonly plan?: boolean | undefined },
): Promise<AdoptReport> {
  const { service, reading } = unjailed;
  const { unit, isActive } = service;
  const old = findRecord(unit);
  const present = generationsOf(unit);
  const directory = generationAt(unit, Math.max(0, ...present) + 1);
  const discard = async (): Promise<void> => {
    await removeGeneration(directory);
    if (old === undefined) forgetService(unit);
  };
  try {
    const watch = { watchMs: asked.watchMs, signal };
    const comparison = isActive && old === undefined ? await openComparison(service, watch) : undefined;
    if (old === undefined) refuse(listRefusal(service, asked, comparison?.ownPorts));
    const options = { ...asked, accounts: comparison?.accounts ?? asked.accounts };
    const subject = await lookFor(unjailed, options);
    const { plan, report } = await planNew(subject, directory, { signal, onProgress });
    const { configuration, tested } = old ?? {};
    const { exposure } = report;
    const record = { version: 1 as const, plan, options, exposure, reading, configuration, tested };
    // a plan has the warnings of the launchers too
    const steps = isPlan ? stepsOf(plan, 'compile') : plan.steps;
    const warnings = await carryOut(steps, { unit, isActive, signal, record, comparison });
    if (isPlan) await discard();
    const left = isPlan ? [] : await removeOld(unit, present);
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
  const keys = ['user', 'binds', 'readOnlyBinds', 'programs', 'watchMs', 'insecurePath', 'connectTo', 'plan'];
  const request = takeServiceRequest(asked, keys);
  const options = optionsOf(request);
  const unit = await realName(request.unit);
  return withWholeService(unit, async () => {
    const service = await readService(unit);
    const left = presentDropIn(unit);
    const refusal = refusalOf(service);
    const other = service.loadState === 'not-found' ? otherUnit(unit) : undefined;
    refuse(
      findRecord(unit) && {
        message: `${unit} is adopted already`,
        hint: `uchroot-service update ${unit}; for other options, release it first: uchroot-service release ${unit}`,
      },
      refusal && { ...refusal, ...(other === undefined ? {} : { hint: other }) },
      left === undefined
        ? undefined
        : {
            message: `${dropInPath(unit)} is there, and uchroot knows nothing of it`,
            hint: isOurs(left) ? commandLine('uchroot-service', 'release', unit) : 'move it away',
          },
    );
    return renew(await withoutOurs(service), options, request);
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
export async function updateService(asked: UpdateServiceRequest): Promise<AdoptReport> {
  const request = takeServiceRequest(asked, ['plan']);
  const unit = await realName(request.unit);
  return withWholeService(unit, async () => {
    const record = readRecord(unit);
    const unjailed = await readWithout(unit, record.reading);
    const { service, reading } = unjailed;
    refuse(goneRefusal(service), refusalOf(service));
    const { signal, onProgress, plan: isPlan = false } = request;
    const subject = await lookFor(unjailed, record.options);
    const current = await planPresent(subject, record, { signal, onProgress });
    if (current === undefined) return renew(unjailed, record.options, request);
    if (!isPlan && reading.basis !== record.reading?.basis) writeRecord({ ...record, reading });
    const others = generationsOf(unit).filter((one) => generationAt(unit, one) !== record.plan.directory);
    return { ...current, warnings: isPlan ? [] : await removeOld(unit, others) };
  });
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
    refuse(maskedRefusal(service));
    const steps = [...swapSteps(unit, undefined, { isActive, watchMs }), { op: 'remove' } as const];
    await carryOut(steps, { unit, isActive, signal: request.signal });
  });
}
