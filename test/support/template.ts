// Things that a test puts around a jail, or into it: mounts, processes, deep directories.
import { spawn } from 'node:child_process';

import type { Test } from 'tap';

import { searchPath, start } from './launch.ts';
import './plain-spawn.ts';
import { sanitizerEnv } from './sanitizer.ts';

/** Makes nested directories with a shell, because such a path is too long for one call. */
export function makeDeep(directory: string, levels: number): void {
  const script = 'cd "$1" && i=0; while [ $i -lt "$2" ]; do mkdir d && cd -P d || exit 1; i=$((i + 1)); done';
  must(['sh', '-c', `${script}; echo deep >file`, 'sh', directory, String(levels)]);
}

/** Runs a command that must succeed, and returns its output. */
export function must(words: readonly string[], cwd = '/'): string {
  const { status, stdout, stderr } = start(words, { cwd });
  if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
  return stdout;
}

/** Mounts something until the end of the test. */
export function mount(t: Test, ...words: readonly string[]): void {
  const point = words.at(-1) ?? '';
  must(['mount', ...words]);
  t.teardown(() => void start(['umount', '-l', point]));
}

/** Starts a process that is killed at the end of the test; resolves when it has written something. */
export async function beginProcess(
  t: Test,
  words: readonly string[],
  options: { readonly cwd?: string; readonly env?: Record<string, string>; readonly fd?: number } = {},
): Promise<() => Promise<void>> {
  const [file = '', ...args] = words;
  const child = spawn(file, args, {
    env: { PATH: searchPath, ...sanitizerEnv, ...options.env },
    cwd: options.cwd ?? '/',
    stdio: [options.fd ?? 'ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  t.teardown(end);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  return end;
}
