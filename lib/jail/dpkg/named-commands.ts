// Finds the commands in a program or script that no package of it declares, so that a summary can suggest them.

import { toLatin1 } from '../../tree/path.ts';
import { findAtEnd, type Keys, toKeys } from './scan-names.ts';
import { assignedIn } from './script-calls.ts';
import { buffersOf, type Strings } from './sections.ts';

// A whole string, or the end of one, before an option of a command: the linker keeps the order of an argument vector, and stores
// "xsltproc" as the end of "tool.xsltproc". The last word of a message, of an option as in "--cleanup=strip" or of a path such as
// "share/man" is no command.
const NAME_AT_END = /(?<![\w+ =-]|(?<!\bs?bin)\/)[a-z][\w+-]{2,}(?=\0*$)/;
const MOST_CHARACTERS = 64;
// The length is limited, so that a hostile file is searched in one pass.
const OPTION = new RegExp(String.raw`\0--?[A-Za-z][\w-]{0,${MOST_CHARACTERS}}=?(?=\0)`, 'g');

function commandsIn(text: string): readonly string[] {
  const names: string[] = [];
  for (const { 0: option, index: end } of text.matchAll(OPTION)) {
    if (option.length >= MOST_CHARACTERS) continue;
    const name = NAME_AT_END.exec(text.slice(Math.max(0, end - MOST_CHARACTERS), end))?.[0];
    if (name !== undefined) names.push(name);
  }
  return names;
}

/** The names in the strings of a compiled program that an option follows, as in the argument vector of a command. */
export function commandsInStrings({ parts, unseparated }: Strings): ReadonlySet<string> {
  return new Set(unseparated ? [] : parts.flatMap((part) => commandsIn(toLatin1(part))));
}

// func_find_tool M4 gm4 gnum4 m4
const CANDIDATES =
  /^[ \t]*[a-z]\w*[ \t]+([A-Z][A-Z0-9]{1,11})[ \t]+((?:[\w.+-]+[ \t]+){0,5}[\w.+-]+)[ \t]*$/gm;

/** The commands that variables of a shell script are set to: by an assignment, or by a function that gets both as arguments. */
export function commandsInVariables(script: string): ReadonlySet<string> {
  const found = new Set(assignedIn(script));
  for (const [, variable = '', candidates = ''] of script.matchAll(CANDIDATES)) {
    const name = variable.toLowerCase();
    if (candidates.split(/[ \t]+/).includes(name)) found.add(name);
  }
  return found;
}

// Tools whose names are no words of messages; the linker stores "diff" as the end of "wdiff".
const TOOLS = ['diff', 'diff3', 'gzip', 'gunzip', 'zcat', 'grep', 'xargs'];
let tools: Keys | undefined;
const MOST_BYTES = 1 << 18;

const DIRECTORY = '/bin/';

function toolsByPath(data: Buffer): readonly string[] {
  const names: string[] = [];
  for (let at = data.indexOf(DIRECTORY); at >= 0; at = data.indexOf(DIRECTORY, at + 1)) {
    const before = data.toString('latin1', Math.max(0, at - 5), at);
    if (!before.endsWith('\0') && before !== '\0/usr') continue;
    const start = at + DIRECTORY.length;
    const name = data.toString('latin1', start, Math.max(start, data.indexOf(0, start)));
    if (/^[a-z][\w.+-]*$/.test(name)) names.push(name);
  }
  return names;
}

/**
 * The basic tools that a compiled program starts itself: by their whole path, and by a name that execvp(3) looks up, if
 * `looksUp` says that it does so.
 */
export function toolsIn(strings: Strings, looksUp: () => boolean): ReadonlySet<string> {
  if (strings.unseparated) return new Set();
  const names = (tools ??= toKeys(TOOLS));
  const byName = strings.parts
    .filter(({ length }) => length <= MOST_BYTES)
    .flatMap((part) => findAtEnd(part, names));
  return new Set([
    ...buffersOf(strings).flatMap(toolsByPath),
    ...(byName.length > 0 && looksUp() ? byName : []),
  ]);
}
