// Reads a layer: its file in pieces, the hashes of both forms, and the archive in it.
import { createHash } from 'node:crypto';
import { read } from 'node:fs';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';

import { BadImage } from './bad-image.ts';
import type { Blob } from './image-source.ts';
import { type TarEvents, TarReader } from './tar-reader.ts';

type Pieces = AsyncIterable<Uint8Array>;

const PIECE_BYTES = 1 << 18;
const readSome = promisify(read);

/** The bytes of a file of the image. @throws BadImage if it has become shorter */
export async function* piecesOf({
  fd,
  offsetBytes,
  sizeBytes,
}: Blob): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < sizeBytes;) {
    const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, sizeBytes - at));
    const { bytesRead } = await readSome(fd, piece, 0, piece.length, offsetBytes + at);
    if (bytesRead === 0) throw new BadImage('its file is shorter than it was');
    yield piece.subarray(0, bytesRead);
    at += bytesRead;
  }
}

export interface LayerStream {
  /** The file of the layer, compressed or not. */
  readonly pieces: Pieces;
  readonly sizeBytes: number;
  /** The hash that it must have when it is unpacked, as `sha256:…`. */
  readonly diffId: string | undefined;
}

/** Reads a layer, and tells what is in it. @throws BadImage, also if it has another hash: what was told must then not be used */
export async function readLayer({ pieces, diffId }: LayerStream, events: TarEvents): Promise<void> {
  const plain = createHash('sha256');
  const reader = new TarReader(events);
  await unpacked(pieces[Symbol.asyncIterator](), async (parts) => {
    for await (const part of parts) {
      if (diffId !== undefined) plain.update(part);
      reader.push(part);
    }
  });
  reader.finish(diffId !== undefined);
  if (diffId !== undefined && diffId !== `sha256:${plain.digest('hex')}`)
    throw new BadImage(`the content of a layer, when it is unpacked, is not that of ${diffId}`);
}

const FORMS = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
] as const;

async function unpacked(
  pieces: AsyncIterator<Uint8Array>,
  take: (parts: Pieces) => Promise<void>,
): Promise<void> {
  const first = await pieces.next();
  if (first.done === true) throw new BadImage('a layer is empty');
  const head = first.value;
  const [form] = FORMS.find(([, magic]) => magic.every((byte, at) => head[at] === byte)) ?? [];
  const whole = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield head;
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) yield next.value;
  };
  if (form === undefined) return take(whole());
  const unpack = openUnpacker(form);
  try {
    return await pipeline(whole, unpack, take);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (/^(?:Z_|ZSTD_)/.test(code)) throw new BadImage(`a layer is damaged: ${(error as Error).message}`);
    throw error;
  }
}

// Names are looked up in the call: to begin with, a command does without it.
function openUnpacker(form: (typeof FORMS)[number][0]): Duplex {
  const chunkSize = 4 * PIECE_BYTES;
  if (form === 'gzip') return zlib.createGunzip({ chunkSize });
  const { createZstdDecompress } = zlib as { readonly createZstdDecompress?: typeof zlib.createGunzip };
  if (form === 'zstd' && createZstdDecompress !== undefined) return createZstdDecompress({ chunkSize });
  if (form === 'zstd')
    throw new BadImage(
      `it is compressed with zstd, which Node ${process.versions.node} does not unpack`,
      'Node 22.15 does; or make it anew: skopeo copy --dest-compress-format gzip --dest-force-compress-format oci:OLD oci:NEW',
    );
  throw new BadImage(`it is compressed with ${form}`, `unpack it first: ${form} -d FILE`);
}
