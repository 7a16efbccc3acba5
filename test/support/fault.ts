// Injects faults into one system call of a launch in place, with strace: the call only returns what the test says.
import type { StdioOptions } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';

import { launchWords, oddCaller, start, temporaryDirectory, uchroot, type Ended } from './launch.ts';

/** One call of the plan: its name, and how its arguments begin in strace's notation. */
export interface Call {
  readonly name: string;
  readonly arguments: string;
  /** The last such call instead of the first. */
  readonly last?: boolean;
}

/** One call by its number among those of its name, from 1, since the process has begun. */
export interface CountedCall {
  readonly name: string;
  /** As strace shows it, without the result. */
  readonly text: string;
  readonly when: number;
}

export interface Faulty extends Ended {
  /** The calls that strace answered, in its notation. */
  readonly injected: readonly string[];
  /** Lines of --status-fd. */
  readonly events: readonly string[];
  /** Whether the program ran. */
  readonly ran: boolean;
}

// The status descriptor is 7.
const stdio: StdioOptions = ['pipe', 'pipe', 'pipe', 'ignore', 'ignore', 'ignore', 'ignore', 'pipe'];

const callPattern = /^(\w+)\(.*/;

/** The calls in the lines of a trace of one thread. */
export function countCalls(lines: readonly string[]): readonly CountedCall[] {
  const counts = new Map<string, number>();
  return lines.flatMap((line) => {
    const name = callPattern.exec(line)?.[1];
    if (name === undefined) return [];
    const when = (counts.get(name) ?? 0) + 1;
    counts.set(name, when);
    return [{ name, text: line.replace(/\s+= .*$/, ''), when }];
  });
}

// The same for each capability and each signal, but not for each rule of Landlock: its path is not in the text.
function kindOf({ name, text, when }: CountedCall): string {
  if (name === 'rt_sigaction') return name;
  if (name === 'landlock_add_rule') return `${name} ${when}`;
  return text.replace(/(PR_CAPBSET_\w+), .*/, '$1');
}

/** The first and the last call of each kind, in their order. */
export function distinctCalls(calls: readonly CountedCall[]): readonly CountedCall[] {
  const kinds = calls.map(kindOf);
  return calls.filter(
    (_, at) => kinds.indexOf(kinds[at] ?? '') === at || kinds.lastIndexOf(kinds[at] ?? '') === at,
  );
}

/** Runs the same launch again and again, each time with another fault. */
export class FaultyLaunch {
  readonly #trace = `${temporaryDirectory()}/trace`;
  readonly #jail: string;
  readonly #words: readonly string[];
  readonly #arguments: readonly string[];
  // The calls of a launch without a fault, for each way to start it.
  readonly #trials = new Map<string, readonly CountedCall[]>();

  /** `words` put the caller into an odd state, so that each step has an effect. */
  constructor(jail: string, words: readonly string[], options: readonly string[]) {
    this.#jail = jail;
    this.#words = words;
    this.#arguments = [...options, '--status-fd', '7', 'nobody', jail, '/probe', 'mark', '/tmp/mark'];
  }

  // Without -f strace follows only the main thread, which runs the plan; it does not trace threads of Node.
  run(inject: readonly string[], traced = inject.map((fault) => fault.replace(/:.*/, '')).join()): Faulty {
    const mark = `${this.#jail}/tmp/mark`;
    rmSync(mark, { force: true });
    const strace = ['strace', '-qq', '-o', this.#trace, '-e', `trace=${traced}`];
    const ended = uchroot(this.#arguments, {
      by: [...oddCaller(...this.#words), ...strace, ...inject.flatMap((fault) => ['-e', `inject=${fault}`])],
      stdio,
    });
    const lines = readFileSync(this.#trace, 'latin1').split('\n');
    return {
      ...ended,
      injected: lines.filter((line) => line.endsWith('(INJECTED)')),
      events: String(ended.output[7]).split('\n').slice(0, -1),
      ran: existsSync(mark),
    };
  }

  /** Step names by their place in the plan, from 1, as --plan prints them. */
  plan(): ReadonlyMap<number, string> {
    const [file = '', ...more] = launchWords(this.#arguments);
    const words = more.length === 0 ? [file, '--plan'] : launchWords(['--plan=steps', ...this.#arguments]);
    const { stdout } = start(words, { by: oddCaller(...this.#words), stdio });
    return new Map(
      [...stdout.matchAll(/^ *(\d+) {2}(\w+) /gm)].map(([, place, op = '']) => [Number(place), op]),
    );
  }

  /** All calls from the first step on, of a launch without a fault. Node makes others before, and strace counts them too. */
  calls(): readonly CountedCall[] {
    const way = launchWords(this.#arguments).join(' ');
    const known = this.#trials.get(way);
    if (known !== undefined) return known;
    const ended = this.run([], 'all');
    if (!ended.ran) throw new Error(`without a fault: status ${ended.status}: ${ended.stderr}`);
    const calls = countCalls(readFileSync(this.#trace, 'latin1').split('\n'));
    const first = calls.findIndex(({ text }) => text.startsWith('keyctl(KEYCTL_JOIN_SESSION_KEYRING'));
    const last = calls.findIndex(({ name }, at) => at > first && name === 'execve');
    if (first < 0 || last < 0) throw new Error('the trace shows no plan');
    // The trace shows the execve of strace's own child, but a fault cannot be injected there.
    const own = calls
      .slice(first, last + 1)
      .map(({ name, text, when }) => ({ name, text, when: name === 'execve' ? when - 1 : when }));
    this.#trials.set(way, own);
    return own;
  }

  /** One fault in one call, such as `error=EPERM` or `retval=0`. */
  fail(call: Call | CountedCall, answer: string): Faulty {
    const { name, when } = 'when' in call ? call : this.#find(call);
    return this.run([`${name}:${answer}:when=${when}`]);
  }

  #find(call: Call): CountedCall {
    const sought = ({ text }: CountedCall): boolean => text.startsWith(`${call.name}(${call.arguments}`);
    const calls = this.calls();
    const found = call.last === true ? calls.findLast(sought) : calls.find(sought);
    if (found === undefined) throw new Error(`the launch makes no call ${call.name}(${call.arguments}`);
    return found;
  }
}
