// The reports that the commands of uchroot-jail print.

import { bytePath, showPath } from '../../tree/path.ts';
import type { LeftBecause, LeftSide } from '../../jail/apply/present-object.ts';
import type { JailReport, UpdateReport } from '../../jail/building.ts';
import type { Explanation, JailList, ListedFile } from '../../jail/listing.ts';
import type { Change } from '../../jail/manifest/manifest-changes.ts';
import { fromText } from '../../jail/manifest/path-text.ts';
import { type Bytes, quote } from '../../words/quote.ts';
import { commandLine } from '../../words/shell-word.ts';
import { megabytes } from '../progress-bar.ts';

const show = (text: string) => showPath(fromText(text));

/** The last line of a report: the size of the jail. */
export function summaryOf(
  directory: Bytes,
  { files, sizeBytes }: { readonly files: number; readonly sizeBytes: number },
): string {
  return `${quote(directory)}: ${files} files, ${megabytes(sizeBytes)}\n`;
}

export function showBuilt(directory: Bytes, report: JailReport, isPlan: boolean): string {
  const plan = isPlan ? [...report.changes.map(changeLine), ...largest(report)] : [];
  const packs = report.packs.filter(({ name }) => name !== 'base');
  const ofPacks = packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return [
    ...plan,
    ...packs.map(({ name, trigger, sizeBytes }) => {
      const size = sizeBytes < WORTH_A_WORD_BYTES ? '' : `, ${megabytes(sizeBytes)}`;
      return `pack ${name}${trigger === undefined ? '' : `: for ${show(trigger)}`}${size}\n`;
    }),
    ...report.removable.map(
      ({ option, value, sizeBytes }) =>
        `large: ${megabytes(sizeBytes)}, which ${commandLine(option, value)} leaves out\n`,
    ),
    ...report.leftOut.map((path) => `left out: ${show(path)}; --copy brings it\n`),
    leftLines(report),
    summaryOf(directory, report).trimEnd(),
    ofPacks < WORTH_A_WORD_BYTES
      ? '\n'
      : `, ${megabytes(ofPacks)} of it by packs, which --no-pack leaves out\n`,
  ].join('');
}

const WORTH_A_WORD_BYTES = 1_000_000;

const MOST_PARTS = 10;

function largest({ parts }: JailReport): readonly string[] {
  return parts
    .filter(({ sizeBytes }) => sizeBytes >= WORTH_A_WORD_BYTES)
    .slice(0, MOST_PARTS)
    .map((part) => {
      const whose = part.package === undefined ? 'files of no package' : `package ${part.package}`;
      return `part ${whose}, ${megabytes(part.sizeBytes)}: ${show(part.path)}, ${part.because}\n`;
    });
}

function changeLine({ kind, path, package: name }: Change): string {
  return `${kind} ${show(path)}${name === undefined ? '' : ` (${name})`}\n`;
}

export function showUpdate(directory: Bytes, report: UpdateReport, isPlan: boolean): string {
  const { changes, left } = report;
  const kept =
    left.length === 0 ? '' : `, ${left.length} left as ${left.length === 1 ? 'it is' : 'they are'}`;
  const changed = `${changes.length} ${isPlan ? 'to change' : 'changed'}${kept}`;
  const versions = report.packages.map(
    ({ package: name, from = 'not there', to = 'no longer needed' }) => `${name}: ${from} → ${to}\n`,
  );
  const extra = report.extra.map((path) => `left alone: ${show(path)}\n`);
  return [
    ...changes.map(changeLine),
    ...versions,
    ...extra,
    leftLines(report),
    summaryOf(directory, report).trimEnd(),
    `, ${changes.length + left.length === 0 ? 'up to date' : changed}\n`,
  ].join('');
}

const BECAUSE: Readonly<Record<LeftBecause, string>> = {
  writable: 'a user of the jail may write there',
  changed: 'it was changed in the jail',
  unknown: 'it was in the jail before',
  removed: 'it was removed in the jail',
  new: 'it is new on the host, and a user of the jail may write there',
  unneeded: 'it is no longer needed, but it is not as the builder made it',
};

function leftLines({ left }: JailReport): string {
  return left
    .map(({ path, because, jail, host }) => {
      const sides = `in the jail ${sideWords(jail)}; planned ${sideWords(host)}`;
      return `left as it is: ${show(path)}: ${BECAUSE[because]}: ${sides}\n`;
    })
    .join('');
}

function sideWords(side: LeftSide | undefined): string {
  if (side === undefined) return 'nothing';
  const { kind, mode, uid, gid, sha256, target } = side;
  if (target !== undefined) return `link to ${show(target)}`;
  return `${kind} ${mode} ${uid}:${gid}${sha256 === undefined ? '' : ` sha256 ${sha256}`}`;
}

/** A warning if newer host files were not put in the jail. */
export function newsLeft(directory: Bytes, { left }: JailReport): readonly string[] {
  const paths = left.filter(({ isOutdated }) => isOutdated).map(({ path }) => fromText(path));
  if (paths.length === 0) return [];
  const shown = paths.slice(0, MOST_NAMED);
  const more = paths.length > shown.length ? ` (and ${paths.length - shown.length} more)` : '';
  const lineWith = (option: string) =>
    commandLine('uchroot-jail', 'update', bytePath(directory), ...shown.flatMap((path) => [option, path]));
  return [
    `newer versions on the host were not put in the jail: ${shown.map(showPath).join(', ')}${more}; to replace the old ones: ${lineWith('--replace')}; to keep them: ${lineWith('--keep')}`,
  ];
}

const MOST_NAMED = 5;

export function showList({ files, packs, packages }: JailList): string {
  const lines = files.map((file) => `${fileWords(file)}: ${file.because}\n`);
  const triggers = packs.map(
    ({ name, trigger }) => `pack ${name}${trigger ? `: for ${show(trigger)}` : ''}\n`,
  );
  const versions = Object.entries(packages).map(([name, version]) => `package ${name} ${version}\n`);
  return [...lines, ...triggers, ...versions].join('');
}

function fileWords({ path, target, kind }: ListedFile): string {
  if (target !== undefined) return `${show(path)} -> ${show(target)}`;
  return kind === 'directory' ? `${show(path)}/` : show(path);
}

export function showExplanation({ path, file, reasons, version }: Explanation): string {
  if (file === undefined) return `${show(path)} was not put there by uchroot-jail\n`;
  const facts = [
    `${fileWords(file)}${file.sizeBytes === undefined ? '' : `, ${file.sizeBytes} bytes`}`,
    ...(file.source === undefined || file.source === file.path ? [] : [`copied from ${show(file.source)}`]),
    ...(file.package === undefined ? [] : [`of package ${file.package} ${version ?? ''}`.trimEnd()]),
    ...(file.sha256 === undefined ? [] : [`sha256 ${file.sha256}`]),
  ];
  const chain = reasons.map((reason, depth) => `${'  '.repeat(depth)}← ${reason}`);
  return `${[...facts, ...chain].join('\n')}\n`;
}
