// For root tests of launches: the command, callers in an odd state, and a jail with a probe in it.
import { spawnSync, type SpawnSyncReturns, type StdioOptions } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';

import t, { type Test } from 'tap';

import { readArguments } from '../../lib/bin/arguments.ts';
import { PHASES } from '../../lib/bin/progress-bar.ts';
import { absolute, commandOptions, launchOptions, requestKeys } from '../../lib/bin/uchroot-options.ts';
import { compileLaunch } from '../../lib/launch/compile/compile.ts';
import { normalize } from '../../lib/launch/request/request.ts';
import { readVersion } from '../../lib/version.ts';
import { makeDirectory } from './directory.ts';
import { isolated, unlessBare } from './isolation.ts';
import { patientMs } from './patience.ts';
import './plain-spawn.ts';
import { unlessRoot } from './root.ts';
import { sanitized, sanitizerEnv } from './sanitizer.ts';

const packageRoot = new URL('../../../', import.meta.url).pathname;

/** The words that start the installed command. */
export const command: readonly string[] = [process.execPath, `${packageRoot}dist/bin/uchroot.cjs`];

/** The directory of this package. */
export const packageDirectory: string = packageRoot.slice(0, -1);

type RootTest = (name: string, body: (t: Test) => Promise<void>) => void;

/** `t.test` for a test that needs root, a compiler for the probe, and these tools. */
export function rootTest(...tools: readonly string[]): RootTest {
  return unlessSkipped(unlessRoot('gcc', ...tools));
}

/** The same for a test of memory or of many processes, which the sanitizers' runtime would take for itself. */
export function plainRootTest(...tools: readonly string[]): RootTest {
  return unlessSkipped(
    unlessRoot('gcc', ...tools) || (sanitized && 'the sanitizers need memory of their own'),
  );
}

function unlessSkipped(skip: string | false): RootTest {
  return (name, body) => void t.test(name, { skip }, body);
}

let isCompiling = false;

/** Whether the running test starts programs with a compiled launcher. */
export function isCompiled(): boolean {
  return isCompiling;
}

/** The same, run twice: `uchroot` starts programs with the command, and then with a launcher that it has compiled. */
export function bothWays(...tools: readonly string[]): RootTest {
  const test = rootTest(...tools);
  return (name, body) => {
    test(name, body);
    test(`compiled: ${name}`, async (t) => {
      isCompiling = true;
      t.teardown(() => (isCompiling = false));
      await body(t);
    });
  };
}

/** The same test, skipped if launches are isolated: the reason says what only a bare launch does. */
export function bareOnly(test: RootTest, reason: string): RootTest {
  const skip = unlessBare(reason);
  return skip === false ? test : (name, body) => void t.test(name, { skip }, body);
}

// Compiles into dist, where nobody else can put a file of that name; only if the source has changed.
function compile(name: string): string {
  const source = `${packageRoot}test/support/${name}.c`;
  const program = `${packageRoot}dist/test/support/${name}`;
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program;
  const temporary = `${program}.${process.pid}`;
  const { status, stderr } = spawnSync(
    'gcc',
    ['-static', '-O1', '-Wall', '-Wextra', '-Werror', '-o', temporary, source],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`gcc ${source}: ${stderr}`);
  renameSync(temporary, program);
  return program;
}

/** The words that put a caller into an odd state (odd-caller.c) before it executes the words after them. */
export function oddCaller(...words: readonly string[]): readonly string[] {
  return [compile('odd-caller'), ...words, '--'];
}

/** A directory of root's that is removed after the test file. */
export function temporaryDirectory(): string {
  return makeDirectory(t);
}

/** A jail with /probe (probe.c), a directory /tmp for everybody, and an empty /dir. */
export function makeJail(): string {
  if (process.getuid?.() !== 0) return '/'; // the tests are skipped
  const jail = `${temporaryDirectory()}/jail`;
  mkdirSync(jail, { mode: 0o755 });
  mkdirSync(`${jail}/dir`, { mode: 0o755 });
  mkdirSync(`${jail}/tmp`);
  chmodSync(`${jail}/tmp`, 0o1777);
  putProgram(`${jail}/probe`);
  return jail;
}

/** Puts another copy of the probe, or of another program of this directory, at a path. */
export function putProgram(path: string, mode = 0o755, name = 'probe'): void {
  copyFileSync(compile(name), path);
  chmodSync(path, mode);
}

/** Writes a file with exactly this mode, whatever the umask. */
export function putFile(path: string, content: string | Buffer, mode = 0o644): void {
  writeFileSync(path, content);
  chmodSync(path, mode);
}

export interface Ended {
  /** Of the process that was started: the command, unless other words come before it. */
  readonly pid: number;
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly output: SpawnSyncReturns<Buffer>['output'];
}

export interface StartOptions {
  /** Words before the command: an odd caller, strace, setpriv. */
  readonly by?: readonly string[];
  /** Words of accounts.ts before those. They apply to a compilation too. */
  readonly accounts?: readonly string[];
  /** The whole environment; it has nothing of the test's own (tap puts NODE_OPTIONS there). */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdio?: StdioOptions;
  readonly input?: string;
}

export const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The environment in which the command is started. */
export const commandEnv: Readonly<Record<string, string>> = { PATH: searchPath, ...sanitizerEnv };

const progress = new RegExp(`^uchroot-jail: (?:${Object.values(PHASES).join('|')})(?: [0-9].*|,.*|)\n`, 'gm');

/** Messages without the lines of progress, which uchroot-jail writes on a machine that takes long. */
export const withoutProgress = (stderr: string): string => stderr.replace(progress, '');

/** Runs a program to its end. */
export function start(words: readonly string[], options: StartOptions = {}): Ended {
  const [file = '', ...args] = [...(options.accounts ?? []), ...(options.by ?? []), ...words];
  const { pid, status, signal, stdout, stderr, output, error } = spawnSync(file, args, {
    env: { ...commandEnv, ...options.env },
    cwd: options.cwd ?? '/',
    stdio: options.stdio ?? 'pipe',
    timeout: patientMs(60_000), // against a hang: a busy machine may need 20 seconds for a large jail
    maxBuffer: 64 * 2 ** 20,
    ...(options.input === undefined ? {} : { input: options.input }),
  });
  if (error !== undefined && status === null) throw error;
  return {
    pid,
    status,
    signal,
    stdout: String(stdout ?? ''),
    stderr: withoutProgress(String(stderr ?? '')),
    output,
  };
}

/** How a launch ends whose program is ended by a signal: the process that waits for an isolated one has a status. */
export function endBy(signal: NodeJS.Signals): Pick<Ended, 'status' | 'signal'> {
  return isolated ? { status: 128 + constants.signals[signal], signal: null } : { status: null, signal };
}

/** A copy of the command that everybody may read: only root may be able to read the package's directory. */
export function publicCommand(
  name: 'uchroot' | 'uchroot-inetd' | 'uchroot-jail' = 'uchroot',
): readonly string[] {
  const directory = temporaryDirectory();
  const bundles = readdirSync(`${packageRoot}dist/bin`)
    .filter((file) => /\.(?:cjs|br)$/.test(file))
    .map((file) => `dist/bin/${file}`);
  const built = ['uchroot.node', 'uchroot-compiled', 'uchroot-launcher'].map(
    (name) => `build/Release/${name}`,
  );
  for (const file of ['package.json', ...bundles, ...built]) {
    mkdirSync(dirname(`${directory}/${file}`), { recursive: true, mode: 0o755 });
    copyFileSync(`${packageRoot}${file}`, `${directory}/${file}`);
    chmodSync(`${directory}/${file}`, 0o755);
  }
  return [process.execPath, `${directory}/dist/bin/${name}.cjs`];
}

const compiled = new Map<string, readonly string[] | Ended>();

const compileOptions = (): ReadonlySet<string> =>
  new Set(['compile', 'architecture', 'any-inode', ...launchOptions().map(({ name }) => name)]);

/** Compiles in this process, which takes a tenth of the time; false if the command has to say why it does not. */
function compileHere(words: readonly string[], file: string): boolean {
  // words that only the odd caller reads
  if (words.some((word) => /^(?:hex|fill):/.test(word))) return false;
  const cwd = process.cwd();
  process.chdir('/');
  try {
    const argv = ['--compile', file, ...words].map((text) => ({ text, bytes: Buffer.from(text) }));
    const { options, operands } = readArguments(argv, commandOptions());
    const given = new Map(options);
    // --help, --plan and others print something instead
    if ([...given.keys()].some((name) => !compileOptions().has(name))) return false;
    const [user, jail, program, ...args] = operands;
    if (user === undefined || jail === undefined) return false;
    const request = {
      user: user.text,
      jail: absolute(jail.bytes),
      program: program?.bytes,
      args: args.map(({ bytes }) => bytes),
      ...requestKeys(options),
    };
    compileLaunch(normalize(request), {
      file: Buffer.from(file),
      architecture: given.get('architecture')?.text,
      anyInode: given.has('any-inode'),
      isService: false,
      version: readVersion(),
      warn: () => {},
    });
    return true;
  } catch {
    return false;
  } finally {
    process.chdir(cwd);
  }
}

// Compiles once for the same words; keeps the launcher, or the result of a failed compilation. The odd caller's stack has
// room for as many words as a test gives.
function compileLauncher(
  args: readonly string[],
  accounts: readonly string[] = [],
): readonly string[] | Ended {
  const key = JSON.stringify([args, accounts]);
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const file = `${temporaryDirectory()}/launcher`;
  // the words of accounts.ts change what a process of their own sees
  const ended =
    accounts.length === 0 && compileHere(args, file)
      ? undefined
      : start([...command, '--compile', file, ...args], { accounts, by: oddCaller('stack') });
  const result = ended === undefined || ended.status === 0 ? [file] : ended;
  compiled.set(key, result);
  return result;
}

const isolation = isolated ? ['--isolate'] : [];

/** The words that launch in the way of the running test. */
export function launchWords(words: readonly string[], accounts: readonly string[] = []): readonly string[] {
  const args = [...isolation, ...words];
  if (!isCompiling) return [...command, ...args];
  const result = compileLauncher(args, accounts);
  if ('status' in result) throw new Error(`--compile: status ${result.status}: ${result.stderr}`);
  return result;
}

/** Runs the command `uchroot` with these arguments, or the launcher that it compiles from them. */
export function uchroot(given: readonly string[], options: StartOptions = {}): Ended {
  const args = [...isolation, ...given];
  const words = isCompiling ? compileLauncher(args, options.accounts) : [...command, ...args];
  return 'status' in words ? words : start(words, options);
}
