// Options of commands as data: the name, the value and the line of --help.

/** A word of a command line, as text and as bytes. */
export interface Argument {
  readonly text: string;
  readonly bytes: Buffer;
}

export interface Option {
  /** Its name without dashes. */
  readonly name: string;
  /** The name of its value in --help and manual. An option without it takes no value. */
  readonly metavar?: string;
  /** The values that may follow after `=`, as in `[=all]`, of an option that otherwise takes none. */
  readonly choice?: string;
  readonly help: string;
}

/** An option, spelt as in --help: `--name`, `--name METAVAR` or `--name[=WORD]`. */
export function option(spelling: string, help: string): Option;
export function option<const More extends object>(spelling: string, help: string, more: More): Option & More;
export function option(spelling: string, help: string, more?: object): Option {
  const space = spelling.indexOf(' ');
  const [, name = '', choice] = /^--([^ []+)(\[=.*\])?/.exec(spelling) ?? [];
  if (choice !== undefined) return { name, choice, help, ...more };
  return space < 0 ? { name, help, ...more } : { name, metavar: spelling.slice(space + 1), help, ...more };
}
