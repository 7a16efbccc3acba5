// How an entry is written down in the manifest.

import { showPath } from '../../binary/path.ts';
import type { FileRoot, OpenFile } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import type { Entry, FileEntry } from '../manifest/entry.ts';
import { native } from '../../native.ts';
import { hashBytes, hashFile } from '../manifest/hash.ts';
import type { Recorded } from '../manifest/manifest.ts';

/** What only the file itself tells. */
export type Content = Pick<Recorded, 'sha256' | 'sizeBytes' | 'mtimeMs'>;

/** The record of an entry; `content` for one that is copied. */
export function toRecorded(entry: Entry, content: Content = {}): Recorded {
  const { path, reason } = entry;
  const record = { path, mode: 0o777, uid: 0, gid: 0, reason };
  switch (entry.kind) {
    case 'directory':
      return { ...record, kind: entry.kind, mode: entry.mode, uid: entry.uid ?? 0, gid: entry.gid ?? 0 };
    case 'link':
      return { ...record, kind: entry.kind, target: entry.target };
    case 'file': {
      const { mode, uid = 0, gid = 0, source, keepPrivileges } = entry;
      return {
        ...record,
        kind: entry.kind,
        mode,
        uid,
        gid,
        source,
        ...(keepPrivileges && { keepPrivileges }),
        ...content,
      };
    }
    case 'data': {
      const { mode, data } = entry;
      return { ...record, kind: 'file', mode, sizeBytes: data.length, sha256: hashBytes(data) };
    }
    case 'device': {
      const { mode, major, minor } = entry;
      return { ...record, kind: entry.kind, mode: mode & 0o7777, major, minor };
    }
    default:
      return entry satisfies never;
  }
}

/** @throws JailError ENOENT if the file has vanished since it was chosen, EAGAIN if it is not for everybody any more. */
export function openSource(source: FileRoot, entry: FileEntry): OpenFile {
  const path = showPath(entry.source);
  const file = source.open(entry.source);
  if (file === undefined) throw new JailError(`${path} has vanished from the host`, { code: 'ENOENT', path });
  // In a directory of others the name can lead to another file by now, to one that only root may read.
  if ((entry.mode & 0o004) === 0 || (file.status.mode & 0o004) !== 0) return file;
  file.close();
  throw new JailError(`${path} was exchanged for a file that not everybody may read`, {
    code: 'EAGAIN',
    path,
  });
}

/** What an open file holds. */
export async function contentOf(fd: number): Promise<Content> {
  const { size, mtimeMs } = native.inRootFstat(fd);
  return { sizeBytes: size, mtimeMs, sha256: await hashFile(fd) };
}

/** The record that an entry would have if it were copied now. @throws as openSource. */
export async function foresee(entry: Entry, source: FileRoot): Promise<Recorded> {
  if (entry.kind !== 'file') return toRecorded(entry);
  const file = openSource(source, entry);
  try {
    return toRecorded(entry, await contentOf(file.fd));
  } finally {
    file.close();
  }
}

/** The same without the hash and without opening the file, where no jail has anything to compare it with. */
export function foreseeNew(entry: Entry, source: FileRoot): Recorded {
  const status = entry.kind === 'file' ? source.lstat(entry.source) : undefined;
  if (status === undefined) return toRecorded(entry);
  const { sizeBytes, mtimeMs } = status;
  return toRecorded(entry, { sizeBytes, mtimeMs });
}
