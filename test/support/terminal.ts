// A terminal for a test, in which a program runs as in a terminal emulator: terminal.py.
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

import { packageDirectory, searchPath } from './launch.ts';
import { patientMs } from './patience.ts';
import { sanitizerEnv } from './sanitizer.ts';

interface State {
  readonly raw: boolean;
  /** The process group in the foreground. */
  readonly foreground: number;
}

const patienceMs = (): number => patientMs(15_000);

export class Terminal {
  readonly #child: ChildProcess;
  #shown = '';
  #status: number | undefined;
  #answer: ((state: State) => void) | undefined;
  #changed = (): void => {};

  constructor(words: readonly string[], [rows, cols]: readonly [number, number] = [33, 111]) {
    const script = `${packageDirectory}/test/support/terminal.py`;
    this.#child = spawn('python3', [script, String(rows), String(cols), ...words], {
      cwd: '/',
      env: { PATH: searchPath, TERM: 'dumb', PS1: '% ', ...sanitizerEnv },
      stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe'],
    });
    createInterface({ input: this.#child.stdio[4] as Readable }).on('line', (line) => this.#take(line));
  }

  #take(line: string): void {
    const event = JSON.parse(line) as Partial<State> & { readonly shown?: string; readonly status?: number };
    if (event.shown !== undefined) this.#shown += event.shown;
    if (event.status !== undefined) this.#status = event.status;
    if (event.raw !== undefined) this.#answer?.(event as State);
    this.#changed();
  }

  #command(...words: readonly unknown[]): void {
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify(words)}\n`);
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const end = performance.now() + patienceMs();
    while (!condition()) {
      const left = end - performance.now();
      if (left <= 0) throw new Error(`no ${what} in time: ${JSON.stringify(this.#shown.slice(-400))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  type(text: string): void {
    this.#command('type', text);
  }

  /** Types a key again and again until this text is shown. */
  async typeUntil(key: string, text: string): Promise<void> {
    for (const end = performance.now() + patienceMs(); performance.now() < end;) {
      this.type(key);
      const next = performance.now() + 300;
      while (!this.#shown.includes(text) && performance.now() < next)
        await new Promise((resolve) => setTimeout(resolve, 10));
      if (this.#shown.includes(text)) break;
    }
    await this.shows(text);
  }

  resize(rows: number, cols: number): void {
    this.#command('resize', rows, cols);
  }

  /** What was shown up to this text, which is taken away. */
  async shows(text: string): Promise<string> {
    await this.#until(() => this.#shown.includes(text), text);
    const end = this.#shown.indexOf(text) + text.length;
    const shown = this.#shown.slice(0, end);
    this.#shown = this.#shown.slice(end);
    return shown;
  }

  async state(): Promise<State> {
    let answer: State | undefined;
    this.#answer = (state) => (answer = state);
    this.#command('ask');
    await this.#until(() => answer !== undefined || this.#status !== undefined, 'answer');
    if (answer === undefined)
      throw new Error(`the program has ended: ${JSON.stringify(this.#shown.slice(-400))}`);
    return answer;
  }

  /** Waits until the terminal is raw, or is not. */
  async becomes(raw: boolean): Promise<boolean> {
    for (const end = performance.now() + patienceMs(); performance.now() < end;) {
      if ((await this.state()).raw === raw) return true;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return false;
  }

  /** Closes the terminal, as when its window is closed. */
  close(): void {
    this.#command('close');
  }

  /** The exit status of the program, or the negative number of a signal. */
  async ended(): Promise<number> {
    await this.#until(() => this.#status !== undefined, 'end');
    return this.#status ?? Number.NaN;
  }
}
