// Tests a finished jail as its user: loads each program, and runs the check of each pack. An ordinary user tests his without root.

import { endianness } from 'node:os';

import { type Closure, openResolver } from '../binary/closure.ts';
import { hostAbi, MACHINE, machineName } from '../binary/machine.ts';
import { type BytePath, bytePath, lastComponent, pathBytes, showPath } from '../tree/path.ts';
import { type DirectoryRoot, tryFile } from '../tree/root.ts';
import { walk } from '../tree/walk.ts';
import { AbortError, LaunchError } from '../errors.ts';
import type { RunRequest } from '../launch/request/run-rows.ts';
import { runInJail } from '../launch/start/run.ts';
import { native } from '../native.ts';
import { caller, isOrdinary } from '../trust/owner.ts';
import { quote } from '../words/quote.ts';
import { commandLine, shellWord } from '../words/shell-word.ts';
import type { Manifest } from './manifest/manifest.ts';
import { packOf } from './packs/index.ts';
import type { Probe } from './packs/pack.ts';
import type { Placed } from './verify.ts';
import { throwIfAborted } from './work/jail-error.ts';
import type { JailWarning } from './work/jail-warning.ts';

export interface Trial {
  /** The jail, as a path of the host and as a root. */
  readonly directory: BytePath;
  readonly jail: DirectoryRoot;
  readonly manifest: Manifest;
  readonly programs: readonly Placed[];
  readonly signal?: AbortSignal | undefined;
}

const TIMEOUT_MS = 30_000;

/** Roles of the files that the kernel executes. */
const RUN: ReadonlySet<string> = new Set(['program', 'script-interpreter', 'command']);

export interface Outcome {
  /** Sentences about failed tests. */
  readonly failures: readonly string[];
  /** Warnings about what programs in the jail still need, and about tests that were not possible. */
  readonly warnings: readonly JailWarning[];
}

const other = (message: string): JailWarning => ({ kind: 'other', message });

// A launch without root that the host refuses before a program would start.
class NotTried extends Error {}

/**
 * Runs programs of the jail, unless they are for another machine, or the host lets an ordinary user launch nothing. The signal ends
 * this early, with a warning: the jail is already there.
 */
export async function tryOut(trial: Trial): Promise<Outcome> {
  const failures: string[] = [];
  const warnings: JailWarning[] = [];
  try {
    await tryAll(trial, failures, warnings);
  } catch (error) {
    if (error instanceof AbortError)
      warnings.push(other('interrupted: the jail is in place, but not all of it was tried'));
    else if (error instanceof NotTried)
      warnings.push(other(`nothing was tried in the jail: ${error.message}; uchroot --doctor says more`));
    else throw error;
  }
  return { failures, warnings };
}

// Adds to both lists. @throws AbortError, NotTried
async function tryAll(trial: Trial, failures: string[], warnings: JailWarning[]): Promise<void> {
  const { jail, manifest, programs, signal } = trial;
  const resolver = openResolver(jail, { hasProc: true });
  const foreign = programs.map(({ path }) => foreignMachine(resolver.resolve(path))).find(Boolean);
  if (foreign !== undefined) {
    warnings.push(other(`nothing was tried in the jail: its programs are for ${foreign}`));
    return;
  }
  const probe = openProbe(trial);
  for (const { path } of programs) {
    const { loader, files } = resolver.resolve(path);
    const elf = files.findLast((file) => RUN.has(file.role));
    if (loader === undefined || elf?.elf === undefined) continue;
    // The jail's loader loads the program and its libraries, but does not start it.
    const { exitCode, stderr } = await probe.run(loader.interpreter, '--list', elf.path);
    throwIfAborted(signal);
    if (exitCode !== 0) failures.push(`${showPath(path)} cannot be loaded: ${firstLine(stderr)}`);
  }
  for (const { path } of programs) {
    const complaint = await startOnce(trial, path);
    throwIfAborted(signal);
    if (complaint !== undefined) warnings.push(complaint);
  }
  for (const { name } of manifest.packs) {
    const { check, wants } = packOf(name);
    const failure = await check?.(probe);
    throwIfAborted(signal);
    if (failure !== undefined) failures.push(`pack ${name}: ${failure}`);
    const wanted = wants?.(probe);
    if (wanted !== undefined) warnings.push(other(wanted));
  }
}

// Long enough for the slowest interpreter. A daemon that ignores the option has printed its errors by then.
const START_TIMEOUT_MS = 5000;

const MAX_BYTES = 64 << 20;

// Starts a program of a Debian package with --version, and as `go version` if it does not know that option. This finds files
// whose names a program builds at run time. Other programs are not started, because they may ignore the option and do their work.
async function startOnce(trial: Trial, path: BytePath): Promise<JailWarning | undefined> {
  const { jail, manifest, directory } = trial;
  const real = walk(jail, path).path;
  if (manifest.entries.find((entry) => entry.path === real)?.package === undefined) return undefined;
  for (const word of ['--version', 'version']) {
    const { exitCode, stdout, stderr } = await run(trial, path, [word], START_TIMEOUT_MS);
    if (exitCode === 0) return undefined;
    // a line about a file `version` says only that this is no command of the program
    const lines = `${stderr}\n${stdout}`.split('\n');
    const output = lines.filter((line) => word !== 'version' || !line.includes(word)).join('\n');
    const readsProc = namesProc(jail, real) && (await worksWithProc(trial, path, word));
    const command = `${showPath(path)} ${word}`;
    const [said, message] = [saidBy(command, output), complaintOf(command, directory, output, readsProc)];
    if (said !== undefined && message !== undefined) return { kind: 'trial', said, message };
    if (!OF_OPTION.test(output)) return undefined;
  }
  return undefined;
}

// Many programs name /proc/self/exe, such as all in Go, and few need it. This one has failed: does it work with a /proc?
async function worksWithProc(trial: Trial, path: BytePath, word: string): Promise<boolean> {
  const { view = [] } = isOrdinary(caller()) ? withoutRoot(trial) : {};
  const more = { isolate: !isOrdinary(caller()), view: [...view, { proc: '/proc' }] };
  try {
    return (await run(trial, path, [word], START_TIMEOUT_MS, more)).exitCode === 0;
  } catch (error) {
    if (error instanceof NotTried) return false;
    throw error;
  }
}

/** Whether a program may find its own directory by /proc/self/exe, as go does. */
function namesProc(jail: DirectoryRoot, path: BytePath): boolean {
  const text = tryFile(jail, path, ({ read, status }) =>
    Buffer.from(read(0, Math.min(status.sizeBytes, MAX_BYTES))),
  );
  return text?.includes('/proc/self/exe') === true;
}

/** The machine that a program is for, if it is not this one. */
function foreignMachine({ files }: Closure): string | undefined {
  const here = hostAbi(process.arch, endianness());
  const { elf } = files.find((file) => file.elf !== undefined) ?? {};
  if (elf === undefined || here === undefined || elf.machine === here.machine) return undefined;
  // A 64-bit x86 kernel also executes 32-bit programs.
  if (here.machine === MACHINE.x86_64 && elf.machine === MACHINE.i386) return undefined;
  return machineName(elf);
}

function openProbe(trial: Trial): Probe {
  const { jail, manifest } = trial;
  const executables = manifest.entries.filter(({ kind, mode }) => kind === 'file' && (mode & 0o111) !== 0);
  return {
    root: jail,
    executables: (name) =>
      executables.map(({ path }) => path).filter((path) => name.test(lastComponent(path))),
    run: (program, ...args) => run(trial, program, args, TIMEOUT_MS),
  };
}

async function run(
  trial: Trial,
  program: BytePath,
  args: readonly string[],
  timeoutMs: number,
  more: Pick<RunRequest, 'isolate' | 'view'> = {},
): ReturnType<Probe['run']> {
  const { directory, manifest, signal } = trial;
  const isRootless = isOrdinary(caller());
  try {
    const { exitCode, stdout, stderr, stopped } = await runInJail({
      ...userOf(manifest.recipe.users),
      jail: pathBytes(directory),
      program: pathBytes(program),
      args,
      reject: false,
      // the builder's own time zone is not the service's
      env: { TZ: undefined },
      timeoutMs,
      ...(isRootless && withoutRoot(trial)),
      ...more,
      ...(signal && { signal }),
    });
    const said = stopped === 'ETIMEDOUT' ? `it has not ended after ${timeoutMs / 1000} seconds` : stderr;
    return { exitCode, stdout, stderr: said };
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error;
    if (isRootless && error.step !== 'execve') throw new NotTried(error.message);
    return { exitCode: error.exitStatus, stdout: '', stderr: error.message };
  }
}

// As for root, the program cannot write to the jail, but to /tmp, and it has the devices.
function withoutRoot({ jail }: Trial): Pick<RunRequest, 'rootless' | 'readOnly' | 'view'> {
  const hasDirectory = (path: string) => jail.lstat(bytePath(path))?.kind === 'directory';
  return {
    rootless: true,
    readOnly: true,
    view: [
      ...(hasDirectory('/tmp') ? [{ tmpfs: '/tmp' }] : []),
      ...(hasDirectory('/dev') ? [{ dev: '/dev' }] : []),
    ],
  };
}

/** The first user of the jail, or nobody. */
function userOf([name]: readonly string[]): { readonly user: string; readonly group?: string } {
  if (name !== undefined) return { user: name };
  return native.getpwnam('nobody') === null ? { user: '+65534', group: '+65534' } : { user: 'nobody' };
}

function firstLine(text: string): string {
  const line = text.split('\n').find((candidate) => candidate.trim() !== '');
  return line === undefined ? 'it says nothing' : quote(line);
}

const MISSING =
  /no such file|not found|does ?n.t exist|does not exist|(?:cannot|can.t|couldn.t|could not|unable to|failed to) (?:find|open|load|locate|exec|execute|read|stat|initiali[sz]e|import)|no module named|is missing|\bENOENT\b|\/proc\b.*\bmounted/i;

// Messages about the option --version itself do not count.
const OF_OPTION = /-version|\b(?:options?|usage|arguments?|flags?)\b/i;

// What a failed program says is missing.
function saidBy(command: string, output: string): string | undefined {
  const line = missingIn(output);
  return line && `${command} fails in the jail: ${quote(line)}`;
}

const missingIn = (output: string): string | undefined =>
  output
    .split('\n')
    .map((text) => text.trim())
    .find((text) => MISSING.test(text) && !OF_OPTION.test(text));

/** A warning if a failed program's output says that something is missing. Pure. */
export function complaintOf(
  command: string,
  jail: string,
  output: string,
  readsProc = false,
): string | undefined {
  const line = missingIn(output);
  const said = saidBy(command, output);
  if (line === undefined || said === undefined) return undefined;
  // also "parse_proc_meminfo failed", and a link to /proc/self/fd
  if (readsProc || /(?:\/|_)proc(?:\b|_)|\/dev\/(?:fd|std(?:in|out|err))\b/.test(line)) {
    const place = shellWord(`${jail}/proc`);
    return `${said}; mkdir -p ${place} && mount -t proc proc ${place} gives it that`;
  }
  return `${said}; ${commandLine('uchroot-jail', 'build', jail, '--learn', command)} adds what it opens on the host`;
}
