// A program of several commands, `NAME COMMAND [OPTION]... [OPERAND]...`: finds the command, runs it, prints what it returns.

import { AbortError, JailError, LaunchError, UsageError } from '../errors.ts';
import { unpackHint } from '../mistakes/archive-hint.ts';
import { meantPath } from '../tree/misspelt-path.ts';
import { didYouMean, type Foreign } from '../words/nearest.ts';
import { option, type Argument, type Option } from '../values/command-option.ts';
import { optional, path } from '../values/validators.ts';
import { inWords, withoutKeys } from '../values/wrong.ts';
import { inOptions, type NamedOption } from '../launch/request/option-row.ts';
import { quote } from '../words/quote.ts';
import { versionLine } from '../version.ts';
import { commandArguments, readArguments, type ReadArguments, readMixed } from './arguments.ts';
import { optionLines } from './common-options.ts';
import { returnHint } from './mistakes/word-hint.ts';

export interface Outcome {
  readonly text: string | Buffer;
  readonly status: number;
}

/** One command. `Context` is a value that its program passes to it. */
export interface Command<Context> {
  /** Its name and its arguments. */
  readonly synopsis: string;
  /** Its purpose, for --help. */
  readonly summary: string;
  /** More about it, for --help. */
  readonly about?: string;
  readonly options: readonly Option[];
  /** Further options, which another manual describes. */
  readonly unlisted?: readonly Option[];
  /** The meaning of its exit statuses, for --help. */
  readonly statuses?: string;
  /** The last part of --help. */
  readonly ending?: () => string;
  /** How many operands there must be. */
  readonly operands: readonly [least: number, most: number];
  /** Everything after the first operand belongs to another program: always, or only if the function returns true. */
  readonly startsProgram?: true | ((words: readonly Argument[]) => boolean);
  /** Gets the operands too. Returns the text for standard output; the exit status is 0 unless it returns another. */
  readonly run: (read: ReadArguments, context: Context, ...operands: Buffer[]) => Promise<string | Outcome>;
  /** The exit status if the command fails; 1 if missing. */
  readonly failureStatus?: number;
}

export interface Program<Context> {
  readonly name: string;
  readonly commands: Readonly<Record<string, Command<Context>>>;
  readonly usageLine: string;
  readonly about: string;
  readonly options?: readonly Option[];
  /** Runs if the first word is one of its options. */
  readonly byDefault?: Command<Context>;
  /** It also runs if the first word is no command. */
  readonly hasBareDefault?: () => boolean;
  /** The options that are keys of a request: a message about a key names its option. */
  readonly keyed?: () => readonly NamedOption[];
  /** Words of other programs for its commands and options. */
  readonly foreign: { readonly commands: Foreign; readonly options: Foreign };
  /** Reports a failure; if missing, on standard error. */
  readonly tell?: (lines: string) => void;
  readonly start: (run: (context: Context) => Promise<string | Outcome>) => Promise<string | Outcome>;
}

/** The options of each program. */
export const help: Option = option('--help', 'print this text');
export const version: Option = option('--version', 'print the version');

// The help of all commands.
function usageOf<Context>({ name, about, options = [], byDefault, commands }: Program<Context>): string {
  const all = Object.entries({ ...(byDefault && { [name]: byDefault }), ...commands });
  const synopses = all.map(([, { synopsis }]) => `${name} ${synopsis}`);
  const parts = all.map(([word, { summary, about, options, statuses }]) => {
    const more = about === undefined ? '' : `${about.replaceAll(/^/gm, '  ')}\n`;
    const ends = statuses === undefined ? '' : `  Exit status: ${statuses}\n`;
    return `${word}: ${summary}\n${more}${optionLines(options)}${ends}\n`;
  });
  const common = `All\n${optionLines([...options, help, version])}`;
  const endings = all.map(([, { ending }]) => ending?.() ?? '');
  return `Usage: ${synopses.join('\n       ')}\n\n${about}\n\n${parts.join('')}${common}${endings.join('')}`;
}

// The help of one command.
function usageOfCommand<Context>(program: Program<Context>, command: Command<Context>): string {
  const { synopsis, summary, about, options, statuses, ending } = command;
  const purpose = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  const more = about === undefined ? '' : `${about}\n`;
  const lines = optionLines([...options, ...(program.options ?? []), help]);
  const ends = statuses === undefined ? '' : `\nExit status: ${statuses}\n`;
  return `Usage: ${program.name} ${synopsis}\n\n${purpose}\n${more}\n${lines}${ends}${ending?.() ?? ''}`;
}

/** The values of an option, in the given order. */
export function valuesOf({ options }: ReadArguments, name: string): readonly Argument[] {
  return options.filter(([option]) => option === name).map(([, value]) => value);
}

/** The same as texts. */
export function textsOf(read: ReadArguments, name: string): readonly string[] {
  return valuesOf(read, name).map(({ text }) => text);
}

/** The last given value of an option. */
export function valueOf(read: ReadArguments, name: string): Argument | undefined {
  return valuesOf(read, name).at(-1);
}

/** The path that an option names. @param example for the error @throws UsageError for an empty one */
export function pathOf(read: ReadArguments, name: string, example: string): Buffer | undefined {
  return optional(path(example))(valueOf(read, name)?.bytes, `--${name}`);
}

export function has(read: ReadArguments, name: string): boolean {
  return valuesOf(read, name).length > 0;
}

// The exit status if standard output could not be written.
let lostStatus: number | undefined;

let isPrinting = false;

/** Writes to standard output. An empty text does not open it: that makes a pipe or terminal non-blocking for all who share it. */
export function print(name: string, text: string | Buffer, failureStatus = 1): void {
  if (text.length === 0) return;
  if (isPrinting) return void process.stdout.write(text);
  isPrinting = true;
  process.stdout.once('error', (error: NodeJS.ErrnoException) => {
    // EPIPE: the reader, such as head(1), needs no more.
    if (error.code !== 'EPIPE') process.stderr.write(`${name}: standard output: ${error.message}\n`);
    lostStatus = failureStatus;
    process.exitCode = failureStatus;
  });
  process.stdout.write(text);
}

// Reports a failure. Returns the exit status: `status`, or 130 if a signal ended the work.
function complain<Context>(program: Program<Context>, thrown: unknown, status: number): number {
  const error = thrown instanceof UsageError ? inWords(thrown, inOptions(program.keyed?.() ?? [])) : thrown;
  const { name, tell = (lines) => void process.stderr.write(lines) } = program;
  if (error instanceof AbortError) {
    const { path, message, hint } = error;
    const left = path === undefined ? 'nothing is left half done' : `${message}\nhint: ${hint}`;
    tell(`${name}: interrupted; ${left}\n`);
    return 130;
  }
  if (error instanceof Error && 'syscall' in error && error.syscall === 'uv_cwd') {
    tell(
      `${name}: the working directory does not exist any more\nhint: change to one that exists, such as cd /\n`,
    );
    return status;
  }
  if (!(error instanceof UsageError || error instanceof JailError || error instanceof LaunchError)) {
    // A defect of uchroot. Node would exit with 1, which can have another meaning here.
    process.stderr.write(`${name}: ${error instanceof Error ? error.stack : String(error)}\n`);
    return status;
  }
  // A usage line includes the program's name.
  const prefix = error.message.startsWith('Usage: ') ? '' : `${name}: `;
  const remedy =
    returnHint(process.argv.at(-1)) ??
    withoutKeys(error.hint) ??
    (error instanceof JailError ? remedyFor(error) : undefined);
  const hint = remedy === undefined ? '' : `hint: ${remedy}\n`;
  tell(`${prefix}${error.message}\n${hint}`);
  // uchroot(8) exits with the same status for an unknown user.
  return error.code === 'ERR_UNKNOWN_USER' ? error.exitStatus : status;
}

// The hint for a path of the wrong kind. `path` is text for messages; for most paths, this is the path itself.
function remedyFor({ code, path }: JailError): string | undefined {
  if (path === undefined || (code !== 'ENOENT' && code !== 'ENOTDIR')) return undefined;
  if (path.startsWith('/proc/')) return 'mount /proc: mount -t proc proc /proc';
  if (code === 'ENOTDIR') return unpackHint(path) ?? `name a directory: ${path} is none`;
  return meantPath(path, 'name a directory that exists', true);
}

function findCommand<Context>(program: Program<Context>, words: readonly Argument[]): Command<Context> {
  const { commands, usageLine, foreign } = program;
  const [name] = words;
  if (name === undefined || name.text === 'help')
    throw new UsageError(usageLine, { hint: `${program.name} --help` });
  const command = Object.hasOwn(commands, name.text) ? commands[name.text] : undefined;
  if (command !== undefined) return command;
  throw new UsageError(`unknown command ${quote(name.bytes)}`, {
    hint:
      didYouMean(name.text, Object.keys(commands), undefined, foreign.commands) ?? `${program.name} --help`,
  });
}

// If an error has no hint, its option resembles no known one.
function withHint(hint: string, read: () => ReadArguments): ReadArguments {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UsageError) || error.hint !== undefined) throw error;
    throw new UsageError(error.message, { hint, cause: error });
  }
}

// Options before a command are those of the program alone.
function readFirst<Context>(
  { name, commands, options = [], foreign }: Program<Context>,
  words: readonly Argument[],
): ReadArguments {
  const option = words[0]?.text.replace(/=.*/s, '');
  const isIt = (one: Option): boolean => `--${one.name}` === option;
  const owners = options.some(isIt)
    ? ['COMMAND']
    : Object.keys(commands).filter((each) => commands[each]?.options.some(isIt));
  if (owners.length > 0)
    throw new UsageError(`option ${option} stands before the command: it belongs behind it`, {
      hint: owners.map((owner) => `${name} ${owner} ${option} ...`).join(', or '),
    });
  return withHint(`${name} --help`, () => readArguments(words, [help, version], () => foreign.options));
}

/** The error for operands that are missing, or too many. */
export function wrongNumber<Context>(
  name: string,
  { synopsis, operands: [, most] }: Pick<Command<Context>, 'synopsis' | 'operands'>,
  operands: readonly Buffer[],
): UsageError {
  const [word = '', ...more] = synopsis.split(' ');
  const needed = more.map((each) => each.replace(/\[.*?\]/g, '')).filter((each) => /^[A-Z]+$/.test(each));
  const left = needed.slice(operands.length).join(' and ');
  const surplus = operands[most];
  const cause =
    surplus !== undefined
      ? `\n${name}: ${quote(surplus)} is one word too many`
      : left === ''
        ? ''
        : `\n${name}: ${left} ${left.includes(' ') ? 'are' : 'is'} missing`;
  return new UsageError(`Usage: ${name} ${synopsis}${cause}`, { hint: `${name} ${word} --help` });
}

async function runCommand<Context>(
  program: Program<Context>,
  command: Command<Context>,
  words: readonly Argument[],
): Promise<Outcome> {
  const known = [...command.options, ...(command.unlisted ?? []), ...(program.options ?? []), help];
  const foreign = (): Foreign => program.foreign.options;
  const { startsProgram = false } = command;
  const hasProgram = typeof startsProgram === 'function' ? startsProgram(words) : startsProgram;
  const word = command === program.byDefault ? '' : ` ${command.synopsis.split(' ', 1)[0]}`;
  const read = withHint(`${program.name}${word} --help lists the options`, () =>
    (hasProgram ? readArguments : readMixed)(words, known, foreign),
  );
  if (has(read, 'help')) return { text: usageOfCommand(program, command), status: 0 };
  const operands = read.operands.map(({ bytes }) => bytes);
  const [least, most] = command.operands;
  if (operands.length < least || operands.length > most) throw wrongNumber(program.name, command, operands);
  const outcome = await program.start((context) => command.run(read, context, ...operands));
  return typeof outcome === 'string' ? { text: outcome, status: 0 } : outcome;
}

// Whether the words belong to the command that needs no name.
function isForDefault<Context>(
  { byDefault, commands, hasBareDefault }: Program<Context>,
  [first]: readonly Argument[],
): boolean {
  if (byDefault === undefined || first === undefined || /^--(help|version)$/.test(first.text)) return false;
  return first.text.startsWith('-') || (!Object.hasOwn(commands, first.text) && hasBareDefault?.() === true);
}

/** Runs the command that the arguments of this process name. */
export async function runProgram<Context>(program: Program<Context>): Promise<void> {
  let failureStatus = 1;
  let status = 0;
  try {
    const all = commandArguments();
    const isForNone = isForDefault(program, all);
    const { options, operands } = isForNone ? { options: [], operands: all } : readFirst(program, all);
    const given = new Set(options.map(([name]) => name));
    if (given.has('help')) print(program.name, usageOf(program));
    else if (given.has('version')) print(program.name, versionLine(program.name));
    else {
      const command = (isForNone ? program.byDefault : undefined) ?? findCommand(program, operands);
      failureStatus = command.failureStatus ?? 1;
      const outcome = await runCommand(program, command, isForNone ? operands : operands.slice(1));
      print(program.name, outcome.text, failureStatus);
      status = outcome.status;
    }
  } catch (error) {
    status = complain(program, error, failureStatus);
  }
  // Not process.exit(): a pipe on stdout may still have unwritten data.
  process.exitCode = lostStatus ?? status;
}
