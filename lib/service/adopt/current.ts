// Finds out that an update has nothing to do. Nothing is built, and systemd does not read its units again.
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { hostname, release } from 'node:os';

import { isWithin } from '../../tree/path.ts';
import { JailError } from '../../errors.ts';
import { buildJail, type JailReport } from '../../jail/building.ts';
import type { JailRequest, JailWork } from '../../jail/request/jail-request.ts';
import { readVersion } from '../../version.ts';
import type { AdoptReport } from './adopt-report.ts';
import { jailOf } from './adoption.ts';
import { type AdoptionRecord, generationAt, generationsOf } from './adoption-record.ts';
import { replacedPaths } from './behind.ts';
import { presentDropIn } from './drop-in-file.ts';
import { environmentFiles } from './environment-file.ts';
import { adoptionIn, beginAdoption, removeOld } from './generation.ts';
import type { InstalledService } from './installed/installed-service.ts';
import { changedFiles, missingPaths } from './kept/kept-configuration.ts';
import { hasCopies } from './kept/kept-drop-in.ts';
import { areSame } from './launchers.ts';
import { configurationChecks, dropInPath, dropInText, hostWritten } from './service-drop-in.ts';
import { unitText } from './systemd-bus.ts';
import { givenBy } from './tell/given-away.ts';

// Settings with a default in systemd-system.conf(5). The drop-in changes none of them.
const withDefault = [
  'LimitCORE',
  'LimitCORESoft',
  'LimitSTACK',
  'LimitSTACKSoft',
  'TimeoutStartUSec',
  'TimerSlackNSec',
];

/**
 * A hash of all that decides how systemd reads a unit without our drop-in, and what it gives to the service: its files, its environment
 * files, and what its specifiers and defaults stand for.
 *
 * @throws UsageError for a file of EnvironmentFile= that must be there
 */
export async function basisOf(service: InstalledService): Promise<string> {
  const { unit, settings, inherited } = service;
  const files = environmentFiles(service).map((variables) => Array.from(variables));
  // systemctl(1) prints an empty line before a drop-in
  const text = (await unitText(unit, dropInPath(unit))).trimEnd();
  const defaults = withDefault.map((name) => settings[name]);
  const names = [hostname(), text.includes('%v') ? release() : ''];
  return createHash('sha256')
    .update(JSON.stringify([text, files, inherited, defaults, names]))
    .digest('hex');
}

// An adoption of an earlier version has left /run of the jail as the builder makes it: writable for everybody.
const isRunOpen = (jail: string): boolean =>
  ((statSync(`${jail}/run`, { throwIfNoEntry: false })?.mode ?? 0) & 0o022) !== 0;

// The jail, if a build would change nothing in it. At a mounted path the service sees the host's own files.
async function unchanged(request: JailRequest, mounted: readonly string[]): Promise<JailReport | undefined> {
  try {
    const report = await buildJail({ ...request, plan: true });
    const left = report.left.filter(({ because }) => because !== 'writable');
    // the adoption has set the owner and mode of /run itself
    const isOwn = ({ path }: { readonly path: string }): boolean =>
      path !== '/run' && !mounted.some((top) => isWithin(path, top));
    return [...report.changes, ...left].some(isOwn) ? undefined : report;
  } catch (error) {
    if (error instanceof JailError) return undefined; // the build tells it, or mends the jail
    throw error;
  }
}

/**
 * The report of an update that has nothing to do: it would make the same jail, drop-in and launchers again, and the service has started
 * with the configuration in /etc. Jails that were in use at an earlier update are removed. Undefined if there is something to do.
 *
 * @param now the service with our drop-in
 * @throws UsageError as for an adoption
 */
export async function currentReport(
  now: InstalledService,
  record: AdoptionRecord,
  { isPlan, ...work }: Pick<JailWork, 'signal' | 'onProgress'> & { readonly isPlan: boolean },
): Promise<AdoptReport | undefined> {
  const { unit, isActive: isRunning } = now;
  const { installed, generation, entry, entryReason, mounted, exposure, checks, configuration } = record;
  const dropIn = presentDropIn(unit);
  if (installed === undefined || dropIn === undefined || hasCopies(dropIn)) return undefined;
  if ((await basisOf(now)) !== installed.basis) return undefined;
  const begun = await beginAdoption(installed.service, record.wishes);
  const directory = generationAt(unit, generation);
  const request = { ...work, ...begun.contents, directory: jailOf(directory) };
  const jail = await unchanged(request, mounted);
  if (jail === undefined) return undefined;
  const found = (await adoptionIn(directory, begun)).adoption;
  // an exposure that was measured can make systemd enter as well, but a launcher may not enter in its place
  if (found.entry === 'systemd' && entry === 'launcher') return undefined;
  const adoption = { ...found, entry, entryReason };
  const isSame =
    !isRunOpen(jailOf(directory)) &&
    dropInText(adoption, readVersion()) === dropIn &&
    JSON.stringify(configurationChecks(adoption)) === JSON.stringify(checks) &&
    missingPaths(unit).length === 0 &&
    (configuration === undefined || changedFiles(unit, configuration).length === 0) &&
    !(isRunning && (await replacedPaths(unit, mounted)).length > 0) &&
    (await areSame(adoption));
  if (!isSame) return undefined;
  const { user, caps, reason } = adoption.identity;
  const others = isPlan ? [] : generationsOf(unit).filter((one) => one !== generation);
  return {
    unit,
    directory,
    user,
    caps,
    reason,
    entry,
    entryReason,
    paths: adoption.paths,
    writable: hostWritten(adoption),
    givesAway: givenBy(begun.service, begun.packed, adoption.paths, begun.variables).map(
      ({ message }) => message,
    ),
    dropIn: { path: dropInPath(unit), text: dropIn },
    exposure,
    checks: checks.length,
    isRunning,
    files: jail.files,
    sizeBytes: jail.sizeBytes,
    isChanged: false,
    warnings: await removeOld(unit, others),
  };
}
