// What a row of the option table says (request.ts), and rows of the commonest kind.
import { launchOption, type LaunchOption } from './launch-option.ts';
import * as to from './value.ts';

/** One key of a launch request, with its options of the command. */
export interface Row {
  /** Type and default, as doc/library.md has them. */
  readonly type: string;
  readonly default: string;
  /** The steps before execve depend on it. */
  readonly setUp?: true;
  /** The key is required, or another key can give it a value. */
  readonly always?: true;
  /** Checks what the caller gave, and makes it our own. @throws UsageError */
  readonly normal: (value: never, key: string, others: Values) => unknown;
  /** Its options of the command. A function, since a command line without options needs none of them. */
  readonly options?: () => readonly LaunchOption[];
}

/** What the caller gave for all keys. */
export type Values = Readonly<Record<string, unknown>>;

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
