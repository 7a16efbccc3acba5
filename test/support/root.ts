// Reasons to skip a test. MUST_RUN=1, which is set in CI and for root, turns each of them into a failure.
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

function excuse(reason: string): string {
  if (process.env.MUST_RUN === '1') throw new Error(`MUST_RUN=1, and this test ${reason}`);
  return reason;
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

/** For the option `skip` of a test that starts these programs: why it cannot run, or false. */
export function unlessInstalled(...tools: readonly string[]): string | false {
  const missing = tools.filter((tool) => !isInstalled(tool));
  return missing.length === 0 ? false : excuse(`needs ${missing.join(', ')}`);
}

/** The same for a test that needs root, and perhaps programs. */
export function unlessRoot(...tools: readonly string[]): string | false {
  return process.getuid?.() === 0 ? unlessInstalled(...tools) : excuse('needs root');
}

/** The same for a test that needs a file that scripts/test provides. */
export function unlessThere(path: string): string | false {
  return existsSync(path) ? false : excuse(`needs ${path}, which scripts/test provides`);
}

/** The same for a test in which an ordinary user loads the package itself. A checkout in /root is closed to him, which is no fault. */
export function unlessPublic(directory: string): string | false {
  for (let path = directory; path !== '/'; path = dirname(path))
    if ((statSync(path).mode & 0o001) === 0)
      return `needs a package that everybody can read, and ${path} is closed`;
  return false;
}
