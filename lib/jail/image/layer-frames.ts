// What the process that unpacks layers sends: frames of a type, a length and bytes. Nothing in them is trusted: names and sizes are judged by
// the receiver, as if they came from the image.
import { asInteger } from '../manifest/fields.ts';
import { BadImage } from './bad-image.ts';
import type { ReadEntry, TarEvents } from './tar-reader.ts';

const HEAD_BYTES = 5;
const BUFFER_BYTES = 1 << 18;
const MOST_BYTES = 8 << 20;

/** The types: an entry, content, its end; the end of a layer, and what is wrong with it. */
const ENTRY = 1;
const DATA = 2;
const END = 3;
const DONE = 4;
const BAD = 5;

/** Sends events as frames, many in one write. */
export class FrameWriter implements TarEvents {
  readonly #write: (data: Uint8Array) => void;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #used = 0;

  constructor(write: (data: Uint8Array) => void) {
    this.#write = write;
  }

  entry(entry: ReadEntry): void {
    const xattrs = [...entry.xattrs].map(([name, value]) => [name, Buffer.from(value).toString('latin1')]);
    this.#send(ENTRY, Buffer.from(JSON.stringify({ ...entry, xattrs })));
  }

  data(piece: Uint8Array): void {
    this.#send(DATA, piece);
  }

  end(): void {
    this.#send(END, Buffer.alloc(0));
  }

  /** The layer has ended well, or so. */
  done(bad?: BadImage): void {
    const { message, hint } = bad ?? {};
    this.#send(bad === undefined ? DONE : BAD, Buffer.from(JSON.stringify({ message, hint })));
    this.#flush();
  }

  #send(type: number, data: Uint8Array): void {
    if (this.#used + HEAD_BYTES > BUFFER_BYTES) this.#flush();
    this.#buffer.writeUInt8(type, this.#used);
    this.#buffer.writeUInt32LE(data.length, this.#used + 1);
    this.#used += HEAD_BYTES;
    for (let rest = data; rest.length > 0;) {
      const own = rest.subarray(0, BUFFER_BYTES - this.#used);
      this.#buffer.set(own, this.#used);
      this.#used += own.length;
      rest = rest.subarray(own.length);
      if (this.#used === BUFFER_BYTES) this.#flush();
    }
  }

  #flush(): void {
    this.#write(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }
}

/** Calls events for frames, in pieces of any size. */
export class FrameReader {
  #head = Buffer.alloc(HEAD_BYTES);
  #used = 0;
  #left = 0;
  #parts: Buffer[] = [];

  /** True at the end of a layer. @throws BadImage what the other process has found; and as the events */
  push(piece: Buffer, events: TarEvents): boolean {
    let isDone = false;
    for (let rest = piece; rest.length > 0;) {
      if (this.#used < HEAD_BYTES) {
        const own = rest.subarray(0, HEAD_BYTES - this.#used);
        this.#head.set(own, this.#used);
        this.#used += own.length;
        rest = rest.subarray(own.length);
        if (this.#used < HEAD_BYTES) break;
        this.#left = this.#head.readUInt32LE(1);
        if (this.#left > MOST_BYTES)
          throw new Error('the process that unpacks the image sends what it must not');
      }
      const own = rest.subarray(0, this.#left);
      this.#left -= own.length;
      rest = rest.subarray(own.length);
      if (this.#head[0] === DATA) {
        if (own.length > 0) events.data(own);
      } else if (own.length > 0) this.#parts.push(Buffer.from(own));
      if (this.#left > 0) break;
      this.#used = 0;
      if (this.#take(Buffer.concat(this.#parts.splice(0)), events)) isDone = true;
    }
    return isDone;
  }

  #take(data: Buffer, events: TarEvents): boolean {
    switch (this.#head[0]) {
      case ENTRY:
        events.entry(entryOf(data));
        return false;
      case DATA:
        return false;
      case END:
        events.end();
        return false;
      case DONE:
        return true;
      case undefined:
      default: {
        const { message, hint } = JSON.parse(data.toString()) as { message?: string; hint?: string };
        throw new BadImage(String(message), hint);
      }
    }
  }
}

function entryOf(data: Buffer): ReadEntry {
  const { xattrs, ...entry } = JSON.parse(data.toString()) as Omit<ReadEntry, 'xattrs'> & {
    readonly xattrs: readonly (readonly [string, string])[];
  };
  const bytes = xattrs.map(([name, value]) => [name, Buffer.from(value, 'latin1')] as const);
  const sizeBytes = asInteger(entry.sizeBytes, 'sizeBytes', Number.MAX_SAFE_INTEGER);
  return { ...entry, sizeBytes, xattrs: new Map(bytes) };
}
