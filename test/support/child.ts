// Runs code in a new Node process, because it changes its process for good.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import './plain-spawn.ts';
import { plainEnv } from './service.ts';

// Node opens hundreds of files of dist/lib, which takes a third of a second. A bundled test has bundles of them too.
const bundles = new URL('../../run/', import.meta.url);
const isBundled = process.argv[1]?.startsWith(fileURLToPath(bundles)) === true;

/** The URL of a module of lib, or of `public-api.js`, for the script of another process. */
export function libraryUrl(name: string): string {
  if (isBundled) return new URL(`lib/${name}`, bundles).href;
  return new URL(name === 'public-api.js' ? name : `../../lib/${name}`, import.meta.url).href;
}

/**
 * Runs the lines of a module in a new node, and returns what they pass to `tell`. The lines can use `native` of
 * lib/native.ts, the package `posix`, `load('jail/building.js')` for modules of lib, `attempt(call)` for the error of a call,
 * and `ids(field)` of /proc/self/status. To drop privileges, call `native.setuid`: Debian's node refuses its own process.setuid.
 *
 * @param by words before it
 */
export function inChild(lines: string, by: readonly string[] = []): unknown {
  const [file = '', ...args] = childWords(lines, by);
  const run = spawnSync(file, args, {
    encoding: 'utf8',
    cwd: '/',
    env: plainEnv(),
  });
  if (run.status !== 0) throw new Error(`${run.status} ${run.signal}\n${run.stderr}`);
  return JSON.parse(run.stdout);
}

/** The command line that runs such lines. */
export function childWords(lines: string, by: readonly string[] = []): readonly string[] {
  const script = `
    import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
    import posix from ${JSON.stringify(import.meta.resolve('posix'))};
    const load = (path) => import(${JSON.stringify(libraryUrl(''))} + path);
    const { native } = await load('native.js');
    const tell = (value) => process.stdout.write(JSON.stringify(value));
    const toTell = ({ name, message, code, errno, syscall, path, hint }) =>
      ({ name, message, code, errno, syscall, path, hint });
    const attempt = (call) => {
      try {
        const result = call();
        return result instanceof Promise ? result.then(() => undefined, toTell) : undefined;
      } catch (error) {
        return toTell(error);
      }
    };
    const ids = (field) => new RegExp('^' + field + ':(.*)$', 'm')
      .exec(readFileSync('/proc/self/status', 'utf8'))[1].split(/\\s+/).filter(Boolean).map(Number);
    ${lines}`;
  return [...by, process.execPath, '--input-type=module', '-e', script];
}
