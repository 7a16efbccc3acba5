// How far a piece of work on a jail has come.

export interface Progress {
  readonly phase: 'learn' | 'plan' | 'copy' | 'commit' | 'check' | 'inspect' | 'remove';
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
