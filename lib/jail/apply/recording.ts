// Makes the record of a planned entry for the manifest.

import { showPath } from '../../binary/path.ts';
import type { FileRoot, OpenFile } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import type { Entry, FileEntry } from '../manifest/planned-entry.ts';
import { native } from '../../native.ts';
import { hashBytes, hashFile } from '../manifest/file-hash.ts';
import type { FileFacts } from './file-facts.ts';
import type { Recorded, Writable } from '../manifest/manifest.ts';

/** The part of a record that comes from the file's content. */
export type Content = Pick<Recorded, 'sha256' | 'sizeBytes' | 'mtimeMs'>;

/** `content` is given for a file that was copied. */
export function toRecorded(entry: Entry, content: Content = {}): Recorded {
  // No object spread: with up to a hundred thousand entries, it would take ten times as long.
  const { kind, path, reason } = entry;
  switch (kind) {
    case 'directory':
      return { path, kind, mode: entry.mode, uid: entry.uid ?? 0, gid: entry.gid ?? 0, reason };
    case 'link':
      return { path, kind, mode: 0o777, uid: 0, gid: 0, reason, target: entry.target };
    case 'file': {
      const { mode, uid = 0, gid = 0, source } = entry;
      const { sizeBytes, mtimeMs, sha256 } = content;
      const file: Writable<Recorded> = { path, kind, mode, uid, gid, reason, source };
      if (sizeBytes !== undefined) file.sizeBytes = sizeBytes;
      if (sha256 !== undefined) file.sha256 = sha256;
      if (mtimeMs !== undefined) file.mtimeMs = mtimeMs;
      if (entry.keepPrivileges === true) file.keepPrivileges = true;
      return file;
    }
    case 'data': {
      const { mode, data } = entry;
      const [sizeBytes, sha256] = [data.length, hashBytes(data)];
      return { path, kind: 'file', mode, uid: 0, gid: 0, reason, sizeBytes, sha256 };
    }
    case 'device': {
      const { mode, major, minor } = entry;
      return { path, kind, mode: mode & 0o7777, uid: 0, gid: 0, reason, major, minor };
    }
    default:
      return kind satisfies never;
  }
}

/** @throws JailError ENOENT if the file has vanished since the plan was made, EAGAIN if it is no longer world-readable */
function openSource(source: FileRoot, entry: FileEntry): OpenFile {
  const file = source.open(entry.source);
  if (file === undefined) throw vanished(entry);
  if (isReadable(entry, file.status)) return file;
  file.close();
  throw exchanged(entry);
}

// If other users can write the directory, they can exchange the file for one that only root can read.
function isReadable(entry: FileEntry, { mode }: Pick<FileFacts, 'mode'>): boolean {
  return (entry.mode & 0o004) === 0 || (mode & 0o004) !== 0;
}

export function vanished({ source }: FileEntry): JailError {
  const path = showPath(source);
  return new JailError(`${path} has vanished from the host`, { code: 'ENOENT', path });
}

export function exchanged({ source }: FileEntry): JailError {
  const path = showPath(source);
  const message = `${path} was replaced by a file that is not world-readable`;
  return new JailError(message, { code: 'EAGAIN', path });
}

export function linked({ source }: FileEntry): JailError {
  const path = showPath(source);
  const message = `${path}, or a directory above it, was exchanged for a link`;
  return new JailError(message, { code: 'EAGAIN', path });
}

async function contentOf(fd: number): Promise<Content> {
  const { size, mtimeMs } = native.inRootFstat(fd);
  return { sizeBytes: size, mtimeMs, sha256: await hashFile(fd) };
}

/** The record that an entry would get if it were copied now. `known`: its file was read before. @throws as openSource */
export async function foresee(entry: Entry, source: FileRoot, known?: FileFacts): Promise<Recorded> {
  if (entry.kind !== 'file') return toRecorded(entry);
  if (known !== undefined && isReadable(entry, known)) return toRecorded(entry, known);
  const file = openSource(source, entry);
  try {
    return toRecorded(entry, await contentOf(file.fd));
  } finally {
    file.close();
  }
}

/** The same without a hash: there is no jail to compare with, so the file is not read. */
export function foreseeNew(entry: Entry, source: FileRoot): Recorded {
  const status = entry.kind === 'file' ? source.lstat(entry.source) : undefined;
  if (status === undefined) return toRecorded(entry);
  const { sizeBytes, mtimeMs } = status;
  return toRecorded(entry, { sizeBytes, mtimeMs });
}
