// How far a piece of work on a jail has come.

import type { TreeWork } from '../native.ts';

export interface Progress {
  readonly phase: 'learn' | 'plan' | 'copy' | 'commit' | 'check' | 'remove';
  /** Files done, and of how many; both 0 where that is not known. */
  readonly files: number;
  readonly totalFiles: number;
  readonly sizeBytes: number;
  readonly totalSizeBytes: number;
}

/** The progress of a phase that has just begun. */
export function begin(phase: Progress['phase'], totalFiles = 0, totalSizeBytes = 0): Progress {
  return { phase, files: 0, totalFiles, sizeBytes: 0, totalSizeBytes };
}

const INTERVAL_MS = 100;

/** Tells how far the work on a tree has come, from time to time, until `wait` is over. What `onProgress` throws ends it. */
export async function report<T>(
  work: TreeWork,
  start: Progress,
  onProgress: ((progress: Progress) => void) | undefined,
  wait: () => Promise<T>,
): Promise<T> {
  if (onProgress === undefined) return wait();
  const tell = (): void => {
    const { files, sizeBytes } = work.progress();
    onProgress({ ...start, files, sizeBytes });
  };
  let thrown: { readonly error: unknown } | undefined;
  const timer = setInterval(() => {
    try {
      tell();
    } catch (error) {
      thrown ??= { error };
      work.abort();
    }
  }, INTERVAL_MS);
  try {
    const result = await wait();
    tell();
    return result;
  } catch (error) {
    throw thrown === undefined ? error : thrown.error;
  } finally {
    clearInterval(timer);
  }
}
