// The command uchroot-jail: argv → call → exit status.
import { JailError, UsageError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { quote } from '../quote.ts';
import { type Argument, commandArguments, readArguments, readMixed } from './arguments.ts';
import { type Command, commands, packLines } from './jail-commands.ts';
import { openProgress } from './progress.ts';
import { readVersion } from './version.ts';

const synopses = Object.values(commands).map(({ synopsis }) => synopsis);
const usageLine = `Usage: uchroot-jail ${Object.keys(commands).join('|')} DIRECTORY ...`;

const usage = () => `Usage: ${synopses.map((synopsis) => `uchroot-jail ${synopsis}`).join('\n       ')}

Builds a jail in DIRECTORY, or adds to one that is there: each PROGRAM (a path, or a name looked up in PATH) with its #!
interpreters, loader, shared libraries, the data of its Debian package, and the packs of which the signs are there.

  --package NAME          the files of an installed Debian package, and of what it depends on
  --pack NAME             a pack that no sign asks for
  --no-pack NAME          leave a pack out
  --learn 'COMMAND'       run it on a scratch copy of the host, and take what it opens
  --copy PATH[:DEST]      a file or directory of the host, to DEST in the jail
  --user NAME             an account that the jail knows, and that tries it out
  --keep-privileges PATH  leave a program its set-user-ID and set-group-ID bits and file capabilities
  --from ROOT             take everything from the system in this directory
  --recipe FILE           what is to be made, as list --json writes it
  --plan                  say what would change, and change nothing
  --fix                   check: put right what can be put right safely
  --format FORMAT         check: text, json or sarif
  --ignore RULE[:PATH]    check: no findings of a rule, at all or there
  --explain RULE          check: what a rule looks for, and why; all for all of them
  --json                  list as JSON
  --help                  show this text
  --version               show the version

Packs:
${packLines()}`;

async function main(): Promise<number> {
  try {
    const { options, operands } = readArguments(commandArguments(), { help: 'flag', version: 'flag' });
    const given = new Set(options.map(([name]) => name));
    if (given.has('help')) process.stdout.write(usage());
    else if (given.has('version')) process.stdout.write(`uchroot-jail ${readVersion()}\n`);
    else return await dispatch(operands);
    return 0;
  } catch (error) {
    return complain(error, 1);
  }
}

/** Says what went wrong; the exit status is then `status`, or 130 if somebody has ended the work. */
function complain(error: unknown, status: number): number {
  if (error instanceof JailError && error.code === 'ABORT_ERR') {
    process.stderr.write('uchroot-jail: interrupted; nothing is left half done\n');
    return 130;
  }
  if (!(error instanceof UsageError) && !(error instanceof JailError)) throw error;
  // A usage line begins with no name but its own.
  const prefix = error.message.startsWith('Usage: ') ? '' : 'uchroot-jail: ';
  process.stderr.write(`${prefix}${error.message}\n`);
  if (error.hint !== undefined) process.stderr.write(`hint: ${error.hint}\n`);
  return status;
}

async function dispatch([name, ...words]: readonly Argument[]): Promise<number> {
  if (name === undefined) throw new UsageError(usageLine);
  const command = Object.hasOwn(commands, name.text) ? commands[name.text] : undefined;
  if (command !== undefined)
    return run(command, words).catch((error: unknown) => complain(error, command.failureStatus ?? 1));
  const meant = nearest(name.text, Object.keys(commands));
  throw new UsageError(`unknown command ${quote(name.bytes)}`, {
    hint: meant === undefined ? undefined : `did you mean ${meant}?`,
  });
}

async function run(
  { synopsis, options, operands, run }: Command,
  words: readonly Argument[],
): Promise<number> {
  const read = readMixed(words, { ...options, help: 'flag' });
  if (read.options.some(([name]) => name === 'help')) {
    process.stdout.write(usage());
    return 0;
  }
  const [least, most] = operands;
  if (read.operands.length < least || read.operands.length > most)
    throw new UsageError(`Usage: uchroot-jail ${synopsis}`);
  const progress = openProgress();
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => controller.abort());
  try {
    const outcome = await run(read, {
      signal: controller.signal,
      onProgress: (now) => progress.show(now),
      onWarning: (warning) => {
        progress.clear();
        process.stderr.write(`uchroot-jail: warning: ${warning}\n`);
      },
    });
    progress.clear();
    const { text, status } = typeof outcome === 'string' ? { text: outcome, status: 0 } : outcome;
    process.stdout.write(text);
    return status;
  } finally {
    progress.clear();
  }
}

let isLost = false;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // whoever read it has seen enough, as head(1) does
  if (error.code !== 'EPIPE') process.stderr.write(`uchroot-jail: standard output: ${error.message}\n`);
  isLost = true;
  process.exitCode = 1;
});

// Not process.exit: stdout may be a pipe that has not taken everything yet.
void main().then((status) => (process.exitCode = isLost ? 1 : status));
