// Shows the progress of long work: a bar on a terminal, otherwise a line from time to time.

import type { Progress } from '../jail/work/steps.ts';

/** The words of each phase. */
export const PHASES: Readonly<Record<Progress['phase'], string>> = {
  learn: 'watching the command',
  plan: 'looking for what is needed',
  copy: 'copying',
  commit: 'putting everything in place',
  check: 'trying the jail',
  inspect: 'looking at everything',
  remove: 'removing',
};

const BAR = 24;
const REDRAW_MS = 100;
const LINE_MS = 5000;
// Short work shows no progress.
const PATIENCE_MS = { terminal: 300, elsewhere: 3000 };

export interface ProgressView {
  show(progress: Progress): void;
  /** Removes the bar, before other output. */
  clear(): void;
}

/** Writes to standard error. */
export function openProgress(stream: NodeJS.WriteStream = process.stderr): ProgressView {
  const start = performance.now();
  let last = -Infinity;
  let isDrawn = false;
  return {
    show(progress) {
      const now = performance.now();
      const isTerminal = stream.isTTY;
      if (now - start < (isTerminal ? PATIENCE_MS.terminal : PATIENCE_MS.elsewhere)) return;
      if (now - last < (isTerminal ? REDRAW_MS : LINE_MS)) return;
      last = now;
      const part = partOf(progress);
      const full = Math.round((part ?? 0) * BAR);
      const bar = part === undefined ? '' : `[${'#'.repeat(full)}${'.'.repeat(BAR - full)}] `;
      const words = wordsOf(progress);
      stream.write(isTerminal ? `\r\x1b[K${bar}${words}` : `uchroot-jail: ${words}\n`);
      isDrawn = isTerminal;
    },
    clear() {
      if (isDrawn) stream.write('\r\x1b[K');
      isDrawn = false;
    },
  };
}

function wordsOf(progress: Progress): string {
  const { phase, files, totalFiles, sizeBytes } = progress;
  const part = partOf(progress);
  const percent = part === undefined ? '' : ` ${Math.floor(part * 100)} %`;
  const counted = files === 0 ? '' : `, ${files}${totalFiles === 0 ? '' : ` of ${totalFiles}`} files`;
  return `${PHASES[phase]}${percent}${counted}${sizeBytes === 0 ? '' : `, ${megabytes(sizeBytes)}`}`;
}

function partOf({ files, totalFiles, sizeBytes, totalSizeBytes }: Progress): number | undefined {
  if (totalSizeBytes > 0) return Math.min(1, sizeBytes / totalSizeBytes);
  return totalFiles > 0 ? Math.min(1, files / totalFiles) : undefined;
}

/** A size for users, in units of 10^6 bytes. */
export const megabytes = (sizeBytes: number): string => `${(sizeBytes / 1e6).toFixed(1)} MB`;
