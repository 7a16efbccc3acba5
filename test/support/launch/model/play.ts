// Plays a scenario: the same actions with the library, and with child_process running the C original.
import { setImmediate as turn } from 'node:timers/promises';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { sleeps, type Launch, type Scenario } from './scenario.ts';

/** A program, for both sides. */
export interface Played {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Resolves with its exit status or the name of a signal. */
  readonly ended: Promise<number | string | null>;
  /** Resolves with its event `close`. */
  readonly closed: Promise<unknown>;
  end(by: 'kill' | 'abort' | 'dispose'): void;
}

/** The parts of a launch besides its words. */
interface HowLaunched {
  /** The output that is its standard input. */
  readonly from: Readable | null;
}

/** One of the two sides. */
export interface Side {
  launch(launch: Launch, how: HowLaunched): Promise<Played>;
  /** Why the launch of a missing program fails. */
  launchMissing(reusesBuffers: boolean): Promise<string>;
  /** Whether a program ran although its launch was refused as aborted. */
  abortSoon(afterTurns: number): Promise<boolean>;
  /** Why a program was stopped that slept longer than its time limit. */
  timeOut(timeoutMs: number): Promise<string>;
}

/** The result of one action. */
export type Outcome =
  | { readonly end: number | string | null; readonly stdout: string | undefined; readonly stderr: string }
  | string
  | boolean;

class Reader {
  readonly #chunks: Buffer[] = [];
  readonly #stream: Readable;
  readonly ended: Promise<void>;
  #waiting: (() => void) | undefined;

  constructor(stream: Readable) {
    this.#stream = stream;
    this.ended = new Promise((resolve) => (stream.closed ? resolve() : stream.once('close', resolve)));
    stream.on('error', () => {});
  }

  some(): void {
    this.#keep(this.#stream.read() as Buffer | null);
  }

  all(): void {
    if (this.#stream.listenerCount('data') === 0)
      this.#stream.on('data', (chunk: Buffer) => this.#keep(chunk));
  }

  async until(text: string): Promise<void> {
    while (!this.text.includes(text)) await new Promise<void>((resolve) => (this.#waiting = resolve));
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString();
  }

  #keep(chunk: Buffer | null): void {
    if (chunk !== null) this.#chunks.push(chunk);
    this.#waiting?.();
  }
}

interface Live {
  readonly launch: Launch;
  readonly played: Promise<Played>;
  output: 'unread' | 'handed on' | 'destroyed' | Reader;
  errors?: Reader;
  /** A pipeline writes its input. */
  isFed: boolean;
}

async function errorsOf(one: Live): Promise<Reader> {
  const { stderr } = await one.played;
  if (one.errors === undefined && stderr !== null) {
    one.errors = new Reader(stderr);
    one.errors.all();
  }
  if (one.errors === undefined) throw new Error('standard error is no pipe');
  return one.errors;
}

async function outputOf(one: Live): Promise<Reader> {
  const { stdout } = await one.played;
  if (one.output === 'unread' && stdout !== null) one.output = new Reader(stdout);
  if (!(one.output instanceof Reader)) throw new Error('standard output is used elsewhere');
  return one.output;
}

async function rest(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await turn();
}

/** The result of each launch, in order. */
export async function play(scenario: Scenario, side: Side): Promise<readonly Outcome[]> {
  const live: Live[] = [];
  const others: Promise<Outcome>[] = [];
  const pipes: Promise<Outcome>[] = [];
  const get = (index: number): Live => live[index] as Live;
  for (const action of scenario) {
    switch (action.do) {
      case 'launch': {
        const from = typeof action.input === 'object' ? get(action.input.handedOnFrom) : undefined;
        if (from !== undefined) from.output = 'handed on';
        const source = from === undefined ? undefined : (await from.played).stdout;
        const played = side.launch(action, { from: source ?? null });
        live.push({ launch: action, played, output: 'unread', isFed: false });
        if (action.awaits) await played;
        break;
      }
      case 'launchMissing':
        others.push(side.launchMissing(action.reusesBuffers));
        break;
      case 'abortSoon':
        others.push(side.abortSoon(action.afterTurns));
        break;
      case 'timeOut':
        others.push(side.timeOut(action.timeoutMs));
        break;
      case 'rest':
        await rest(action.turns);
        break;
      case 'write':
        (await get(action.of).played).stdin?.write(Buffer.alloc(action.sizeBytes, 'w'));
        break;
      case 'endInput':
        (await get(action.of).played).stdin?.end();
        break;
      case 'readSome':
        (await outputOf(get(action.of))).some();
        break;
      case 'readAll':
        (await outputOf(get(action.of))).all();
        break;
      case 'awaitExit':
        await (
          await get(action.of).played
        ).ended;
        break;
      case 'destroyOutput':
        (await get(action.of).played).stdout?.destroy();
        get(action.of).output = 'destroyed';
        break;
      case 'pipe': {
        const [from, to] = [await get(action.of).played, await get(action.to).played];
        get(action.of).output = 'handed on';
        get(action.to).isFed = true;
        if (from.stdout !== null && to.stdin !== null)
          pipes.push(
            pipeline(from.stdout, to.stdin).then(
              () => 'piped',
              (error: Error) => error.message,
            ),
          );
        break;
      }
      case 'end':
        await (await errorsOf(get(action.of))).until('ready');
        (await get(action.of).played).end(action.by);
        break;
      default:
        throw new Error(action satisfies never);
    }
  }
  return [...(await finish(live)), ...(await Promise.all([...others, ...pipes]))];
}

// Replaces a run of one character by its length.
function brief(text: string): string {
  return text.replaceAll(/(.)\1{9,}/g, (run, character: string) => `${character}*${run.length} `);
}

// Reads all output that was not read, and ends all programs that still sleep.
async function finish(live: readonly Live[]): Promise<readonly Outcome[]> {
  for (const one of live) {
    const played = await one.played;
    if (!one.isFed && typeof one.launch.input !== 'object') played.stdin?.end();
    const errors = await errorsOf(one);
    if (one.output === 'unread' || one.output instanceof Reader) (await outputOf(one)).all();
    if (sleeps(one.launch)) void errors.until('ready').then(() => played.end('kill'));
  }
  for (const one of live) await (await one.played).ended;
  const outcomes: Outcome[] = [];
  for (const one of live) {
    const { ended, closed, stdout } = await one.played;
    const end = await ended;
    if (one.output === 'handed on') stdout?.destroy();
    await closed;
    await one.errors?.ended;
    if (one.output instanceof Reader) await one.output.ended;
    const read = one.output instanceof Reader ? brief(one.output.text) : undefined;
    const stderr = brief(one.errors?.text ?? '');
    // A socket without a reader gives this error; a pipe gives SIGPIPE.
    const isReset = stderr.includes('actor: write: Connection reset by peer');
    outcomes.push({ end: isReset ? 'SIGPIPE' : end, stdout: read, stderr: isReset ? '' : stderr });
  }
  return outcomes;
}
