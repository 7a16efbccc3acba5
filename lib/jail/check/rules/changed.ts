// What is no longer what was built, outside of /etc.

import { type BytePath, bytePath, showPath } from '../../../binary/path.ts';
import { commandLine, decision } from '../command.ts';
import type { Entry, Kind } from '../entry.ts';
import type { Found } from '../finding.ts';
import type { CheckedJail } from '../jail.ts';
import { isData } from '../own.ts';
import type { Rule } from '../rule.ts';

export const changed: Rule = {
  id: 'changed',
  group: 'tamper',
  severity: 'error',
  summary: 'A file, link or device is not what the manifest says, by its whole content.',
  attack:
    'Somebody has put code of his own into a program or a library of the jail, or the disk has changed it. Sizes and times ' +
    'are easily kept (utimensat(2)); a SHA-256 is not.',
  remedy: '# find out who has changed it; to restore it: uchroot-jail update DIRECTORY --replace FILE',
  lookAt: (entry, jail) => {
    const found = changeOf(entry, jail);
    return found === undefined || isConfiguration(entry) ? undefined : found;
  },
};

/** True for what an administrator may have edited: update leaves it as it is. */
export function isConfiguration({ path, recorded }: Pick<Entry, 'path' | 'recorded'>): boolean {
  return recorded?.kind === 'file' && path.startsWith('/etc/');
}

/** How an entry differs from what the manifest says; undefined if it does not. */
export function changeOf(entry: Entry, jail: CheckedJail): Found | undefined {
  const { recorded, path, kind } = entry;
  if (recorded === undefined || entry.isMounted || entry.error !== 0) return undefined;
  const message = differenceOf(entry, recorded);
  if (message === undefined || path === NULL_DEVICE) return undefined; // dev-null tells of that one
  // what a user has made of his files is his: never to be replaced unasked
  if (isData(entry))
    return { path, message, severity: 'note', remedy: decision('nothing, if its user has changed it') };
  return {
    path,
    message,
    remedy: decision(
      `find out who has changed it; to restore it: ${commandLine('uchroot-jail', 'update', jail.directory, '--replace', path)}`,
    ),
    ...(kind !== 'directory' && { fixes: [{ kind: 'restore', recorded }] }),
  };
}

export const NULL_DEVICE: BytePath = bytePath('/dev/null');

const KINDS: Readonly<Record<Kind, string>> = {
  file: 'a file',
  directory: 'a directory',
  link: 'a link',
  character: 'a device',
  block: 'a block device',
  fifo: 'a named pipe',
  socket: 'a socket',
};

function differenceOf(entry: Entry, recorded: NonNullable<Entry['recorded']>): string | undefined {
  const { kind, target, sha256, sizeBytes, major, minor } = entry;
  const was = recorded.kind === 'device' ? 'character' : recorded.kind;
  if (kind !== was) return `it is ${KINDS[kind]} now, and was ${KINDS[was]}`;
  switch (kind) {
    case 'link':
      return target === recorded.target ? undefined : `it leads to ${showPath(target)} now`;
    case 'character':
      return major === recorded.major && minor === recorded.minor ? undefined : `it is ${major}:${minor} now`;
    case 'file':
      if (sizeBytes !== recorded.sizeBytes)
        return `its content is another: ${sizeBytes} bytes, and ${recorded.sizeBytes ?? 0} were built`;
      return sha256 === recorded.sha256 ? undefined : 'its content is another, of the same size (SHA-256)';
    case 'directory':
      return undefined;
    default:
      return kind satisfies never;
  }
}
