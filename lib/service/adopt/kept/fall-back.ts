// A service may not come up with the configuration in /etc. Then it is run with the copy of the last configuration that worked.
import { showPaths } from '../../../tree/path.ts';
import { JailError, LaunchError } from '../../../errors.ts';
import { commandLine } from '../../../words/shell-word.ts';
import { putDropIn } from '../systemd-bus.ts';
import { findRecord, type KeptConfiguration } from '../adoption-record.ts';
import { restart } from '../running.ts';
import {
  changedFiles,
  type Copies,
  isWhole,
  keptCopies,
  keptOnes,
  makeWritable,
  shownDate,
} from './kept-configuration.ts';

// A line that mounts a path of the host. If systemd enters the jail, the path inside is the same.
const mount = /^(BindPaths|BindReadOnlyPaths)=-?(\/[^:]*)(:.*)?$/;

/** The paths among these that the service may write. */
export const writtenPaths = (text: string, paths: readonly string[]): readonly string[] =>
  paths.filter((path) =>
    text.split('\n').some((line) => {
      const [, setting, mounted] = mount.exec(line) ?? [];
      return setting === 'BindPaths' && mounted === path;
    }),
  );

/**
 * The drop-in with copies in place of the live paths. A copy is read-only: changes in it would be lost when the service goes back to
 * /etc. If the service must write there, it gets a duplicate of the copy. Without the copy the service must not start, because its
 * configuration would be empty.
 */
export function withCopies(text: string, { directory, writable, paths }: Copies): string {
  const withCopy = (line: string): string => {
    const [, setting, path = '', place = `:${path}`] = mount.exec(line) ?? [];
    if (!paths.includes(path)) return line;
    return `${setting}=${setting === 'BindPaths' ? writable : directory}${path}${place}`;
  };
  return text.split('\n').map(withCopy).join('\n');
}

/**
 * The error for a service that runs with a kept configuration. `does` is the verb for what failed; `failure` is the reason and the last
 * words of the service.
 */
export function fallenBack(
  unit: string,
  kept: KeptConfiguration,
  does: 'come up' | 'reload',
  failure: string,
): JailError {
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
    return runs ? undefined : await restart(unit, { watchMs: findRecord(unit)?.options.watchMs });
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
