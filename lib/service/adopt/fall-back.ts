// Runs a service that does not come up with the configuration in /etc with the copy of the last one with which it did.
import { JailError } from '../../errors.ts';
import { showPaths } from '../../jail/work/show-paths.ts';
import { commandLine } from '../../shell-word.ts';
import { findRecord, type KeptConfiguration } from './adoption-record.ts';
import { putDropIn } from './drop-in-file.ts';
import { changedFiles, isWhole, keptCopies, shownDate } from './kept-configuration.ts';
import { withCopies } from './kept-drop-in.ts';
import { restart } from './running.ts';

// What to tell: `does` is what the service does not do, and `failure` says why, with its last words.
function fallenBack(unit: string, kept: KeptConfiguration, does: string, failure: string): JailError {
  const files = showPaths(changedFiles(unit, kept));
  const command = commandLine('uchroot-service', 'reload', unit);
  return new JailError(
    `${unit} does not ${does} with the configuration in /etc; it runs with the one of ${shownDate(kept.keptAt)}; ` +
      `${files === '' ? 'no file differs now' : `different files: ${files}`}: ${failure}`,
    { code: 'ERR_SERVICE', hint: files === '' ? command : `mend ${files}; then: ${command}` },
  );
}

/**
 * Puts a drop-in in place that mounts the kept configuration, and restarts the service with it, unless it runs still.
 * @param dropIn the normal one
 * @param failure why the service does not come up with that, and its last words
 * @returns what to tell; undefined if the service cannot be helped so. If it does not come up, the normal drop-in is back
 */
export async function fallBack(
  unit: string,
  dropIn: string,
  failure: string,
  runs = false,
): Promise<JailError | undefined> {
  const kept = findRecord(unit)?.configuration;
  if (kept === undefined) return undefined;
  if (!isWhole(unit, kept)) return runs ? undefined : neither(unit, failure, 'files of the copy are missing');
  if (changedFiles(unit, kept).length === 0) return undefined;
  await putDropIn(unit, withCopies(dropIn, keptCopies(unit, kept)));
  const again = runs ? undefined : await restart(unit);
  if (again !== undefined) {
    await putDropIn(unit, dropIn);
    return neither(unit, failure, again);
  }
  return fallenBack(unit, kept, runs ? 'reload' : 'come up', failure);
}

/** What to tell of a service that comes up with no configuration. `again` says why not with the kept one. */
export function neither(unit: string, failure: string, again = ''): JailError | undefined {
  const kept = findRecord(unit)?.configuration;
  if (kept === undefined) return undefined;
  const [reason = ''] = again.split('\n');
  return new JailError(
    `${unit} does not come up, neither with the configuration in /etc nor with the one of ${shownDate(kept.keptAt)} (${reason}): ${failure}`,
    { code: 'ERR_SERVICE', hint: `mend the configuration; then: ${commandLine('systemctl', 'start', unit)}` },
  );
}

/** What to tell of a service that ran with its kept configuration before, and goes on with it. */
export function stillFallenBack(unit: string, failure: string): JailError | undefined {
  const kept = findRecord(unit)?.configuration;
  return kept === undefined ? undefined : fallenBack(unit, kept, 'come up', failure);
}
