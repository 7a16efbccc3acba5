// Stages files by moving them: of an unpacked image, which nobody else can reach. A copy would write everything twice.
import { closeSync, constants, fchmodSync, fchownSync, fstatSync, openSync, renameSync } from 'node:fs';

import { type BytePath, pathBytes } from '../../tree/path.ts';
import { caller, onHost } from '../../trust/owner.ts';
import { errorCode } from '../../words/system-error.ts';
import { type Content, copyFiles, type WantedCopy } from './file-facts.ts';

/** The SHA-256 of the file at a path of the root, which was made when it was written. */
export type HashOf = (source: BytePath) => string | undefined;

/** As copyFiles. Files on another file system are copied. @throws system errors */
export async function adoptFiles(
  rootFd: number,
  targetFd: number,
  files: readonly WantedCopy[],
  hashOf: HashOf,
): Promise<readonly Content[]> {
  const owner = caller();
  const done: Content[] = [];
  for (const { number, entry } of files) {
    const target = `/proc/self/fd/${targetFd}/${number}`;
    try {
      renameSync(Buffer.concat([Buffer.from(`/proc/self/fd/${rootFd}`), pathBytes(entry.source)]), target);
    } catch (error) {
      // then it is so for the first file already
      if (errorCode(error) === 'EXDEV') return copyFiles(rootFd, targetFd, files);
      throw error;
    }
    const fd = openSync(target, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { uid, gid } = onHost(owner, { uid: entry.uid ?? 0, gid: entry.gid ?? 0 });
      fchownSync(fd, uid, gid);
      fchmodSync(fd, entry.mode); // after fchown(2), which takes set-user-ID away
      const { size: sizeBytes, mtimeMs } = fstatSync(fd);
      const sha256 = hashOf(entry.source);
      done.push({ sizeBytes, mtimeMs: Math.floor(mtimeMs), ...(sha256 !== undefined && { sha256 }) });
    } finally {
      closeSync(fd);
    }
  }
  return done;
}
