// Puts installed services of systemd into jails, keeps them current, and takes them out again.
import { UsageError } from '../../errors.ts';
import type { JailWork } from '../../jail/request/jail-request.ts';
import { readVersion } from '../../version.ts';
import type { AdoptReport } from './adopt-report.ts';
import { type AdoptRequest, wishesOf } from './adopt-request.ts';
import { type Adoption, jailOf } from './adoption.ts';
import {
  type AdoptionRecord,
  type AdoptionWishes,
  findRecord,
  forgetService,
  generationAt,
  generationsOf,
  readRecord,
  stageRecord,
} from './adoption-record.ts';
import { isOurs, presentDropIn } from './drop-in-file.ts';
import { environmentHashes } from './environment-file.ts';
import { exposureOf } from './exposure.ts';
import { mustRun } from './host-command.ts';
import { basisOf, currentReport } from './current.ts';
import { makeGeneration, removeGeneration, removeOld } from './generation.ts';
import { compileLaunchers } from './launchers.ts';
import type { InstalledService } from './installed/installed-service.ts';
import { interruptedSwap } from './interrupted-swap.ts';
import { laterRefusal, laterWarnings, withOwn } from './installed/later-drop-in.ts';
import { keepConfiguration } from './kept/kept-configuration.ts';
import { forgetLinks, linkRunFiles, makeAtBoot } from './run-links.ts';
import { type Comparison, openComparison } from './seen/comparison.ts';
import { configurationChecks, dropInPath, dropInText, hostWritten } from './service-drop-in.ts';
import { refusalHint } from './tell/refusal-hint.ts';
import { lostWarnings } from './tell/given-away.ts';
import { goneRefusal, maskedRefusal, refusalOf } from './tell/service-refusal.ts';
import { commandLine } from '../../words/shell-word.ts';
import { type ServiceWork, takeServiceRequest } from './service-request.ts';
import { runChecks, swapDropIn, withWholeService } from './swap.ts';
import { readFresh, readService, readWithout, unitText } from './systemd-bus.ts';

/** All that is made before the service is touched. */
interface Prepared {
  readonly adoption: Adoption;
  readonly report: AdoptReport;
}

// The launcher needs capabilities to enter the jail. Where that would make the service more exposed than the vendor's, systemd
// enters it.
async function prepare(
  service: InstalledService,
  generation: number,
  wishes: AdoptionWishes,
  work: Pick<JailWork, 'signal' | 'onProgress'>,
): Promise<Prepared> {
  const { unit } = service;
  const directory = generationAt(unit, generation);
  const made = await makeGeneration(service, directory, wishes, work);
  const vendor = await unitText(unit, dropInPath(unit));
  const before = await exposureOf(unit, vendor);
  const measure = async (adoption: Adoption) => {
    const text = dropInText(adoption, readVersion());
    return { adoption, text, after: await exposureOf(unit, withOwn(vendor, text)) };
  };
  const first = await measure(made.adoption);
  const isWorse = before !== undefined && first.after !== undefined && first.after > before;
  const entryReason = `with the launcher the exposure would be ${first.after}, and it is ${before} now`;
  const { adoption, text, after } =
    isWorse && made.adoption.entry === 'launcher'
      ? await measure({ ...made.adoption, entry: 'systemd', entryReason })
      : first;
  const refusal = laterRefusal(unit, vendor, { text, directory });
  if (refusal !== undefined) throw new UsageError(refusal.message, refusal);
  const told = adoption.entry === 'launcher' ? await compileLaunchers(adoption) : [];
  const { identity, entry, paths } = adoption;
  return {
    adoption,
    report: {
      unit,
      directory,
      user: identity.user,
      caps: identity.caps,
      reason: identity.reason,
      entry,
      entryReason: adoption.entryReason,
      paths,
      writable: hostWritten(adoption),
      givesAway: made.given.map(({ message }) => message),
      dropIn: { path: dropInPath(unit), text },
      exposure: { before, after },
      checks: 0,
      isRunning: service.isActive,
      files: made.report.files,
      sizeBytes: made.report.sizeBytes,
      isChanged: true,
      warnings: [...made.warnings, ...laterWarnings(vendor, { text, directory }), ...told],
    },
  };
}

// Tests the configuration, swaps, and remembers.
async function bringIn(
  { adoption, report }: Prepared,
  generation: number,
  wishes: AdoptionWishes,
  signal: AbortSignal | undefined,
  comparison: Comparison | undefined,
): Promise<AdoptReport> {
  const { unit, dropIn, exposure, entry, user, reason } = report;
  const { isActive } = adoption.service;
  const checks = configurationChecks(adoption);
  await runChecks(unit, checks, signal);
  await comparison?.lookAgain();
  const { configuration, tested } = findRecord(unit) ?? {};
  const record: AdoptionRecord = {
    version: 1,
    unit,
    generation,
    entry,
    entryReason: report.entryReason,
    user,
    reason,
    exposure,
    wishes,
    installed: { basis: await basisOf(adoption.service), service: adoption.service },
    mounted: report.paths.map(({ path }) => path),
    ofHost: report.paths.filter(({ isOfHost }) => isOfHost === true).map(({ path }) => path),
    checks,
    environment: environmentHashes(adoption.service),
    configuration,
    tested,
  };
  const staged = stageRecord(record);
  try {
    // the drop-in must not outlast a loss of power without the jail
    await mustRun('sync', ['--file-system', report.directory]);
    const watch = { watchMs: wishes.watchMs, signal };
    const commit = async (): Promise<void> => {
      await comparison?.judge(adoption);
      const made = report.paths.filter(({ isMadeAtBoot }) => isMadeAtBoot === true);
      await makeAtBoot(
        unit,
        made.map(({ path }) => path),
      );
      if (comparison !== undefined) await linkRunFiles(unit, jailOf(report.directory), comparison.known());
      staged.commit();
    };
    await swapDropIn({ unit, text: dropIn.text, isActive, watch, commit });
  } catch (error) {
    staged.drop();
    throw error;
  }
  const warnings = await keepConfiguration(record, isActive ? 'start' : 'none');
  return { ...report, checks: checks.length, warnings: [...report.warnings, ...warnings] };
}

// Makes the next generation and uses it. If that fails, nothing of it is left, unless the swap is left to be undone.
async function renew(
  service: InstalledService,
  asked: AdoptionWishes,
  request: ServiceWork & { readonly plan?: boolean | undefined },
): Promise<AdoptReport> {
  const { unit } = service;
  const old = findRecord(unit);
  const present = generationsOf(unit);
  const generation = Math.max(0, ...present) + 1;
  const directory = generationAt(unit, generation);
  const { signal, onProgress } = request;
  const isCompared = service.isActive && old === undefined;
  let report: AdoptReport;
  try {
    const watch = { watchMs: asked.watchMs, signal };
    const comparison = isCompared ? await openComparison(service, watch) : undefined;
    const wishes = comparison === undefined ? asked : { ...asked, accounts: comparison.accounts };
    const made = await prepare(service, generation, wishes, { signal, onProgress });
    const lost = lostWarnings(unit, old?.mounted ?? [], made.report.paths);
    const prepared = { ...made, report: { ...made.report, warnings: [...lost, ...made.report.warnings] } };
    if (request.plan === true) {
      report = prepared.report;
      await removeGeneration(directory);
    } else report = await bringIn(prepared, generation, wishes, signal, comparison);
  } catch (error) {
    if (interruptedSwap(unit) !== undefined) throw error; // the drop-in may still name this jail
    await removeGeneration(directory);
    if (old === undefined) forgetService(unit);
    throw error;
  }
  if (request.plan === true && old === undefined) forgetService(unit);
  if (request.plan === true) return report;
  const left = await removeOld(unit, present);
  return { ...report, warnings: [...report.warnings, ...left] };
}

/**
 * Puts an installed service into a jail: builds the jail, writes a drop-in beside the unit, and restarts the service if it runs.
 * Data and configuration stay where they are on the host. If the service does not come up, everything is as before.
 * @throws UsageError for a service that cannot be adopted, with the reason; JailError ERR_SERVICE if systemd refuses, the test
 * of the configuration fails, or the service does not come up; as buildJail
 */
export async function adoptService(asked: AdoptRequest): Promise<AdoptReport> {
  const request = takeServiceRequest(asked, [
    'user',
    'binds',
    'readOnlyBinds',
    'programs',
    'watchMs',
    'insecurePath',
    'plan',
  ]);
  const wishes = wishesOf(request);
  const { unit } = await readService(request.unit);
  return withWholeService(unit, async () => {
    const found = await readService(unit);
    if (findRecord(unit) !== undefined)
      throw new UsageError(`${unit} is adopted already`, {
        hint: `uchroot-service update ${unit}; for other options, release it first: uchroot-service release ${unit}`,
      });
    const refusal = refusalOf(found);
    if (refusal !== undefined) throw new UsageError(refusal, { hint: refusalHint(found) });
    const left = presentDropIn(unit);
    if (left !== undefined)
      throw new UsageError(`${dropInPath(unit)} is there, and uchroot knows nothing of it`, {
        hint: isOurs(left) ? commandLine('uchroot-service', 'release', unit) : 'move it away',
      });
    return renew(found, wishes, request);
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
  const { unit } = await readService(request.unit);
  return withWholeService(unit, async () => {
    const record = readRecord(unit);
    const now = await readFresh(unit);
    const gone = goneRefusal(now);
    if (gone !== undefined) throw new UsageError(gone.message, gone);
    const { plan: isPlan = false, signal, onProgress } = request;
    const current = await currentReport(now, record, { signal, onProgress, isPlan });
    if (current !== undefined) return current;
    const service = await readWithout(unit, dropInPath(unit));
    const refusal = refusalOf(service);
    if (refusal !== undefined) throw new UsageError(refusal, { hint: refusalHint(service) });
    return renew(service, record.wishes, request);
  });
}

/**
 * Takes a service out of its jail: removes the drop-in and the jail, and restarts the service if it runs.
 * @throws JailError ERR_SERVICE if it does not come up without its jail; it then stays adopted
 */
export async function releaseService(asked: ServiceWork): Promise<void> {
  const request = takeServiceRequest(asked);
  const { unit } = await readService(request.unit);
  await withWholeService(unit, async () => {
    const service = await readService(unit);
    const { isActive } = service;
    const watch = { watchMs: findRecord(unit)?.wishes.watchMs, signal: request.signal };
    // a run of `adopt` that was killed leaves no record
    if (!isOurs(presentDropIn(unit)) && generationsOf(unit).length === 0)
      readRecord(unit, 'it has no jail to leave; uchroot-service status shows the services that have one');
    const masked = maskedRefusal(service);
    if (masked !== undefined) throw new UsageError(masked.message, masked);
    await swapDropIn({ unit, text: undefined, isActive, watch });
    for (const number of generationsOf(unit)) await removeGeneration(generationAt(unit, number));
    forgetLinks(unit);
    forgetService(unit);
  });
}
