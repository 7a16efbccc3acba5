// The commands of uchroot-jail that tell what a jail or an image holds: its bill of materials, and differences.
import { compareJails } from '../../jail/compare-jails.ts';
import { BILL_FORMATS, describeJail } from '../../jail/describe-jail.ts';
import type { Aspect, FileDifference, PackageDifference, Side } from '../../jail/inventory/differences.ts';
import { absolute } from '../../jail/host/given-path.ts';
import { imageAt } from '../../jail/inventory/named-contents.ts';
import { fromText } from '../../jail/manifest/path-text.ts';
import type { JailWork } from '../../jail/request/jail-request.ts';
import { option } from '../../values/command-option.ts';
import { commandLine } from '../../words/shell-word.ts';
import { bytePath, showPath, showPaths } from '../../tree/path.ts';
import { jsonDocument } from '../../words/json.ts';
import { quote } from '../../words/quote.ts';
import { FORMATS, toFormat } from '../common-options.ts';
import { type Command, valueOf } from '../dispatch.ts';
import { advisories } from './advisories-command.ts';
import { sourceDateEpoch } from './source-date-epoch.ts';

interface Watch extends Required<Pick<JailWork, 'signal' | 'onProgress'>> {
  readonly onWarning: (warning: string) => void;
}

type InventoryCommand = Command<Watch>;

const sbom: InventoryCommand = {
  synopsis: 'sbom JAIL [--format spdx|cyclonedx]',
  summary: 'prints a bill of materials: packages, files with hashes, and why each file is there',
  about: `JAIL is its directory, or an image: PATH or PATH:TAG. The same jail gives the same document. If SOURCE_DATE_EPOCH is set, that is its
time.`,
  options: [option('--format spdx|cyclonedx', 'SPDX 2.3 (default) or CycloneDX 1.6, as JSON')],
  operands: [1, 1],
  run: async (read, { signal, onProgress, onWarning }, directory) => {
    const format = toFormat(valueOf(read, 'format'), BILL_FORMATS);
    const createdS = sourceDateEpoch();
    const request = { signal, onProgress, directory, format, ...(createdS !== undefined && { createdS }) };
    const { text, changed, missing, unclear } = await describeJail(request);
    const isImage = imageAt(absolute(directory)) !== undefined;
    const more = isImage ? '' : `; ${commandLine('uchroot-jail', 'check', bytePath(directory))} tells more`;
    const notes = [
      [changed, 'not as they were built, and described as they are now', more],
      [missing, `no longer in the ${isImage ? 'image' : 'jail'}`, more],
      [unclear, 'no metadata of a package, although their names say so', ''],
    ] as const;
    for (const [paths, what, then] of notes)
      if (paths.length > 0) onWarning(`${what}: ${showPaths(paths.map(fromText))}${then}`);
    return text;
  },
};

const ASPECTS: Readonly<Record<Aspect, (side: Side) => string>> = {
  kind: ({ kind }) => kind,
  content: ({ target, sizeBytes }) => (target === undefined ? `${sizeBytes ?? 0} bytes` : show(target)),
  mode: ({ mode }) => mode,
  owner: ({ uid, gid }) => `${uid}:${gid}`,
  capabilities: ({ capabilities }) => capabilities ?? 'none',
  package: (side) => quote(side.package ?? 'none'),
  reason: ({ because }) => because ?? 'none',
};

const show = (text: string): string => showPath(fromText(text));

function fileLine({ change, path, differs = [], before, after }: FileDifference): string {
  const side = after ?? before;
  const owner = side?.package === undefined ? '' : ` (${quote(side.package)})`;
  const what = differs.map((aspect) =>
    before && after ? `${aspect} ${ASPECTS[aspect](before)} → ${ASPECTS[aspect](after)}` : aspect,
  );
  return `${change} ${show(path)}${owner}${what.length === 0 ? '' : `: ${what.join('; ')}`}\n`;
}

const words = (versions: readonly string[]) => quote(versions.join(', ') || 'not there');

function packageLine({ type, name, before, after }: PackageDifference): string {
  return `package ${type === 'deb' ? '' : `${type} `}${quote(name)}: ${words(before)} → ${words(after)}\n`;
}

const diff: InventoryCommand = {
  synopsis: 'diff A B [--format text|json]',
  summary: 'compares two jails, or a jail and an image',
  about: 'A and B are directories of jails, or images: PATH or PATH:TAG.',
  options: [option('--format text|json', 'how the answer is printed')],
  statuses: '0 no difference, 1 differences, 2 they could not be compared',
  failureStatus: 2,
  operands: [2, 2],
  run: async (read, { signal, onProgress, onWarning }, before, after) => {
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    const found = await compareJails({ signal, onProgress, before, after });
    const { packages, files, missing } = found;
    const status = packages.length + files.length === 0 ? 0 : 1;
    if (format === 'json') return { text: jsonDocument(found), status };
    for (const [name, paths] of [[before, missing.before] as const, [after, missing.after] as const])
      if (paths.length > 0) onWarning(`no longer in ${quote(name)}: ${showPaths(paths.map(fromText))}`);
    return { text: [...packages.map(packageLine), ...files.map(fileLine)].join(''), status };
  },
};

export const inventoryCommands = { sbom, diff, advisories };
