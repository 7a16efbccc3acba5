// The directory of a jail and its launchers: its jail is built there, and removed with it.
import { chmodSync, chownSync, existsSync, rmSync, statSync } from 'node:fs';

import { JailError } from '../../errors.ts';
import { buildFrom, type JailReport } from '../../jail/building.ts';
import { removeJail } from '../../jail/remove.ts';
import type { PlanSlot } from '../../jail/plan/kept-plan.ts';
import type { JailWork } from '../../jail/request/jail-request.ts';
import { throwIfAborted } from '../../jail/work/jail-error.ts';
import { type HostFacts, jailOf } from './adoption.ts';
import { makeHostDirectory } from './host-file.ts';
import type { Identity } from './identity.ts';
import { type InstalledService, textOf } from './installed/installed-service.ts';
import { findRecord, generationAt, withService } from './adoption-record.ts';
import { endProcessesIn } from './running.ts';
import { directoryIn } from './service-drop-in.ts';
import { presentDropIn } from './systemd-bus.ts';

/** Builds a jail in a new directory. The running service is not touched. */
export async function buildGeneration(
  directory: string,
  { settings }: InstalledService,
  { isChosen }: Identity,
  { contents, account }: Pick<HostFacts, 'contents' | 'account'>,
  { slot, ...work }: Pick<JailWork, 'signal' | 'onProgress'> & { readonly slot: PlanSlot },
): Promise<JailReport> {
  const jail = jailOf(directory);
  // the builder lets everybody write to /run of a jail; nobody else may enter until that is changed
  makeHostDirectory(directory, 0o700);
  const report = await buildFrom({ ...work, directory: jail, ...contents }, slot);
  const run = `${jail}/run`;
  if (existsSync(run)) {
    // Other users of the host must not put links, pid files or sockets there: systemd and programs of root follow them.
    chmodSync(run, 0o755);
    // without a jail, root of the host writes the pid file
    const isWriter = isChosen && /^(\/var)?\/run\/[^/]+$/.test(textOf(settings, 'PIDFile'));
    if (isWriter && account !== undefined) chownSync(run, account.uid, 0);
  }
  chmodSync(directory, 0o755);
  throwIfAborted(work.signal); // in the trial of the jail, buildJail does not throw
  return report;
}

/** Removes a generation that no service uses. @throws JailError EBUSY if a process still runs in it */
export async function removeGeneration(directory: string): Promise<void> {
  const { mode = 0o755 } = statSync(directory, { throwIfNoEntry: false }) ?? {};
  // A build that was killed: no service runs there, but a program that the builder has tried may have outlived it.
  if ((mode & 0o777) === 0o700) await endProcessesIn(jailOf(directory));
  try {
    if (existsSync(`${jailOf(directory)}/.uchroot`)) await removeJail({ directory: jailOf(directory) });
  } catch (error) {
    // a build that was interrupted: nothing has run in it yet
    if (!(error instanceof JailError && error.code === 'ERR_NO_MANIFEST')) throw error;
  }
  rmSync(directory, { recursive: true, force: true });
}

/** Old jails that wait for their removal. */
export interface Removals {
  add(unit: string, generations: readonly number[]): void;
  /** Removes them, if there are many or if these are the last. @returns a warning for each that is in use */
  remove(isEnd: boolean): Promise<readonly string[]>;
}

// until then they fill the disk
const mostWaiting = 16;

/**
 * Removes old jails, many at a time. Before a jail is removed, all processes of the host are looked at: with many services that takes
 * longer than the update of one, and one look serves all jails that are removed together.
 */
export function openRemovals(): Removals {
  let left: (() => Promise<readonly string[]>)[] = [];
  return {
    add: (unit, generations) =>
      // another command that works on this service removes them itself
      void left.push(() => withService(unit, () => removeOld(unit, generations)).catch(warningOf)),
    remove: async (isEnd) => {
      if (!isEnd && left.length < mostWaiting) return [];
      const now = left;
      left = [];
      return (await Promise.all(now.map((one) => one()))).flat();
    },
  };
}

// The service whose update happens to remove it has not failed.
function warningOf(error: unknown): readonly string[] {
  if (error instanceof JailError) return error.code === 'EBUSY' ? [] : [error.message];
  throw error;
}

/**
 * Removes the jails that a service used before, and those of interrupted runs. While it waited, another command may have released and
 * adopted the service, with the same numbers.
 * @returns a warning for each that is in use
 */
export async function removeOld(unit: string, generations: readonly number[]): Promise<readonly string[]> {
  const warnings: string[] = [];
  const used = new Set([findRecord(unit)?.plan.directory, directoryIn(presentDropIn(unit))]);
  for (const directory of generations.map((one) => generationAt(unit, one))) {
    if (used.has(directory)) continue;
    try {
      await removeGeneration(directory);
    } catch (error) {
      if (!(error instanceof JailError && error.code === 'EBUSY')) throw error;
      warnings.push(`${error.message}; the next update removes it`);
    }
  }
  return warnings;
}
