// Looks into a program or script for what it starts.

import { type BytePath, bytePath, joinPath, lastComponent, toLatin1 } from '../../binary/path.ts';
import type { FileRoot, OpenFile } from '../../binary/root.ts';
import { readScript, SCRIPT_HEAD_BYTES } from '../../binary/script.ts';
import { readIfThere, statusIfThere } from './read.ts';
import { readStrings, type Strings } from './sections.ts';
import { commandsOf, isShell } from './shell.ts';
import { findInStrings, findPaths, findWords } from './words.ts';

export interface Executable {
  readonly path: BytePath;
  /** `configuration` is text of no kind that is known. */
  readonly kind: 'elf' | 'script' | 'linker-script' | 'configuration' | 'other';
  /** For a script: what runs it, `env` and the program that env looks up being two. */
  readonly interpreters: readonly BytePath[];
  /** Of a script; one character a byte. */
  readonly text: string;
  /** For a shell script: the names of commands that it may run. */
  readonly commands: ReadonlySet<string>;
  /** Files that a linker script names; libm.so is one (ld(1)). */
  readonly linked: readonly BytePath[];
  /** Those of the names that it contains as words, and those of the paths that it contains, or something below them. */
  mentions(names: ReadonlySet<string>, paths: ReadonlySet<string>): ReadonlySet<string>;
}

const MAX_SCRIPT_BYTES = 4 << 20;
const MAX_CONFIGURATION_BYTES = 1 << 18;

/** Reads an executable of the root; undefined if it cannot be read. */
export function readExecutable(root: FileRoot, path: BytePath): Executable | undefined {
  try {
    const file = root.open(path);
    if (file === undefined) return undefined;
    try {
      return lookInto(root, path, file);
    } finally {
      file.close();
    }
  } catch {
    return undefined; // it will be told when it is copied
  }
}

function lookInto(root: FileRoot, path: BytePath, file: OpenFile): Executable {
  const head = file.read(0, SCRIPT_HEAD_BYTES);
  const magic = toLatin1(head.subarray(0, 32));
  if (magic.startsWith('\x7fELF')) return elf(root, path);
  const script = readScript(head);
  const isLinkerScript = magic.startsWith('/* GNU ld script');
  if (script.kind !== 'script' && !isLinkerScript) return { ...nothing(path), kind: 'other' };
  const written = toLatin1(file.read(0, Math.min(file.status.sizeBytes, MAX_SCRIPT_BYTES)));
  // valgrind is a script that starts $0.bin
  const text = written.replace(/\$(?:0|\{0\})(?=[.-]\w)/g, () => lastComponent(path));
  const data = Buffer.from(text, 'latin1');
  const interpreters = script.kind === 'script' ? interpretersOf(script.interpreter, script.argument) : [];
  return {
    path,
    text,
    kind: isLinkerScript ? 'linker-script' : 'script',
    interpreters,
    commands: interpreters.some(isShell) ? commandsOf(root, path, text) : new Set(),
    linked: isLinkerScript ? ((text.match(/\/[\w.+/-]+/g) as BytePath[] | null) ?? []) : [],
    mentions: (names, paths) =>
      new Set([...findWords(data, names), ...completed(text, names), ...findPaths(data, paths)]),
  };
}

const MAX_REST = 8;

/** Names that begin with what a script completes by a variable: ps2pdf runs "ps2pdf$version". */
function completed(text: string, names: ReadonlySet<string>): readonly string[] {
  const stems = new Set(
    Array.from(text.matchAll(/(?<![\w.+$-])([A-Za-z][\w.+-]{2,})\$\{?[A-Za-z]/g), ([, stem]) => stem ?? ''),
  );
  if (stems.size === 0) return [];
  return [...names].filter((name) =>
    [...stems].some((stem) => name.startsWith(stem) && name.length - stem.length <= MAX_REST),
  );
}

function nothing(path: BytePath): Omit<Executable, 'kind'> {
  return {
    path,
    text: '',
    interpreters: [],
    commands: new Set(),
    linked: [],
    mentions: () => new Set(),
  };
}

/** A configuration file, in which only paths are looked for, and names of shared libraries: a sentence has none. */
export function readConfiguration(root: FileRoot, path: BytePath): Executable {
  const data = readIfThere(root, path, MAX_CONFIGURATION_BYTES);
  return {
    ...nothing(path),
    kind: 'configuration',
    mentions: (names, paths) =>
      new Set([
        ...findPaths(data, paths),
        ...findWords(data, new Set([...names].filter((name) => name.includes('.so')))),
      ]),
  };
}

const MAX_SETTINGS_BYTES = 1 << 14;

/** A small file of data in which programs may be named; undefined if it is none, or not text. */
export function readSettings(root: FileRoot, path: BytePath): Executable | undefined {
  const status = statusIfThere(root, path);
  if (status?.kind !== 'file' || status.sizeBytes > MAX_SETTINGS_BYTES) return undefined;
  const data = readIfThere(root, path, MAX_SETTINGS_BYTES);
  if (data.includes(0)) return undefined;
  return { ...nothing(path), kind: 'configuration', mentions: (names) => findWords(data, names) };
}

// Read again for what is new in a question: the strings of all programs of a compiler would fill the memory.
function elf(root: FileRoot, path: BytePath): Executable {
  const asked = new Set<string>();
  const found = new Set<string>();

  function takeNew(texts: ReadonlySet<string>): ReadonlySet<string> {
    const fresh = [...texts].filter((text) => !asked.has(text));
    for (const text of fresh) asked.add(text);
    return new Set(fresh);
  }
  return {
    ...nothing(path),
    kind: 'elf',
    mentions: (names, paths) => {
      const fresh = { names: takeNew(names), paths: takeNew(paths) };
      if (fresh.names.size + fresh.paths.size > 0)
        for (const text of mentionsIn(stringsOf(root, path), fresh)) found.add(text);
      return new Set([...names, ...paths].filter((text) => found.has(text)));
    },
  };
}

interface Wanted {
  readonly names: ReadonlySet<string>;
  readonly paths: ReadonlySet<string>;
}

function mentionsIn({ parts, unseparated }: Strings, { names, paths }: Wanted): readonly string[] {
  return parts.flatMap((part) => [
    ...(unseparated ? findAnywhere(part, [...names]) : findInStrings(part, likely(part, names))),
    ...findPaths(part, paths),
  ]);
}

// One name is found faster without looking at each word, and most often it is not there at all.
function likely(data: Uint8Array, names: ReadonlySet<string>): ReadonlySet<string> {
  return names.size > 4 ? names : new Set(findAnywhere(data, [...names]));
}

function findAnywhere(data: Uint8Array, wanted: readonly string[]): readonly string[] {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return wanted.filter((text) => buffer.includes(text, 0, 'latin1'));
}

function stringsOf(root: FileRoot, path: BytePath): Strings {
  const none = { parts: [], unseparated: false };
  try {
    const file = root.open(path);
    if (file === undefined) return none;
    try {
      return readStrings(file.read, file.status.sizeBytes) ?? none;
    } finally {
      file.close();
    }
  } catch {
    return none;
  }
}

function interpretersOf(interpreter: BytePath, argument = '' as BytePath): readonly BytePath[] {
  const path = joinPath(bytePath('/'), interpreter);
  if (lastComponent(path) !== 'env') return [path];
  // env -S splits what follows; options and settings come before the program (env(1))
  const word = argument
    .split(/[ \t]+/)
    .find((word) => word !== '' && !word.startsWith('-') && !word.includes('='));
  return word === undefined ? [path] : [path, word as BytePath];
}
