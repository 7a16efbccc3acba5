// The remedy for a bind without a source or target: it depends on what should be bound.
import { statSync } from 'node:fs';
import { posix } from 'node:path';

import {
  bytePath,
  joinPath,
  lastComponent,
  parentPath,
  showPath,
  trimSlashes,
  type BytePath,
} from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import type { ErrnoName } from '../../errors.ts';
import { quote } from '../../words/quote.ts';
import { commandLine } from '../../words/shell-word.ts';
import type { Step } from '../plan/step.ts';
import type { JailView } from './jail-view.ts';

// Undefined if nothing is there. This process may have another root directory by now, so the answer is for hints only.
const onHost = (path: Uint8Array): 'file' | 'directory' | undefined => {
  const status = statSync(Buffer.from(path), { throwIfNoEntry: false });
  return status && (status.isDirectory() ? 'directory' : 'file');
};

function making(path: BytePath, isDirectory: boolean): string {
  if (isDirectory) return commandLine('mkdir', '-p', path);
  return `${commandLine('mkdir', '-p', bytePath(posix.dirname(path)))} && ${commandLine('touch', path)}`;
}

// Links of what is there are resolved.
function ownPath(root: FileRoot, path: BytePath): BytePath {
  const way = walk(root, path);
  if (way.kind === 'found' || path === '/') return way.path;
  return joinPath(ownPath(root, parentPath(path)), lastComponent(path));
}

/** The command that makes the place for a mount in the jail. On the host, an absolute link of the jail would lead elsewhere. */
export const makingPlace = (
  { jail, root }: Pick<JailView, 'root' | 'jail'>,
  target: BytePath,
  isDirectory: boolean,
): string => making(bytePath(`${jail}${showPath(ownPath(root, trimSlashes(target)))}`), isDirectory);

/** The hint for a step that has failed with ENOENT; undefined if there is no better one than the step's own. */
export function bindHint(
  steps: readonly Step[],
  step: Step,
  code: ErrnoName,
  view: Pick<JailView, 'root' | 'jail' | 'account'>,
): string | undefined {
  const isWhole = code === 'ENOENT' || code === 'EINVAL' || code === 'ENOTDIR';
  if (!isWhole || (step.op !== 'open_tree' && step.op !== 'move_mount')) return undefined;
  if (step.op === 'open_tree' && code === 'ENOENT' && step.source !== undefined) {
    // the directory of --ephemeral-dir, or a writable directory of a read-only jail
    if (step.isDirectory === true) return commandLine('mkdir', '-p', '-m', '0700', bytePath(step.source));
    if (step.isInJail === true) return commandLine('mkdir', '-p', `${view.jail}${bytePath(step.source)}`);
  }
  const opened = steps.find((each) => each.op === 'open_tree' && each.slot === step.slot);
  const target = steps.find((each) => each.op === 'move_mount' && each.slot === step.slot);
  if (opened?.op !== 'open_tree' || target?.op !== 'move_mount' || opened.isInJail === true) return undefined;
  const { source } = opened;
  if (source === undefined) return undefined;
  const [from, to] = [quote(source), quote(target.target)];
  if (step.op === 'open_tree') {
    const isSwapped =
      walk(view.root, bytePath(source)).kind === 'found' && onHost(target.target) !== undefined;
    return isSwapped ? `the path of the host comes first: write ${to}:${from}` : undefined;
  }
  if (/:r[ow]$/.test(to)) return undefined;
  if (code !== 'ENOENT')
    return onHost(source) === 'file' && !to.endsWith(posix.basename(from))
      ? `write ${from}:${posix.join(to, posix.basename(from))}, and make that file first`
      : `${to} is a file in the jail: write a directory in its place`;
  const isDirectory = onHost(source) === 'directory';
  if (target.onHost !== undefined) return making(bytePath(target.onHost), isDirectory);
  const command = makingPlace(view, bytePath(target.target), isDirectory);
  return view.account.outside === undefined ? command : `${command}   # as the owner of the jail`;
}
