// Reads from a shell script, and from what it reads in itself, which commands it may run.

import { type BytePath, joinPath, lastComponent, parentPath, toLatin1 } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { readIfThere } from './read.ts';

// What stands before the name of a command: the start of a line, what ends or opens a list, a reserved word, or a command
// that runs another one (dash(1), "Shell Grammar").
const BEFORE = String.raw`^|[|&;(\`{!]|\b(?:then|do|else|elif|if|while|until|exec|command|eval|xargs|nohup|sudo|time)[ \t]`;
const COMMAND = new RegExp(
  String.raw`(?<=${BEFORE})[ \t]*(?:/(?:usr/)?s?bin/)?([A-Za-z0-9_][\w+.-]*)(?=[ \t\n;|&)\`"]|$)`,
  'gm',
);
const MAX_SCRIPT_LENGTH = 1 << 20;

/** The commands that a shell script may run; words of a here-document are taken for commands too. */
export function findCommands(script: string): ReadonlySet<string> {
  const text = script.slice(0, MAX_SCRIPT_LENGTH).replace(/^[ \t]*#.*$/gm, '');
  const found = new Set<string>();
  for (const [, name] of text.matchAll(COMMAND)) if (name !== undefined) found.add(name);
  return found;
}

// The last component of what follows the dot; the directory may be the output of a command: "$(git --exec-path)/git-sh-setup".
const SOURCED = /(?:^|[;&|{ \t])(?:\.|source)[ \t]+(["']?)([^\n;&|]*?)([\w.+-]+)\1[ \t]*(?=$|[\n;&|)}])/gm;

/** Scripts that are read into another: `. /lib/lsb/init-functions`, or the name alone for one that is found by PATH or $0. */
export function findSourced(script: string): ReadonlySet<BytePath> {
  const found = new Set<BytePath>();
  for (const line of script.slice(0, MAX_SCRIPT_LENGTH).split('\n')) {
    if (line.length > MAX_LINE_LENGTH) continue;
    for (const [, , directory = '', name = ''] of line.matchAll(SOURCED))
      found.add((/^\/[\w./+-]*$/.test(directory) ? directory + name : name) as BytePath);
  }
  return found;
}

const MAX_LINE_LENGTH = 1000;
const MAX_SOURCED = 50;

/** The commands of a shell script at `path`, and of those that it reads in, if they lie beside it or are named in full. */
export function commandsOf(root: FileRoot, path: BytePath, script: string): ReadonlySet<string> {
  const commands = new Set(findCommands(script));
  const seen = new Set<BytePath>();
  const queue = [...findSourced(script)];
  for (let name = queue.pop(); name !== undefined && seen.size < MAX_SOURCED; name = queue.pop()) {
    const file = joinPath(parentPath(path), name);
    if (seen.has(file)) continue;
    seen.add(file);
    const text = toLatin1(readIfThere(root, file, MAX_SCRIPT_LENGTH));
    for (const command of findCommands(text)) commands.add(command);
    queue.push(...findSourced(text));
  }
  return commands;
}

/** sh(1) by one of its names. */
export function isShell(path: BytePath): boolean {
  return /^(?:ba|da|k|mk|z|a)?sh$/.test(lastComponent(path));
}
