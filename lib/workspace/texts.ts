// The changes of a workspace as a unified diff, by diff(1) of the host.
import { spawn } from 'node:child_process';
import { constants, fstatSync, openSync } from 'node:fs';

import { JailError } from '../errors.ts';
import { withDescriptor, withOpen } from '../jail/work/closing.ts';
import { showPath, type BytePath } from '../tree/path.ts';
import { type DirectoryRoot } from '../tree/root.ts';
import { errorCode } from '../words/system-error.ts';
import { choose, take, type WorkspaceRequest } from './changing.ts';
import type { Difference } from './changes.ts';
import { withWorkspace, type Opened } from './opened.ts';

/**
 * The difference of each file that was added, changed or deleted, as patch(1) takes it with `-p1`. Of files that are no text, of
 * those with more than 16 MiB, and of those that this user may not read, a line says that they differ. The text is the program's: it can hold characters that control a terminal.
 *
 * @throws as workspaceChanges; JailError ENOENT without diff(1)
 */
export async function workspaceDiff(asked: WorkspaceRequest): Promise<Buffer> {
  const request = take(asked);
  return withWorkspace(request, async (opened) => {
    const texts: Buffer[] = [];
    for (const one of choose(opened, request).chosen) texts.push(...(await diffOf(opened, one)));
    return Buffer.concat(texts);
  });
}

async function diffOf(opened: Opened, { path, kind, now, before }: Difference): Promise<readonly Buffer[]> {
  if (kind === 'left' || kind === 'mode') return [];
  const sides = [before?.kind === 'file', now?.kind === 'file'] as const;
  const own = sides.includes(true) ? [await compare(opened.host, opened.upper, path, sides)] : [];
  const inside =
    before?.kind === 'directory' && now?.kind !== 'directory' ? await deletedIn(opened, path) : [];
  return [...own, ...inside];
}

// A directory that has gone is one change.
async function deletedIn(opened: Opened, directory: BytePath): Promise<readonly Buffer[]> {
  const texts: Buffer[] = [];
  for (const name of opened.host.list(directory) ?? []) {
    const path = `${directory}/${name}` as BytePath;
    texts.push(
      ...(await diffOf(opened, { path, kind: 'deleted', now: undefined, before: opened.host.lstat(path) })),
    );
  }
  return texts;
}

// Both are opened here, so that diff(1) follows no link.
function compare(
  host: DirectoryRoot,
  upper: DirectoryRoot,
  path: BytePath,
  [isBefore, isNow]: readonly [boolean, boolean],
): Promise<Buffer> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const opening = <T>(root: DirectoryRoot, is: boolean, use: (fd: number) => T): T =>
    is ? withOpen(root, path, flags, use) : withDescriptor(openSync('/dev/null', constants.O_RDONLY), use);
  try {
    return opening(host, isBefore, (from) =>
      opening(upper, isNow, (to) => run(path, [isBefore, isNow], [from, to])),
    );
  } catch (error) {
    // without root: a program can take away the permission to read it, and must not hide the others so
    if (errorCode(error) !== 'EACCES') throw error;
    return Promise.resolve(differ(labelsOf(path, [isBefore, isNow])));
  }
}

const labelsOf = (path: BytePath, is: readonly [boolean, boolean]): readonly string[] => {
  const name = showPath(path.slice(1) as BytePath);
  return [is[0] ? `a/${name}` : '/dev/null', is[1] ? `b/${name}` : '/dev/null'];
};

const differ = (labels: readonly string[]): Buffer => Buffer.from(`Files ${labels.join(' and ')} differ\n`);

// diff(1) reads a whole file into memory, and a hole costs a program nothing.
const mostBytes = 16 << 20;

function run(
  path: BytePath,
  is: readonly [boolean, boolean],
  [from, to]: readonly [number, number],
): Promise<Buffer> {
  const labels = labelsOf(path, is);
  if ([from, to].some((fd) => fstatSync(fd).size > mostBytes)) return Promise.resolve(differ(labels));
  const words = [
    '-u',
    ...labels.flatMap((label) => ['--label', label]),
    '/proc/self/fd/3',
    '/proc/self/fd/4',
  ];
  return new Promise((resolve, reject) => {
    const child = spawn('diff', words, {
      stdio: ['ignore', 'pipe', 'inherit', from, to],
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
    });
    const parts: Buffer[] = [];
    child.stdout?.on('data', (part: Buffer) => parts.push(part));
    child.on('error', (error) => reject(errorCode(error) === 'ENOENT' ? notInstalled() : error));
    child.on('close', (status) => {
      // also for files that are no text, of which it says so
      if (status === 0 || status === 1 || (status === 2 && parts.length > 0)) resolve(Buffer.concat(parts));
      else {
        const name = showPath(path.slice(1) as BytePath);
        reject(new JailError(`diff(1) has failed for ${name}`, { code: 'EIO', path: name }));
      }
    });
  });
}

const notInstalled = (): JailError =>
  new JailError('diff(1) is not on this host', {
    code: 'ENOENT',
    hint: 'install the package diffutils, or ask for the list of changes without --diff',
  });
