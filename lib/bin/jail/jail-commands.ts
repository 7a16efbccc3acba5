// The commands of uchroot-jail: their options, their library calls, and their output.
import { readFileSync } from 'node:fs';

import { UsageError } from '../../errors.ts';
import { statusOf, toSeverity } from '../../findings/finding-severity.ts';
import { buildJail, type JailReport, updateJail, type UpdateRequest } from '../../jail/building.ts';
import { checkJail } from '../../jail/check/jail-check.ts';
import { cloneJail } from '../../jail/clone.ts';
import { EXPORT_FORMATS, exportJail } from '../../jail/export-jail.ts';
import { listJail } from '../../jail/listing.ts';
import { packs } from '../../jail/packs/index.ts';
import { removeJail } from '../../jail/remove.ts';
import type { JailWork } from '../../jail/request/jail-request.ts';
import { wordsOf } from '../../jail/work/jail-error.ts';
import type { NamedOption } from '../../launch/request/option-row.ts';
import { option, type Argument } from '../../values/command-option.ts';
import { parseNumber } from '../../values/size.ts';
import { path } from '../../values/validators.ts';
import { quote } from '../../words/quote.ts';
import type { ReadArguments } from '../arguments.ts';
import { type Command, has, type Outcome, textsOf, valueOf, valuesOf, wrongNumber } from '../dispatch.ts';
import { CHECK_FORMATS, FORMATS, toFormat } from '../common-options.ts';
import { explainRule, showCheck } from './jail-check-report.ts';
import { explain } from './explain-command.ts';
import { inventoryCommands } from './inventory-commands.ts';
import { refuseOtherJail } from './jail-operands.ts';
import { newsLeft, showBuilt, showList, showUpdate, summaryOf } from './jail-report.ts';
import { jsonDocument } from '../../words/json.ts';
import { sourceDateEpoch } from './source-date-epoch.ts';
import { workspaceCommands } from './workspace-commands.ts';

// Aborts the work, shows its progress, and prints warnings.
interface Watch extends Required<Pick<JailWork, 'signal' | 'onProgress'>> {
  readonly onWarning: (warning: string) => void;
}

type JailCommand = Command<Watch>;

const bytesOf = (read: ReadArguments, name: string) => valuesOf(read, name).map(({ bytes }) => bytes);

const replaceOption = option('--replace PATH', 'make it as planned, even if it was changed in the jail');
const keepOption = option('--keep PATH', 'leave it as it is in the jail: what the host has now was seen');
const imageOption = option(
  '--image FILE[:TAG]',
  'the files of an image: an OCI layout, docker save, or a tar of a root',
);
const planOption = option('--plan', 'show what would change, and change nothing');
const formatOption = option('--format text|json', 'how the answer is printed');
const ignoreOption = option(
  '--ignore RULE[:PATH]',
  'leave out the findings of a rule, everywhere or at a path',
);

const build: JailCommand = {
  synopsis: 'build DIRECTORY [OPTION]... [PROGRAM]...',
  summary: 'makes a jail in DIRECTORY, or adds to one that is there',
  about: `PROGRAM is a path, or a name that is looked up in PATH. It comes with its #! interpreters, loader, shared
libraries, the data of its Debian package, and the packs that it needs.`,
  options: [
    option('--package NAME', 'the files of an installed Debian package, and of what it depends on'),
    option('--pack NAME', 'add a pack that would not be added by itself'),
    option('--no-pack NAME', 'leave a pack out'),
    option('--without PATH', 'leave out a path, and files that only it needs'),
    option("--learn 'COMMAND'", 'run it on a scratch copy of the host, and copy the files that it opens'),
    option('--copy PATH[:DEST]', 'a file or directory of the host, to DEST in the jail'),
    option('--user NAME', 'an account to add to the jail; the jail is tested as the first one'),
    option(
      '--keep-privileges PATH',
      'leave a program its set-user-ID and set-group-ID bits and file capabilities',
    ),
    option('--from ROOT', 'copy from the system in this directory'),
    option('--from-host', "copy nothing: isolated launches mount the host's /usr, read-only"),
    imageOption,
    option('--recipe FILE', 'the recipe of a jail, as list --format json writes it'),
    replaceOption,
    planOption,
    formatOption,
  ],
  ending: () => `\nPacks:\n${packLines()}`,
  operands: [1, Infinity],
  run: (read, watch, directory, ...programs) => {
    refuseOtherJail(directory, programs, bytesOf(read, 'copy').at(-1));
    const [from, recipe, image] = [valueOf(read, 'from'), valueOf(read, 'recipe'), valueOf(read, 'image')];
    return work(read, watch, directory, showBuilt, (request) =>
      buildJail({
        ...request,
        programs,
        packages: textsOf(read, 'package'),
        packs: [...textsOf(read, 'pack'), ...(has(read, 'from-host') ? ['host'] : [])],
        withoutPacks: textsOf(read, 'no-pack'),
        without: bytesOf(read, 'without'),
        learn: textsOf(read, 'learn'),
        copies: bytesOf(read, 'copy').map(toCopy),
        users: textsOf(read, 'user'),
        keepPrivileges: bytesOf(read, 'keep-privileges'),
        ...(from !== undefined && { from: from.bytes }),
        ...(image !== undefined && { image: image.bytes }),
        ...(recipe !== undefined && { recipe: readRecipe(recipe) }),
      }),
    );
  },
};

const update: JailCommand = {
  synopsis: 'update DIRECTORY [OPTION]...',
  summary: 'brings a jail up to date with the host',
  options: [imageOption, replaceOption, keepOption, planOption, formatOption],
  operands: [1, 1],
  run: (read, watch, directory) =>
    work(read, watch, directory, showUpdate, (request) => {
      const image = valueOf(read, 'image')?.bytes;
      return updateJail({ ...request, keep: bytesOf(read, 'keep'), ...(image !== undefined && { image }) });
    }),
};

// The exit status if a newer file of the host, perhaps a security update, was not put in the jail.
const OUTDATED_STATUS = 3;

// Builds or updates, and reports it.
async function work<Report extends JailReport>(
  read: ReadArguments,
  { onWarning, ...watch }: Watch,
  directory: Buffer,
  show: (directory: Buffer, report: Report, isPlan: boolean) => string,
  make: (request: UpdateRequest) => Promise<Report>,
): Promise<Outcome> {
  const plan = has(read, 'plan');
  const format = toFormat(valueOf(read, 'format'), FORMATS);
  const report = await make({ ...watch, directory, replace: bytesOf(read, 'replace'), plan });
  [...report.warnings, ...newsLeft(directory, report)].forEach(onWarning);
  const text = format === 'json' ? jsonDocument(report) : show(directory, report, plan);
  return { text, status: report.left.some(({ isOutdated }) => isOutdated) ? OUTDATED_STATUS : 0 };
}

const list: JailCommand = {
  synopsis: 'list DIRECTORY [--format text|json]',
  summary: 'lists what the builder has put into a jail, with the reason for each file',
  options: [formatOption],
  operands: [1, 1],
  run: async (read, _, directory) => {
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    const listed = await listJail({ directory });
    return format === 'json' ? jsonDocument(listed) : showList(listed);
  },
};

const clone: JailCommand = {
  synopsis: 'clone TEMPLATE DIRECTORY',
  summary: 'makes a new jail like another one',
  options: [],
  operands: [2, 2],
  run: async (_, { onWarning, ...watch }, template, directory) => {
    const report = await cloneJail({ ...watch, template, directory });
    report.skipped.forEach((what) => onWarning(what));
    return summaryOf(directory, report);
  },
};

const remove: JailCommand = {
  synopsis: 'remove DIRECTORY',
  summary: 'removes a jail and everything in it',
  options: [],
  operands: [1, 1],
  run: async (_, { signal, onProgress }, directory) => {
    await removeJail({ signal, onProgress, directory });
    return '';
  },
};

const exported: JailCommand = {
  synopsis: 'export DIRECTORY FILE [OPTION]...',
  summary: 'writes a jail to FILE, as an image for container engines, a tar archive or a file system',
  about: `The same jail gives the same archive as long as the host has its packages. If SOURCE_DATE_EPOCH is set, no file in it is newer.
Nothing is written if check finds an error.`,
  options: [
    option(
      '--format oci|tar|squashfs',
      'an image, which docker load reads too (default), or the files alone, or a file system for RootImage= of systemd',
    ),
    option('--unit FILE', 'a unit of systemd, which makes it a portable service; may be repeated'),
    option('--tag NAME:TAG', 'the name of the image'),
    option(
      '--layers NUMBER',
      'of the image, at most (default: 1): then an update of a package leaves most of them as they were',
    ),
    ignoreOption,
  ],
  operands: [2, 2],
  run: async (read, { signal, onProgress }, directory, file) => {
    const format = toFormat(valueOf(read, 'format'), EXPORT_FORMATS);
    const [tag, newestS] = [valueOf(read, 'tag')?.text, sourceDateEpoch()];
    const layers = valueOf(read, 'layers')?.text;
    const [units, ignore] = [bytesOf(read, 'unit'), bytesOf(read, 'ignore')];
    const report = await exportJail({
      signal,
      onProgress,
      directory,
      file,
      format,
      units,
      ignore,
      ...(tag !== undefined && { tag }),
      ...(layers !== undefined && { layers: parseNumber(layers) as number }),
      ...(newestS !== undefined && { newestS }),
    });
    const digest = report.digest === undefined ? '' : `${report.digest}\n`;
    return `${summaryOf(file, report)}${digest}`;
  },
};

const check: JailCommand = {
  synopsis: 'check DIRECTORY [OPTION]...',
  summary: 'reports what is unsafe in a jail, or was changed since it was built',
  options: [
    option('--user NAME', 'a user for whom the jail must be safe; may be repeated'),
    option('--fix', 'fix what can be fixed safely'),
    replaceOption,
    option(
      '--fail-on error|warning|note',
      'the least severity at which the exit status is not 0 (default: error)',
    ),
    option('--format text|json|sarif', 'how the findings are printed'),
    ignoreOption,
    option('--explain RULE', 'explain a rule, or all rules with all'),
  ],
  operands: [0, 1],
  failureStatus: 2,
  run: async (read, { signal, onProgress }, directory?: Buffer) => {
    const rule = valueOf(read, 'explain');
    if (rule !== undefined) return explainRule(rule.text);
    if (directory === undefined) throw wrongNumber('uchroot-jail', check, []);
    const format = toFormat(valueOf(read, 'format'), CHECK_FORMATS);
    const lowest = toSeverity(valueOf(read, 'fail-on')?.text ?? 'error');
    const report = await checkJail({
      signal,
      onProgress,
      directory,
      users: textsOf(read, 'user'),
      fix: has(read, 'fix'),
      replace: bytesOf(read, 'replace'),
      ignore: bytesOf(read, 'ignore'),
    });
    return { text: showCheck(directory, report, format), status: statusOf(report.counts, lowest) };
  },
};

type Commands = Readonly<Record<string, JailCommand>>;

export const commands: Commands = {
  build,
  update,
  list,
  clone,
  check,
  explain,
  export: exported,
  ...inventoryCommands,
  remove,
  ...workspaceCommands,
};

const KEYS: Readonly<Record<string, string>> = {
  package: 'packages',
  pack: 'packs',
  'no-pack': 'withoutPacks',
  copy: 'copies',
  user: 'users',
  'keep-privileges': 'keepPrivileges',
  unit: 'units',
};

/** The options with the keys that they set. */
export function keyedOptions(): readonly NamedOption[] {
  const all = [build, update, check, exported].flatMap(({ options }) => options);
  const alone = new Map(all.map((one) => [one.name, one]));
  return Array.from(alone.values(), (one) => [KEYS[one.name] ?? one.name, one]);
}

/** PATH, or PATH:DEST where DEST is an absolute path of the jail. */
function toCopy(value: Buffer): Buffer | { readonly from: Buffer; readonly to: Buffer } {
  const colon = value.lastIndexOf(':/');
  return colon <= 0 ? value : { from: value.subarray(0, colon), to: value.subarray(colon + 1) };
}

function readRecipe({ bytes }: Argument): unknown {
  path('/srv/recipe.json')(bytes, '--recipe');
  try {
    return JSON.parse(readFileSync(bytes, 'utf8'));
  } catch (error) {
    throw new UsageError(`--recipe ${quote(bytes)}: ${wordsOf(error as Error)}`, {
      hint: 'uchroot-jail list DIRECTORY --format json writes one',
    });
  }
}

function packLines(): string {
  const width = Math.max(...packs.map(({ name }) => name.length));
  return packs.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`).join('');
}
