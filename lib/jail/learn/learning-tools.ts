// The programs of the host that learning needs. They are found in PATH and run without a shell.

import { spawn } from 'node:child_process';

import { bytePath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { isExecutable } from '../../tree/walk.ts';
import { JailError } from '../../errors.ts';

/** The tools, each with its Debian package. */
const PACKAGES = {
  strace: 'strace',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  mount: 'mount',
  cat: 'coreutils',
  tee: 'coreutils',
} as const;

/** The absolute path of each tool. */
export type Tools = Readonly<Record<keyof typeof PACKAGES, string>>;

/** @throws JailError ERR_MISSING, which names the package */
export function findTools(root: FileRoot): Tools {
  const directories = (process.env['PATH'] ?? '').split(':').filter((directory) => directory.startsWith('/'));
  const found = Object.entries(PACKAGES).map(([name, debianPackage]) => {
    const paths = directories.map((directory) => `${directory}/${name}`);
    const tool = paths.find((path) => isExecutable(root, bytePath(path)));
    if (tool !== undefined) return [name, tool] as const;
    throw new JailError(`${name}, which learning needs, is in none of the directories of PATH`, {
      code: 'ERR_MISSING',
      path: name,
      hint: `apt-get install ${debianPackage}`,
    });
  });
  return Object.fromEntries(found) as Tools;
}

/** Runs a tool to its end; its status is null if a signal ended it. Rejects with a system error if it cannot start. */
export function runTool(
  [file = '', ...args]: readonly string[],
  input = '',
): Promise<{ readonly status: number | null; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    // in the C locale: its messages are passed on
    const child = spawn(file, args, { stdio: ['pipe', 'ignore', 'pipe'], env: { LC_ALL: 'C' } });
    const stderr = keepLast(child.stderr, 4096);
    child.stdin.on('error', () => {}); // it need not read its input
    child.stdin.end(input);
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stderr: stderr() }));
  });
}

/** Keeps the last bytes of a stream; the function returns them as text. */
export function keepLast(stream: NodeJS.ReadableStream, mostBytes: number): () => string {
  let kept = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-mostBytes);
  });
  stream.on('error', () => {}); // then it has ended
  return () => kept.toString();
}

/** The last line that is not empty. */
export const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1)?.trim() ?? '';
