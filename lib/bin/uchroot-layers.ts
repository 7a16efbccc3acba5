// The process that unpacks the layers of an image. It runs in a jail of its own (lib/jail/image/jailed-reader.ts): it has no network and can write
// to no file. Its standard input has the layers one after the other, each after a line of JSON; its standard output has frames.
// oxlint-disable-next-line import/no-unassigned-import
import './no-debugger.ts';
import { readSync, writeSync } from 'node:fs';

import { BadImage } from '../jail/image/bad-image.ts';
import { FrameWriter } from '../jail/image/layer-frames.ts';
import { readLayer } from '../jail/image/layer-stream.ts';

const PIECE_BYTES = 1 << 18;
let waiting: Buffer = Buffer.alloc(0);

// This process has nothing else to do: it waits in the call.
function more(): boolean {
  if (waiting.length > 0) return true;
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  waiting = piece.subarray(0, readSync(0, piece));
  return waiting.length > 0;
}

function line(): string {
  const parts: Buffer[] = [];
  while (more()) {
    const end = waiting.indexOf(0x0a);
    parts.push(waiting.subarray(0, end < 0 ? waiting.length : end));
    waiting = waiting.subarray(end < 0 ? waiting.length : end + 1);
    if (end >= 0) break;
  }
  return Buffer.concat(parts).toString();
}

// Of the layer that is read now.
let leftBytes = 0;

async function* layer(): AsyncGenerator<Buffer, void, undefined> {
  while (leftBytes > 0 && more()) {
    const own = waiting.subarray(0, leftBytes);
    waiting = waiting.subarray(own.length);
    leftBytes -= own.length;
    yield own;
  }
}

const frames = new FrameWriter((data) => {
  for (let rest = data; rest.length > 0;) rest = rest.subarray(writeSync(1, rest));
});

async function main(): Promise<void> {
  for (let head = line(); head !== ''; head = line()) {
    const { sizeBytes, diffId } = JSON.parse(head) as { sizeBytes: number; diffId?: string };
    leftBytes = sizeBytes;
    try {
      await readLayer({ pieces: layer(), sizeBytes, diffId }, frames);
      // Something may follow the end of what is compressed.
      const rest = layer();
      while ((await rest.next()).done !== true);
      frames.done();
    } catch (error) {
      if (!(error instanceof BadImage)) throw error;
      frames.done(error);
      process.exit(0);
    }
  }
}

void main();
