// A service for a test: another Node process; and facts about processes from /proc.
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

import { ownIds } from '../../lib/launch/request/request.ts';
import { eventually } from './patience.ts';
import './plain-spawn.ts';
import { sanitizerEnv } from './sanitizer.ts';

export { eventually };

/** An environment without the variables of the test runner and the user. */
export function plainEnv(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = ['PATH', 'TMPDIR', 'MUST_RUN', 'UCHROOT_ISOLATE'];
  const env = kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  return { ...(Object.fromEntries(env) as Record<string, string>), ...sanitizerEnv, ...extra };
}

export interface ServiceOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdio?: StdioOptions;
  /** Program and arguments that start node, such as `strace -f`. */
  readonly wrapper?: readonly string[];
}

/** Starts dist/test/support/fixture/NAME.js with a JSON argument. */
export function startService(name: string, argument: unknown, options: ServiceOptions = {}): ChildProcess {
  const script = join(import.meta.dirname, 'fixture', `${name}.js`);
  const command = [...(options.wrapper ?? []), process.execPath, script, JSON.stringify(argument)];
  return spawn(command[0] ?? '', command.slice(1), {
    env: options.env ?? plainEnv(),
    stdio: options.stdio ?? 'pipe',
  });
}

/** Reads a stream to its end. */
export async function text(stream: NodeJS.ReadableStream | null): Promise<string> {
  const chunks: Buffer[] = [];
  if (stream !== null) for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Runs such a service to its end. */
export async function runService(
  name: string,
  argument: unknown,
  options: ServiceOptions = {},
): Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }> {
  const child = startService(name, argument, options);
  child.stdin?.end();
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    closed,
  ]);
  return { code, signal, stdout, stderr };
}

/** Starts a program that prints `ready` and, at SIGTERM, `caught`. Sends it that, kills it, and returns its output. */
export async function outputAtSigterm(
  [file = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await eventually(() => output.includes('ready'));
  child.kill('SIGTERM');
  await eventually(() => output.includes('caught'));
  child.kill('SIGKILL');
  await closed;
  return output;
}

/** One line of /proc/PID/status, or undefined if there is no such process. */
export function statusOf(pid: number, field: string): string | undefined {
  try {
    return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

/** Whether a process exists and is no zombie. */
export function runs(pid: number): boolean {
  const state = statusOf(pid, 'State');
  return state !== undefined && !state.startsWith('Z');
}

/** Pids of the processes whose parent is this one, including zombies. */
export function childrenOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((other) => statusOf(other, 'PPid') === String(pid) && !isResident(other));
}

// The process that runs commands for a test (resident.ts) stays to its end.
const isResident = (pid: number): boolean => readCommand(pid).includes('/resident.');
const readCommand = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // it has ended
  }
};

/** Pids of the running processes with this real uid. Zombies do not count: a slow init may not have reaped them yet. */
export function processesOf(uid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => statusOf(pid, 'Uid')?.split('\t')[0] === String(uid) && runs(pid));
}

/** Pids of the running processes of programs with limits and an id of their own (USER auto) that this service has started. */
export function programsOf(service: number | undefined): readonly number[] {
  const isOf = (pid: number): boolean =>
    readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`-${service}-`) && runs(pid);
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const uid = Number(statusOf(pid, 'Uid')?.split('\t')[0]);
      try {
        return uid >= ownIds.first && uid <= ownIds.last && isOf(pid);
      } catch {
        return false; // it has ended
      }
    });
}

/** What the open descriptors of a process lead to (proc_pid_fd(5)). */
export function linksOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return 'closed'; // such as that of the directory itself
    }
  });
}

/** A network namespace that a service has made for its next launch. */
export const isSpareNetwork = (link: string): boolean => link.startsWith('net:[');

/** The open descriptors of a process but for a spare network namespace, which comes and goes; and the number of its threads. */
export function countOf(pid: number): { fds: number; threads: number } {
  return {
    fds: linksOf(pid).filter((link) => !isSpareNetwork(link)).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
  };
}

/** Whether the main thread of a process is in rt_sigtimedwait, which is 128 on x86-64 and 137 on arm64 (/proc/PID/syscall). */
export function waitsForSignals(pid: number): boolean {
  return /^(128|137) /.test(readFileSync(`/proc/${pid}/syscall`, 'latin1'));
}

/** The number of descriptors, when it has not changed for a while: how many there are before something. */
export async function settledFds(pid: number = process.pid): Promise<number> {
  for (let last = -1; ;) {
    const now = countOf(pid).fds;
    if (now === last) return now;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** Whether there are as many descriptors again. Handles are closed some turns of the loop later, and threads close theirs when they run. */
export const fdsBecome = (count: number): Promise<boolean> =>
  eventually(() => countOf(process.pid).fds === count);

/** The same, if something else may close descriptors meanwhile. */
export const fdsFallTo = (count: number): Promise<boolean> =>
  eventually(() => countOf(process.pid).fds <= count);
