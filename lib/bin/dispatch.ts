// A program with commands: `NAME COMMAND [OPTION]... [OPERAND]...` → a command → what it writes and the exit status.

import { AbortError, JailError, LaunchError, UsageError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { quote } from '../quote.ts';
import {
  type Argument,
  commandArguments,
  type OptionKind,
  readArguments,
  type ReadArguments,
  readMixed,
} from './arguments.ts';
import { readVersion } from './version.ts';

/** What goes to standard output, and the exit status. */
export interface Outcome {
  readonly text: string;
  readonly status: number;
}

/** One command; `Context` is what its program gives it to work with. */
export interface Command<Context> {
  /** Its name and what follows that. */
  readonly synopsis: string;
  readonly options: Readonly<Record<string, OptionKind>>;
  /** How many operands there must be. */
  readonly operands: readonly [least: number, most: number];
  /** Whether all behind the first operand belongs to another program. */
  readonly startsProgram?: true;
  /** Returns what goes to standard output; the exit status is 0 unless there is another. */
  readonly run: (read: ReadArguments, context: Context) => Promise<string | Outcome>;
  /** The exit status if it cannot be done; 1 if not given. */
  readonly failureStatus?: number;
}

export interface Program<Context> {
  readonly name: string;
  readonly commands: Readonly<Record<string, Command<Context>>>;
  /** What is said where there is no command. */
  readonly usageLine: string;
  /** What --help says. */
  readonly usage: () => string;
  /** Says what went wrong; on standard error, if it is not given. */
  readonly tell?: (lines: string) => void;
  /** Gives a command what it works with. */
  readonly start: (run: (context: Context) => Promise<string | Outcome>) => Promise<string | Outcome>;
}

/** The values of an option, in their order. */
export function valuesOf({ options }: ReadArguments, name: string): readonly Argument[] {
  return options.filter(([option]) => option === name).map(([, value]) => value);
}

/** The value of an option; the last, if it was given more than once. */
export function valueOf(read: ReadArguments, name: string): Argument | undefined {
  return valuesOf(read, name).at(-1);
}

export function has(read: ReadArguments, name: string): boolean {
  return valuesOf(read, name).length > 0;
}

// The exit status once standard output is lost.
let lostStatus: number | undefined;

// Only where there is something to write: opening process.stdout makes a pipe or terminal non-blocking for whoever shares it.
function print(name: string, text: string, failureStatus = 1): void {
  if (text === '') return;
  process.stdout.once('error', (error: NodeJS.ErrnoException) => {
    // whoever read it has seen enough, as head(1) does
    if (error.code !== 'EPIPE') process.stderr.write(`${name}: standard output: ${error.message}\n`);
    lostStatus = failureStatus;
    process.exitCode = failureStatus;
  });
  process.stdout.write(text);
}

const tellStderr = (lines: string): void => void process.stderr.write(lines);

function isOurs(error: unknown): error is UsageError | JailError | LaunchError {
  return error instanceof UsageError || error instanceof JailError || error instanceof LaunchError;
}

/** Says what went wrong; the exit status is then `status`, or 130 if somebody has ended the work. */
function complain(
  { name, tell = tellStderr }: Pick<Program<never>, 'name' | 'tell'>,
  error: unknown,
  status: number,
): number {
  if (error instanceof AbortError) {
    const { path, message, hint } = error;
    const left = path === undefined ? 'nothing is left half done' : `${message}\nhint: ${hint}`;
    tell(`${name}: interrupted; ${left}\n`);
    return 130;
  }
  if (!isOurs(error)) {
    // A defect of ours. Status 1, which Node would give it, may mean something else.
    process.stderr.write(`${name}: ${error instanceof Error ? error.stack : String(error)}\n`);
    return status;
  }
  // A usage line begins with no name but its own.
  const prefix = error.message.startsWith('Usage: ') ? '' : `${name}: `;
  const hint = error.hint === undefined ? '' : `hint: ${error.hint}\n`;
  tell(`${prefix}${error.message}\n${hint}`);
  // as uchroot(8) ends with an unknown user
  return error.code === 'ERR_UNKNOWN_USER' ? error.exitStatus : status;
}

async function runCommand<Context>(
  program: Program<Context>,
  command: Command<Context>,
  words: readonly Argument[],
): Promise<number> {
  const known = { ...command.options, help: 'flag' } as const;
  const read = command.startsProgram === true ? readArguments(words, known) : readMixed(words, known);
  if (has(read, 'help')) return (print(program.name, program.usage()), 0);
  const [least, most] = command.operands;
  if (read.operands.length < least || read.operands.length > most)
    throw new UsageError(`Usage: ${program.name} ${command.synopsis}`);
  const outcome = await program.start((context) => command.run(read, context));
  const { text, status } = typeof outcome === 'string' ? { text: outcome, status: 0 } : outcome;
  print(program.name, text, command.failureStatus);
  return status;
}

async function dispatch<Context>(
  program: Program<Context>,
  [name, ...words]: readonly Argument[],
): Promise<number> {
  const { commands } = program;
  if (name === undefined) throw new UsageError(program.usageLine);
  const command = Object.hasOwn(commands, name.text) ? commands[name.text] : undefined;
  if (command !== undefined)
    return runCommand(program, command, words).catch((error: unknown) =>
      complain(program, error, command.failureStatus ?? 1),
    );
  const meant = nearest(name.text, Object.keys(commands));
  throw new UsageError(`unknown command ${quote(name.bytes)}`, {
    hint: meant === undefined ? undefined : `did you mean ${meant}?`,
  });
}

/** Runs the command that the arguments of this process name. */
export async function runProgram<Context>(program: Program<Context>): Promise<void> {
  let status: number;
  try {
    const { options, operands } = readArguments(commandArguments(), { help: 'flag', version: 'flag' });
    const given = new Set(options.map(([name]) => name));
    status = 0;
    if (given.has('help')) print(program.name, program.usage());
    else if (given.has('version')) print(program.name, `${program.name} ${readVersion()}\n`);
    else status = await dispatch(program, operands);
  } catch (error) {
    status = complain(program, error, 1);
  }
  // Not process.exit: stdout may be a pipe that has not taken everything yet.
  process.exitCode = lostStatus ?? status;
}
