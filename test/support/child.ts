// Runs code in a new Node process, because it changes its process for good.
import { spawnSync } from 'node:child_process';

import './plain-spawn.ts';
import { plainEnv } from './service.ts';

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
    const load = (path) => import(${JSON.stringify(new URL('../../lib/', import.meta.url).href)} + path);
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
