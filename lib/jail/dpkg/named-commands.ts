// Finds the commands in a program or script that no package of it declares: the compressors that it starts by the suffix of a file, the
// tools that it starts itself, and those that a summary can suggest.

import { readElf } from '../../binary/elf.ts';
import { type BytePath, toLatin1 } from '../../tree/path.ts';
import { type FileRoot, tryFile } from '../../tree/root.ts';
import { type Keys, toKeys } from './scan-names.ts';
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
export function toolsIn(strings: Strings, looksUp: boolean): ReadonlySet<string> {
  if (strings.unseparated) return new Set();
  const names = (tools ??= toKeys(TOOLS));
  const small = looksUp ? strings.parts.filter(({ length }) => length <= MOST_BYTES) : [];
  const byName = small.flatMap((part) => names.find('ends', part));
  return new Set([...buffersOf(strings).flatMap(toolsByPath), ...byName]);
}

// The suffix of a compressor's files, and the programs that read them.
const COMPRESSORS: readonly (readonly [suffix: string, ...programs: readonly string[]])[] = [
  ['.gz', 'gzip'],
  ['.bz2', 'bzip2'],
  ['.xz', 'xz', 'lzma'],
  ['.lz4', 'lz4'],
  ['.zst', 'zstd'],
  ['.br', 'brotli'],
  ['.lz', 'lzip'],
  ['.lzo', 'lzop'],
  ['.Z', 'compress', 'uncompress'],
];

// Fewer are formats of a protocol: "gzip", "br" and "zstd" of HTTP.
const LEAST = 4;

// cmake, which links with such a library, reads the formats itself
const LIBRARIES = /^lib(?:z|bz2|lzma|zstd|lz4|brotli\w*|archive)[.-]/;

let ends: Keys | undefined;

function namesIn({ parts, unseparated }: Strings): ReadonlySet<string> {
  if (!unseparated) {
    // the linker stores "zstd" as the end of "--zstd"
    const names = (ends ??= toKeys(COMPRESSORS.flatMap(([, ...programs]) => programs)));
    return new Set(parts.flatMap((part) => names.find('ends', part)));
  }
  const data = buffersOf({ parts });
  const isIn = (text: string) => data.some((part) => part.includes(text));
  const found = COMPRESSORS.filter(([suffix]) => isIn(suffix));
  return new Set(found.flatMap(([, ...programs]) => programs.filter(isIn)));
}

/** The names of the compressors that an ELF file starts by the suffix of a file, as tar and rg do; none if it knows only a few, or has a library. */
export function compressorsIn(root: FileRoot, path: BytePath, strings: Strings): readonly string[] {
  const names = namesIn(strings);
  const found = COMPRESSORS.filter(([, ...programs]) => programs.some((name) => names.has(name)));
  if (found.length < LEAST) return [];
  const elf = tryFile(root, path, ({ read }) => readElf(read));
  const isOwn = elf?.kind === 'elf' && elf.needed.some(({ name }) => LIBRARIES.test(name));
  return isOwn ? [] : found.flatMap(([, ...programs]) => programs);
}
