// The correct side of a scenario: child_process, and the C original in the same jail. All output is read at once, because
// child_process drops unread output.
import { spawn } from 'node:child_process';
import { PassThrough, pipeline, type Readable } from 'node:stream';

import '../../plain-spawn.ts';
import { plainEnv } from '../../service.ts';
import type { Jails } from './library.ts';
import type { Side } from './play.ts';
import { large } from './scenario.ts';

function readAtOnce(stream: Readable | null): Readable | null {
  return stream === null ? null : pipeline(stream, new PassThrough({ highWaterMark: large / 10 }), () => {});
}

/** @param original the C original, compiled */
export function reference(original: string, { jail, user }: Jails): Side {
  return {
    async launch({ words, input }, { from }) {
      const controller = new AbortController();
      const child = spawn(original, [user, jail, '/actor', ...words], {
        env: plainEnv(),
        stdio: [input === 'null' ? 'ignore' : 'pipe', 'pipe', 'pipe'],
        signal: controller.signal,
      });
      const ended = new Promise<number | string | null>((resolve) =>
        child.once('exit', (code, signal) => resolve(code ?? signal)),
      );
      const closed = new Promise((resolve) => child.once('close', resolve));
      // An abort also emits an error.
      child.on('error', () => {});
      child.stdin?.on('error', () => {});
      if (from !== null && child.stdin !== null) from.pipe(child.stdin);
      return {
        stdin: child.stdin,
        stdout: readAtOnce(child.stdout),
        stderr: readAtOnce(child.stderr),
        ended,
        closed,
        end: (by) => void (by === 'abort' ? controller.abort() : child.kill()),
      };
    },
    launchMissing: async () => 'ENOENT',
    abortSoon: async () => false,
    timeOut: async () => 'ETIMEDOUT',
  };
}
