// SHA-256 of single files, read in pieces, so that a service keeps serving while it builds a jail.

import { createHash, hash as hashAtOnce } from 'node:crypto';
import { readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

import type { BytePath } from '../../tree/path.ts';
import type { FileRoot, OpenFile } from '../../tree/root.ts';
import { unless } from '../../words/system-error.ts';
import { closing } from '../work/closing.ts';

const CHUNK_BYTES = 1 << 18;
const CHUNKS_A_TURN = 32;

// All files share one buffer, since each piece is read and hashed without a pause. A new buffer for each file would cost more in
// garbage collection than hashing.
const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);

/** The SHA-256 of an open file from its beginning, in hexadecimal. */
export async function hashFile(fd: number): Promise<string> {
  let size = readChunk(fd, 0);
  if (size < CHUNK_BYTES) return hashAtOnce('sha256', chunk.subarray(0, size));
  const hash = createHash('sha256');
  for (let [offset, turn] = [0, 0]; size > 0;) {
    hash.update(chunk.subarray(0, size));
    offset += size;
    if (++turn % CHUNKS_A_TURN === 0) await setImmediate();
    size = readChunk(fd, offset);
  }
  return hash.digest('hex');
}

/** Fills the chunk, or reads to the end of the file. A file of /proc is read in pieces: only a read of 0 bytes is its end. */
function readChunk(fd: number, offset: number): number {
  for (let done = 0; ;) {
    const size = done < CHUNK_BYTES ? readSync(fd, chunk, done, CHUNK_BYTES - done, offset + done) : 0;
    if (size === 0) return done;
    done += size;
  }
}

/** The SHA-256 of bytes in memory, in hexadecimal. */
export const hashBytes = (data: Uint8Array): string => hashAtOnce('sha256', data);

/** The SHA-256 of a regular file in the jail; undefined if there is none. */
export async function hashInJail(jail: FileRoot, path: BytePath): Promise<string | undefined> {
  return withRegular(jail, path, ({ fd }) => hashFile(fd));
}

/** Calls `use` with a regular file, and closes it; undefined if there is none. It never waits, as for the writer of a fifo. */
export function withRegular<T>(root: FileRoot, path: BytePath, use: (file: OpenFile) => T): T | undefined {
  const opened = unless(['EISDIR', 'EINVAL'], () => root.open(path));
  return closing(opened, (file) => file && use(file));
}
