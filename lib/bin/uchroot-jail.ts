// The command uchroot-jail: argv → call → exit status.
import { JailError, UsageError } from '../errors.ts';
import { buildJail } from '../jail/build.ts';
import { nearest } from '../launch/request.ts';
import { quote } from '../quote.ts';
import { type Argument, commandArguments, readArguments } from './arguments.ts';
import { readVersion } from './version.ts';

const usageLine = 'Usage: uchroot-jail build DIRECTORY PROGRAM...';
const usage = `${usageLine}

Builds a jail in DIRECTORY, or adds to one that is there: each PROGRAM (a path, or a name looked up in
PATH) with its #! interpreters, loader and shared libraries, /tmp and a few devices.

  --help     show this text
  --version  show the version
`;

async function build(words: readonly Argument[]): Promise<void> {
  const { options, operands } = readArguments(words, { help: 'flag' });
  if (options.length > 0) {
    process.stdout.write(usage);
    return;
  }
  const [directory, ...programs] = operands;
  if (directory === undefined || programs.length === 0) throw new UsageError(usageLine);
  const report = await buildJail({
    directory: directory.bytes,
    programs: programs.map(({ bytes }) => bytes),
  });
  for (const warning of report.warnings) process.stderr.write(`uchroot-jail: warning: ${warning}\n`);
  const size = (report.sizeBytes / 1e6).toFixed(1);
  process.stdout.write(`${quote(directory.bytes)}: ${report.files} files, ${size} MB\n`);
}

async function main(): Promise<number> {
  try {
    const { options, operands } = readArguments(commandArguments(), { help: 'flag', version: 'flag' });
    const given = new Set(options.map(([name]) => name));
    if (given.has('help')) process.stdout.write(usage);
    else if (given.has('version')) process.stdout.write(`uchroot-jail ${readVersion()}\n`);
    else await run(operands);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof JailError)) throw error;
    // The usage line begins with no name but its own.
    process.stderr.write(error.message === usageLine ? `${usageLine}\n` : `uchroot-jail: ${error.message}\n`);
    if (error.hint !== undefined) process.stderr.write(`hint: ${error.hint}\n`);
    return 1;
  }
}

async function run([command, ...operands]: readonly Argument[]): Promise<void> {
  if (command === undefined) throw new UsageError(usageLine);
  if (command.text === 'build') return build(operands);
  const meant = nearest(command.text, ['build']);
  throw new UsageError(`unknown command ${quote(command.bytes)}`, {
    hint: meant === undefined ? undefined : `did you mean ${meant}?`,
  });
}

// Not process.exit: stdout may be a pipe that has not taken everything yet.
void main().then((status) => (process.exitCode = status));
