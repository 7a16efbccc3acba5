// Injects faults into one system call of a launch in place, with strace: the call only returns what the test says.
import { existsSync, readFileSync, rmSync } from 'node:fs';

import { launchWords, oddCaller, temporaryDirectory, uchroot, type Ended } from './launch.ts';

/** One call of the plan: its name, and how its arguments begin in strace's notation. */
export interface Call {
  readonly name: string;
  readonly arguments: string;
  /** The last such call instead of the first. */
  readonly last?: boolean;
}

export interface Faulty extends Ended {
  /** The calls that strace answered, in its notation. */
  readonly injected: readonly string[];
  /** Lines of --status-fd. */
  readonly events: readonly string[];
  /** Whether the program ran. */
  readonly ran: boolean;
}

/** Runs the same launch again and again, each time with another fault. */
export class FaultyLaunch {
  readonly #trace = `${temporaryDirectory()}/trace`;
  readonly #jail: string;
  readonly #words: readonly string[];
  readonly #arguments: readonly string[];
  readonly #calls: readonly string[];
  // The trace of a launch without a fault, for each way to start it.
  readonly #trials = new Map<string, readonly string[]>();

  /** `words` put the caller into an odd state, so that each step has an effect. `calls` names the calls to trace. */
  constructor(jail: string, words: readonly string[], options: readonly string[], calls: readonly string[]) {
    this.#jail = jail;
    this.#words = words;
    this.#arguments = [...options, '--status-fd', '7', 'nobody', jail, '/probe', 'mark', '/tmp/mark'];
    this.#calls = [...new Set(['keyctl', ...calls])];
  }

  // Without -f strace follows only the main thread, which runs the plan; it does not trace threads of Node.
  run(inject: readonly string[]): Faulty {
    const mark = `${this.#jail}/tmp/mark`;
    rmSync(mark, { force: true });
    const strace = ['strace', '-qq', '-o', this.#trace, '-e', `trace=${this.#calls.join(',')}`];
    const ended = uchroot(this.#arguments, {
      by: [...oddCaller(...this.#words), ...strace, ...inject.flatMap((fault) => ['-e', `inject=${fault}`])],
      stdio: ['pipe', 'pipe', 'pipe', 'ignore', 'ignore', 'ignore', 'ignore', 'pipe'],
    });
    const lines = readFileSync(this.#trace, 'latin1').split('\n');
    return {
      ...ended,
      injected: lines.filter((line) => line.endsWith('(INJECTED)')),
      events: String(ended.output[7]).split('\n').slice(0, -1),
      ran: existsSync(mark),
    };
  }

  // Node makes the same calls before the plan begins, and strace counts them too.
  #count(call: Call): number {
    const way = launchWords(this.#arguments).join(' ');
    const lines = this.#trials.get(way) ?? this.#trial();
    this.#trials.set(way, lines);
    const plan = lines.findIndex((line) => line.startsWith('keyctl(KEYCTL_JOIN_SESSION_KEYRING'));
    const sought = (line: string, at: number): boolean =>
      at >= plan && line.startsWith(`${call.name}(${call.arguments}`);
    const at = call.last === true ? lines.findLastIndex(sought) : lines.findIndex(sought);
    if (plan < 0 || at < 0) throw new Error(`the launch makes no call ${call.name}(${call.arguments}`);
    const before = lines.slice(0, at + 1).filter((line) => line.startsWith(`${call.name}(`)).length;
    // The trace shows the execve of strace's own child, but a fault cannot be injected there.
    return call.name === 'execve' ? before - 1 : before;
  }

  #trial(): readonly string[] {
    const ended = this.run([]);
    if (!ended.ran) throw new Error(`without a fault: status ${ended.status}: ${ended.stderr}`);
    return readFileSync(this.#trace, 'latin1').split('\n');
  }

  /** One fault in one call, such as `error=EPERM` or `retval=0`. */
  fail(call: Call, answer: string): Faulty {
    return this.run([`${call.name}:${answer}:when=${this.#count(call)}`]);
  }
}
