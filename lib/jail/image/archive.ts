// Writes archives: the entries of an image as one tar stream, and gzip of it on the threads of Node's pool.
import { createHash } from 'node:crypto';
import { fstatSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

import { bytePath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { native } from '../../native.ts';
import { openTurns } from '../work/steps.ts';
import { blobName, type Layer } from './image-layout.ts';
import { changed, type ImageEntry } from './image-tree.ts';
import { BLOCK_BYTES, padding, tarEnd, tarHeader } from './tar.ts';

const PIECE_BYTES = 1 << 20;

/** What has been written so far. */
export interface Written {
  files: number;
  sizeBytes: number;
  /** The latest time of a file, in seconds since 1970. */
  newestS: number;
}

/** The archive in pieces of at most a megabyte, each valid until the next. @throws JailError ERR_CHECK if a file is not as it was built */
export function* tarPieces(
  jail: FileRoot,
  entries: Iterable<ImageEntry>,
  written: Written,
): Generator<Uint8Array, void, undefined> {
  const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  for (const entry of entries) {
    const { tar, content } = entry;
    const { kind, sizeBytes = 0, mtimeS } = tar;
    if (kind === 'file' && content === undefined) yield* filePieces(jail, entry, buffer, written);
    else {
      yield tarHeader(tar);
      for (const piece of content ?? []) yield typeof piece === 'string' ? Buffer.from(piece) : piece;
      written.sizeBytes += sizeBytes;
    }
    if (kind === 'file') written.files += 1;
    written.newestS = Math.max(written.newestS, mtimeS);
    if (sizeBytes % BLOCK_BYTES !== 0) yield padding(sizeBytes);
  }
  yield tarEnd;
}

function* filePieces(
  jail: FileRoot,
  { tar, sha256, isPrivileged, inode }: ImageEntry,
  buffer: Buffer,
  written: Written,
): Generator<Uint8Array, void, undefined> {
  const { path, sizeBytes = 0 } = tar;
  const file = jail.open(path);
  if (file === undefined) throw changed(path);
  try {
    // A program could have put a link here since it was looked at.
    if (file.status.ino !== inode) throw changed(path);
    const capabilities = isPrivileged === true ? native.fileCapabilities(file.fd) : undefined;
    yield tarHeader({ ...tar, ...(capabilities !== undefined && { capabilities }) });
    const hash = createHash('sha256');
    for (let offset = 0; offset < sizeBytes;) {
      const room = buffer.subarray(0, Math.min(PIECE_BYTES, sizeBytes - offset));
      const piece = room.subarray(0, native.readAt(file.fd, room, offset));
      if (piece.length === 0) throw changed(path); // it has become shorter
      hash.update(piece);
      offset += piece.length;
      written.sizeBytes += piece.length;
      yield piece;
    }
    if (sha256 !== undefined && hash.digest('hex') !== sha256) throw changed(path);
  } finally {
    file.close();
  }
}

export type Write = (data: Uint8Array) => Promise<void>;

// Level 6 makes python3's image a fortieth smaller and takes 1.7 times as long.
// The name is looked up in the call: to begin with, a command does without node:zlib.
// A chunk takes the whole part, or each 16 kB would wait for the event loop.
const compress = (part: Uint8Array) => promisify(gzip)(part, { level: 4, chunkSize: PIECE_BYTES + 1024 });
// Two threads for each core of a small machine keep it busy; more would only hold memory.
const AT_ONCE = 4;

/** The header of a file beside the files of the jail. */
export const headerOf = (name: string, sizeBytes: number): Buffer =>
  tarHeader({ path: bytePath(`/${name}`), kind: 'file', mode: 0o644, uid: 0, gid: 0, mtimeS: 0, sizeBytes });

/** Writes a layer with its header at the end of the file. @param write appends to the file */
export async function writeLayer(fd: number, pieces: Iterable<Uint8Array>, write: Write): Promise<Layer> {
  const start = fstatSync(fd).size;
  // Its name is its hash, which is known at the end.
  await write(Buffer.alloc(BLOCK_BYTES));
  const layer = await writeMembers(pieces, write);
  await write(padding(layer.sizeBytes));
  writeSync(fd, headerOf(blobName(layer.sha256), layer.sizeBytes), 0, BLOCK_BYTES, start);
  return layer;
}

/**
 * Writes pieces, compressed, and returns what an image says of the layer. Each megabyte is a member of its own (RFC 1952, 2.2), so
 * that all cores compress, and memory does not grow with the archive.
 */
async function writeMembers(pieces: Iterable<Uint8Array>, write: Write): Promise<Layer> {
  const [plain, packed] = [createHash('sha256'), createHash('sha256')];
  const running: Promise<Buffer>[] = [];
  let sizeBytes = 0;
  const drain = async (most: number): Promise<void> => {
    while (running.length > most) {
      const member = (await running.shift()) ?? Buffer.alloc(0);
      packed.update(member);
      sizeBytes += member.length;
      await write(member);
    }
  };
  try {
    for await (const part of partsOf(pieces)) {
      plain.update(part);
      running.push(compress(part));
      await drain(AT_ONCE);
    }
    await drain(0);
  } finally {
    await Promise.allSettled(running);
  }
  return { diffId: plain.digest('hex'), sha256: packed.digest('hex'), sizeBytes };
}

/** Parts of exactly a megabyte, whatever the pieces are, so that the same archive gives the same members. The event loop runs meanwhile. */
export async function* partsOf(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const turns = openTurns();
  let part = Buffer.allocUnsafeSlow(PIECE_BYTES);
  let used = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const size = Math.min(piece.length - at, PIECE_BYTES - used);
      part.set(piece.subarray(at, at + size), used);
      [at, used] = [at + size, used + size];
      if (used < PIECE_BYTES) continue;
      yield part;
      [part, used] = [Buffer.allocUnsafeSlow(PIECE_BYTES), 0];
    }
    const turn = turns();
    if (turn !== undefined) await turn;
  }
  if (used > 0) yield part.subarray(0, used);
}
