// Reads a tar archive that is pushed in pieces of any size. It knows nothing of other entries: image-merge.ts says where a name leads. Pure.
import { type BytePath, showPath, toLatin1 } from '../../tree/path.ts';
import { BadImage } from './bad-image.ts';
import { SparseContent } from './sparse-content.ts';
import {
  BLOCK_BYTES,
  describe,
  type Described,
  type Extent,
  hasSum,
  readGlobal,
  readHeader,
  readNumber,
  readRecords,
  readSparse,
  type Records,
  type Sparse,
  toExtents,
} from './tar-header.ts';

/** The kinds of entries, by their type. `hardlink` is another name of the file at `target`. */
const KINDS = {
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'link',
  '3': 'device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
} as const;

export interface ReadEntry {
  /** As in the archive: relative or not, with any components. 1…4095 bytes. */
  readonly name: BytePath;
  readonly kind: (typeof KINDS)[keyof typeof KINDS];
  /** Permission bits, 0…07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** In seconds since 1970. */
  readonly mtimeS: number;
  /** Of a file. */
  readonly sizeBytes: number;
  /** Of a link or hardlink. */
  readonly target: BytePath;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

/** `data` and `end` follow an entry that is a file. */
export interface TarEvents {
  entry(entry: ReadEntry): void;
  data(piece: Uint8Array): void;
  end(): void;
}

const MOST_RECORDS_BYTES = 1 << 20;
const MOST_PATH_BYTES = 4095;

interface Content {
  /** What is stored in the archive and still to come, and what fills its last block. */
  leftBytes: number;
  padBytes: number;
  readonly push: (piece: Uint8Array) => void;
  readonly end: () => void;
}

export class TarReader {
  readonly #events: TarEvents;
  readonly #block = Buffer.alloc(BLOCK_BYTES);
  #used = 0;
  #content: Content | undefined;
  #records: Records = [];
  #global: Records = [];
  #longName: BytePath | undefined;
  #longTarget: BytePath | undefined;
  /** An old sparse file of GNU tar, whose map goes on in the next block. */
  #extended: { readonly of: Described; readonly extents: Extent[]; readonly sizeBytes: number } | undefined;
  #emptyBlocks = 0;
  #hasBegun = false;

  constructor(events: TarEvents) {
    this.#events = events;
  }

  /** @throws BadImage; and as the events */
  push(piece: Uint8Array): void {
    for (let rest = piece; rest.length > 0;)
      rest = this.#content === undefined ? this.#fillBlock(rest) : this.#fillContent(this.#content, rest);
  }

  /** How much content of a file comes now. The caller has skipped it: it is not read. */
  skip(): number {
    const content = this.#content;
    if (content === undefined) return 0;
    this.#content = undefined;
    return content.leftBytes + content.padBytes;
  }

  /** @param isWhole something else says that nothing is missing @throws BadImage if it ends too early */
  finish(isWhole: boolean): void {
    const isOpen = this.#content !== undefined || this.#used > 0 || this.#extended !== undefined;
    if (this.#used > 0 && !this.#hasBegun && this.#emptyBlocks === 0) throw noArchive();
    const hasRecords = this.#records.length > 0 || this.#longName !== undefined;
    if (isOpen || hasRecords || (this.#emptyBlocks === 0 && !isWhole))
      throw new BadImage(
        'it is no archive, or the archive ends too early',
        'give an image or an archive of a root directory; copy it again if a part of it is missing',
      );
  }

  #fillBlock(piece: Uint8Array): Uint8Array {
    const size = Math.min(piece.length, BLOCK_BYTES - this.#used);
    this.#block.set(piece.subarray(0, size), this.#used);
    this.#used += size;
    if (this.#used === BLOCK_BYTES) {
      this.#used = 0;
      this.#takeBlock(this.#block);
    }
    return piece.subarray(size);
  }

  #fillContent(content: Content, piece: Uint8Array): Uint8Array {
    const own = Math.min(piece.length, content.leftBytes);
    if (own > 0) {
      content.push(piece.subarray(0, own));
      content.leftBytes -= own;
    }
    const pad = Math.min(piece.length - own, content.padBytes);
    content.padBytes -= pad;
    if (content.leftBytes === 0 && content.padBytes === 0) {
      this.#content = undefined;
      content.end();
    }
    return piece.subarray(own + pad);
  }

  #expect(sizeBytes: number, push: Content['push'], end: Content['end']): void {
    const padBytes = (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
    if (sizeBytes === 0) end();
    else this.#content = { leftBytes: sizeBytes, padBytes, push, end };
  }

  #takeBlock(block: Buffer): void {
    if (this.#extended !== undefined) return this.#takeExtents(block);
    if (block.every((byte) => byte === 0)) {
      this.#emptyBlocks++;
      return undefined;
    }
    if (this.#emptyBlocks > 0) throw new BadImage('something follows the end of the archive');
    if (!this.#hasBegun && !hasSum(block)) throw noArchive();
    this.#hasBegun = true;
    const header = readHeader(block);
    const { type, sizeBytes } = header;
    switch (type) {
      case 'x':
      case 'g':
      case 'L':
      case 'K':
        return this.#collect(sizeBytes, (data) => this.#takeMeta(type, data));
      case 'V': // the label of GNU tar
        return undefined;
      default:
        return this.#takeEntry(header, block);
    }
  }

  #collect(sizeBytes: number, done: (data: Buffer) => void): void {
    if (sizeBytes > MOST_RECORDS_BYTES)
      throw new BadImage('what describes an entry is larger than a megabyte');
    const pieces: Buffer[] = [];
    this.#expect(
      sizeBytes,
      (piece) => pieces.push(Buffer.from(piece)),
      () => done(Buffer.concat(pieces)),
    );
  }

  #takeMeta(type: 'x' | 'g' | 'L' | 'K', data: Buffer): void {
    if (type === 'x') this.#records = readRecords(data);
    else if (type === 'g') {
      this.#global = readGlobal([...this.#global, ...readRecords(data)]);
    } else {
      const text = toLatin1(data);
      const name = (text.endsWith('\0') ? text.slice(0, -1) : text) as BytePath;
      if (type === 'L') this.#longName = name;
      else this.#longTarget = name;
    }
  }

  #takeEntry(header: Described['header'], block: Buffer): void {
    const long = { name: this.#longName ?? header.name, target: this.#longTarget ?? header.target };
    const records = [...this.#global, ...this.#records];
    [this.#longName, this.#longTarget, this.#records] = [undefined, undefined, []];
    const described = describe({ ...header, ...long }, records);
    if (header.type !== 'S')
      return this.#begin(described, readSparse(described.sparse, described.header.sizeBytes));
    const sizeBytes = readNumber(block, 483, 12, 'the size');
    this.#extended = { of: described, extents: [...readExtents(block, 386, 4)], sizeBytes };
    return block[482] === 0 ? this.#beginOld() : undefined;
  }

  #takeExtents(block: Buffer): void {
    const extents = this.#extended?.extents ?? [];
    extents.push(...readExtents(block, 0, 21));
    if (extents.length > 1 << 17) throw new BadImage('a sparse file has too many parts');
    if (block[504] === 0) this.#beginOld();
  }

  #beginOld(): void {
    const old = this.#extended;
    this.#extended = undefined;
    if (old !== undefined) this.#begin(old.of, { ...old, name: undefined });
  }

  #begin({ header, xattrs }: Described, sparse: Sparse | undefined): void {
    const { type, sizeBytes: storedBytes, mode, uid, gid, mtimeS, target, major, minor } = header;
    const name = sparse?.name ?? header.name;
    const kind = kindOf(type, name);
    const sizeBytes = kind === 'file' ? (sparse?.sizeBytes ?? storedBytes) : 0;
    checkPath(name, 255);
    if (kind === 'link' || kind === 'hardlink') checkPath(target, MOST_PATH_BYTES);
    if (kind !== 'file' && storedBytes > 0) throw new BadImage(`${showPath(name)} is a ${kind} with content`);
    const own = { mode: mode & 0o7777, uid, gid, mtimeS };
    this.#events.entry({ ...own, name, kind, sizeBytes, target, major, minor, xattrs });
    if (kind !== 'file') return;
    const content =
      sparse && new SparseContent(sizeBytes, sparse.extents, (piece) => this.#events.data(piece));
    this.#expect(
      storedBytes,
      (piece) => (content === undefined ? this.#events.data(piece) : content.push(piece)),
      () => {
        content?.end();
        this.#events.end();
      },
    );
  }
}

const noArchive = (): BadImage =>
  new BadImage(
    'it has no tar archive where there should be one',
    'name the layout of an image, an archive of docker save, or a tar archive of a root directory',
  );

function kindOf(type: string, name: BytePath): ReadEntry['kind'] {
  const kind = KINDS[type as keyof typeof KINDS] as ReadEntry['kind'] | undefined;
  if (kind === undefined)
    throw new BadImage(`${showPath(name)} is of the unknown type '${showPath(type as BytePath)}'`);
  // As archives before POSIX have directories.
  return type === '0' && name.endsWith('/') ? 'directory' : kind;
}

function checkPath(path: BytePath, most: number): void {
  if (path === '') throw new BadImage('an entry has no name');
  if (path.includes('\0')) throw new BadImage(`${showPath(path)} has a NUL in its name`);
  if (path.length > MOST_PATH_BYTES || path.split('/').some((part) => part.length > most))
    throw new BadImage(`${showPath(path.slice(0, 100) as BytePath)}… is too long for a name`);
}

function readExtents(block: Buffer, start: number, count: number): readonly Extent[] {
  const numbers: number[] = [];
  for (let at = start; at < start + 24 * count && block[at] !== 0; at += 12)
    numbers.push(readNumber(block, at, 12, 'the map of a sparse file'));
  return toExtents(numbers);
}
