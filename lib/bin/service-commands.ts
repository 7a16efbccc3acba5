// The commands of uchroot-service: their options, their library calls, and their output.
import { UsageError } from '../errors.ts';
import { option } from '../values/command-option.ts';
import { jsonDocument } from '../words/json.ts';
import { adoptOptions, toChoices } from '../service/adopt/adopt-options.ts';
import { adoptService, releaseService } from '../service/adopt/adopt.ts';
import { adoptedUnits, halfAdoptedUnits } from '../service/adopt/adoption-record.ts';
import { type ServiceStatus, statusOf } from '../service/adopt/adopted-status.ts';
import { followHost, followState, stopFollowing, toWindow } from '../service/adopt/follow.ts';
import { reloadService, type ReloadReport } from '../service/adopt/reload.ts';
import { statusMetrics } from '../service/adopt/tell/status-metrics.ts';
import { shownDate } from '../service/adopt/kept/kept-configuration.ts';
import { openTables } from '../service/adopt/seen/behaviour.ts';
import { FORMATS, toFormat } from './common-options.ts';
import { has, valueOf } from './dispatch.ts';
import { applyCommands, formatOption, planOption, type ServiceCommand } from './service-apply.ts';
import { tryOne, warn } from './service-failure.ts';
import { calls, shown, writes } from './service-lines.ts';
import { tell, update } from './service-update.ts';

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

const mostPaths = 5;

const someOf = (paths: readonly string[]): string => {
  const others = paths.length - mostPaths;
  return `${paths.slice(0, mostPaths).join(' ')}${others > 0 ? ` and ${others} others` : ''}`;
};

function showStatus(status: ServiceStatus): string {
  const { unit, exposure, changes, outdated, onlyInJail, failure, failedAt, failedUpdate } = status;
  const update = `uchroot-service update ${unit}`;
  return shown(
    `${unit}: ${status.state}`,
    status.problems.map(({ message, remedy }) => `  ${message}; ${remedy}`),
    `  jail: ${status.jail}`,
    `  user: ${status.user} (${status.reason})`,
    `  entry: ${status.entry}`,
    `  exposure: ${exposure.after ?? 'unknown'} (${exposure.before ?? 'unknown'} without the jail)${writes(status.writable)}`,
    status.listensOn.length > 0 && `  listens on: ${status.listensOn.join(', ')}`,
    calls(status.connectTo),
    status.refusedCalls.map((line) => `    ${line}`),
    status.givesAway.map((message) => `  gives away: ${message}`),
    changes !== undefined && (changes === 0 ? '  current' : `  behind the host: ${changes} files; ${update}`),
    status.differing.length > 0 && `    ${someOf(status.differing)}`,
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
    failure !== undefined &&
      `  last failure: ${failure}${failedAt === undefined ? '' : ` (${shownDate(failedAt)})`}`,
    failedUpdate !== undefined &&
      `  last update failed (${shownDate(failedUpdate.at)}): ${failedUpdate.message}`,
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
    const readTables = openTables();
    const add = async (one: string): Promise<void> =>
      void all.push(await statusOf({ unit: one, signal }, readTables));
    if (unit !== undefined) await add(String(unit));
    else
      for (const one of [...adoptedUnits(), ...halfAdoptedUnits()])
        if (!(await tryOne(one, () => add(one)))) unknown.push(one);
    const code = unknown.length === 0 ? 0 : 1;
    if (format === 'prometheus') return { text: statusMetrics(all, unknown), status: code };
    const none = code === 0 ? 'no service is adopted\n' : '';
    const text = all.length === 0 ? none : all.map(showStatus).join('');
    return { text: format === 'json' ? jsonDocument({ services: all }) : text, status: code };
  },
};

const follow: ServiceCommand = {
  synopsis: 'follow [--window HH:MM-HH:MM|--off|--state]',
  summary: 'updates services by itself after upgrades of packages, from now on',
  options: [
    option('--window HH:MM-HH:MM', 'each day at this time, and at no other'),
    option('--off', 'no more'),
    option('--state', 'only say whether it does, and how the last run has ended'),
  ],
  operands: [0, 0],
  run: async (read, signal) => {
    if (read.options.length > 1)
      throw new UsageError(`Usage: uchroot-service ${follow.synopsis}`, { hint: 'give one of these' });
    const text = valueOf(read, 'window')?.text;
    if (has(read, 'off')) await stopFollowing();
    else if (!has(read, 'state')) await followHost(text === undefined ? undefined : toWindow(text), signal);
    return followState();
  },
};

/** By name. */
export const serviceCommands: Readonly<Record<string, ServiceCommand>> = {
  adopt,
  ...applyCommands,
  update,
  follow,
  reload,
  status,
  release,
};
