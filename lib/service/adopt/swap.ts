// Puts a drop-in in place and starts the service with it; puts the old one back if the service does not come up.
import { rmSync } from 'node:fs';

import { AbortError, JailError } from '../../errors.ts';
import { commandLine } from '../../words/shell-word.ts';
import { jailOf } from './adoption.ts';
import { type ConfigurationCheck, withService } from './adoption-record.ts';
import { presentDropIn, putDropIn } from './drop-in-file.ts';
import { fallBack, neither, stillFallenBack } from './kept/fall-back.ts';
import { runHost } from './host-command.ts';
import { writeHostFile } from './host-file.ts';
import { missingPaths } from './kept/kept-configuration.ts';
import { hasCopies } from './kept/kept-drop-in.ts';
import { needsHint } from './tell/refusal-hint.ts';
import { beginSwap, endSwap, type InterruptedSwap, interruptedSwap } from './interrupted-swap.ts';
import { followDropIn, restoreLinks } from './run-links.ts';
import { OtherBehaviour } from './seen/comparison.ts';
import { directoryIn, isTaken } from './service-drop-in.ts';
import { endProcessesIn, lastFailure, restart, type Watch, wordsOfRun } from './running.ts';
import { readService, reloadUnits, temporaryName } from './systemd-bus.ts';

/** A change of the drop-in. */
interface Swap {
  readonly unit: string;
  readonly text: string | undefined;
  readonly isActive: boolean;
  readonly watch: Watch;
  /** Called when the service has come up. If it throws, the change is undone. */
  readonly commit?: () => Promise<void>;
}

/**
 * Puts `text` in place, and restarts the service if it is active.
 * @throws AbortError, or the error of `commit`: the drop-in and the service are then as before; JailError ERR_SERVICE if the service does
 * not come up. Then the old drop-in is in place again, and the service was restarted with it. If that fails too, the service runs with
 * its kept configuration, if it can. If the old drop-in cannot be put back, the record of the change stays, and withWholeService() undoes
 * it.
 */
export async function swapDropIn(swap: Swap): Promise<void> {
  const { unit, isActive } = swap;
  const before = presentDropIn(unit);
  beginSwap(unit, { before, isActive });
  try {
    await trySwap(swap, before);
    await swap.commit?.();
  } catch (error) {
    const told = await putBack(swap, before, error as Error).catch((second: Error) => {
      throw leftError(unit, error as Error, second);
    });
    endSwap(unit);
    throw told;
  }
  endSwap(unit);
}

/** Runs `work` on a service as withService(). If an earlier run has left a swap half done, that swap is undone first. */
export function withWholeService<T>(unit: string, work: () => Promise<T>): Promise<T> {
  return withService(unit, async () => {
    const left = interruptedSwap(unit);
    if (left !== undefined) await undo(unit, left);
    return work();
  });
}

async function undo(unit: string, { before, isActive }: InterruptedSwap): Promise<void> {
  await putDropIn(unit, before);
  restoreLinks(unit, before);
  if (isActive) await restart(unit); // a failure is reported by the next restart
  endSwap(unit);
}

async function trySwap({ unit, text, isActive, watch }: Swap, before: string | undefined): Promise<void> {
  await putDropIn(unit, text);
  if (text !== undefined && text !== before) await refuseUntaken(unit, text);
  followDropIn(unit, text); // a service without its jail must not write through links into it
  if (!isActive) return;
  const failure = await restart(unit, watch);
  if (failure !== undefined) throw new JailError(failure, { code: 'ERR_SERVICE' });
}

// @returns the error to report
async function putBack(
  { unit, text, isActive, watch }: Swap,
  before: string | undefined,
  error: Error,
): Promise<Error> {
  if (text !== before && presentDropIn(unit) === before) return error; // the new one was never there
  await putDropIn(unit, before);
  restoreLinks(unit, before);
  const isFallenBack = before !== undefined && hasCopies(before);
  // With the same text it would fail again. A file that is gone is empty in the jail, so the service could start with defaults.
  const isOther = text !== before && (isFallenBack || missingPaths(unit).length === 0);
  // after an abort the user does not want to wait
  const watchMs = error instanceof AbortError ? undefined : watch.watchMs;
  const startAgain = async () => (isActive && isOther ? restart(unit, { watchMs }) : undefined);
  let again = await startAgain();
  if (isActive && (await endLeftBehind(text, before)) && again !== undefined) again = await startAgain();
  const hasFailed =
    error instanceof JailError && error.code === 'ERR_SERVICE' && !(error instanceof OtherBehaviour);
  if (!hasFailed && again === undefined) return error;
  const isAsBefore = !isActive || (isOther && again === undefined);
  return swapError({ unit, before, isFallenBack, first: error.message, again, isAsBefore, cause: error });
}

// With KillMode=process, systemd leaves processes of a failed start in the new jail. Such a worker may hold the port of the service, and
// the jail could not be removed. @returns whether there were any
async function endLeftBehind(text: string | undefined, before: string | undefined): Promise<boolean> {
  const directory = directoryIn(text);
  if (directory === undefined || directory === directoryIn(before)) return false;
  return endProcessesIn(jailOf(directory));
}

// The error for a service that is still half changed.
const leftError = (unit: string, first: Error, second: Error): JailError =>
  new JailError(
    `${unit} could not be put back to what it was before: ${second.message}; what failed first: ${first.message}`,
    {
      code: 'ERR_SERVICE',
      hint: 'mend this; the next adopt, update, reload or release puts the service back first',
      cause: second,
    },
  );

// systemd goes on with the unit as it was if a line of a drop-in is wrong, and the service would run without its jail.
async function refuseUntaken(unit: string, text: string): Promise<void> {
  if (isTaken(text, await readService(unit))) return;
  const { stderr } = await runHost('systemd-analyze', ['verify', unit]);
  const reason = stderr.split('\n').find((line) => line.includes('/uchroot.conf:'));
  throw new JailError(
    `systemd does not use the drop-in of ${unit}${reason === undefined ? '' : `: ${reason}`}`,
    {
      code: 'ERR_SERVICE',
    },
  );
}

// The error for a service that has not come up. If it does not run as before either, the kept configuration is tried first.
async function swapError(failed: {
  readonly unit: string;
  readonly before: string | undefined;
  readonly isFallenBack: boolean;
  readonly first: string;
  readonly again: string | undefined;
  readonly isAsBefore: boolean;
  readonly cause: unknown;
}): Promise<JailError> {
  const { unit, before, isFallenBack, first, again, isAsBefore, cause } = failed;
  const told = isAsBefore
    ? isFallenBack && before !== undefined && stillFallenBack(unit, before, first)
    : isFallenBack
      ? neither(unit, first, again)
      : before !== undefined && (await fallBack(unit, before, again ?? first));
  if (told) return told;
  if (before === undefined && again !== undefined)
    return new JailError(
      `${unit} comes up neither in its jail (${first.split('\n', 1)[0]}) nor without it; it is not adopted: ${again}`,
      {
        code: 'ERR_SERVICE',
        hint: `mend the service; then: ${commandLine('systemctl', 'start', unit)}`,
        cause,
      },
    );
  const either = again === undefined ? '' : `; it does not run as before either: ${again}`;
  const rest = isAsBefore ? '; it is as before' : either;
  return new JailError(`${unit} does not come up${rest}: ${first}`, {
    code: 'ERR_SERVICE',
    hint: needsHint(first),
    cause,
  });
}

/**
 * Runs the tests of a configuration in the jail of a service.
 * @throws JailError ERR_SERVICE with what a test has said; AbortError: the test has then ended
 */
export async function runChecks(
  unit: string,
  checks: readonly ConfigurationCheck[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const { words, text } of checks) {
    const failure = await runCheck(text, signal);
    if (failure === undefined) continue;
    throw new JailError(`${unit}: the test of its configuration fails: ${failure}`, {
      code: 'ERR_SERVICE',
      hint: `the test is: ${words}`,
    });
  }
}

// Runs a unit to its end. @returns its last words if it has failed
async function runCheck(text: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  const name = `${temporaryName('check')}.service`;
  const file = `/run/systemd/system/${name}`;
  writeHostFile(file, text);
  try {
    await reloadUnits();
    const { status, stderr } = await runHost('systemctl', ['start', name], { signal });
    if (status === 0) return undefined;
    return (await wordsOfRun(name)) || (await lastFailure(name)) || stderr.trim();
  } finally {
    // after an abort it still runs
    await runHost('systemctl', ['stop', name]);
    rmSync(file, { force: true });
    await runHost('systemctl', ['reset-failed', name]);
  }
}
