// A directory for the time of a test.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';

import type { Test } from 'tap';

// scripts/test names one in memory
const usual = process.env.UCHROOT_TEST_DIRECTORY ?? '/tmp';

/**
 * A directory that only its owner can write. Not in the checkout, which may belong to another user. It is removed after the test;
 * the test fails if that is impossible, for example because something is still mounted there.
 */
export function makeDirectory(t: Test, parent = usual): string {
  const directory = mkdtempSync(`${parent}/uchroot-test-`);
  chmodSync(directory, 0o755);
  t.teardown(() => remove(directory));
  return directory;
}

/** rm(1) in a process of its own takes 4 ms for an empty directory. But rmSync() cannot remove a very deep tree. */
function remove(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true });
  } catch {
    execFileSync('rm', ['-rf', directory]);
  }
}
