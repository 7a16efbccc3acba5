// What tells somebody who knows child_process that a launch is awaited.
import { UsageError } from '../../errors.ts';

// Not `on` and `pipe`: by these, others tell what is a stream.
const names = ['stdin', 'stdout', 'stderr', 'pid', 'kill'];

const properties = Object.fromEntries(
  names.map((name) => [
    name,
    {
      get: (): never => {
        throw new UsageError(`${name} is of the process, and this is a promise of it`, {
          hint: 'write await before the call: const child = await spawnInJail(...)',
        });
      },
    },
  ]),
);

/** The same promise. Its `stdout` and the like throw a UsageError that says what is forgotten. */
export function toBeAwaited<T>(promise: Promise<T>): Promise<T> {
  return Object.defineProperties(promise, properties);
}
