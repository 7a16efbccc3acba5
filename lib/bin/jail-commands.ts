// The commands of uchroot-jail: what each takes, and what it writes.

import { readFileSync } from 'node:fs';

import { UsageError } from '../errors.ts';
import { buildJail, type JailReport, updateJail } from '../jail/building.ts';
import { checkJail } from '../jail/check/check.ts';
import { cloneJail } from '../jail/clone.ts';
import { explainFile, listJail } from '../jail/listing.ts';
import { packs } from '../jail/packs/index.ts';
import { removeJail } from '../jail/remove.ts';
import type { JailWork } from '../jail/request/request.ts';
import { wordsOf } from '../jail/work/jail-error.ts';
import { quote } from '../quote.ts';
import type { Argument } from './arguments.ts';
import { type Command, has, valueOf, valuesOf } from './dispatch.ts';
import { CHECK_FORMATS, FORMATS, toFormat } from './format.ts';
import { explainRule, showCheck } from './jail-check-report.ts';
import { checkSeverity, statusOf } from './jail-check-status.ts';
import { newsLeft, showBuilt, showExplanation, showList, showUpdate, summaryOf } from './jail-report.ts';
import { jsonDocument } from '../json.ts';

/** Ends the work, and hears how it goes. */
interface Watch extends Required<Pick<JailWork, 'signal' | 'onProgress'>> {
  readonly onWarning: (warning: string) => void;
}

type JailCommand = Command<Watch>;

const build: JailCommand = {
  synopsis: 'build DIRECTORY [OPTION]... [PROGRAM]...',
  options: {
    package: 'value',
    pack: 'value',
    'no-pack': 'value',
    without: 'value',
    learn: 'value',
    copy: 'value',
    user: 'value',
    'keep-privileges': 'value',
    from: 'value',
    recipe: 'value',
    replace: 'value',
    plan: 'flag',
    format: 'value',
  },
  operands: [1, Infinity],
  run: async (read, { onWarning, ...watch }) => {
    const [directory, ...programs] = read.operands.map(({ bytes }) => bytes);
    const texts = (name: string) => valuesOf(read, name).map(({ text }) => text);
    const [from] = valuesOf(read, 'from').slice(-1);
    const [recipe] = valuesOf(read, 'recipe').slice(-1);
    const plan = has(read, 'plan');
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    const report = await buildJail({
      ...watch,
      directory: directory ?? '',
      programs,
      packages: texts('package'),
      packs: texts('pack'),
      withoutPacks: texts('no-pack'),
      without: valuesOf(read, 'without').map(({ bytes }) => bytes),
      learn: texts('learn'),
      copies: valuesOf(read, 'copy').map(({ bytes }) => toCopy(bytes)),
      users: texts('user'),
      keepPrivileges: valuesOf(read, 'keep-privileges').map(({ bytes }) => bytes),
      ...(from !== undefined && { from: from.bytes }),
      ...(recipe !== undefined && { recipe: readRecipe(recipe) }),
      replace: valuesOf(read, 'replace').map(({ bytes }) => bytes),
      plan,
    });
    [...report.warnings, ...newsLeft(directory ?? '', report)].forEach(onWarning);
    const text = format === 'json' ? jsonDocument(report) : showBuilt(directory ?? '', report, plan);
    return { text, status: workStatus(report) };
  },
};

const update: JailCommand = {
  synopsis: 'update DIRECTORY [--replace PATH]... [--plan] [--format text|json]',
  options: { replace: 'value', plan: 'flag', format: 'value' },
  operands: [1, 1],
  run: async (read, { onWarning, ...watch }) => {
    const [directory = ''] = read.operands.map(({ bytes }) => bytes);
    const plan = has(read, 'plan');
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    const replace = valuesOf(read, 'replace').map(({ bytes }) => bytes);
    const report = await updateJail({ ...watch, directory, replace, plan });
    [...report.warnings, ...newsLeft(directory, report)].forEach(onWarning);
    const text = format === 'json' ? jsonDocument(report) : showUpdate(directory, report, plan);
    return { text, status: workStatus(report) };
  },
};

const list: JailCommand = {
  synopsis: 'list DIRECTORY [--format text|json]',
  options: { format: 'value' },
  operands: [1, 1],
  run: async (read) => {
    const [directory = ''] = read.operands.map(({ bytes }) => bytes);
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    const listed = await listJail({ directory });
    return format === 'json' ? jsonDocument(listed) : showList(listed);
  },
};

const explain: JailCommand = {
  synopsis: 'explain DIRECTORY PATH',
  options: {},
  operands: [2, 2],
  run: async (read) => {
    const [directory = '', path = ''] = read.operands.map(({ bytes }) => bytes);
    return showExplanation(await explainFile({ directory, path }));
  },
};

const clone: JailCommand = {
  synopsis: 'clone TEMPLATE DIRECTORY',
  options: {},
  operands: [2, 2],
  run: async (read, { onWarning, ...watch }) => {
    const [template = '', directory = ''] = read.operands.map(({ bytes }) => bytes);
    const report = await cloneJail({ ...watch, template, directory });
    report.skipped.forEach((what) => onWarning(what));
    return summaryOf(directory, report);
  },
};

const remove: JailCommand = {
  synopsis: 'remove DIRECTORY',
  options: {},
  operands: [1, 1],
  run: async (read, { signal, onProgress }) => {
    const [directory = ''] = read.operands.map(({ bytes }) => bytes);
    await removeJail({ signal, onProgress, directory });
    return '';
  },
};

const check: JailCommand = {
  synopsis:
    'check DIRECTORY [--user NAME]... [--fix [--replace PATH]...] [--fail-on error|warning|note] [--format text|json|sarif] [--ignore RULE[:PATH]]...',
  options: {
    user: 'value',
    fix: 'flag',
    replace: 'value',
    'fail-on': 'value',
    format: 'value',
    ignore: 'value',
    explain: 'value',
  },
  operands: [0, 1],
  failureStatus: 2,
  run: async (read, { signal, onProgress }) => {
    const texts = (name: string) => valuesOf(read, name).map(({ text }) => text);
    const [rule] = texts('explain').slice(-1);
    if (rule !== undefined) return explainRule(rule);
    const [directory] = read.operands.map(({ bytes }) => bytes);
    if (directory === undefined) throw new UsageError(`Usage: uchroot-jail ${check.synopsis}`);
    const format = toFormat(valueOf(read, 'format'), CHECK_FORMATS);
    const lowest = checkSeverity(texts('fail-on').at(-1) ?? 'error');
    const report = await checkJail({
      signal,
      onProgress,
      directory,
      users: texts('user'),
      fix: has(read, 'fix'),
      replace: valuesOf(read, 'replace').map(({ bytes }) => bytes),
      ignore: valuesOf(read, 'ignore').map(({ bytes }) => bytes),
    });
    return { text: showCheck(directory, report, format), status: statusOf(report, lowest) };
  },
};

export const commands: Readonly<Record<string, JailCommand>> = {
  build,
  update,
  list,
  clone,
  check,
  explain,
  remove,
};

// Something of the host, perhaps a security update, has not come into the jail.
const OUTDATED_STATUS = 3;

function workStatus({ left }: JailReport): number {
  return left.some(({ isOutdated }) => isOutdated) ? OUTDATED_STATUS : 0;
}

/** PATH, or PATH:DEST where DEST is an absolute path of the jail. */
function toCopy(value: Buffer): Buffer | { readonly from: Buffer; readonly to: Buffer } {
  const colon = value.lastIndexOf(':/');
  return colon <= 0 ? value : { from: value.subarray(0, colon), to: value.subarray(colon + 1) };
}

function readRecipe({ bytes }: Argument): unknown {
  try {
    return JSON.parse(readFileSync(bytes, 'utf8'));
  } catch (error) {
    throw new UsageError(`--recipe ${quote(bytes)}: ${wordsOf(error as Error)}`, {
      hint: 'uchroot-jail list DIRECTORY --format json writes one',
    });
  }
}

/** A line for each pack, for the help. */
export function packLines(): string {
  const width = Math.max(...packs.map(({ name }) => name.length));
  return packs.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`).join('');
}
