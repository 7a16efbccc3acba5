// A caller who knows child_process may forget that a call returns a promise. This file makes the mistake an error with a hint.
import { UsageError } from '../errors.ts';

interface Forgotten {
  /** What has the property. */
  readonly what: string;
  /** What the promise resolves with, if it is something else. */
  readonly is?: string;
  readonly hint: string;
  readonly names: readonly string[];
}

// Not `on` and `pipe`: by these, others tell what is a stream.
const ofProcess: Forgotten = {
  what: 'the process',
  hint: 'write await before the call: const child = await spawnInJail(...)',
  names: ['stdin', 'stdout', 'stderr', 'pid', 'kill'],
};
const ofResult: Forgotten = {
  what: 'the result',
  hint: 'write await before the call: const { stdout } = await runInJail(...)',
  names: ['stdout', 'stderr', 'all', 'exitCode'],
};
const ofRunning: Forgotten = {
  what: 'a process',
  is: 'its result',
  hint: "write input: 'TEXT' in the request, or const child = await spawnInJail(...), which has stdin and kill()",
  names: ['stdin', 'pid', 'kill'],
};
const ofJail: Forgotten = {
  what: 'the jail',
  hint: 'write await before the call: const jail = await openJail(...)',
  names: ['run', 'spawn', 'prepare', '$', 'close', 'directory'],
};
const ofDecision: Forgotten = {
  what: 'the decision',
  hint: 'write await before the call: const { verdict } = await ...',
  names: ['verdict', 'expected', 'rule', 'apply'],
};
const ofService: Forgotten = {
  what: 'the service',
  hint: 'write await before the call: const service = await serveInJail(...)',
  names: ['addresses', 'connections', 'reload', 'drain', 'kill'],
};
const ofAccount: Forgotten = {
  what: 'the account',
  hint: 'write await before the call: const { uid } = await resolveAccount(...)',
  names: ['uid', 'gid', 'groups', 'name', 'home'],
};
const ofReport: Forgotten = {
  what: 'the result',
  hint: 'write await before the call: const result = await ...',
  names: ['files', 'findings', 'counts', 'warnings', 'changes', 'best', 'levels'],
};

// A prototype, because properties of its own would take each promise half a microsecond.
const prototypeOf = (...all: readonly Forgotten[]): object =>
  Object.create(
    Promise.prototype,
    Object.fromEntries(
      all.flatMap(({ what, is = 'it', hint, names }) =>
        names.map((name) => {
          const get = (): never => {
            throw new UsageError(`${name} is of ${what}, and this is a promise of ${is}`, { hint });
          };
          return [name, { get }];
        }),
      ),
    ),
  ) as object;

const prototypes = {
  process: prototypeOf(ofProcess),
  result: prototypeOf(ofResult, ofRunning),
  jail: prototypeOf(ofJail),
  decision: prototypeOf(ofDecision),
  service: prototypeOf(ofService),
  account: prototypeOf(ofAccount),
  report: prototypeOf(ofReport),
};

/** The same promise. Its `stdout`, `verdict` and the like throw a UsageError that says what is forgotten. */
export function toBeAwaited<T>(promise: Promise<T>, of: keyof typeof prototypes = 'process'): Promise<T> {
  return Object.setPrototypeOf(promise, prototypes[of]) as Promise<T>;
}
