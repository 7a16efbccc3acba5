// The command `uchroot-service update`.
import { UsageError } from '../errors.ts';
import { isFailure, releaseRemoved, updateOf, updateService } from '../service/adopt/adopt.ts';
import { adoptedUnits } from '../service/adopt/adoption-record.ts';
import type { AdoptReport } from '../service/adopt/planning.ts';
import type { UpdateCause } from '../service/adopt/update-cause.ts';
import { mendFollowing } from '../service/adopt/follow.ts';
import { openRemovals } from '../service/adopt/generation.ts';
import { failedLast, inOrder, needsOf } from '../service/adopt/update-order.ts';
import { option } from '../values/command-option.ts';
import { parseNumber } from '../values/size.ts';
import { whole } from '../values/validators.ts';
import { jsonDocument } from '../words/json.ts';
import type { ReadArguments } from './arguments.ts';
import { FORMATS, toFormat } from './common-options.ts';
import { has, type Outcome, print, valueOf } from './dispatch.ts';
import { formatOption, planOption, type ServiceCommand } from './service-apply.ts';
import { failureOf, warn } from './service-failure.ts';
import { becauseOf, packagesOf, showAdoption } from './service-lines.ts';

/** Prints the warnings of a report. @returns its text */
export function tell(read: ReadArguments, report: AdoptReport): string {
  warn(report.unit, report.warnings);
  return showAdoption(report, has(read, 'plan'));
}

const count = (read: ReadArguments, name: string, most: number): number => {
  const given = valueOf(read, name)?.text;
  return given === undefined ? 1 : whole(1, most)(parseNumber(given) as number, `--${name}`);
};

async function updateOne(unit: string, read: ReadArguments, signal: AbortSignal): Promise<Outcome> {
  const isCheck = has(read, 'check');
  const report = await updateService({ unit, signal, plan: isCheck || has(read, 'plan') });
  const text = isCheck ? checkLine(report) : tell(read, report);
  const isJson = toFormat(valueOf(read, 'format'), FORMATS) === 'json';
  return {
    text: isJson ? jsonDocument({ services: [report] }) : text,
    status: isCheck && report.isChanged ? 1 : 0,
  };
}

const checkLine = ({ unit, because }: AdoptReport): string =>
  `${unit}: ${because === undefined ? 'current' : `behind the host: ${becauseOf[because]}`}\n`;

const updateLine = (report: AdoptReport): string => {
  const { unit, because, packages } = report;
  if (because === undefined) return `${unit}: current; there is nothing to update\n`;
  return `${unit}: updated: ${becauseOf[because]}${packagesOf(packages)}\n`;
};

const causes: readonly UpdateCause[] = ['program', 'libraries', 'files', 'unit'];

/** The results of all services. */
class Results {
  readonly reports: AdoptReport[] = [];
  readonly failed: { readonly unit: string; readonly message: string }[] = [];
  readonly released: string[] = [];
  notTried: readonly string[] = [];

  summary(isDone: boolean): string {
    const { reports, failed, released, notTried } = this;
    const behind = reports.filter(({ isChanged }) => isChanged);
    const kinds = causes
      .map((cause) => [behind.filter(({ because }) => because === cause).length, cause] as const)
      .filter(([number]) => number > 0);
    const shown = kinds.map(([number, cause]) => `${number} ${cause}`).join(', ');
    const parts: readonly (string | false)[] = [
      `${behind.length} ${isDone ? 'updated' : 'behind the host'}${shown === '' ? '' : ` (${shown})`}`,
      `${reports.length - behind.length} current`,
      released.length > 0 && `${released.length} released`,
      failed.length > 0 && `${failed.length} failed`,
      notTried.length > 0 && `${notTried.length} not tried: ${notTried.join(', ')}`,
    ];
    const all = reports.length + failed.length + released.length + notTried.length;
    return `${all} ${all === 1 ? 'service' : 'services'}: ${parts.filter((part) => part !== false).join(', ')}\n`;
  }
}

async function updateAll(read: ReadArguments, signal: AbortSignal): Promise<Outcome> {
  const isJson = toFormat(valueOf(read, 'format'), FORMATS) === 'json';
  const [isCheck, isPlan] = [has(read, 'check'), has(read, 'plan')];
  const [jobs, mostFailures] = [count(read, 'jobs', 64), count(read, 'max-failures', 10_000)];
  const results = new Results();
  const write = (text: string): void => (isJson ? undefined : print('uchroot-service', text));
  const removals = openRemovals();
  let failures = 0;
  const update = async (unit: string): Promise<void> => {
    const request = { unit, signal, plan: isCheck || isPlan };
    const report = await updateOf(request, removals).catch(async (error: Error) => {
      const isRemoved = has(read, 'prune') && error instanceof UsageError && !request.plan;
      if (!isRemoved || !(await releaseRemoved({ unit, signal }))) throw error;
      results.released.push(unit);
      write(`${unit}: released, since its unit or program has gone\n`);
    });
    if (report === undefined) return;
    results.reports.push(report);
    if (!isCheck) warn(unit, report.warnings);
    warn('old jails', await removals.remove(false));
    write(isCheck ? checkLine(report) : isPlan ? showAdoption(report, true) : updateLine(report));
  };
  const work = async (unit: string): Promise<boolean> => {
    let isDown = false;
    const message = await failureOf(unit, () =>
      update(unit).catch((error: Error) => {
        isDown = isFailure(error);
        throw error;
      }),
    );
    if (message === undefined) return true;
    results.failed.push({ unit, message });
    if (isDown && !isCheck && !isPlan) failures += 1;
    return failures < mostFailures;
  };
  const units = failedLast(adoptedUnits());
  results.notTried = await inOrder(units, await needsOf(units), jobs, work);
  await failureOf('old jails', async () => warn('old jails', await removals.remove(true)));
  if (units.length > 0) write(results.summary(!isCheck && !isPlan));
  const { reports, failed, released, notTried } = results;
  const isBad = failed.length > 0 || (isCheck && reports.some(({ isChanged }) => isChanged));
  const text = isJson ? jsonDocument({ services: reports, failed, released, notTried }) : '';
  return { text, status: isBad ? 1 : 0 };
}

const ofAll = ['jobs', 'max-failures', 'prune'];

export const update: ServiceCommand = {
  synopsis: 'update UNIT|--all [--jobs N] [--max-failures N] [--prune] [--plan|--check]',
  summary:
    'builds the jail anew, tests the configuration in it, and restarts the service; the old jail is kept if that fails',
  options: [
    option('--all', 'every adopted service, after those that it needs'),
    option('--jobs N', 'with --all: so many at a time (default 1)'),
    option('--max-failures N', 'with --all: stop after so many that do not come up (default 1)'),
    option('--prune', 'with --all: release those whose unit or program has gone, and that do not run'),
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
    const other = ofAll.find((name) => unit !== undefined && has(read, name));
    if (other !== undefined) throw new UsageError(usage, { hint: `--${other} belongs to --all` });
    if (!has(read, 'plan') && !has(read, 'check') && (await mendFollowing()))
      process.stderr.write(
        'uchroot-service: the units of follow start this node and this uchroot now: theirs were gone\n',
      );
    return unit === undefined ? updateAll(read, signal) : updateOne(String(unit), read, signal);
  },
};
