// For tests of uchroot-inetd: the daemon in a process of its own, and clients.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { join } from 'node:path';

import type { Test } from 'tap';

import { putProgram, temporaryDirectory } from './launch.ts';
import { patientMs } from './patience.ts';
import { eventually, plainEnv } from './service.ts';

const bundle = join(import.meta.dirname, '../../bin/uchroot-inetd.cjs');

/** A jail with the program /server (server.c). */
export function makeServerJail(): string {
  if (process.getuid?.() !== 0) return '/'; // the tests are skipped
  const jail = `${temporaryDirectory()}/jail`;
  mkdirSync(jail, { mode: 0o755 });
  putProgram(`${jail}/server`, 0o755, 'server');
  return jail;
}

export interface Daemon {
  readonly child: ChildProcess;
  readonly pid: number;
  /** The lines that it has written on standard error so far. */
  readonly lines: readonly string[];
  /** The first port that it listens on. */
  readonly port: number;
  /** The first line that matches, waiting for it; fails after five seconds. */
  line(pattern: RegExp): Promise<string>;
  /** Its connections in the log, written as JSON, once there are so many. */
  entries(count: number): Promise<readonly Record<string, unknown>[]>;
  /** Sends SIGTERM and waits for the end. */
  end(): Promise<number | null>;
}

export interface DaemonOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Words before the command. */
  readonly by?: readonly string[];
  /** Further descriptors, from 3 on. */
  readonly fds?: readonly number[];
}

/** Starts uchroot-inetd, and resolves when it listens. */
export async function startInetd(
  t: Test,
  words: readonly string[],
  { env = {}, by = [], fds = [] }: DaemonOptions = {},
): Promise<Daemon> {
  const [file = '', ...args] = [...by, process.execPath, bundle, ...words];
  const child = spawn(file, args, { env: plainEnv(env), stdio: ['ignore', 'ignore', 'pipe', ...fds] });
  const lines: string[] = [];
  let rest = '';
  child.stderr?.on('data', (chunk) => {
    const parts = `${rest}${String(chunk)}`.split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  const closed = once(child, 'close');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const line = async (pattern: RegExp): Promise<string> => {
    await eventually(() => lines.some((line) => pattern.test(line)) || child.exitCode !== null, 5000);
    const found = lines.find((line) => pattern.test(line));
    if (found === undefined) throw new Error(`no ${pattern} in: ${[...lines, rest].join('\n')}`);
    return found;
  };
  const listening = await line(/listening: /);
  const port = Number(/:([0-9]+)(?:\/udp)?(?:[,;]|$)/.exec(listening)?.[1] ?? 0);
  const jsons = (): readonly string[] => lines.filter((line) => line.startsWith('{'));
  return {
    child,
    pid: child.pid ?? 0,
    lines,
    port,
    line,
    entries: async (count) => {
      await eventually(() => jsons().length >= count, 20_000);
      return jsons().map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    end: async () => {
      child.kill('SIGTERM');
      await closed;
      return child.exitCode;
    },
  };
}

/** What a client got, and how it ended. */
export interface Heard {
  readonly text: string;
  readonly error: string | undefined;
}

/** A client that is connected; half-open connections stay open. */
export async function connectTo(t: Test, to: NetConnectOpts): Promise<Socket> {
  const socket = connect({ ...to, allowHalfOpen: true } as NetConnectOpts);
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Reads to the end. */
export async function hear(socket: Socket): Promise<Heard> {
  let text = '';
  socket.on('data', (chunk) => (text += String(chunk)));
  const error = await new Promise<string | undefined>((done) => {
    socket.once('end', () => done(undefined));
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code));
    socket.setTimeout(patientMs(15_000), () => done('timeout'));
  });
  socket.destroy();
  return { text, error };
}

/** One client: sends a text and half-closes, if there is a text, and reads to the end. */
export async function ask(to: NetConnectOpts, text?: string): Promise<Heard> {
  const socket = connect({ ...to, allowHalfOpen: true } as NetConnectOpts);
  if (text !== undefined) socket.end(text);
  return hear(socket);
}
