// Programs of test/support/*.c, and jails that hold them.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

import type { Test } from 'tap';

import { makeDirectory } from './directory.ts';

const repository = join(import.meta.dirname, '../../..');
const built = join(repository, 'build/test');

const flags: Readonly<Record<string, readonly string[]>> = {
  count: ['-static', '-nostdlib', '-ffreestanding', '-fno-stack-protector', '-Wl,--build-id=none'],
  calls: ['-shared', '-fPIC'],
  'no-groups': ['-shared', '-fPIC'],
};

/** Compiles test/support/NAME.c, unless it is compiled; returns its path. Static, so that a jail needs no library. */
export function compiled(name: string): string {
  const source = join(repository, 'test/support', `${name}.c`);
  const result = join(built, name);
  if (existsSync(result) && statSync(result).mtimeMs > statSync(source).mtimeMs) return result;
  mkdirSync(built, { recursive: true });
  // Test files run at the same time: none may see half a program.
  const temporary = `${result}.${process.pid}`;
  execFileSync('cc', ['-O1', '-o', temporary, source, ...(flags[name] ?? ['-static'])], {
    // without the sanitizers of this process
    env: { PATH: process.env.PATH },
  });
  renameSync(temporary, result);
  return result;
}

/** A jail with only these programs at its top, and an empty directory `tmp` that everybody may write. */
export function makeJail(t: Test, ...programs: readonly string[]): string {
  const jail = makeDirectory(t);
  mkdirSync(join(jail, 'tmp'));
  chmodSync(join(jail, 'tmp'), 0o1777);
  for (const name of programs) {
    copyFileSync(compiled(name), join(jail, name));
    chmodSync(join(jail, name), 0o755);
  }
  return jail;
}

/** The addon test/support/calls.c. */
export function loadCalls(): { waitAny(): number; dumpable(): number } {
  const module = { exports: {} };
  process.dlopen(module, compiled('calls'));
  return module.exports as ReturnType<typeof loadCalls>;
}
