// Jails that were built, as far as their manifest says: with whatever else a test puts into them.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';

import type { Test } from 'tap';

import { bytePath } from '../../lib/binary/path.ts';
import { writeManifest } from '../../lib/jail/manifest.ts';
import { EMPTY_RECIPE } from '../../lib/jail/recipe.ts';
import { searchPath, start } from './launch.ts';
import './plain-spawn.ts';
import { sanitizerEnv } from './sanitizer.ts';

/** Makes a directory a jail of the builder's, whose recipe keeps the privileges of these files. */
export function makeTemplate(directory: string, keepPrivileges: readonly string[] = []): string {
  mkdirSync(`${directory}/.uchroot`, { recursive: true, mode: 0o700 });
  const recipe = { ...EMPTY_RECIPE, keepPrivileges: keepPrivileges.map((path) => bytePath(path)) };
  const manifest = writeManifest({ recipe, packs: [], packages: {}, entries: [] });
  writeFileSync(`${directory}/.uchroot/manifest.json.gz`, manifest, { mode: 0o600 });
  return directory;
}

/** Many small files in some directories. */
export function fill(directory: string, files: number, content: string | Buffer = 'x'): void {
  for (let i = 0; i < files; i++) {
    if (i % 100 === 0) mkdirSync(`${directory}/d${i / 100}`, { recursive: true });
    writeFileSync(`${directory}/d${Math.floor(i / 100)}/f${i}`, content);
  }
}

/** Directories in each other; by a shell, since such a path is too long for a call. */
export function makeDeep(directory: string, levels: number): void {
  const script = 'cd "$1" && i=0; while [ $i -lt "$2" ]; do mkdir d && cd -P d || exit 1; i=$((i + 1)); done';
  must(['sh', '-c', `${script}; echo deep >file`, 'sh', directory, String(levels)]);
}

/** Runs a command that has to succeed; its output. */
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

/** A process beside the test, killed at its end; resolves once it has written something. */
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
