// Finds the command that env(1) starts, and the file of that command.

import { type BytePath, bytePath, joinPath, showPath } from '../tree/path.ts';
import { errorCode, type FileRoot, type FileStatus } from '../tree/root.ts';
import { statusOf } from '../tree/walk.ts';
import { splitWords, type Word } from './env-words.ts';

export type Command =
  | { readonly kind: 'found'; readonly path: BytePath }
  | { readonly kind: 'missing'; readonly reason: 'absent' | 'denied'; readonly message: string };

// glibc searches these without a PATH: _CS_PATH of confstr(3).
const NO_PATH = bytePath('/bin:/usr/bin');
const MAX_DIRECTORIES = 1000;

/** The first executable of that name in `path`; a name with a slash is a path. Relative elements begin at `directory`. */
export function findCommand(
  root: FileRoot,
  name: BytePath,
  { path = NO_PATH, directory }: { readonly path: BytePath | undefined; readonly directory: BytePath },
): Command {
  if (name.includes('/')) return { kind: 'found', path: joinPath(directory, name) };
  let denied: BytePath | undefined;
  for (const element of path.split(':', MAX_DIRECTORIES) as BytePath[]) {
    const candidate = joinPath(joinPath(directory, element === '' ? directory : element), name);
    const status = name === '' ? undefined : statusIfPossible(root, candidate);
    if (status?.kind === 'file' && (status.mode & 0o111) !== 0) return { kind: 'found', path: candidate };
    if (status !== undefined) denied ??= candidate;
  }
  if (denied !== undefined)
    return { kind: 'missing', reason: 'denied', message: `${showPath(denied)} may not be executed` };
  const hint = /\s/.test(name) ? '; env takes options and arguments only with -S' : '';
  const message = `it is in none of the directories of PATH (${showPath(path)})${hint}`;
  return { kind: 'missing', reason: 'absent', message };
}

function statusIfPossible(root: FileRoot, path: BytePath): FileStatus | undefined {
  try {
    return statusOf(root, path);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined; // such as ENAMETOOLONG: the file cannot exist
  }
}

export type EnvCall =
  | {
      readonly kind: 'command';
      readonly command: BytePath;
      readonly args: readonly Word[];
      /** The PATH in which env looks the command up, and which the command gets; undefined for none. */
      readonly path: BytePath | undefined;
      /** -C: its working directory. */
      readonly directory?: BytePath;
    }
  /** It only prints something. */
  | { readonly kind: 'nothing' }
  /** The command depends on a variable whose value is unknown. */
  | { readonly kind: 'unknown'; readonly variable: string }
  | Failure;

/** It ends with status 125; the message is a clause about its arguments. */
interface Failure {
  readonly kind: 'failure';
  readonly message: string;
}

interface Settings {
  ignoreEnvironment: boolean;
  readonly unset: Set<BytePath>;
  directory?: BytePath;
  nul: boolean;
  splits: number;
}

const MAX_SPLITS = 16; // ${PATH} can contain another -S with another ${PATH}

/** `args` are the arguments after argv[0]; `path` is the PATH of env itself, undefined for none. */
export function parseEnv(args: readonly Word[], path: BytePath | undefined): EnvCall {
  const rest = [...args];
  const settings: Settings = { ignoreEnvironment: false, unset: new Set(), nul: false, splits: 0 };
  const end = readOptions(rest, settings, path);
  if (end !== undefined) return end;
  if (rest[0]?.text === '-' && rest[0].variable === undefined) {
    settings.ignoreEnvironment = true;
    rest.shift();
  }
  const { ignoreEnvironment, unset, directory } = settings;
  const bad = [...unset].find((name) => name === '' || name.includes('='));
  if (bad !== undefined && !ignoreEnvironment) return failure(`${showPath(bad)} is no variable to unset`);
  let known = ignoreEnvironment || unset.has('PATH' as BytePath) ? undefined : path;
  for (let word = rest[0]; word?.text.includes('=') === true; word = rest[0]) {
    if (word.text.startsWith('PATH=')) {
      if (word.variable !== undefined) return dependsOn(word.variable);
      known = word.text.slice('PATH='.length) as BytePath;
    }
    rest.shift();
  }
  const [command, ...others] = rest;
  if (command === undefined)
    return directory === undefined ? { kind: 'nothing' } : failure('-C asks for a command');
  if (command.variable !== undefined) return dependsOn(command.variable);
  if (settings.nul) return failure('-0 goes with no command');
  const call = { kind: 'command', command: command.text, args: others, path: known } as const;
  return directory === undefined ? call : { ...call, directory };
}

/** Removes the options from the front of `rest`; returns the result of env if it ends while reading them. */
function readOptions(rest: Word[], settings: Settings, path: BytePath | undefined): EnvCall | undefined {
  for (let word = rest[0]; word?.text.startsWith('-') === true; word = rest[0]) {
    if (word.variable !== undefined) return dependsOn(word.variable);
    if (word.text === '-') return undefined;
    rest.shift();
    if (word.text === '--') return undefined;
    const option = optionOf(word.text);
    if (option === undefined) return noOption(word.text);
    const { letters, written } = option;
    if (letters === PRINTS) return { kind: 'nothing' };
    if (letters.includes('i')) settings.ignoreEnvironment = true;
    if (letters.includes('0')) settings.nul = true;
    const name = letters.at(-1) ?? '';
    if (!TAKES_VALUE.test(name)) continue;
    const next = written === undefined ? rest.shift() : undefined;
    if (next?.variable !== undefined) return dependsOn(next.variable);
    const value = written ?? next?.text;
    if (value === undefined) return failure(`-${name} asks for a value`);
    if (name === 'C') settings.directory = value;
    if (name === 'u') settings.unset.add(value);
    if (name !== 'S') continue;
    if (++settings.splits > MAX_SPLITS) return failure('-S comes too often');
    const words = splitWords(value, (variable) => (variable === 'PATH' ? path : undefined));
    if ('message' in words) return failure(words.message);
    rest.unshift(...words);
  }
  return undefined;
}

const TAKES_VALUE = /^[uCSa]$/;
const PRINTS = '?';

// The letters of the long options; those about signals change nothing here. Abbreviations are refused.
const LONG: Readonly<Record<string, string>> = {
  'ignore-environment': 'i',
  debug: 'v',
  null: '0',
  unset: 'u',
  chdir: 'C',
  'split-string': 'S',
  argv0: 'a',
  'block-signal': '',
  'default-signal': '',
  'ignore-signal': '',
  'list-signal-handling': '',
  help: PRINTS,
  version: PRINTS,
};

/** The letters of an option, and the value of the last one if it stands in the same word; undefined for an unknown option. */
function optionOf(text: BytePath): { readonly letters: string; readonly written?: BytePath } | undefined {
  const [, long, value] = /^--([^=]*)(?:=([^]*))?$/.exec(text) ?? [];
  const [, short = '', behind = ''] = /^-([iv0]*[uCSa]?)([^]*)$/.exec(text) ?? [];
  const letters =
    long === undefined ? short || undefined : Object.hasOwn(LONG, long) ? LONG[long] : undefined;
  if (letters === undefined) return undefined;
  const written = (long === undefined ? behind || undefined : value) as BytePath | undefined;
  if (written === undefined) return { letters };
  return letters === '' || TAKES_VALUE.test(letters.at(-1) ?? '') ? { letters, written } : undefined;
}

function noOption(text: BytePath): Failure {
  const isOne = /\s/.test(text) && !text.startsWith('--');
  return failure(
    isOne
      ? `${showPath(text)} is one argument: it takes only -S with others behind it`
      : `${showPath(text)} is no option of it`,
  );
}

function failure(message: string): Failure {
  return { kind: 'failure', message };
}

function dependsOn(variable: string): EnvCall {
  return { kind: 'unknown', variable };
}
