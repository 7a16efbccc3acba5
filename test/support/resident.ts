// A process that runs commands of this package, one after another. To start Node and to compile a command takes more computing than most
// commands do. What depends on a process of its own, such as a signal or a limit, is started as users start it.
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, copyFileSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

import { commandEnv, packageDirectory, temporaryDirectory, withoutProgress, type Ended } from './launch.ts';
import { patientMs, pauseMs } from './patience.ts';
import './plain-spawn.ts';
import { sanitizerEnv } from './sanitizer.ts';

export interface Request {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly umask: number;
  readonly env: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  /** In base64. */
  readonly stdout: string;
  readonly stderr: string;
}

interface Server {
  readonly pid: number;
  /** Descriptors of pipes. */
  readonly requests: number;
  readonly answers: number;
  /** A file. */
  readonly messages: string;
}

/** Sanitizers and coverage need the end of each process. */
const isPossible = Object.keys(sanitizerEnv).length === 0;

export class Resident {
  readonly #by: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #bin: string;
  readonly #isElsewhere: boolean;
  #server: Server | undefined;

  /**
   * The process starts at the first command, behind the words `by`. `bin` is the directory of the commands: another user than root may be
   * unable to read that of the package. Elsewhere, as in a machine, there is the package, but no other file of this process.
   */
  constructor(
    by: readonly string[] = [],
    env = commandEnv,
    bin = `${packageDirectory}/dist/bin`,
    isElsewhere = false,
  ) {
    this.#by = by;
    this.#env = env;
    this.#bin = bin;
    this.#isElsewhere = isElsewhere;
  }

  /** Whether it can run a command with these arguments. For bytes that are no UTF-8 a command reads the words of its process. */
  takes(args: readonly string[]): boolean {
    return isPossible && !args.some((word) => word.includes('\ufffd'));
  }

  /** Runs a command to its end, with an empty standard input; `env` is added to its environment. */
  run(
    program: string,
    args: readonly string[],
    cwd = '/',
    env: Readonly<Record<string, string>> = {},
  ): Ended {
    this.#server ??= this.#start();
    const { pid, requests } = this.#server;
    const request: Request = { program, args, cwd, umask: process.umask(), env: { ...this.#env, ...env } };
    const body = Buffer.from(JSON.stringify(request));
    const head = Buffer.alloc(4);
    head.writeUInt32LE(body.length);
    for (let rest = Buffer.concat([head, body]); rest.length > 0;)
      rest = rest.subarray(writeSync(requests, rest));
    const { status, ...texts } = JSON.parse(this.#read(this.#read(4).readUInt32LE()).toString()) as Answer;
    const [stdout, stderr] = [texts.stdout, texts.stderr].map((text) => Buffer.from(text, 'base64'));
    return {
      pid,
      status,
      signal: null,
      stdout: String(stdout),
      stderr: withoutProgress(String(stderr)),
      output: [null, stdout ?? null, stderr ?? null],
    };
  }

  /** Ends the process, if it runs. Another one starts at the next command. */
  end(): void {
    if (this.#server === undefined) return;
    const { requests, answers } = this.#server;
    this.#server = undefined;
    // it reads to the end of this pipe
    closeSync(requests);
    const begin = performance.now();
    for (const end = begin + patientMs(60_000); readNow(answers, Buffer.alloc(1)) !== 0;) {
      if (performance.now() >= end) throw new Error('the process that runs commands does not end');
      sleepMs(pauseMs(begin));
    }
    closeSync(answers);
  }

  #start(): Server {
    const directory = temporaryDirectory();
    const pipes = [`${directory}/requests`, `${directory}/answers`] as const;
    execFileSync('mkfifo', ['-m', '666', ...pipes]);
    const requests = openSync(pipes[0], constants.O_RDWR);
    const answers = openSync(pipes[1], constants.O_RDONLY | constants.O_NONBLOCK);
    const [usual, copy] = [
      `${packageDirectory}/dist/test/support/fixture/resident.js`,
      `${directory}/resident.mjs`,
    ];
    if (!this.#isElsewhere) copyFileSync(usual, copy);
    // Files, not pipes: the command, its warnings and its children write there at once, and it can be read without an end.
    const texts = ['stdout', 'stderr'].map((name) => openSync(`${directory}/${name}`, 'ax+', 0o600));
    const ends = this.#isElsewhere ? [openSync(pipes[0], 'r'), openSync(pipes[1], 'w')] : [];
    const names = this.#isElsewhere ? [usual, '/proc/self/fd/3', '/proc/self/fd/4'] : [copy, ...pipes];
    const words = [...this.#by, process.execPath, ...names, this.#bin];
    const child = spawn(words[0] ?? '', words.slice(1), {
      env: this.#env,
      cwd: '/',
      stdio: ['ignore', ...texts, ...ends],
    });
    for (const fd of [...texts, ...ends]) closeSync(fd);
    // it ends when this process closes the pipe of requests
    child.unref();
    return { pid: child.pid ?? 0, requests, answers, messages: `${directory}/stderr` };
  }

  // Waits although the pipe does not: without a writer a pipe that waits would never end.
  #read(size: number): Buffer {
    const bytes = Buffer.alloc(size);
    const { answers = -1, requests = -1, messages = '' } = this.#server ?? {};
    const begin = performance.now();
    const end = begin + patientMs(120_000);
    for (let at = 0, hasWriter = false; at < size;) {
      const count = readNow(answers, bytes.subarray(at));
      if (count === 0 && !hasWriter && performance.now() < end) {
        sleepMs(pauseMs(begin)); // it may still be starting
        continue;
      }
      if (count === 0 || performance.now() >= end) {
        for (const fd of [requests, answers]) closeSync(fd);
        this.#server = undefined;
        throw new Error(
          `the process that runs commands has ended, or hangs: ${readFileSync(messages, 'latin1')}`,
        );
      }
      hasWriter = true;
      if (count === undefined) sleepMs(pauseMs(begin));
      at += count ?? 0;
    }
    return bytes;
  }
}

/** The number of bytes; 0 if there is no writer, undefined if it has not written yet. */
function readNow(fd: number, bytes: Uint8Array): number | undefined {
  try {
    return readSync(fd, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}

const cell = new Int32Array(new SharedArrayBuffer(4));
const sleepMs = (ms: number): void => void Atomics.wait(cell, 0, 0, ms);
