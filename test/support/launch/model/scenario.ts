// Random scenarios of what a caller does with programs in jails: data that is played twice and compared. Pure.
import * as fc from 'fast-check';

/** Where a program's standard input comes from: a pipe, /dev/null, or the standard output of an earlier program. */
type Input = 'pipe' | 'null' | { readonly handedOnFrom: number };

/** A program of test/support/actor.c with its words, and how it is launched. */
export interface Launch {
  readonly do: 'launch';
  readonly words: readonly string[];
  readonly input: Input;
  /** The caller overwrites the buffers of the request right after the call. */
  readonly reusesBuffers: boolean;
  /** The caller waits for the launch before its next action. */
  readonly awaits: boolean;
}

/** An action on a launched program; `of` counts the launches. */
type Move =
  | { readonly do: 'write'; readonly of: number; readonly sizeBytes: number }
  | { readonly do: 'endInput'; readonly of: number }
  | { readonly do: 'readSome'; readonly of: number }
  | { readonly do: 'readAll'; readonly of: number }
  | { readonly do: 'awaitExit'; readonly of: number }
  | { readonly do: 'destroyOutput'; readonly of: number }
  | { readonly do: 'end'; readonly of: number; readonly by: 'kill' | 'abort' | 'dispose' }
  | { readonly do: 'pipe'; readonly of: number; readonly to: number }
  | { readonly do: 'rest'; readonly turns: number };

/** A launch that is aborted this many turns of the event loop after the call. */
interface Aborted {
  readonly do: 'abortSoon';
  readonly afterTurns: number;
}

/** A launch of a program that sleeps longer than its time limit. */
interface TimesOut {
  readonly do: 'timeOut';
  readonly timeoutMs: number;
}

/** A launch in a jail without the program. */
interface Missing {
  readonly do: 'launchMissing';
  readonly reusesBuffers: boolean;
}

type Action = Launch | Move | Aborted | TimesOut | Missing;
export type Scenario = readonly Action[];

/** More than a pipe or a socket holds: a program that writes it blocks until it is read. */
export const large = 1_000_000;

/** A program writes this word before it sleeps. Who ends it waits for the word, so that all its output is known. */
const ready = 'err=ready';

export function sleeps(launch: Launch): boolean {
  return launch.words.includes(ready);
}

function writesMuch(launch: Launch): boolean {
  return launch.words.includes(`spam=${large}`);
}

const text = fc.constantFrom<string[]>('out=one', 'out=two\n', 'err=three', 'spam=8000', `spam=5`);
const ending = fc.constantFrom<string[]>('exit=0', 'exit=3', 'exit=127', 'kill=9', 'kill=10');
const some = fc.array(text, { maxLength: 3 });
const quick = fc.tuple(some, ending).map(([words, last]) => words.concat(last));
const copies = fc.tuple(some, some, ending).map(([a, b, last]) => a.concat('cat', b, last));
const muchFirst = fc.tuple(some, ending).map(([words, last]) => [`spam=${large}`].concat(words, last));
const asleep = some.map((words) => words.concat(ready, 'sleep=60000'));

function launch(words: fc.Arbitrary<string[]>, input: fc.Arbitrary<Input>): fc.Arbitrary<Launch> {
  return fc.record({
    do: fc.constant('launch' as const),
    words,
    input,
    reusesBuffers: fc.boolean(),
    awaits: fc.boolean(),
  });
}

const of = fc.nat(5);
const handedOn = of.map((handedOnFrom) => ({ handedOnFrom }));
const launches = fc.oneof(
  launch(quick, fc.constantFrom('pipe', 'null')),
  launch(copies, fc.oneof(fc.constant('pipe' as const), handedOn)),
  launch(muchFirst, fc.constant('null')),
  launch(asleep, fc.constant('null')),
);

const moves: fc.Arbitrary<Move> = fc.oneof(
  fc.record({ do: fc.constant('write' as const), of, sizeBytes: fc.constantFrom(1, 5000) }),
  fc.record({ do: fc.constantFrom('endInput', 'readSome', 'readAll', 'awaitExit', 'destroyOutput'), of }),
  fc.record({ do: fc.constant('end' as const), of, by: fc.constantFrom('kill', 'abort', 'dispose') }),
  fc.record({ do: fc.constant('pipe' as const), of, to: of }),
  fc.record({ do: fc.constant('rest' as const), turns: fc.constantFrom(1, 3, 20) }),
);

const others: fc.Arbitrary<Aborted | TimesOut | Missing> = fc.oneof(
  fc.record({ do: fc.constant('abortSoon' as const), afterTurns: fc.constantFrom(0, 0, 1, 2, 5) }),
  fc.record({ do: fc.constant('timeOut' as const), timeoutMs: fc.constantFrom(1, 5, 40) }),
  fc.record({ do: fc.constant('launchMissing' as const), reusesBuffers: fc.boolean() }),
);

const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: launches },
  { weight: 7, arbitrary: moves },
  { weight: 1, arbitrary: others },
);

/** Scenarios with at least one launch. makeSound() drops impossible actions. */
export const scenarios: fc.Arbitrary<Scenario> = fc
  .tuple(launches, fc.array(actions, { minLength: 1, maxLength: 14 }))
  .map(([first, rest]) => makeSound([first, ...rest]));

interface Known {
  readonly launch: Launch;
  outputUsed: boolean;
  inputOpen: boolean;
  ended: boolean;
}

/**
 * Drops the actions whose result would be random: an output has one reader, only a program that announces its sleep is ended from
 * outside, and only an output larger than any pipe is destroyed.
 */
function makeSound(actions: Scenario): Scenario {
  const known: Known[] = [];
  const sound: Action[] = [];
  for (const action of actions) {
    const one = known.length === 0 || !('of' in action) ? undefined : known[action.of % known.length];
    switch (action.do) {
      case 'launch': {
        const input = toInput(action.input, known);
        if (input === undefined) break;
        if (typeof input === 'object') use(known[input.handedOnFrom]);
        const launched = { ...action, input };
        known.push({ launch: launched, outputUsed: false, inputOpen: input === 'pipe', ended: false });
        sound.push(launched);
        break;
      }
      case 'pipe': {
        const to = known.length === 0 ? undefined : known[action.to % known.length];
        if (one === undefined || to === undefined || one === to || one.outputUsed || !to.inputOpen) break;
        if (!to.launch.words.includes('cat') || action.to % known.length < action.of % known.length) break;
        one.outputUsed = true;
        to.inputOpen = false;
        sound.push({ ...action, of: action.of % known.length, to: action.to % known.length });
        break;
      }
      case 'abortSoon':
      case 'timeOut':
      case 'launchMissing':
      case 'rest':
        sound.push(action);
        break;
      case 'write':
      case 'endInput':
      case 'readSome':
      case 'readAll':
      case 'awaitExit':
      case 'destroyOutput':
      case 'end':
        if (one !== undefined && isSound(action, one))
          sound.push({ ...action, of: action.of % known.length });
        break;
      default:
        throw new Error(action satisfies never);
    }
  }
  return sound;
}

function use(one: Known | undefined): void {
  if (one !== undefined) one.outputUsed = true;
}

function toInput(input: Input, known: readonly Known[]): Input | undefined {
  if (typeof input !== 'object') return input;
  if (known.length === 0) return undefined;
  const handedOnFrom = input.handedOnFrom % known.length;
  return known[handedOnFrom]?.outputUsed === false ? { handedOnFrom } : undefined;
}

function isSound(action: Exclude<Move, { do: 'pipe' | 'rest' }>, one: Known): boolean {
  switch (action.do) {
    case 'write':
      return one.inputOpen && one.launch.words.includes('cat');
    case 'endInput': {
      const wasOpen = one.inputOpen;
      one.inputOpen = false;
      return wasOpen;
    }
    case 'readSome':
    case 'readAll':
      if (one.outputUsed) return false;
      one.outputUsed = true;
      return true;
    case 'awaitExit':
      // It ends by itself, even if its output is not read.
      return !sleeps(one.launch) && !writesMuch(one.launch) && !one.launch.words.includes('cat');
    case 'destroyOutput': {
      const isFree = writesMuch(one.launch) && !one.outputUsed;
      one.outputUsed ||= isFree;
      return isFree;
    }
    case 'end': {
      const isFirst = sleeps(one.launch) && !one.ended;
      one.ended ||= isFirst;
      return isFirst;
    }
    default:
      return action satisfies never;
  }
}
