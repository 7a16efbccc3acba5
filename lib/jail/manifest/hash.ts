// SHA-256 of files, a piece at a time, so that a service that builds a jail goes on serving.

import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

import type { BytePath } from '../../binary/path.ts';
import { errorCode, type FileRoot, type OpenFile } from '../../binary/root.ts';

const CHUNK_BYTES = 1 << 20;
const CHUNKS_A_TURN = 8;

/** The SHA-256 of an open file from its beginning, in hexadecimal. */
export async function hashFile(fd: number): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let turn = 0;
  for (let offset = 0; ;) {
    const size = readSync(fd, buffer, 0, CHUNK_BYTES, offset);
    if (size === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, size));
    offset += size;
    if (++turn % CHUNKS_A_TURN === 0) await setImmediate();
  }
}

/** The SHA-256 of bytes in memory, in hexadecimal. */
export function hashBytes(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The SHA-256 of a regular file in the jail; undefined if there is none. */
export async function hashInJail(jail: FileRoot, path: BytePath): Promise<string | undefined> {
  const file = openRegular(jail, path);
  if (file === undefined) return undefined;
  try {
    return await hashFile(file.fd);
  } finally {
    file.close();
  }
}

/** A regular file; undefined if nothing or something else is there, which is not waited for. */
export function openRegular(jail: FileRoot, path: BytePath): OpenFile | undefined {
  try {
    return jail.open(path);
  } catch (error) {
    if (errorCode(error) === 'EISDIR' || errorCode(error) === 'EINVAL') return undefined;
    throw error;
  }
}
