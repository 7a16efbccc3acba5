// The reports of the probe in the jail (probe.c).
import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

import { commandEnv, launchWords, uchroot, type Ended, type StartOptions } from './launch.ts';

interface Descriptor {
  readonly cloexec: number;
  readonly flags: number;
  readonly type: string;
}

/** The state that the probe saw. Sets of capabilities and signals are hexadecimal; argv and env are bytes in hexadecimal. */
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

/** The probe's report; if the probe did not run, throws with the command's messages. */
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
 * Starts `/probe wait` under the command, so that a test can examine the process from outside. Descriptor 3 is a pipe too,
 * because Node closes its end of the other one when the process that it started ends.
 */
export async function startWaiting(
  jail: string,
  options: readonly string[] = [],
  { by = [], env = {}, user = 'nobody' }: StartOptions & { readonly user?: string } = {},
): Promise<Waiting> {
  const [file = '', ...args] = [...by, ...launchWords([...options, user, jail, '/probe', 'wait'])];
  const child = spawn(file, args, {
    env: { ...commandEnv, ...env },
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
