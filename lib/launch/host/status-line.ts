// The lines for --status-fd.
import type { LaunchError } from '../../errors.ts';
import type { Caller } from './caller.ts';

/** One line for --status-fd. */
export function statusLine(event: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(`${JSON.stringify(event)}\n`);
}

/** The line about a launch that has started. A compiled launcher writes its pid over the spaces (native/compiled/compiled.cc). */
export function startedLine({ compiledFor, pid }: Caller): Buffer {
  if (compiledFor === undefined) return statusLine({ event: 'started', pid });
  return Buffer.from(`{"event":"started","pid":${' '.repeat(10)}}\n`);
}

/** The line for --status-fd about a launch that failed. */
export function failedLine(
  error: Partial<Omit<LaunchError, 'code'>> & { readonly message: string; readonly code?: string },
): Buffer {
  const { step, place, code, errno, message } = error;
  return statusLine({ event: 'failed', step, place, code, errno, message });
}
