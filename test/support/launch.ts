// What root tests start and look at: the command, callers in an odd state, a jail with a probe in it.
import { spawn, spawnSync, type SpawnSyncReturns, type StdioOptions } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';

import t, { type Test } from 'tap';

import './plain-spawn.ts';
import { unlessInstalled, unlessRoot } from './root.ts';

const packageRoot = new URL('../../../', import.meta.url).pathname;

/** The command as it is installed, and the words that start it. */
export const command: readonly string[] = [process.execPath, `${packageRoot}dist/bin/uchroot.cjs`];

/** Where this package lies. */
export const packageDirectory: string = packageRoot.slice(0, -1);

/** `t.test` for what needs root, a compiler for the probe, and these tools. */
export function rootTest(
  ...tools: readonly string[]
): (name: string, body: (t: Test) => Promise<void>) => void {
  const skip = unlessRoot() || unlessInstalled('gcc', ...tools);
  return (name, body) => void t.test(name, { skip }, body);
}

// Into dist, where nobody else can put a file of that name; once, as long as the source stays.
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

/** The words that put a caller into an odd state (odd-caller.c) before it executes what follows. */
export function oddCaller(...words: readonly string[]): readonly string[] {
  return [compile('odd-caller'), ...words, '--'];
}

/** A directory of root's that is gone after the test file. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync('/tmp/uchroot-test-');
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  chmodSync(directory, 0o755);
  return directory;
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

/** Puts another copy of the probe somewhere. */
export function putProgram(path: string, mode = 0o755): void {
  copyFileSync(compile('probe'), path);
  chmodSync(path, mode);
}

/** Writes a file with exactly this mode, whatever the umask. */
export function putFile(path: string, content: string | Buffer, mode = 0o644): void {
  writeFileSync(path, content);
  chmodSync(path, mode);
}

export interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly output: SpawnSyncReturns<Buffer>['output'];
}

export interface StartOptions {
  /** Words before the command: an odd caller, strace, setpriv. */
  readonly by?: readonly string[];
  /** The whole environment; nothing of the test's own gets in (tap puts NODE_OPTIONS there). */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdio?: StdioOptions;
  readonly input?: string;
}

export const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Runs a program to its end. */
export function start(words: readonly string[], options: StartOptions = {}): Ended {
  const [file = '', ...args] = [...(options.by ?? []), ...words];
  const { status, signal, stdout, stderr, output, error } = spawnSync(file, args, {
    env: { PATH: searchPath, ...options.env },
    cwd: options.cwd ?? '/',
    stdio: options.stdio ?? 'pipe',
    timeout: 20_000,
    maxBuffer: 64 * 2 ** 20,
    ...(options.input === undefined ? {} : { input: options.input }),
  });
  if (error !== undefined && status === null) throw error;
  return { status, signal, stdout: String(stdout ?? ''), stderr: String(stderr ?? ''), output };
}

/** The command where everybody may read it: the package may lie in a directory of root's. */
export function publicCommand(): readonly string[] {
  const directory = temporaryDirectory();
  for (const file of ['package.json', 'dist/bin/uchroot.cjs', 'build/Release/uchroot.node']) {
    mkdirSync(dirname(`${directory}/${file}`), { recursive: true, mode: 0o755 });
    copyFileSync(`${packageRoot}${file}`, `${directory}/${file}`);
    chmodSync(`${directory}/${file}`, 0o755);
  }
  return [process.execPath, `${directory}/dist/bin/uchroot.cjs`];
}

/** Runs the command `uchroot` with these arguments. */
export function uchroot(args: readonly string[], options: StartOptions = {}): Ended {
  return start([...command, ...args], options);
}

interface Descriptor {
  readonly cloexec: number;
  readonly flags: number;
  readonly type: string;
}

/** What the probe saw. Sets of capabilities and signals are hexadecimal; argv and env are bytes in hexadecimal. */
export interface State {
  readonly uid: readonly number[];
  readonly gid: readonly number[];
  readonly groups: readonly number[];
  readonly effective: string;
  readonly permitted: string;
  readonly inheritable: string;
  readonly bounding: string;
  readonly ambient: string;
  readonly securebits: number;
  readonly noNewPrivs: number;
  readonly seccomp: number;
  /** The key of odd-caller's session keyring, or a negative errno. */
  readonly key: number;
  readonly blocked: string;
  readonly ignored: string;
  readonly pending: string;
  readonly rlimits: Readonly<Record<string, readonly [soft: number, hard: number]>>;
  readonly nice: number;
  readonly policy: number;
  readonly ioprio: number;
  readonly personality: number;
  readonly cpus: number;
  readonly timers: readonly number[];
  readonly parentDeathSignal: number;
  readonly subreaper: number;
  readonly timerSlack: number;
  readonly dumpable: number;
  readonly fds: Readonly<Record<string, Descriptor>>;
  readonly cwd: string;
  readonly umask: number;
  readonly pid: number;
  readonly ppid: number;
  readonly sid: number;
  readonly pgid: number;
  readonly terminalSession: number;
  readonly argv: readonly string[];
  readonly env: readonly string[];
}

/** Bytes that the probe printed in hexadecimal, as latin1. */
export function decode(hex: string): string {
  return Buffer.from(hex, 'hex').toString('latin1');
}

/** The probe's report; throws with what the command said if the probe did not run. */
export function readState(ended: Ended): State {
  if (ended.status !== 0)
    throw new Error(`status ${ended.status}, signal ${ended.signal}: ${ended.stderr}${ended.stdout}`);
  return JSON.parse(ended.stdout.slice(ended.stdout.indexOf('{'))) as State;
}

/** The state in which `/probe` runs under the command with these options. */
export function probe(jail: string, options: readonly string[] = [], how: StartOptions = {}): State {
  return readState(uchroot([...options, 'nobody', jail, '/probe', 'state'], how));
}

/** A probe that waits in the jail until its stdin ends. */
export interface Waiting {
  /** Pid of the process that was started, which an in-place launch keeps. */
  readonly pid: number;
  readonly state: State;
  end(): Promise<void>;
}

/**
 * Starts `/probe wait` under the command, and lets a test look at the process from outside. Descriptor 3 is a pipe
 * too: Node closes its end of the other when the process that it started ends.
 */
export async function startWaiting(
  jail: string,
  options: readonly string[] = [],
  { by = [], env = {}, user = 'nobody' }: StartOptions & { readonly user?: string } = {},
): Promise<Waiting> {
  const [file, ...args] = [...by, ...command, ...options, user, jail, '/probe', 'wait'];
  const child = spawn(file, args, {
    env: { PATH: searchPath, ...env },
    cwd: '/',
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const third = child.stdio[3] as Writable;
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let [stdout, stderr] = ['', ''];
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stdout.includes('\n')) resolve();
    });
    void ended.then(resolve);
  });
  if (!stdout.includes('\n')) throw new Error(`the probe did not start: ${stderr}${stdout}`);
  return {
    pid: child.pid ?? 0,
    state: JSON.parse(stdout) as State,
    end: () => {
      child.stdin.end();
      third.end();
      return ended;
    },
  };
}
