// The side of a scenario under test.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';

import { spawnInJail } from '../../public-api.ts';
import type { Played, Side } from './play.ts';

export interface Jails {
  readonly jail: string;
  /** A jail without the program; its path has the same length. */
  readonly emptyJail: string;
  readonly user: string;
}

let files = 0;

/** Programs are started by spawnInJail. */
export function library({ jail, emptyJail, user }: Jails): Side {
  return {
    async launch({ words, input, reusesBuffers }, { from }) {
      const controller = new AbortController();
      const [args, place] = [words.map((word) => Buffer.from(word)), Buffer.from(jail)];
      const starting = spawnInJail({
        user,
        jail: place,
        program: '/actor',
        args,
        stdio: [from ?? (input === 'pipe' ? 'pipe' : 'ignore'), 'pipe', 'pipe'],
        signal: controller.signal,
      });
      if (reusesBuffers) {
        args.forEach((arg) => arg.fill('z'));
        place.write(emptyJail);
      }
      const child = await starting;
      const closed = once(child, 'close');
      child.stdin?.on('error', () => {});
      return {
        stdin: child.stdin,
        // Streams are made on demand, and a stream that is handed on may never be made.
        get stdout() {
          return child.stdout;
        },
        get stderr() {
          return child.stderr;
        },
        ended: child.exited.then(({ exitCode, signal }) => exitCode ?? signal),
        closed,
        end(by) {
          if (by === 'kill') child.kill();
          else if (by === 'abort') controller.abort();
          else void child[Symbol.asyncDispose]();
        },
      } satisfies Played;
    },
    async launchMissing(reusesBuffers) {
      const place = Buffer.from(emptyJail);
      const starting = spawnInJail({ user, jail: place, program: '/actor' });
      if (reusesBuffers) place.write(jail);
      try {
        await starting;
        return 'launched';
      } catch (error) {
        return String((error as NodeJS.ErrnoException).code);
      }
    },
    async abortSoon(afterTurns) {
      const controller = new AbortController();
      const file = `/tmp/${threadId}.${files++}`;
      const args = [`touch=${file}`, 'sleep=60000'];
      const starting = spawnInJail({ user, jail, program: '/actor', args, signal: controller.signal });
      const refused = starting.then(
        async (child) => void (await child.exited),
        (error: NodeJS.ErrnoException) => error.code,
      );
      for (let i = 0; i < afterTurns; i++) await turn();
      controller.abort();
      const code = await refused;
      if (code === undefined) return false;
      // A program that runs by mistake has time to do so.
      for (let i = 0; i < 20; i++) await turn();
      return code !== 'ABORT_ERR' || existsSync(`${jail}${file}`);
    },
    async timeOut(timeoutMs) {
      try {
        const child = await spawnInJail({ user, jail, program: '/actor', args: ['sleep=60000'], timeoutMs });
        await child.exited;
        return String(child.stopped);
      } catch (error) {
        // The launch failed before the program ran.
        return String((error as NodeJS.ErrnoException).code);
      }
    },
  };
}
