// Undoes a change of a service: one that has failed, or one that an earlier run has left unfinished.
import { existsSync, readdirSync, rmSync } from 'node:fs';

import { AbortError, JailError } from '../../errors.ts';
import { commandLine } from '../../words/shell-word.ts';
import { unless } from '../../words/system-error.ts';
import { jailOf } from './adoption.ts';
import { presentDropIn, putDropIn, reloadUnits } from './systemd-bus.ts';
import { fallBack, fallenBack, neither } from './kept/fall-back.ts';
import { keptInUse, missingPaths } from './kept/kept-configuration.ts';
import { type Before, endChange, findRecord, unfinishedChange, withService } from './adoption-record.ts';
import { runHost } from './host-command.ts';
import { restoreLinks } from './run-links.ts';
import { endProcessesIn, restart, type Watch } from './running.ts';
import { OtherBehaviour } from './seen/comparison.ts';
import { directoryIn, dropInPath } from './service-drop-in.ts';
import { uninterrupted } from './system-bus.ts';
import { type Known, needsHint } from './tell/remedy.ts';

/** A change that has begun. */
export interface Change {
  readonly unit: string;
  readonly before: Before;
  /** The new drop-in; undefined to have none. */
  readonly text: string | undefined;
  readonly watch: Watch;
  /** For the hint. */
  readonly known?: Known | undefined;
}

// Whether the record counts already: the run was killed just before endChange().
function isCommitted(unit: string, { dropIn }: Before): boolean {
  const directory = findRecord(unit)?.plan.directory;
  return directory !== directoryIn(dropIn) && directory === directoryIn(presentDropIn(unit));
}

const isAlive = (pid: string): boolean => existsSync(`/proc/${pid}`);

// Ends the temporary units of commands that were killed: their processes would keep a jail in use.
async function endLeftUnits(): Promise<void> {
  const directory = '/run/systemd/system';
  const left = (unless(['ENOENT'], () => readdirSync(directory)) ?? []).flatMap((name) => {
    const [, pid] = /^uchroot-(?:check|look|trial)-(\d+)-\d+@?\.service$/.exec(name) ?? [];
    return pid === undefined || isAlive(pid)
      ? []
      : [{ name, pattern: name.replace(/@?\.service$/, '*.service') }];
  });
  if (left.length === 0) return;
  const patterns = left.map(({ pattern }) => pattern);
  await runHost('systemctl', ['stop', ...patterns]);
  for (const { name } of left) rmSync(`${directory}/${name}`, { force: true });
  await runHost('systemctl', ['reset-failed', ...patterns]);
  await reloadUnits();
}

/** Runs `work` on a service as withService(). A change that an earlier run has left unfinished is undone or finished first. */
export function withWholeService<T>(unit: string, work: () => Promise<T>): Promise<T> {
  return withService(unit, async () => {
    const left = unfinishedChange(unit);
    if (left !== undefined && !isCommitted(unit, left)) {
      await putDropIn(unit, left.dropIn);
      restoreLinks(unit, left.dropIn);
      if (left.isActive) await restart(unit); // a failure is reported by the next restart
    }
    endChange(unit);
    await endLeftUnits();
    return work();
  });
}

/**
 * Puts the service back to what it was before the change. If it does not run with its old drop-in either, it runs with its kept
 * configuration, if it can. If the old drop-in cannot be put back, the record of the change stays, and withWholeService() undoes it.
 * @param error why the change has failed
 * @returns the error to report
 */
export async function undo(change: Change, error: Error): Promise<Error> {
  const { unit } = change;
  try {
    const told = await uninterrupted(() => putBack(change, error));
    endChange(unit);
    return told;
  } catch (second) {
    const what = `${unit} could not be put back to what it was before: ${(second as Error).message}`;
    const hint = 'mend this; the next adopt, update, reload or release puts the service back first';
    if (error instanceof AbortError) return new AbortError(what, undefined, { path: dropInPath(unit), hint });
    return new JailError(`${what}; what failed first: ${error.message}`, {
      code: 'ERR_SERVICE',
      hint,
      cause: second,
    });
  }
}

async function putBack({ unit, before, text, watch, known }: Change, error: Error): Promise<Error> {
  const { dropIn, isActive } = before;
  if (text !== dropIn && presentDropIn(unit) === dropIn) return error; // the new one was never there
  await putDropIn(unit, dropIn);
  restoreLinks(unit, dropIn);
  const isFallenBack = keptInUse(unit, dropIn) !== undefined;
  // With the same text it would fail again. A file that is gone is empty in the jail, so the service could start with defaults.
  const isOther = text !== dropIn && (isFallenBack || missingPaths(unit).length === 0);
  // after an abort the user does not want to wait
  const watchMs = error instanceof AbortError ? undefined : watch.watchMs;
  const startAgain = async () => (isActive && isOther ? restart(unit, { watchMs }) : undefined);
  let again = await startAgain();
  if (isActive && (await endLeftBehind(text, dropIn)) && again !== undefined) again = await startAgain();
  const hasFailed =
    error instanceof JailError && error.code === 'ERR_SERVICE' && !(error instanceof OtherBehaviour);
  if (!hasFailed && again === undefined) return error;
  const isAsBefore = !isActive || (isOther && again === undefined);
  return toldError(unit, dropIn, error, { again, isAsBefore, known });
}

// With KillMode=process, systemd leaves processes of a failed start in the new jail. Such a worker may hold the port of the service, and
// the jail could not be removed. @returns whether there were any
async function endLeftBehind(text: string | undefined, before: string | undefined): Promise<boolean> {
  const directory = directoryIn(text);
  if (directory === undefined || directory === directoryIn(before)) return false;
  return endProcessesIn(jailOf(directory));
}

// The error for a service that has not come up. If it does not run as before either, the kept configuration is tried first. `again` says
// why it has not come up with its old drop-in.
async function toldError(
  unit: string,
  dropIn: string | undefined,
  cause: Error,
  {
    again,
    isAsBefore,
    known,
  }: {
    readonly again: string | undefined;
    readonly isAsBefore: boolean;
    readonly known: Known | undefined;
  },
): Promise<JailError> {
  const first = cause.message;
  const kept = keptInUse(unit, dropIn);
  const fallen = isAsBefore
    ? kept && fallenBack(unit, kept, 'come up', first)
    : kept !== undefined
      ? neither(unit, first, again)
      : dropIn !== undefined && (await fallBack(unit, dropIn, again ?? first));
  if (fallen) return fallen;
  if (dropIn === undefined && again !== undefined)
    return new JailError(
      `${unit} comes up neither in its jail (${first.split('\n', 1)[0]}) nor without it; it is not adopted: ${again}`,
      {
        code: 'ERR_SERVICE',
        hint: `mend the service; then: ${commandLine('systemctl', 'start', unit)}`,
        cause,
      },
    );
  const either = again === undefined ? '' : `; it does not run as before either: ${again}`;
  return new JailError(`${unit} does not come up${isAsBefore ? '; it is as before' : either}: ${first}`, {
    code: 'ERR_SERVICE',
    hint: needsHint(first, known),
    cause,
  });
}
