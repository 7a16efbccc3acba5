// What an ES module that uses the package expects of its types.
import type { Duplex, Readable, Writable } from 'node:stream';

import {
  AbortError,
  ExitError,
  JailError,
  LaunchError,
  openJail,
  runInJail,
  spawnInJail,
  UsageError,
  type Encoding,
  type Jail,
  type JailedProcess,
  type RunRequest,
  type SpawnRequest,
  type Stdio,
} from 'uchroot';
import { guard, openHosts, type Decision } from 'uchroot/tcpwrappers';

type Same<One, Other> = [One, Other] extends [Other, One] ? true : false;

/** An argument is missing where the types are not the same. */
function same<One, Other>(...different: Same<One, Other> extends true ? [] : [never]): void {
  return void different;
}

const base = { user: 'sam', jail: '/srv/jail', program: '/bin/ls' };

export async function encodings(some: RunRequest): Promise<void> {
  same<Awaited<ReturnType<typeof plain>>['stdout'], string>();
  const hex = await runInJail({ ...base, encoding: 'hex', reject: false });
  same<typeof hex.stdout, string>();
  const bytes = await runInJail({ ...base, encoding: 'buffer' });
  same<typeof bytes.stdout, Buffer>();
  same<typeof bytes.stderr, Buffer>();
  const either = await runInJail(some);
  same<typeof either.stdout, string>();
  const any = await runInJail(base as RunRequest<Encoding, Stdio, boolean>);
  same<typeof any.stdout, string | Buffer | string[]>();
  const lines = await runInJail({ ...base, lines: true, all: true });
  same<typeof lines.stdout, string[]>();
  same<typeof lines.all, string[] | undefined>();
  // @ts-expect-error -- a misspelt key
  await runInJail({ ...base, timeoutMS: 5 });
  // @ts-expect-error -- there is no such encoding
  await runInJail({ ...base, encoding: 'utf-9' });
}

// A field or a parameter that is written without type parameters is for text.
export class Grader {
  readonly #jail: Jail;
  constructor(jail: Jail) {
    this.#jail = jail;
  }
  static async open(): Promise<Grader> {
    return new Grader(await openJail('/srv/jail', { untrusted: true }));
  }
  async grade(): Promise<string> {
    return (await this.#jail.run({ program: '/bin/ls' })).stdout.trim();
  }
  said(error: ExitError): string {
    return error.stderr.trim();
  }
}

function plain() {
  return runInJail(base);
}

export async function streams(some: SpawnRequest, child: JailedProcess): Promise<void> {
  const piped = await spawnInJail(base);
  same<typeof piped.stdin, Writable>();
  same<typeof piped.stdout, Readable>();
  piped.stdout.setEncoding('utf8');
  same<typeof piped.stdio, readonly [Writable, Readable, Readable]>();
  const silent = await spawnInJail({ ...base, stdio: 'ignore' });
  same<typeof silent.stdout, null>();
  const mixed = await spawnInJail({ ...base, stdio: ['ignore', 'pipe', 2] });
  same<typeof mixed.stdin, null>();
  same<typeof mixed.stdout, Readable>();
  same<typeof mixed.stderr, null>();
  const short = await spawnInJail({ ...base, stdio: ['inherit'] });
  same<typeof short.stdin, null>();
  same<typeof short.stderr, Readable>();
  const handed = await spawnInJail({ ...base, stdio: [piped.stdout, undefined, 'inherit'] });
  same<typeof handed.stdin, null>();
  same<typeof handed.stdout, Readable>();
  const unknown = await spawnInJail(some);
  same<typeof unknown.stdout, Readable | null>();
  same<typeof piped.pty, null>();
  const typed = await spawnInJail({ ...base, pty: true });
  same<typeof typed.pty, Duplex>();
  same<typeof typed.stdin, null>();
  const sized = await spawnInJail({ ...base, pty: { cols: 80, rows: 24 } });
  same<typeof sized.pty, Duplex>();
  const any: JailedProcess = piped;
  // @ts-expect-error -- where stdio is not known, a stream may be missing
  const known: JailedProcess<'pipe'> = child;
  return void [any, known];
}

export async function jails(): Promise<void> {
  await using plain = await openJail('/srv/jail', { user: 'sam' });
  const text = await plain.run({ program: '/bin/ls' });
  same<typeof text.stdout, string>();
  const piped = await plain.spawn();
  same<typeof piped.stdout, Readable>();
  await using binary = await openJail('/srv/jail', {
    encoding: 'buffer',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const bytes = await binary.run({ user: 'sam' });
  same<typeof bytes.stdout, Buffer>();
  const own = await binary.run({ user: 'sam', encoding: 'utf8' });
  same<typeof own.stdout, string>();
  const lines = await plain.run({ lines: true });
  same<typeof lines.stderr, string[]>();
  await using lined = await openJail('/srv/jail', { user: 'sam', lines: true });
  const listed = await lined.run();
  same<typeof listed.stdout, string[]>();
  const whole = await lined.run({ lines: false });
  same<typeof whole.stdout, string>();
  const child = await binary.spawn({ user: 'sam' });
  same<typeof child.stdout, Readable>();
  same<typeof child.stderr, null>();
  const inherited = await binary.spawn({ user: 'sam', stdio: 'inherit' });
  same<typeof inherited.stdout, null>();
  // @ts-expect-error -- the jail is the one that was opened
  await binary.run({ user: 'sam', jail: '/srv/other' });
}

export function codes(error: unknown): string | undefined {
  if (error instanceof UsageError) same<typeof error.code, 'ERR_USAGE'>();
  if (error instanceof AbortError) {
    same<typeof error.code, 'ABORT_ERR'>();
    same<typeof error.name, 'AbortError'>();
  }
  if (error instanceof ExitError) {
    same<typeof error.code, 'ERR_EXIT' | 'ERR_SIGNAL' | 'ETIMEDOUT' | 'ERR_MAX_BUFFER'>();
    return error.timedOut ? error.hint : String(error.usage.userCpuMs);
  }
  // @ts-expect-error -- misspelt
  if (error instanceof LaunchError && error.code === 'ERR_UNKOWN_USER') return error.step;
  if (error instanceof LaunchError && error.code === 'ERR_UNKNOWN_USER') return error.path;
  if (error instanceof LaunchError && error.code === 'ENOENT') return error.path;
  if (error instanceof JailError && error.code === 'ERR_NO_MANIFEST') return error.path;
  return undefined;
}

export const server = guard(openHosts(), 'reports', (socket, decision: Decision) => {
  socket.end(decision.verdict);
});
