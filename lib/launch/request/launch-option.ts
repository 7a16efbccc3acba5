// The options of a launch: their groups, and what the text of each means. A parser leaves a wrong number as a text, for the validator of
// its row to refuse. Pure.
import { option, type Argument, type Option } from '../../values/command-option.ts';
import { parseNumber } from '../../values/size.ts';
import { wrong } from '../../values/wrong.ts';
import type { Bytes } from '../../words/quote.ts';
import { spellRlimit } from './rlimits.ts';

/** The parts of --help, which are sections of doc/uchroot.md too, in their order. */
export const optionGroups = [
  'Identity',
  'Process',
  'Jail',
  'Limits',
  'Isolation',
  'Reports',
  'Init units',
  'Compiled launchers',
] as const;

/** An option of uchroot. */
export interface LaunchOption extends Option {
  /** `Service` options are those of uchroot-inetd. */
  readonly group: (typeof optionGroups)[number] | 'Service';
  /** The value of its key, from a word of the command line and the value so far. */
  readonly parse: (word: Argument, before: never) => unknown;
  /** Why --unit refuses it. */
  readonly notInUnit?: string;
  /** Why --compile refuses it, and the alternative. */
  readonly notCompiled?: { readonly because: string; readonly hint: string };
}

/** An option that sets a key, spelt as in --help. */
export const launchOption = (
  group: LaunchOption['group'],
  spelling: string,
  help: string,
  parse: LaunchOption['parse'],
  more: Pick<LaunchOption, 'notInUnit' | 'notCompiled'> = {},
): LaunchOption => option(spelling, help, { group, parse, ...more });

export const parseText = ({ text }: Argument): string => text;
export const parseBytes = ({ bytes }: Argument): Buffer => bytes;
/** A path that begins in the working directory of the command. */
export const parsePath = ({ bytes }: Argument): Buffer =>
  bytes.length === 0 || bytes[0] === 0x2f ? bytes : Buffer.concat([Buffer.from(`${process.cwd()}/`), bytes]);
export const parseNumeric = ({ text }: Argument): number | string => parseNumber(text);

/** A text, after those that were given before. */
export function addText({ text }: Argument, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** `NAME,NAME`, after those that were given before. */
export function addNames({ text }: Argument, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(',')];
}

/** The numbers of `3,5-7`. A part that is no number or range stays a text. */
export function parseNumbers(text: string): readonly (number | string)[] {
  return text.split(',').flatMap((part): readonly (number | string)[] => {
    const [, first = '', last = first] = /^([0-9]{1,10})(?:-([0-9]{1,10}))?$/.exec(part) ?? [];
    const [from, to] = [parseNumber(first), parseNumber(last)];
    if (typeof from === 'string' || typeof to === 'string' || to < from || to - from > 65_535) return [part];
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** `3,5-7`, after the numbers that were given before. */
export function addNumbers({ text }: Argument, before: readonly unknown[] = []): readonly unknown[] {
  return [...before, ...parseNumbers(text)];
}

// Names are text in a request: bytes that are no UTF-8 would become another name.
function toVariableName(bytes: Buffer, option: string): string {
  const name = bytes.toString();
  if (Buffer.from(name).equals(bytes)) return name;
  throw wrong({
    key: option,
    value: bytes,
    expected: 'the name of a variable in UTF-8',
    hint: 'set such a variable for uchroot itself, by env(1), and pass it on with --keep-env',
  });
}

type Env = Record<string, Bytes | undefined>;

// Without a prototype: a variable may be called __proto__.
function setVariable(env: Env | undefined, name: string, value: Buffer | undefined): Env {
  const variables = env ?? (Object.create(null) as Env);
  variables[name] = value;
  return variables;
}

/** Sets NAME=VALUE. */
export function setEnv({ text, bytes }: Argument, env?: Env): Env {
  const equals = bytes.indexOf(0x3d);
  if (equals <= 0)
    throw wrong({ key: 'setenv', value: text, expected: 'NAME=VALUE', example: 'LANG=C.UTF-8' });
  return setVariable(env, toVariableName(bytes.subarray(0, equals), 'setenv'), bytes.subarray(equals + 1));
}

/** Leaves NAME out. */
export function unsetEnv({ text, bytes }: Argument, env?: Env): Env {
  if (!/^[^ ,=]+$/.test(text))
    throw wrong({ key: 'unsetenv', value: text, expected: 'the name of one variable', example: 'LANG' });
  return setVariable(env, toVariableName(bytes, 'unsetenv'), undefined);
}

/** `NAME,NAME`, after those that were given before. */
export function addPassEnv({ bytes }: Argument, before: readonly string[] = []): readonly string[] {
  return [...before, ...toVariableName(bytes, 'pass-env').split(',')];
}

const toLimit = (word = ''): number => (/^[0-9]/.test(word) ? Number(word) : Infinity);

/** Adds NAME=SOFT[:HARD] to the limits that were given before, with `unlimited` or `infinity` for no limit. */
export function addRlimit({ text }: Argument, before: object = {}): object {
  const [, name, soft, hard = soft] =
    /^([a-z_]+)=([0-9]{1,16}|unlimited|infinity)(?::([0-9]{1,16}|unlimited|infinity))?$/i.exec(text) ?? [];
  if (name === undefined)
    throw wrong({
      key: 'rlimit',
      value: text,
      expected: 'NAME=SOFT[:HARD], each limit a whole number or unlimited',
      example: 'nofile=4096',
    });
  return { ...before, [spellRlimit(name)]: { soft: toLimit(soft), hard: toLimit(hard) } };
}
