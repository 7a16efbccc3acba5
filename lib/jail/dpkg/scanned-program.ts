// Reads a program or script, to find what it starts.

import { bytePath, type BytePath, joinPath, lastComponent, toLatin1 } from '../../tree/path.ts';
import { type FileRoot, type OpenFile, tryFile } from '../../tree/root.ts';
import { commandOfEnv, readScript, SCRIPT_HEAD_BYTES } from '../../binary/shebang.ts';
import { readIfThere, statusIfThere } from './readable-files.ts';
import type { Wanted } from './scan-names.ts';
import type { ReadStrings } from './sections.ts';
import { commandsOf, isShell } from './script-calls.ts';

export interface Executable {
  readonly path: BytePath;
  /** `configuration` is text in an unknown format. */
  readonly kind: 'elf' | 'script' | 'linker-script' | 'configuration' | 'other';
  /** The interpreter of a script; env and the program that it looks up count as two. */
  readonly interpreters: readonly BytePath[];
  /** The text of a script, one character a byte. */
  readonly text: string;
  /** The names of commands that a shell script may run. */
  readonly commands: ReadonlySet<string>;
  /** The files that a linker script names; libm.so is one (ld(1)). */
  readonly linked: readonly BytePath[];
  /** The wanted names that it contains as words, and the wanted paths that it contains, alone or as a prefix. */
  mentions(wanted: Wanted): Iterable<string>;
}

const MAX_SCRIPT_BYTES = 4 << 20;
const MAX_CONFIGURATION_BYTES = 1 << 18;

/** Reads an executable of the root; undefined if it cannot be read. */
export function readExecutable(root: FileRoot, path: BytePath, strings: ReadStrings): Executable | undefined {
  return tryFile(root, path, (file) => lookInto(root, path, file, strings));
}

function lookInto(root: FileRoot, path: BytePath, file: OpenFile, strings: ReadStrings): Executable {
  const head = file.read(0, SCRIPT_HEAD_BYTES);
  const magic = toLatin1(head.subarray(0, 32));
  if (magic.startsWith('\x7fELF'))
    return { ...nothing(path), kind: 'elf', mentions: mentionsOfProgram(path, strings) };
  const script = readScript(head);
  const isLinkerScript = magic.startsWith('/* GNU ld script');
  if (script.kind !== 'script' && !isLinkerScript) return { ...nothing(path), kind: 'other' };
  const written = toLatin1(file.read(0, Math.min(file.status.sizeBytes, MAX_SCRIPT_BYTES)));
  // such as valgrind, a script that starts $0.bin
  const text = written.replace(/\$(?:0|\{0\})(?=[.-]\w)/g, () => lastComponent(path));
  const data = Buffer.from(text, 'latin1');
  const interpreters = script.kind === 'script' ? interpretersOf(script) : [];
  return {
    path,
    text,
    kind: isLinkerScript ? 'linker-script' : 'script',
    interpreters,
    commands: interpreters.some(isShell) ? commandsOf(root, path, text) : new Set(),
    linked: isLinkerScript ? ((text.match(/\/[\w.+/-]+/g) as BytePath[] | null) ?? []) : [],
    mentions: mentionsOfScript(text, data),
  };
}

function interpretersOf(script: Parameters<typeof commandOfEnv>[0]): readonly BytePath[] {
  const command = commandOfEnv(script);
  return [joinPath(bytePath('/'), script.interpreter), ...(command === undefined ? [] : [command])];
}

const MAX_REST = 8;

function mentionsOfScript(text: string, data: Uint8Array): Executable['mentions'] {
  // the beginnings of names that a variable completes: ps2pdf runs "ps2pdf$version"
  let stems: readonly string[] | undefined;
  return ({ names, paths }) => {
    stems ??= Array.from(
      text.matchAll(/(?<![\w.+$-])([A-Za-z][\w.+-]{2,})\$\{?[A-Za-z]/g),
      ([, stem]) => stem ?? '',
    );
    const begins = (name: string) =>
      stems?.some((stem) => name.startsWith(stem) && name.length - stem.length <= MAX_REST) === true;
    return new Set([
      ...names.find('words', data),
      ...(stems.length === 0 ? [] : [...names.texts].filter(begins)),
      ...paths.find('paths', data),
    ]);
  };
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

/** A configuration file, searched only for paths and names of shared libraries: other names may be words of a sentence. */
export function readConfiguration(root: FileRoot, path: BytePath): Executable {
  const data = readIfThere(root, path, MAX_CONFIGURATION_BYTES);
  return {
    ...nothing(path),
    kind: 'configuration',
    mentions: ({ names, paths }) =>
      new Set([
        ...paths.find('paths', data),
        ...names.find('words', data).filter((name) => name.includes('.so')),
      ]),
  };
}

const MAX_SETTINGS_BYTES = 1 << 14;

// Functions that a shell script sources are no settings.
const SHELL_FUNCTION = /^[ \t]*\w+ ?\(\)/m;

/** A small data file that may name programs; undefined if it is large, not a file, or not text. */
export function readSettings(root: FileRoot, path: BytePath): Executable | undefined {
  const status = statusIfThere(root, path);
  if (status?.kind !== 'file' || status.sizeBytes > MAX_SETTINGS_BYTES) return undefined;
  const data = readIfThere(root, path, MAX_SETTINGS_BYTES);
  if (data.includes(0) || SHELL_FUNCTION.test(toLatin1(data))) return undefined;
  return {
    ...nothing(path),
    kind: 'configuration',
    mentions: ({ names }) => names.find('words', data),
  };
}

function mentionsOfProgram(path: BytePath, readStrings: ReadStrings): Executable['mentions'] {
  return ({ names, paths }) => {
    const { parts, unseparated } = readStrings(path);
    const namesIn = (part: Uint8Array) =>
      unseparated ? findAnywhere(part, names.texts) : names.find('commands', part);
    return new Set(parts.flatMap((part) => namesIn(part).concat(paths.find('paths', part))));
  };
}

function findAnywhere(data: Uint8Array, wanted: ReadonlySet<string>): readonly string[] {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return [...wanted].filter((text) => buffer.includes(text, 0, 'latin1'));
}
