// A directory for what a group of figures needs.
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';

/**
 * Runs `work` with a directory of its own on the disk, which is removed at its end, at the exit and at a signal. What `work` adds to
 * `closing` is called before that, the last one first.
 */
export async function inScratch(work) {
  // not in a directory that scripts/bench removes: something could still be mounted in it
  const base = realpathSync(mkdtempSync('/var/tmp/uchroot-bench-'));
  const closing = [() => rmSync(base, { recursive: true, force: true })];
  const close = () => {
    for (const undo of closing.splice(0).toReversed()) undo();
  };
  process.once('exit', close);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  try {
    chmodSync(base, 0o755);
    return await work(base, closing);
  } finally {
    close();
  }
}
