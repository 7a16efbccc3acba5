// The content of a sparse file, with zeros for its holes. Pure.
import { BadImage } from './bad-image.ts';
import { BLOCK_BYTES, type Extent, toExtents } from './tar-header.ts';

const NOTHING = Buffer.alloc(1 << 16);
const MOST_EXTENTS = 1 << 17;

/** Takes what is stored in the archive, and gives what the file holds. */
export class SparseContent {
  readonly #sizeBytes: number;
  readonly #give: (piece: Uint8Array) => void;
  #extents: readonly Extent[] | undefined;
  #map = '';
  #mapBytes = 0;
  #lines = 0;
  #next = 0;
  /** Bytes of the file that were given. */
  #done = 0;
  /** Bytes of the present extent that are still to come. */
  #left = 0;

  constructor(sizeBytes: number, extents: readonly Extent[] | undefined, give: (piece: Uint8Array) => void) {
    this.#sizeBytes = sizeBytes;
    this.#give = give;
    if (extents !== undefined) this.#take(extents);
  }

  /** @throws BadImage */
  push(piece: Uint8Array): void {
    let rest = this.#extents === undefined ? this.#readMap(piece) : piece;
    while (rest.length > 0) {
      const own = rest.subarray(0, this.#begin());
      if (own.length === 0) throw new BadImage('a sparse file has more content than its map');
      this.#give(own);
      this.#left -= own.length;
      this.#done += own.length;
      rest = rest.subarray(own.length);
    }
  }

  /** @throws BadImage if it is not complete */
  end(): void {
    if (this.#extents === undefined || this.#begin() > 0)
      throw new BadImage('a sparse file has less content than its map');
    this.#fill(this.#sizeBytes);
  }

  #take(extents: readonly Extent[]): void {
    if (extents.length > MOST_EXTENTS) throw new BadImage('a sparse file has too many parts');
    let end = 0;
    for (const { offset, sizeBytes } of extents) {
      if (offset < end) throw new BadImage('the parts of a sparse file overlap');
      end = offset + sizeBytes;
    }
    if (end > this.#sizeBytes) throw new BadImage('a sparse file is larger than its size');
    this.#extents = extents;
  }

  /** Begins extents until one lacks content, and returns how much. */
  #begin(): number {
    for (;;) {
      const extent = this.#left > 0 ? undefined : this.#extents?.[this.#next];
      if (extent === undefined) return this.#left;
      this.#fill(extent.offset);
      this.#left = extent.sizeBytes;
      this.#next++;
    }
  }

  #fill(end: number): void {
    while (this.#done < end) {
      const size = Math.min(end - this.#done, NOTHING.length);
      this.#give(NOTHING.subarray(0, size));
      this.#done += size;
    }
  }

  // Version 1.0: the number of parts, then offset and size of each, a line for each number, up to the end of a block.
  #readMap(piece: Uint8Array): Uint8Array {
    for (let at = 0; at < piece.length; at++) {
      const isEnd = ++this.#mapBytes % BLOCK_BYTES === 0;
      this.#map += String.fromCharCode(piece[at] ?? 0);
      if (piece[at] === 0x0a) this.#lines++;
      if (!isEnd) continue;
      if (this.#mapBytes > 2 * 16 * MOST_EXTENTS) throw new BadImage('a sparse file has too many parts');
      const first = /^[0-9]{1,6}(?=\n)/.exec(this.#map)?.[0];
      if (first === undefined) throw new BadImage('the map of a sparse file is damaged');
      const count = Number(first);
      if (this.#lines < 1 + 2 * count) continue;
      const lines = this.#map.split('\n');
      const numbers = lines.slice(1, 1 + 2 * count);
      if (!numbers.every((one) => /^[0-9]{1,15}$/.test(one)))
        throw new BadImage('the map of a sparse file is damaged');
      this.#take(toExtents(numbers.map(Number)));
      return piece.subarray(at + 1);
    }
    return piece.subarray(piece.length);
  }
}
