// The type of a row of the option table (request.ts), and a function that makes rows of the commonest kind.
import type { Argument } from '../../values/command-option.ts';
import { launchOption, type LaunchOption } from './launch-option.ts';
import * as to from './value.ts';

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
  /** Checks the caller's value, and makes a normal form that the caller cannot change. @throws UsageError */
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
  return { type: 'boolean', default: 'false', normal: to.flag, options };
}
