// Tells an adopted service to read its configuration again.
import { JailError } from '../../errors.ts';
import { commandLine } from '../../words/shell-word.ts';
import { changedSince, replacedPaths } from './behind.ts';
import { carryOut, type Run } from './carry-out.ts';
import { fallBack } from './kept/fall-back.ts';
import { keepConfiguration, keptInUse, missingPaths } from './kept/kept-configuration.ts';
import { dropInOf, stepsOf, swapSteps } from './adoption-plan.ts';
import { type AdoptionRecord, readRecord } from './adoption-record.ts';
import { refuse } from './service-refusal.ts';
import { type ServiceWork, takeServiceRequest } from './service-request.ts';
import { reload, restartRefusal } from './running.ts';
import { presentDropIn, readService, realName } from './systemd-bus.ts';
import { withWholeService } from './undo.ts';

export interface ReloadReport {
  /** How many tests of the configuration have passed. */
  readonly checks: number;
  /** Why the service is started again in place of a reload; undefined if it was reloaded. */
  readonly restartReason: string | undefined;
  /** The service runs. */
  readonly isRunning: boolean;
  readonly warnings: readonly string[];
}

// @returns why it was restarted
async function readAgain(
  { plan, options: { watchMs } }: AdoptionRecord,
  canReload: boolean,
  run: Run,
): Promise<string | undefined> {
  const { unit, isActive, signal } = run;
  const dropIn = presentDropIn(unit);
  const start = (text: string | undefined) => carryOut(swapSteps(unit, text, { isActive, watchMs }), run);
  if (keptInUse(unit, dropIn) !== undefined) {
    await start(dropInOf(plan));
    return 'it ran with a kept configuration';
  }
  if (!isActive)
    throw new JailError(`${unit} is not active: there is nothing to reload`, {
      code: 'ERR_SERVICE',
      hint: commandLine('systemctl', 'start', unit),
    });
  const inEtc = plan.paths.map(({ path }) => path).filter((path) => path.startsWith('/etc/'));
  const replaced = canReload ? await replacedPaths(unit, inEtc) : [];
  const isSeen = canReload && replaced.length === 0;
  const failure = isSeen ? await reload(unit, { watchMs, signal }) : undefined;
  if (isSeen && failure === undefined) return undefined;
  if (failure?.isUp === true) {
    const words = `its reload fails; it goes on as it is: ${failure.words}`;
    const told = dropIn === undefined ? undefined : await fallBack(unit, dropIn, words, true);
    throw told ?? new JailError(`${unit}: ${words}`, { code: 'ERR_SERVICE' });
  }
  await start(dropIn);
  if (replaced.length > 0) return `${replaced.join(', ')} was replaced, and a mount keeps the old file`;
  return canReload ? 'it ended at its reload' : 'the service has no reload';
}

/**
 * Tests the configuration of an adopted service in its jail, and reloads the service. A service that has no reload, or that runs with
 * a kept configuration, is restarted.
 * @throws JailError ERR_SERVICE if the test fails: then the service is not reloaded; or if the reload fails or the service does not
 * come up: then it runs with its kept configuration, if it can; as adoptService
 */
export async function reloadService(asked: ServiceWork): Promise<ReloadReport> {
  const request = takeServiceRequest(asked);
  const unit = await realName(request.unit);
  return withWholeService(unit, async () => {
    const service = await readService(unit);
    const { canReload, isActive } = service;
    const record = readRecord(unit);
    refuse(await restartRefusal(service));
    const [missing] = missingPaths(unit);
    if (missing !== undefined)
      throw new JailError(`${unit}: ${missing} is gone`, {
        code: 'ERR_SERVICE',
        hint: `put it back; to do without it: ${commandLine('uchroot-service', 'update', unit)}`,
      });
    const changed = changedSince(record.plan, service);
    if (changed.length > 0)
      throw new JailError(
        `${unit}: a reload would not bring in ${changed.join(', ')}: its jail has an older state`,
        {
          code: 'ERR_SERVICE',
          hint: commandLine('uchroot-service', 'update', unit),
        },
      );
    const run = { unit, isActive, signal: request.signal };
    const tests = stepsOf(record.plan, 'test');
    await carryOut(tests, run);
    const restartReason = await readAgain(record, canReload, run);
    // Many daemons keep the old configuration without a word. So a reload alone does not prove that the new one works.
    const isTold = tests.length > 0 ? 'test' : 'none';
    const proof = restartReason === undefined ? isTold : isActive ? 'start' : 'none';
    const warnings = await keepConfiguration(record, proof);
    return { checks: tests.length, restartReason, isRunning: isActive, warnings };
  });
}
