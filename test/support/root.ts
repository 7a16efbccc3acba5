// Reasons to skip a test. MUST_RUN=1, which is set in CI and for root, turns each of them into a failure.
import { accessSync, constants, existsSync } from 'node:fs';

function excuse(reason: string): string {
  if (process.env.MUST_RUN === '1') throw new Error(`MUST_RUN=1, and this test ${reason}`);
  return reason;
}

/** For the option `skip` of a test: the reason why it cannot run, or false. */
export function unlessRoot(): string | false {
  return process.getuid?.() === 0 ? false : excuse('needs root');
}

function isInstalled(tool: string): boolean {
  return (process.env.PATH ?? '').split(':').some((directory) => {
    try {
      accessSync(`${directory}/${tool}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The same for programs that the test starts. */
export function unlessInstalled(...tools: readonly string[]): string | false {
  const missing = tools.filter((tool) => !isInstalled(tool));
  return missing.length === 0 ? false : excuse(`needs ${missing.join(', ')}`);
}

/** The same for a file that scripts/test provides. */
export function unlessThere(path: string): string | false {
  return existsSync(path) ? false : excuse(`needs ${path}, which scripts/test makes`);
}
