// Reads what stands before the content of an entry of a tar archive: ustar, GNU tar's numbers and the records of pax (pax(1); "Basic Tar
// Format" in the manual of GNU tar). Names are bytes. Pure.
//
// modern-tar and tar-stream of npm decode names and extended attributes as UTF-8, skip damaged records, and give the content of a
// sparse file as it is stored. Each of these would be a silent change of a file.
import { type BytePath, bytePath, showPath, toLatin1 } from '../../tree/path.ts';
import { quote } from '../../words/quote.ts';
import { BadImage } from './bad-image.ts';

export const BLOCK_BYTES = 512;

/** A block that begins an entry, as it is written. */
export interface TarHeader {
  /** One character, such as `0` for a file. */
  readonly type: string;
  readonly name: BytePath;
  readonly target: BytePath;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeS: number;
  readonly major: number;
  readonly minor: number;
}

const text = (block: Uint8Array, start: number, length: number): BytePath => {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return toLatin1(end < 0 ? field : field.subarray(0, end));
};

/** A number in octal, or binary in base 256. @throws BadImage if it is negative, too large, or no number */
export function readNumber(block: Uint8Array, start: number, length: number, what: string): number {
  const first = block[start] ?? 0;
  if ((first & 0x80) === 0) {
    const digits = text(block, start, length).trim();
    if (!/^[0-7]*$/.test(digits)) throw new BadImage(`${what} of an entry is no number`);
    return Number.parseInt(digits || '0', 8);
  }
  let value = first & 0x7f;
  if ((first & 0x40) !== 0) value = Number.NaN; // negative, in two's complement
  for (let at = start + 1; at < start + length; at++) value = value * 256 + (block[at] ?? 0);
  if (Number.isSafeInteger(value)) return value;
  throw new BadImage(`${what} of an entry is negative or too large`);
}

// A date before 1970 is binary and negative. It changes nothing but the date.
function readTime(block: Uint8Array): number {
  return ((block[136] ?? 0) & 0xc0) === 0xc0 ? 0 : readNumber(block, 136, 12, 'the date');
}

/** @throws BadImage if the block is no header, or one of its numbers is wrong */
export function readHeader(block: Uint8Array): TarHeader {
  checkSum(block);
  // GNU tar has dates where POSIX has the beginning of the name; star has a shorter one.
  const isPosix = text(block, 257, 6) === 'ustar';
  const isStar = isPosix && text(block, 508, 4) === 'tar';
  const before = isPosix ? text(block, 345, isStar ? 131 : 155) : '';
  const name = text(block, 0, 100);
  const hasDevice = isPosix || text(block, 257, 6).startsWith('ustar');
  return {
    type: String.fromCharCode(block[156] || 0x30),
    name: (before === '' ? name : `${before}/${name}`) as BytePath,
    target: text(block, 157, 100),
    mode: readNumber(block, 100, 8, 'the mode'),
    uid: readNumber(block, 108, 8, 'the owner'),
    gid: readNumber(block, 116, 8, 'the group'),
    sizeBytes: readNumber(block, 124, 12, 'the size'),
    mtimeS: readTime(block),
    major: hasDevice ? readNumber(block, 329, 8, 'the device') : 0,
    minor: hasDevice ? readNumber(block, 337, 8, 'the device') : 0,
  };
}

// Some old programs added signed bytes.
function checkSum(block: Uint8Array): void {
  let [sum, signed] = [0, 0];
  for (let at = 0; at < BLOCK_BYTES; at++) {
    const byte = at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
    sum += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const said = readNumber(block, 148, 8, 'the checksum');
  if (said !== sum && said !== signed) throw new BadImage('an entry has a wrong checksum');
}

/** Whether a block can be a header. */
export function hasSum(block: Uint8Array): boolean {
  try {
    checkSum(block);
    return true;
  } catch {
    return false;
  }
}

/** The records of pax by their keys, as bytes. A list, because a sparse file has several of one key. */
export type Records = readonly (readonly [key: string, value: BytePath])[];

/** @throws BadImage if a record is not `LENGTH KEY=VALUE\n` */
export function readRecords(data: Uint8Array): Records {
  const all: [string, BytePath][] = [];
  const whole = toLatin1(data);
  for (let at = 0; at < whole.length;) {
    const length = Number(/^[1-9][0-9]{0,8}(?= )/.exec(whole.slice(at, at + 10))?.[0]);
    const record = whole.slice(at, at + length);
    const [, key, value] = /^[0-9]+ ([^=]+)=([^]*)\n$/.exec(record) ?? [];
    if (record.length !== length || key === undefined || value === undefined)
      throw new BadImage('a record of pax is damaged');
    all.push([key, value as BytePath]);
    at += length;
  }
  return all;
}

/** Extended attributes begin so: those of star, which GNU tar and Go write too. Of all, one counts. */
const CAPABILITY = 'SCHILY.xattr.security.capability';
const MOST_CAPABILITY_BYTES = 64; // the kernel's have 24

const forAll: ReadonlySet<string> = new Set(['uid', 'gid', 'mtime', CAPABILITY]);

// No records for later entries but for harmless ones: each reader has its own idea of a path for all of them.
const ofOneEntry = /^(?:path|linkpath|size|GNU\.sparse\..*|SCHILY\.realsize)$/;

/** The records for all later entries that count, each once. Refuses those that would be names or sizes. @throws BadImage */
export function readGlobal(records: Records): Records {
  const [key] = records.find(([key]) => ofOneEntry.test(key)) ?? [];
  if (key !== undefined) throw new BadImage(`it has ${quote(key)} for all of its entries`);
  return [...new Map(records.filter(([name]) => forAll.has(name)))];
}

const decimal = (value: string, key: string): number => {
  const number = /^[0-9]{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) throw new BadImage(`${key} of an entry is negative, too large or no number`);
  return number;
};

export interface Described {
  readonly header: TarHeader;
  /** `security.capability`, and OTHERS with an empty value for all others. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  /** The records that describe a sparse file. */
  readonly sparse: Records;
}

/** A header with the records of pax before it. A record without a value stands for the header's. @throws BadImage */
export function describe(header: TarHeader, records: Records): Described {
  const own = { ...header };
  const xattrs = new Map<string, Uint8Array>();
  const sparse: [string, BytePath][] = [];
  for (const [key, value] of records) {
    if (key === CAPABILITY) {
      if (value.length > MOST_CAPABILITY_BYTES) throw new BadImage('the capabilities of a file are damaged');
      xattrs.set('security.capability', Buffer.from(value, 'latin1'));
    } else if (OF_OTHERS.test(key)) xattrs.set(OTHERS, nothing);
    else if (key.startsWith('GNU.sparse.')) sparse.push([key.slice('GNU.sparse.'.length), value]);
    else if (value === '') continue;
    else if (key === 'path') own.name = value;
    else if (key === 'linkpath') own.target = value;
    else if (key === 'size') own.sizeBytes = decimal(value, key);
    else if (key === 'uid' || key === 'gid') own[key] = decimal(value, key);
    else if (key === 'mtime') own.mtimeS = Math.min(Math.max(Math.floor(Number(value)) || 0, 0), LAST_S);
    else if (key === 'SCHILY.realsize')
      throw new BadImage('it has a sparse file as star(1) writes it', AGAIN);
  }
  if (own.uid > MAX_ID || own.gid > MAX_ID) throw new BadImage(`${showPath(own.name)} has no valid owner`);
  return { header: own, xattrs, sparse };
}

/** In place of all extended attributes and access control lists that do not come into a jail. */
export const OTHERS = '';
// Labels of a security module are those of a host. libarchive writes attributes twice.
const OF_OTHERS = /^SCHILY\.(?:acl\.|xattr\.(?!security\.(?:selinux|ima|evm)$))/;
const nothing = new Uint8Array();

/** 9999-12-31T23:59:59Z: the latest time of ISO 8601 with four digits. */
export const LAST_S = 253_402_300_799;

const AGAIN = 'make the archive anew with GNU tar';
const MAX_ID = 2 ** 32 - 2;

/** Where a part of a sparse file is. */
export interface Extent {
  readonly offset: number;
  readonly sizeBytes: number;
}

/** What is known of a sparse file before its content: undefined extents stand at the beginning of the content. */
export interface Sparse {
  readonly name: BytePath | undefined;
  readonly sizeBytes: number;
  readonly extents: readonly Extent[] | undefined;
}

/** The sparse file of some records ("PAX Format, Versions 0.0, 0.1, 1.0" of GNU tar). @throws BadImage */
export function readSparse(records: Records, storedBytes: number): Sparse | undefined {
  if (records.length === 0) return undefined;
  const last = (key: string) => records.findLast(([known]) => known === key)?.[1];
  const size = last('realsize') ?? last('size') ?? bytePath(String(storedBytes));
  const map = last('map');
  const numbers =
    map?.split(',') ??
    records.flatMap(([key, value]) => (key === 'offset' || key === 'numbytes' ? [value] : []));
  return {
    name: last('name'),
    sizeBytes: decimal(size, 'GNU.sparse.size'),
    extents: last('major') === '1' ? undefined : toExtents(numbers.map((one) => decimal(one, 'GNU.sparse'))),
  };
}

/** Extents of the numbers offset, size, offset, size … @throws BadImage */
export function toExtents(numbers: readonly number[]): readonly Extent[] {
  if (numbers.length % 2 !== 0) throw new BadImage('the map of a sparse file is damaged');
  return Array.from({ length: numbers.length / 2 }, (_, at) => ({
    offset: numbers[2 * at] ?? 0,
    sizeBytes: numbers[2 * at + 1] ?? 0,
  }));
}
