// The timeout and the AbortSignal of a launch.
import { setMaxListeners } from 'node:events';
import { constants } from 'node:os';

import { AbortError, LaunchError } from '../../errors.ts';
import type { StopReason } from '../process/process.ts';
import type { NormalSpawn } from './normal-spawn.ts';

type Limits = Pick<NormalSpawn, 'signal' | 'timeoutMs' | 'requestedAt'>;

/** The error of a launch that was aborted before it began. */
export function abortError(signal: AbortSignal | undefined): AbortError {
  const hint = 'an aborted signal stays aborted: give each call a signal of its own';
  return new AbortError('launch: aborted before it began', signal, { hint });
}

/** The error of a launch whose time was over before it began. */
export function timeoutError(timeoutMs: number | undefined, key = 'timeoutMs'): LaunchError {
  return new LaunchError(`launch: it had not begun after ${key}, ${timeoutMs} ms, and was called off`, {
    step: 'launch',
    code: 'ETIMEDOUT',
    errno: constants.errno.ETIMEDOUT,
    hint: inSeconds(timeoutMs, key),
  });
}

/** The hint for a time that was probably meant in seconds. */
export function inSeconds(timeoutMs = 0, key = 'timeoutMs'): string | undefined {
  return timeoutMs > 0 && timeoutMs <= 60
    ? `${key} counts milliseconds: write ${key}: ${timeoutMs * 1000} for ${timeoutMs} seconds`
    : undefined;
}

/** Why a launch must not begin any more. */
export function stopError(
  reason: StopReason,
  { signal, timeoutMs }: Limits,
  key?: string,
): AbortError | LaunchError {
  return reason === 'ABORT_ERR' ? abortError(signal) : timeoutError(timeoutMs, key);
}

/** The rest of the timeout: the look-up may have taken a part. */
export function leftMs({ timeoutMs, requestedAt }: Limits): number {
  return timeoutMs === undefined ? Infinity : timeoutMs - (performance.now() - requestedAt);
}

/** Calls `onStop` at the timeout or the abort, whichever comes first. @returns a function that ends the wait */
export function awaitStop(options: Limits, onStop: (reason: StopReason) => void): () => void {
  const { signal, timeoutMs } = options;
  const clear = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
  const stop = (reason: StopReason): void => {
    clear();
    onStop(reason);
  };
  const onAbort = (): void => stop('ABORT_ERR');
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(stop, Math.max(0, leftMs(options)), 'ETIMEDOUT');
  if (signal !== undefined) {
    // one signal may stop many launches
    setMaxListeners(0, signal);
    signal.addEventListener('abort', onAbort);
  }
  return clear;
}

/**
 * Waits for a look at the host, but no longer than the launch may take: a file system whose server does not answer (FUSE, NFS) would
 * hold it for ever.
 *
 * @param onLate gets a result that comes too late
 */
export function beforeStop<T>(
  options: NormalSpawn,
  look: Promise<T>,
  onLate: (value: T) => void = () => {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const stop = (reason: StopReason): void => {
      isOver = true;
      reject(stopError(reason, options));
    };
    const clear = awaitStop(options, stop);
    if (options.signal?.aborted === true) {
      clear();
      stop('ABORT_ERR');
    }
    void look.finally(clear).then((value) => (isOver ? onLate(value) : resolve(value)), reject);
  });
}
