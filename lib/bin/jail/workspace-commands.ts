// The commands of uchroot-jail for workspaces: what programs have changed there, and what becomes of it.
import { commitWorkspace, discardWorkspace, workspaceChanges } from '../../workspace/changing.ts';
import type { WorkspaceChange } from '../../workspace/changes.ts';
import { workspaceDiff } from '../../workspace/texts.ts';
import { octal } from '../../trust/writer.ts';
import { option } from '../../values/command-option.ts';
import { atOnce } from '../../values/wrong.ts';
import { jsonDocument } from '../../words/json.ts';
import { FORMATS, toFormat } from '../common-options.ts';
import { has, valueOf, type Command } from '../dispatch.ts';

type WorkspaceCommand = Command<object>;

const formatOption = option('--format text|json', 'how the answer is printed');

function line({ path, change, kind, ...more }: WorkspaceChange): string {
  const notes = [
    ...(kind === 'directory' ? ['directory'] : []),
    ...(more.modes === undefined ? [] : [more.modes.map(octal).join(' to ')]),
    ...(more.sizeBytes === undefined ? [] : [`${more.sizeBytes} bytes`]),
    ...(more.from === undefined ? [] : [`moved from ${more.from}`]),
    ...(more.executed === true ? ['the host executes it'] : []),
    ...(more.conflict === true ? ['the host has changed it too'] : []),
  ];
  const shown = more.target === undefined ? path : `${path} -> ${more.target}`;
  return `${change.padEnd(7)} ${shown}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}\n`;
}

const text = (list: readonly WorkspaceChange[]): string => list.map(line).join('');

// A program has written it, and a terminal would obey it.
const visible = (diff: Buffer): string =>
  diff
    .toString()
    .replace(/[^\n\t\P{C}]/gu, (one) => `\\x${(one.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`);

const changes: WorkspaceCommand = {
  synopsis: 'changes WORKSPACE [PATH]...',
  summary: 'lists what programs have changed in a directory that uchroot --workspace gave them',
  options: [option('--diff', 'what has changed in the files, as patch -p1 takes it'), formatOption],
  operands: [1, Infinity],
  run: async (read, _, directory, ...paths) => {
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    if (has(read, 'diff')) {
      if (valueOf(read, 'format') !== undefined) throw atOnce('--diff', '--format');
      const diff = await workspaceDiff({ directory, ...(paths.length > 0 && { paths }) });
      return { text: process.stdout.isTTY ? visible(diff) : diff, status: 0 };
    }
    const list = await workspaceChanges({ directory, ...(paths.length > 0 && { paths }) });
    return format === 'json' ? jsonDocument({ changes: list }) : text(list);
  },
};

const commit: WorkspaceCommand = {
  synopsis: 'commit WORKSPACE [PATH]...',
  summary: 'brings these changes to the host',
  about: `All changes are judged before the first file is written. A file that the host has changed meanwhile is refused.
So is a file that programs of the host execute, such as .git/hooks/pre-commit or package.json, unless it is named.`,
  options: [option('--overwrite', 'replace what the host has changed meanwhile'), formatOption],
  operands: [1, Infinity],
  run: async (read, _, directory, ...paths) => {
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    const overwrite = has(read, 'overwrite');
    const list = await commitWorkspace({ directory, overwrite, ...(paths.length > 0 && { paths }) });
    return format === 'json' ? jsonDocument({ changes: list }) : text(list);
  },
};

const discard: WorkspaceCommand = {
  synopsis: 'discard WORKSPACE [PATH]...',
  summary: 'throws these changes away',
  options: [formatOption],
  operands: [1, Infinity],
  run: async (read, _, directory, ...paths) => {
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    const list = await discardWorkspace({ directory, ...(paths.length > 0 && { paths }) });
    return format === 'json' ? jsonDocument({ changes: list }) : text(list);
  },
};

export const workspaceCommands = { changes, commit, discard };
