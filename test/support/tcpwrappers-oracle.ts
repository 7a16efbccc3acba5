// Asks the installed libwrap through test/support/tcpwrappers-oracle.c.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import type { Test } from 'tap';

import { makeDirectory } from './directory.ts';
import { unlessThere } from './root.ts';

const repository = join(import.meta.dirname, '../../..');

/** The file at a path: a text (one byte for each character), a directory, a link to itself, or nothing. */
export type TestFile = { readonly text: string } | 'directory' | 'loop' | 'absent';

/** A request, and the results of its look-ups. */
export interface TestRequest {
  readonly daemon: string;
  readonly address: string;
  readonly name: string;
  /** If false, a look-up finds the name. */
  readonly isNameKnown?: boolean;
  readonly user: string;
  readonly isUserKnown?: boolean;
  readonly serverAddress: string;
  readonly serverName: string;
  readonly isServerNameKnown?: boolean;
  /** Of client and server. */
  readonly ports?: readonly [number, number];
  /** Asks like tcpdmatch: commands are not run. */
  readonly isDry?: boolean;
}

/** Requests, and `hosts.allow`, `hosts.deny` and other files by their names in the oracle's directory. */
export interface TestSet {
  readonly files: Readonly<Record<string, TestFile>>;
  readonly requests: readonly TestRequest[];
}

/** libwrap's answer, and the events on the way: a letter for the kind, see tcpwrappers-oracle.c, and a text. */
export interface OracleAnswer {
  readonly verdict: 'granted' | 'denied' | 'exited' | 'crashed';
  readonly events: readonly (readonly [kind: string, text: string])[];
}

/** The reason why no oracle can be made here, or false. */
export function unlessLibwrap(): string | false {
  return unlessThere('/usr/include/tcpd.h');
}

function compileOracle(): string {
  const source = join(repository, 'test/support/tcpwrappers-oracle.c');
  const result = join(repository, 'build/test/tcpwrappers-oracle');
  if (existsSync(result) && statSync(result).mtimeMs > statSync(source).mtimeMs) return result;
  mkdirSync(join(repository, 'build/test'), { recursive: true });
  // Test files run at the same time: none may see half a program.
  const temporary = `${result}.${process.pid}`;
  execFileSync('cc', ['-O1', '-o', temporary, source, '-lwrap'], { env: { PATH: process.env.PATH } });
  renameSync(temporary, result);
  return result;
}

class Writer {
  readonly #parts: Buffer[] = [];

  number(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.#parts.push(bytes);
  }

  string(text: string): void {
    this.number(text.length);
    this.#parts.push(Buffer.from(`${text}\0`, 'latin1'));
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

const kinds = { directory: 1, loop: 2, absent: 3 } as const;

function writeFile(out: Writer, name: string, file: TestFile): void {
  out.string(name);
  out.number(typeof file === 'string' ? kinds[file] : 0);
  out.string(typeof file === 'string' ? '' : file.text);
}

function writeRequest(out: Writer, request: TestRequest): void {
  const flags = [
    request.isNameKnown,
    request.isUserKnown,
    request.isServerNameKnown,
    request.ports !== undefined,
    request.isDry,
  ];
  out.number(flags.reduce((all, flag, i) => all | (flag === true ? 1 << i : 0), 0));
  out.string(request.daemon);
  out.string(request.address);
  out.string(request.name);
  out.string(request.user);
  out.string(request.serverAddress);
  out.string(request.serverName);
  out.number(request.ports?.[0] ?? 0);
  out.number(request.ports?.[1] ?? 0);
}

const verdicts: Readonly<Record<string, OracleAnswer['verdict']>> = {
  g: 'granted',
  d: 'denied',
  x: 'exited',
  c: 'crashed',
};

// Verdict, events (kind, length, text), zero.
function* readAnswers(bytes: Buffer): Generator<OracleAnswer, void> {
  for (let at = 0; at < bytes.length; at++) {
    const verdict = verdicts[String.fromCharCode(bytes[at++] ?? 0)];
    if (verdict === undefined) throw new Error('the oracle has written something else');
    const events: [string, string][] = [];
    while (bytes[at] !== 0) {
      const end = at + 3 + bytes.readUInt16LE(at + 1);
      events.push([String.fromCharCode(bytes[at] ?? 0), bytes.toString('latin1', at + 3, end)]);
      at = end;
    }
    yield { verdict, events };
  }
}

export interface Oracle {
  /** The directory of the files of the sets during the requests. */
  readonly directory: string;
  /** The answers to the requests of all sets, in order. One call at a time. */
  ask(sets: readonly TestSet[]): Promise<readonly OracleAnswer[]>;
}

/** Compiles the oracle unless it is compiled, and gives it a directory for the duration of the test. */
export function openOracle(t: Test): Oracle {
  const program = compileOracle();
  const directory = makeDirectory(t);
  return {
    directory,
    async ask(sets) {
      const out = new Writer();
      for (const { files, requests } of sets) {
        const all = { 'hosts.allow': 'absent', 'hosts.deny': 'absent', ...files } as const;
        out.number(Object.keys(all).length);
        for (const [name, file] of Object.entries(all)) writeFile(out, name, file);
        out.number(requests.length);
        for (const request of requests) writeRequest(out, request);
      }
      const child = spawn(program, {
        cwd: directory,
        env: { PATH: process.env.PATH },
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      child.stdin.end(out.bytes());
      const answers = [...readAnswers(await buffer(child.stdout))];
      const expected = sets.reduce((sum, set) => sum + set.requests.length, 0);
      if (answers.length !== expected)
        throw new Error(`the oracle has answered ${answers.length} of ${expected}`);
      return answers;
    },
  };
}
