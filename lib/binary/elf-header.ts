// Reads the headers of an ELF file, through a window that is safe on hostile files.

import { remember } from '../values/remember.ts';
import { type Abi, floatAbi } from './machine.ts';
import { toLatin1 } from '../tree/path.ts';
import type { ReadAt } from '../tree/root.ts';

/** The read size for tables that are scanned once and not kept. */
export const CHUNK_BYTES = 65536;

const PAGE_BYTES = 4096;
const none = new Uint8Array(0);
// The headers, dynamic section and strings of an ELF file touch a few pages.
const MAX_PAGES = 1024;

export type Window = ReturnType<typeof openWindow>;

/** Caches the pages that it reads, at most 4 MiB, which limits memory and time for a hostile file. */
export function openWindow(read: ReadAt) {
  const pages = new Map<number, Uint8Array>();

  function pageAt(offset: number): Uint8Array | undefined {
    if (pages.size >= MAX_PAGES && !pages.has(offset)) return undefined;
    return remember(pages, offset, () => read(offset, PAGE_BYTES));
  }

  /** Exactly these bytes; undefined if the file ends before, or too much was read already. */
  function bytes(offset: number, lengthBytes: number): Uint8Array | undefined {
    if (!Number.isSafeInteger(offset + lengthBytes) || offset < 0 || lengthBytes < 0) return undefined;
    if (lengthBytes > MAX_PAGES * PAGE_BYTES) return undefined;
    const start = offset % PAGE_BYTES;
    const parts: Uint8Array[] = [];
    for (let at = offset - start; at < offset + lengthBytes; at += PAGE_BYTES) {
      const page = pageAt(at);
      if (page === undefined) return undefined;
      parts.push(page);
      if (page.length < PAGE_BYTES) break; // the end of the file
    }
    const [first = none, ...others] = parts;
    const data = others.length === 0 ? first : Buffer.concat(parts);
    if (lengthBytes > 0 && data.length < start + lengthBytes) return undefined;
    return data.subarray(start, start + lengthBytes);
  }

  /** The bytes from `offset` up to a NUL; undefined if there is none within `maxBytes`. */
  function untilNul(offset: number, maxBytes: number): Uint8Array | undefined {
    if (!Number.isSafeInteger(offset + maxBytes) || offset < 0) return undefined;
    for (let at = offset; at < offset + maxBytes; at += PAGE_BYTES - (at % PAGE_BYTES)) {
      const start = at % PAGE_BYTES;
      const page = pageAt(at - start);
      if (page === undefined) return undefined;
      const nul = page.indexOf(0, start);
      const length = at - start + nul - offset;
      if (nul >= 0) return length < maxBytes ? bytes(offset, length) : undefined;
      if (page.length < PAGE_BYTES) return undefined;
    }
    return undefined;
  }

  return { bytes, untilNul };
}

/** Up to `lengthBytes` at an unchecked offset; nothing if the offset is invalid. */
export function readChunk(read: ReadAt, offset: number, lengthBytes: number): Uint8Array {
  const length = Math.min(lengthBytes, CHUNK_BYTES);
  if (!Number.isSafeInteger(offset + length) || offset < 0 || length <= 0) return new Uint8Array(0);
  return read(offset, length);
}

type FileAbi = Pick<Abi, 'endian' | 'bits'>;

/** The size of each field of a structure, and its offset in files of 32 and of 64 bits (elf(5)). */
type Layout<K extends string> = Readonly<
  Record<K, readonly [size: 'half' | 'word' | 'address', in32: number, in64: number]>
>;

// 64-bit values above 2^53 lose their low bits; no file is that large, so they are outside every file.
export function fieldsOf(data: Uint8Array, { endian, bits }: FileAbi) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const little = endian === 'little';
  const wide = bits === 64;
  const word = (offset: number) => view.getUint32(offset, little);
  const fields = {
    half: (offset: number) => view.getUint16(offset, little),
    word,
    /** An address, an offset or a size: 32 or 64 bits. */
    address: (offset: number) =>
      wide ? word(offset + (little ? 4 : 0)) * 2 ** 32 + word(offset + (little ? 0 : 4)) : word(offset),
  };
  return {
    ...fields,
    /** All fields of the structure at the offset. */
    structure: <K extends string>(layout: Layout<K>, offset = 0): Readonly<Record<K, number>> => {
      const values = {} as Record<K, number>;
      for (const name in layout) {
        const [size, in32, in64] = layout[name];
        values[name] = fields[size](offset + (wide ? in64 : in32));
      }
      return values;
    },
  };
}

/** Why a file cannot be read as ELF. */
export class ElfFault extends Error {
  /** `not-elf`: another magic number; `truncated`: the file ends too early; `malformed`: it violates the format. */
  readonly code: 'not-elf' | 'truncated' | 'malformed';

  constructor(code: ElfFault['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** The bytes that a window has. @throws ElfFault with the message if it has none */
export function within(data: Uint8Array | undefined, message: string): Uint8Array {
  if (data === undefined) throw new ElfFault('truncated', message);
  return data;
}

export interface Header {
  readonly abi: Abi;
  readonly type: 'executable' | 'shared-object' | 'relocatable' | 'core' | 'other';
  /** The program headers of an executable or shared object; empty for other files. */
  readonly segments: readonly Segment[];
  /** The fields of the ELF header, by which the section headers are found. */
  readonly fields: Readonly<Record<keyof typeof FILE_HEADER, number>>;
}

const FILE_HEADER = {
  type: ['half', 16, 16],
  machine: ['half', 18, 18],
  segmentsAt: ['address', 28, 32],
  sectionsAt: ['address', 32, 40],
  flags: ['word', 36, 48],
  segmentBytes: ['half', 42, 54],
  segmentCount: ['half', 44, 56],
  sectionCount: ['half', 48, 60],
  sectionNames: ['half', 50, 62],
} as const;

const SEGMENT = {
  type: ['word', 0, 0],
  offset: ['address', 4, 8],
  address: ['address', 8, 16],
  fileBytes: ['address', 16, 32],
  align: ['address', 28, 48],
} as const;

const SECTION = {
  name: ['word', 0, 0],
  type: ['word', 4, 4],
  address: ['address', 12, 16],
  offset: ['address', 16, 24],
  size: ['address', 20, 32],
} as const;

export type Segment = Readonly<Record<keyof typeof SEGMENT, number>>;
export type Section = Readonly<Record<keyof typeof SECTION, number>>;

const MAX_PROGRAM_HEADER_BYTES = 65536; // the limit of load_elf_phdrs() of the kernel
const MAX_SECTIONS = 4096;
/** The values of p_type that are used here (elf(5)). */
export const PT = { load: 1, dynamic: 2, interp: 3, note: 4 } as const;

const TYPES: readonly Header['type'][] = ['other', 'relocatable', 'executable', 'shared-object', 'core'];

/** @throws ElfFault, also for program headers that the kernel refuses */
export function readHeader(window: Window): Header {
  const shape = readShape(window);
  const wide = shape.bits === 64;
  const { structure } = fieldsOf(within(window.bytes(0, wide ? 64 : 52), TOO_SHORT), shape);
  const fields = structure(FILE_HEADER);
  const { machine, segmentBytes, segmentCount } = fields;
  const type = TYPES[fields.type] ?? 'other';
  const float = floatAbi(machine, fields.flags);
  const header: Header = {
    abi: { ...shape, machine, ...(float !== undefined && { floatAbi: float }) },
    type,
    segments: [],
    fields,
  };
  if (type !== 'executable' && type !== 'shared-object') return header;
  const tableBytes = segmentCount * segmentBytes;
  if (segmentBytes !== (wide ? 56 : 32) || segmentCount === 0 || tableBytes > MAX_PROGRAM_HEADER_BYTES)
    throw new ElfFault('malformed', 'the size of its program headers is wrong');
  const table = within(window.bytes(fields.segmentsAt, tableBytes), 'it ends before its program headers');
  return { ...header, segments: structures(table, shape, SEGMENT, segmentBytes) };
}

const TOO_SHORT = 'it ends within the ELF header';

// e_ident gives the class and byte order of the rest.
function readShape(window: Window): FileAbi {
  const magic = window.bytes(0, 4);
  if (magic === undefined || toLatin1(magic) !== '\x7fELF')
    throw new ElfFault('not-elf', 'it has no ELF magic number');
  const ident = within(window.bytes(0, 16), TOO_SHORT);
  const bits = ident[4] === 2 ? 64 : ident[4] === 1 ? 32 : undefined;
  const endian = ident[5] === 2 ? 'big' : ident[5] === 1 ? 'little' : undefined;
  if (bits === undefined) throw new ElfFault('malformed', 'its ELF class is neither 32 nor 64 bits');
  if (endian === undefined) throw new ElfFault('malformed', 'its byte order is neither little nor big');
  return { bits, endian };
}

function structures<K extends string>(
  table: Uint8Array,
  abi: FileAbi,
  layout: Layout<K>,
  entryBytes: number,
): readonly Readonly<Record<K, number>>[] {
  const { structure } = fieldsOf(table, abi);
  const count = Math.floor(table.length / entryBytes);
  return Array.from({ length: count }, (_, index) => structure(layout, index * entryBytes));
}

/** The section headers, of which `read` returns the table; none if there is no table. A loader does not read them. */
export function readSections({ abi, fields }: Header, read: Window['bytes']): readonly Section[] {
  const entryBytes = abi.bits === 64 ? 64 : 40;
  const lengthBytes = Math.min(fields.sectionCount, MAX_SECTIONS) * entryBytes;
  const table = fields.sectionsAt === 0 ? undefined : read(fields.sectionsAt, lengthBytes);
  return table === undefined ? [] : structures(table, abi, SECTION, entryBytes);
}

/** Calls `use` with the header of a file; undefined if it is not ELF, or `use` finds that it is malformed. */
export function withElf<T>(read: ReadAt, use: (header: Header, window: Window) => T): T | undefined {
  try {
    const window = openWindow(read);
    return use(readHeader(window), window);
  } catch (error) {
    if (error instanceof ElfFault) return undefined;
    throw error;
  }
}

/** The file offset of the byte that is loaded at `address`. */
export function fileOffset({ segments }: Header, address: number): number | undefined {
  const segment = segments.find(
    ({ type, address: start, fileBytes }) =>
      type === PT.load && address >= start && address - start < fileBytes,
  );
  return segment && segment.offset + (address - segment.address);
}
