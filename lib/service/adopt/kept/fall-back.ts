// A service may not come up with the configuration in /etc. Then it is run with the copy of the last configuration that worked.
import { JailError, LaunchError } from '../../../errors.ts';
import { showPaths } from '../../../jail/work/show-paths.ts';
import { commandLine } from '../../../words/shell-word.ts';
import { findRecord, type KeptConfiguration } from '../adoption-record.ts';
import { putDropIn } from '../drop-in-file.ts';
import {
  changedFiles,
  isWhole,
  keptCopies,
  keptInUse,
  keptOnes,
  makeWritable,
  shownDate,
} from './kept-configuration.ts';
import { withCopies, writtenPaths } from './kept-drop-in.ts';
import { restart } from '../running.ts';

// The error to report. `does` is the verb for what failed; `failure` is the reason and the last words of the service.
function fallenBack(unit: string, kept: KeptConfiguration, does: string, failure: string): JailError {
  const files = showPaths(changedFiles(unit, kept));
  const command = commandLine('uchroot-service', 'reload', unit);
  return new JailError(
    `${unit} does not ${does} with the configuration in /etc; it runs with the one of ${shownDate(kept.keptAt)}; ` +
      `${files === '' ? 'no file differs now' : `different files: ${files}`}: ${failure}`,
    { code: 'ERR_SERVICE', hint: files === '' ? command : `mend ${files}; then: ${command}` },
  );
}

// Starts a service with a copy. @returns why it does not come up; undefined if it runs
async function startWith(
  unit: string,
  dropIn: string,
  kept: KeptConfiguration,
  runs: boolean,
): Promise<string | undefined> {
  if (!isWhole(unit, kept)) return 'files of the copy are missing';
  try {
    await makeWritable(unit, kept, writtenPaths(dropIn, kept.paths));
    await putDropIn(unit, withCopies(dropIn, keptCopies(unit, kept)));
    return runs ? undefined : await restart(unit, { watchMs: findRecord(unit)?.wishes.watchMs });
  } catch (error) {
    if (error instanceof JailError || error instanceof LaunchError) return error.message;
    throw error;
  }
}

/**
 * Installs a drop-in that mounts a kept configuration, and restarts the service with it. The newest copy is tried first, and then the
 * one that has worked. If the service still runs, it is not restarted; its next start can try only one copy: the one that has worked.
 * @param dropIn the normal one
 * @param failure why the service does not come up with it, and its last words
 * @returns the error to report; undefined if no copy helps. If the service does not come up, the normal drop-in is in place again
 */
export async function fallBack(
  unit: string,
  dropIn: string,
  failure: string,
  runs = false,
): Promise<JailError | undefined> {
  const all = keptOnes(findRecord(unit) ?? {});
  const tried = runs ? all.slice(-1) : all;
  let again: string | undefined;
  for (const kept of tried.filter((one) => !isWhole(unit, one) || changedFiles(unit, one).length > 0)) {
    again = await startWith(unit, dropIn, kept, runs);
    if (again === undefined) return fallenBack(unit, kept, runs ? 'reload' : 'come up', failure);
  }
  if (again === undefined) return undefined;
  await putDropIn(unit, dropIn);
  return runs ? undefined : neither(unit, failure, again);
}

/** The error for a service that comes up with no configuration. `again` is the reason for the kept one. */
export function neither(unit: string, failure: string, again = ''): JailError | undefined {
  const kept = findRecord(unit)?.configuration;
  if (kept === undefined) return undefined;
  const [reason = ''] = again.split('\n');
  return new JailError(
    `${unit} does not come up, neither with the configuration in /etc nor with the one of ${shownDate(kept.keptAt)} (${reason}): ${failure}`,
    { code: 'ERR_SERVICE', hint: `mend the configuration; then: ${commandLine('systemctl', 'start', unit)}` },
  );
}

/** The error for a service that ran with its kept configuration before, and still does. */
export function stillFallenBack(unit: string, dropIn: string, failure: string): JailError | undefined {
  const record = findRecord(unit);
  const kept = record && keptInUse(record, dropIn);
  return kept === undefined ? undefined : fallenBack(unit, kept, 'come up', failure);
}
