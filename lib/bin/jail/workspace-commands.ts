// The commands of uchroot-jail for workspaces: what programs have changed there, and what becomes of it.
import { commitWorkspace, discardWorkspace, workspaceChanges } from '../../workspace/changing.ts';
import type { WorkspaceChange } from '../../workspace/changes.ts';
import { option } from '../../values/command-option.ts';
import { jsonDocument } from '../../words/json.ts';
import { FORMATS, toFormat } from '../common-options.ts';
import { has, valueOf, type Command } from '../dispatch.ts';

type WorkspaceCommand = Command<object>;

const formatOption = option('--format text|json', 'how the answer is printed');

function line({ path, change, kind, executed, conflict }: WorkspaceChange): string {
  const notes = [
    ...(kind === 'directory' ? ['directory'] : []),
    ...(executed === true ? ['the host executes it'] : []),
    ...(conflict === true ? ['the host has changed it too'] : []),
  ];
  return `${change.padEnd(7)} ${path}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}\n`;
}

const text = (list: readonly WorkspaceChange[]): string => list.map(line).join('');

const changes: WorkspaceCommand = {
  synopsis: 'changes WORKSPACE [PATH]...',
  summary: 'lists what programs have changed in a directory that uchroot --workspace gave them',
  options: [formatOption],
  operands: [1, Infinity],
  run: async (read, _, directory, ...paths) => {
    const format = toFormat(valueOf(read, 'format'), FORMATS);
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
