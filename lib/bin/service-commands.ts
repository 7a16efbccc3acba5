// The commands of uchroot-service: their options, their library calls, and their output.
import { UsageError } from '../errors.ts';
import { option } from '../values/command-option.ts';
import { jsonDocument } from '../words/json.ts';
import { adoptOptions, toChoices } from '../service/adopt/adopt-options.ts';
import { adoptService, releaseService, updateService } from '../service/adopt/adopt.ts';
import type { AdoptReport } from '../service/adopt/planning.ts';
import { listServices, serviceStatus, type ServiceStatus } from '../service/adopt/adopted-status.ts';
import { reloadService, type ReloadReport } from '../service/adopt/reload.ts';
import { statusMetrics } from '../service/adopt/tell/status-metrics.ts';
import { shownDate } from '../service/adopt/kept/kept-configuration.ts';
import type { ReadArguments } from './arguments.ts';
import { FORMATS, toFormat } from './common-options.ts';
import { has, valueOf } from './dispatch.ts';
import { megabytes } from './progress-bar.ts';
import { applyCommands, formatOption, planOption, type ServiceCommand } from './service-apply.ts';
import { tryOne, warn } from './service-failure.ts';
import { calls, shown, writes } from './service-lines.ts';

function showAdoption(report: AdoptReport, isPlan: boolean): string {
  if (!report.isChanged) return `${report.unit}: current; there is nothing to update\n`;
  const { unit, entry, entryReason, paths, dropIn, exposure, checks, isRunning, steps } = report;
  const hosts = paths.filter(({ isOfHost }) => isOfHost === true).map(({ path }) => path);
  return shown(
    `${unit}: ${isPlan ? 'would be adopted' : 'adopted'}`,
    `  jail: ${report.directory}/jail, ${report.files} files, ${megabytes(report.sizeBytes)}`,
    `  user: ${report.user} (${report.reason})`,
    `  entry: ${entry === 'launcher' ? 'a compiled launcher enters the jail' : `systemd enters the jail: ${entryReason}`}`,
    paths
      .filter(({ isOfHost }) => isOfHost !== true)
      .map(({ path, isReadOnly }) => `  ${isReadOnly ? 'read-only' : 'data'}: ${path}`),
    hosts.length > 0 && `  databases of the host, read-only: ${hosts.join(' ')}`,
    !isPlan && `  tests of the configuration: ${checks === 0 ? 'it has none' : `${checks} passed`}`,
    `  exposure: ${exposure.before ?? 'unknown'} before, ${exposure.after ?? 'unknown'} after (systemd-analyze security)${writes(report.writable)}`,
    calls(report.connectTo),
    report.givesAway.map((message) => `  gives away: ${message}`),
    `  drop-in: ${dropIn.path}`,
    isPlan && ['  steps:', ...steps.map((step, at) => `    ${at + 1}. ${step}`), '', dropIn.text.trimEnd()],
    !isPlan && !isRunning && '  it does not run now; it starts in the jail',
  );
}

function tell(read: ReadArguments, report: AdoptReport): string {
  warn(report.unit, report.warnings);
  return showAdoption(report, has(read, 'plan'));
}

const adopt: ServiceCommand = {
  synopsis: 'adopt UNIT [OPTION]...',
  summary: 'puts a service into a jail, and restarts it if it runs',
  about: 'Data and configuration stay where they are on the host.',
  options: [...adoptOptions, planOption, formatOption],
  operands: [1, 1],
  run: async (read, signal, unit) => {
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    const report = await adoptService({
      unit: String(unit),
      signal,
      plan: has(read, 'plan'),
      ...toChoices(read.options),
    });
    const text = tell(read, report);
    return format === 'json' ? jsonDocument(report) : text;
  },
};

/** Reports of updates, and their texts; with --check, `status` is 1 if a service is behind the host. */
class Updates {
  readonly #reports: AdoptReport[] = [];
  readonly #texts: string[] = [];
  status = 0;

  readonly #read: ReadArguments;
  readonly #signal: AbortSignal;

  constructor(read: ReadArguments, signal: AbortSignal) {
    this.#read = read;
    this.#signal = signal;
  }

  async add(unit: string): Promise<void> {
    const isCheck = has(this.#read, 'check');
    const report = await updateService({
      unit,
      signal: this.#signal,
      plan: isCheck || has(this.#read, 'plan'),
    });
    const { isChanged } = report;
    if (isCheck && isChanged) this.status = 1;
    this.#reports.push(report);
    const line = `${report.unit}: ${isChanged ? 'behind the host' : 'current'}\n`;
    this.#texts.push(isCheck ? line : tell(this.#read, report));
  }

  text(format: (typeof FORMATS)[number]): string {
    return format === 'json' ? jsonDocument({ services: this.#reports }) : this.#texts.join('');
  }
}

const update: ServiceCommand = {
  synopsis: 'update UNIT|--all [--plan|--check]',
  summary:
    'builds the jail anew, tests the configuration in it, and restarts the service; the old jail is kept if that fails',
  options: [
    option('--all', 'every adopted service'),
    option('--check', 'only say which services are behind the host; the exit status is 1 if one is'),
    planOption,
    formatOption,
  ],
  operands: [0, 1],
  run: async (read, signal, unit?: Buffer) => {
    const usage = `Usage: uchroot-service ${update.synopsis}`;
    if (has(read, 'all') === (unit !== undefined))
      throw new UsageError(usage, { hint: 'name one UNIT, or give --all' });
    if (has(read, 'plan') && has(read, 'check'))
      throw new UsageError(usage, {
        hint: '--plan shows what would be done, and --check who needs it: give one',
      });
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    const updates = new Updates(read, signal);
    if (unit !== undefined) await updates.add(String(unit));
    else
      for (const one of listServices()) if (!(await tryOne(one, () => updates.add(one)))) updates.status = 1;
    return { text: updates.text(format), status: updates.status };
  },
};

function showReload({ checks, restartReason, isRunning }: ReloadReport): string {
  const restarted = isRunning ? 'restarted' : 'the next start takes the configuration in /etc';
  const done = restartReason === undefined ? 'reloaded' : `${restarted}: ${restartReason}`;
  return `${done}; tests of the configuration: ${checks === 0 ? 'it has none' : `${checks} passed`}\n`;
}

const reload: ServiceCommand = {
  synopsis: 'reload UNIT',
  summary:
    'tests the configuration in the jail, and has the service read it again; restarts one that has no reload',
  options: [],
  operands: [1, 1],
  run: async (_, signal, unit) => {
    const report = await reloadService({ unit: String(unit), signal });
    warn(String(unit), report.warnings);
    return showReload(report);
  },
};

const release: ServiceCommand = {
  synopsis: 'release UNIT',
  summary: 'takes a service out of its jail, removes the jail, and restarts the service if it runs',
  options: [],
  operands: [1, 1],
  run: async (_, signal, unit) => {
    await releaseService({ unit: String(unit), signal });
    return '';
  },
};

function showKept({ unit, keptConfiguration }: ServiceStatus): readonly string[] {
  if (keptConfiguration === undefined) return [];
  const { keptAt, files } = keptConfiguration;
  return [
    `  it runs with the configuration of ${shownDate(keptAt)}, and not with the one in /etc; uchroot-service reload ${unit}`,
    ...files.map((file) => `    different: ${file}`),
  ];
}

function showStatus(status: ServiceStatus): string {
  const { unit, exposure, changes, outdated, onlyInJail, failure } = status;
  const update = `uchroot-service update ${unit}`;
  return shown(
    `${unit}: ${status.state}`,
    status.problems.map(({ message, remedy }) => `  ${message}; ${remedy}`),
    `  jail: ${status.jail}`,
    `  user: ${status.user} (${status.reason})`,
    `  entry: ${status.entry}`,
    `  exposure: ${exposure.after ?? 'unknown'} (${exposure.before ?? 'unknown'} without the jail)${writes(status.writable)}`,
    calls(status.connectTo),
    status.refusedCalls.map((line) => `    ${line}`),
    status.givesAway.map((message) => `  gives away: ${message}`),
    changes !== undefined && (changes === 0 ? '  current' : `  behind the host: ${changes} files; ${update}`),
    status.packages.map(
      ({ package: name, from = 'none', to = 'none' }) => `    ${name}: ${from}, on the host ${to}`,
    ),
    outdated.length > 0 && `  older than on the host: ${outdated.join(', ')}; ${update}`,
    showKept(status),
    onlyInJail.length > 0 &&
      `  only in its jail: ${onlyInJail.join(', ')}; release it, and adopt it while it runs: then the host has links to them`,
    status.isDropInMissing && '  the drop-in has gone: the service starts without its jail',
    status.isOverridden &&
      `  a drop-in that is read later has another ExecStart=: the service starts without its jail; systemctl cat ${unit}`,
    failure !== undefined && `  last failure: ${failure}`,
  );
}

const status: ServiceCommand = {
  synopsis: 'status [UNIT]',
  summary: 'shows the jail of a service, or of all adopted ones, and what has changed on the host since',
  options: [
    option(
      '--format text|json|prometheus',
      'how the answer is printed; prometheus: for a textfile collector',
    ),
  ],
  operands: [0, 1],
  run: async (read, signal, unit?: Buffer) => {
    const format = toFormat(valueOf(read, 'format'), [...FORMATS, 'prometheus']);
    const all: ServiceStatus[] = [];
    const unknown: string[] = [];
    const add = async (one: string): Promise<void> =>
      void all.push(await serviceStatus({ unit: one, signal }));
    if (unit !== undefined) await add(String(unit));
    else for (const one of listServices()) if (!(await tryOne(one, () => add(one)))) unknown.push(one);
    const code = unknown.length === 0 ? 0 : 1;
    if (format === 'prometheus') return { text: statusMetrics(all, unknown), status: code };
    const none = code === 0 ? 'no service is adopted\n' : '';
    const text = all.length === 0 ? none : all.map(showStatus).join('');
    return { text: format === 'json' ? jsonDocument({ services: all }) : text, status: code };
  },
};

/** By name. */
export const serviceCommands: Readonly<Record<string, ServiceCommand>> = {
  adopt,
  ...applyCommands,
  update,
  reload,
  status,
  release,
};
