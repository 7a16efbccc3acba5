// Finds the parts of an ELF file that hold its strings, so that machine code is not taken for text (elf(5)).

import type { BytePath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import type { ReadAt } from '../../binary/elf-header.ts';

interface Section {
  readonly name: number;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

const SHT_PROGBITS = 1;
const HEADER_BYTES = 64;
const MAX_SECTIONS = 4096;
const MAX_NAMES_BYTES = 1 << 20;
const MAX_BYTES = 64 << 20;

export interface Strings {
  /** The contents of .rodata, .data and their kind; nothing if the file has no section headers. */
  readonly parts: readonly Uint8Array[];
  /** Nothing separates one string from the next: Go and Rust keep their lengths elsewhere. */
  readonly unseparated: boolean;
}

const NONE: Strings = { parts: [], unseparated: false };
const MAX_KEPT_BYTES = 32 << 20;

/** The strings of a file; none if it cannot be read or is not ELF. */
export type ReadStrings = (path: BytePath) => Strings;

/** Keeps what was read last, up to 32 MiB: several searches in a row go through the same files. */
export function openStrings(root: FileRoot): ReadStrings {
  const kept = new Map<BytePath, Strings>();
  let bytes = 0;
  const sizeOf = ({ parts }: Strings) => parts.reduce((sum, { length }) => sum + length, 0);
  return (path) => {
    const known = kept.get(path);
    if (known !== undefined) return known;
    const strings = stringsOf(root, path);
    kept.set(path, strings);
    bytes += sizeOf(strings);
    for (const [oldest, old] of kept) {
      if (bytes <= MAX_KEPT_BYTES) break;
      kept.delete(oldest);
      bytes -= sizeOf(old);
    }
    return strings;
  };
}

function stringsOf(root: FileRoot, path: BytePath): Strings {
  try {
    const file = root.open(path);
    if (file === undefined) return NONE;
    try {
      return readStrings(file.read, file.status.sizeBytes) ?? NONE;
    } finally {
      file.close();
    }
  } catch {
    return NONE; // copying the file will report it
  }
}

/** Reads the strings of a file of that size, 64 MiB of them at most; undefined if it is not ELF. */
export function readStrings(read: ReadAt, sizeBytes: number): Strings | undefined {
  const head = read(0, HEADER_BYTES);
  if (head.length < HEADER_BYTES || !Buffer.from(head).toString('latin1').startsWith('\x7fELF'))
    return undefined;
  const within = (offset: number, length: number) =>
    offset < sizeBytes ? read(offset, Math.min(length, sizeBytes - offset)) : new Uint8Array();
  const sections = readSections(within, head);
  const nameOf = nameTable(within, head, sections);
  let [left, unseparated] = [MAX_BYTES, false];
  const parts = sections.flatMap(({ name, type, offset, size }) => {
    const title = nameOf(name);
    unseparated ||=
      title === '.gopclntab' || (title === '.comment' && isFromRust(within(offset, Math.min(size, 4096))));
    if (type !== SHT_PROGBITS || !/^\.(?:ro)?data(?:\.|$)/.test(title)) return [];
    const length = Math.min(size, left);
    left -= length;
    return [within(offset, length)];
  });
  return { parts, unseparated };
}

// Each compiler leaves its name there: "rustc version 1.85.0".
function isFromRust(comment: Uint8Array): boolean {
  return Buffer.from(comment).includes('rustc');
}

function readSections(read: ReadAt, head: Uint8Array): readonly Section[] {
  const wide = head[4] === 2;
  const fields = fieldsOf(head);
  const offset = wide ? fields.long(40) : fields.word(32);
  const [entryBytes, count] = wide ? [64, fields.half(60)] : [40, fields.half(48)];
  if (fields.half(wide ? 58 : 46) !== entryBytes || count > MAX_SECTIONS) return [];
  const table = read(offset, entryBytes * count);
  return Array.from({ length: Math.floor(table.length / entryBytes) }, (_, index) => {
    const entry = fieldsOf(table.subarray(index * entryBytes, (index + 1) * entryBytes), head[5]);
    return {
      name: entry.word(0),
      type: entry.word(4),
      offset: wide ? entry.long(24) : entry.word(16),
      size: wide ? entry.long(32) : entry.word(20),
    };
  });
}

function nameTable(read: ReadAt, head: Uint8Array, sections: readonly Section[]): (offset: number) => string {
  const section = sections[fieldsOf(head).half(head[4] === 2 ? 62 : 50)];
  const data =
    section === undefined
      ? Buffer.alloc(0)
      : Buffer.from(read(section.offset, Math.min(section.size, MAX_NAMES_BYTES)));
  return (offset) => /^[^\0]*/.exec(data.toString('latin1', offset, offset + 32))?.[0] ?? '';
}

interface Fields {
  half(offset: number): number;
  word(offset: number): number;
  /** No file is larger than 2^53 bytes: beyond that it only ever misses. */
  long(offset: number): number;
}

function fieldsOf(data: Uint8Array, encoding = data[5]): Fields {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const little = encoding !== 2;
  return {
    half: (offset) => view.getUint16(offset, little),
    word: (offset) => view.getUint32(offset, little),
    long: (offset) => {
      const [low, high] = little ? [offset, offset + 4] : [offset + 4, offset];
      return view.getUint32(high, little) * 2 ** 32 + view.getUint32(low, little);
    },
  };
}
