// Lines in which uchroot-service tells of a service. Pure.
import type { VersionChange } from '../jail/manifest/manifest-changes.ts';
import type { AdoptReport } from '../service/adopt/planning.ts';
import type { UpdateCause } from '../service/adopt/update-cause.ts';
import { megabytes } from './progress-bar.ts';

/** Why a service is behind the host. */
export const becauseOf: Readonly<Record<UpdateCause, string>> = {
  program: 'its program has changed',
  libraries: 'libraries have changed, and its program has not',
  files: 'files of its jail have changed, and no program or library',
  unit: 'its unit, environment or configuration has changed',
};

/** The versions of packages. */
export const packagesOf = (packages: readonly VersionChange[]): string =>
  packages.map(({ package: name, from = 'none', to = 'none' }) => `; ${name} ${from}, now ${to}`).join('');

/** Whom a service may call. */
export const calls = (list: readonly string[]): string | false =>
  list.length > 0 && `  it may call: ${list.join(', ')}`;

/** What a service can write. */
export const writes = (paths: readonly string[]): string =>
  paths.length === 0 ? '' : `; and it writes to the host: ${paths.join(', ')}`;

/** The lines that there are. */
export const shown = (...lines: readonly (string | false | readonly string[])[]): string =>
  `${lines
    .flat()
    .filter((line) => line !== false)
    .join('\n')}\n`;

/** All about an adoption or an update. */
export function showAdoption(report: AdoptReport, isPlan: boolean): string {
  if (!report.isChanged) return `${report.unit}: current; there is nothing to update\n`;
  const { unit, entry, entryReason, paths, dropIn, exposure, checks, isRunning, steps, because, noTrial } =
    report;
  const hosts = paths.filter(({ isOfHost }) => isOfHost === true).map(({ path }) => path);
  return shown(
    `${unit}: ${isPlan ? 'would be adopted' : 'adopted'}`,
    because !== undefined && `  ${becauseOf[because]}${packagesOf(report.packages)}`,
    `  jail: ${report.directory}/jail, ${report.files} files, ${megabytes(report.sizeBytes)}`,
    `  user: ${report.user} (${report.reason})`,
    `  entry: ${entry === 'launcher' ? 'a compiled launcher enters the jail' : `systemd enters the jail: ${entryReason}`}`,
    paths
      .filter(({ isOfHost }) => isOfHost !== true)
      .map(({ path, isReadOnly }) => `  ${isReadOnly ? 'read-only' : 'data'}: ${path}`),
    hosts.length > 0 && `  databases of the host, read-only: ${hosts.join(' ')}`,
    !isPlan && `  tests of the configuration: ${checks === 0 ? 'it has none' : `${checks} passed`}`,
    noTrial !== undefined && `  no start beside the running service: ${noTrial}`,
    `  exposure: ${exposure.before ?? 'unknown'} before, ${exposure.after ?? 'unknown'} after (systemd-analyze security)${writes(report.writable)}`,
    calls(report.connectTo),
    report.givesAway.map((message) => `  gives away: ${message}`),
    `  drop-in: ${dropIn.path}`,
    isPlan && ['  steps:', ...steps.map((step, at) => `    ${at + 1}. ${step}`), '', dropIn.text.trimEnd()],
    !isPlan && !isRunning && '  it does not run now; it starts in the jail',
  );
}
