// The type of a row of the option table (request.ts), rows of the commonest kind, and the words of options in errors about keys.
import type { Naming } from '../../errors.ts';
import type { Argument, Option } from '../../values/command-option.ts';
import { flag } from '../../values/validators.ts';
import { inLibrary } from '../../values/wrong.ts';
import { shellWord } from '../../words/shell-word.ts';
import { launchOption, type LaunchOption } from './launch-option.ts';

/** One key of a launch request, with its options of the command. */
export interface Row {
  /** Type and default, as doc/library.md has them. */
  readonly type: string;
  readonly default: string;
  /** The steps before execve depend on it. */
  readonly setUp?: true;
  /** The key is required. */
  readonly always?: true;
  /** Other keys that can give it a value. */
  readonly from?: readonly string[];
  /** Checks the caller's value, and makes a normal form that the caller cannot change (lib/values/validators.ts). @throws UsageError */
  readonly normal: (value: never, key: string, others: Values) => unknown;
  /** Its options of the command. A function, since a command line without options needs none of them. */
  readonly options?: () => readonly LaunchOption[];
}

/** The values of all keys, as the caller gave them. */
export type Values = Readonly<Record<string, unknown>>;

/** Rows by key. */
export type Rows = Readonly<Record<string, Row>>;

/** The types of the values that a caller can give for the keys of a table. */
export type GivenOf<Table extends Rows> = {
  readonly [Key in keyof Table]: Parameters<Table[Key]['normal']>[0];
};

/** The normal form of the keys of a table. */
export type NormalOf<Table extends Rows> = {
  readonly [Key in keyof Table]: ReturnType<Table[Key]['normal']>;
};

/** An option, and the key that it sets. */
export type KeyedOption = readonly [key: string, option: LaunchOption];

/** The options of a table's rows. */
export function optionsOf(rows: Rows): readonly KeyedOption[] {
  return Object.entries(rows).flatMap(([key, { options }]) =>
    (options?.() ?? []).map((option): KeyedOption => [key, option]),
  );
}

/** Sets the keys of given options, in their order. Options that are not in the table are left to others. @throws UsageError */
export function setKeys(
  request: Record<string, unknown>,
  given: readonly (readonly [name: string, word: Argument])[],
  known: readonly KeyedOption[],
): void {
  for (const [name, word] of given) {
    const [key = '', option] = known.find(([, option]) => option.name === name) ?? [];
    if (option !== undefined) request[key] = option.parse(word, request[key] as never);
  }
}

/** A key that is true or false, and the option that makes it true. */
export function onOff(
  group: LaunchOption['group'],
  spelling: string,
  help: string,
  more: Pick<LaunchOption, 'notInUnit' | 'notCompiled'> = {},
) {
  const options = () => [launchOption(group, spelling, help, () => true, more)];
  return { type: 'boolean', default: 'false', normal: flag, options };
}

/** The same of an option that is read in another way. */
export type NamedOption = readonly [key: string, option: Option];

// Keys that are words of a command line, and the part of a view that has no option of its own.
const operands: Readonly<Record<string, string>> = {
  user: 'USER',
  group: 'GROUP',
  jail: 'DIRECTORY',
  directory: 'DIRECTORY',
  template: 'TEMPLATE',
  program: 'PROGRAM',
  programs: 'PROGRAM',
  args: 'ARGUMENT',
  to: 'DEST',
  file: 'FILE',
  path: 'PATH',
  before: 'A',
  after: 'B',
};

const operandFor = (key: string): string | undefined => operands[key.replace(/^.*\.|\[\d+\]$/g, '')];

// The options that stand for a key, or for a part of it such as `view[0].tmpfs`. An error of a parser has the name of its option in
// place of a key.
function optionsFor(key: string, known: readonly NamedOption[]): readonly Option[] {
  const [, whole = key, part] = /^(\w+)(?:\[\d+\])?(?:\.(\w+))?$/.exec(key) ?? [];
  const own = known.filter(([one, { name }]) => one === whole || name === key).map(([, option]) => option);
  const ofPart = own.filter(({ name }) => name === part || name === key);
  return ofPart.length > 0 ? ofPart : own;
}

/**
 * The words of a command whose options set the keys: `--oom-score-adj` for `oomScoreAdj`.
 *
 * @param dashes what stands before an option; nothing in a file of settings, which has `name = value`
 */
export function inOptions(known: readonly NamedOption[], dashes: '--' | '' = '--'): Naming {
  const name = (key: string): string =>
    // a part of a view
    (key.includes('.') ? operandFor(key) : undefined) ??
    (optionsFor(key, known)
      .map((option) => `${dashes}${option.name}`)
      .join(' or ') ||
      (operandFor(key) ?? key));
  const assign = (key: string, value: unknown): string => {
    const option = optionsFor(key, known)[0];
    if (option === undefined)
      return operandFor(key) === undefined ? inLibrary.assign(key, value) : String(value);
    // {nofile: 4096} is nofile=4096
    const text = Array.isArray(value)
      ? value.join(',')
      : typeof value === 'object' && value !== null
        ? Object.entries(value).flat().join('=')
        : String(value);
    if (dashes === '') return `${option.name} = ${typeof value === 'string' ? JSON.stringify(text) : text}`;
    return option.metavar === undefined ? `--${option.name}` : `--${option.name} ${shellWord(text)}`;
  };
  return { name, assign };
}
