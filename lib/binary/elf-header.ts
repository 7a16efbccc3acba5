// Reads the ELF header and the program headers, through a window that is safe on hostile files.

import { type Abi, floatAbi } from './machine.ts';
import { toLatin1 } from './path.ts';

/** Reads up to `lengthBytes` at `offset`; returns fewer bytes at the end of the file, never more. */
export type ReadAt = (offset: number, lengthBytes: number) => Uint8Array;

/** The read size for tables that are scanned once and not kept. */
export const CHUNK_BYTES = 65536;

const PAGE_BYTES = 4096;
// The headers, dynamic section and strings of an ELF file touch a few pages.
const MAX_PAGES = 1024;

export interface Window {
  /** Exactly these bytes; undefined if the file ends before, or too much was read already. */
  bytes(offset: number, lengthBytes: number): Uint8Array | undefined;
  /** The bytes from `offset` up to a NUL; undefined if there is none within `maxBytes`. */
  untilNul(offset: number, maxBytes: number): Uint8Array | undefined;
}

/** Caches the pages that it reads, at most 4 MiB, which limits memory and time for a hostile file. */
export function openWindow(read: ReadAt): Window {
  const pages = new Map<number, Uint8Array>();

  function page(index: number): Uint8Array | undefined {
    const known = pages.get(index);
    if (known !== undefined) return known;
    if (pages.size >= MAX_PAGES) return undefined;
    const fresh = read(index * PAGE_BYTES, PAGE_BYTES);
    pages.set(index, fresh);
    return fresh;
  }

  function bytes(offset: number, lengthBytes: number): Uint8Array | undefined {
    if (!Number.isSafeInteger(offset + lengthBytes) || offset < 0 || lengthBytes < 0) return undefined;
    if (lengthBytes > MAX_PAGES * PAGE_BYTES) return undefined;
    const start = offset % PAGE_BYTES;
    if (start + lengthBytes <= PAGE_BYTES) {
      const only = page((offset - start) / PAGE_BYTES);
      return only !== undefined && only.length >= start + lengthBytes
        ? only.subarray(start, start + lengthBytes)
        : undefined;
    }
    const result = new Uint8Array(lengthBytes);
    for (let done = 0; done < lengthBytes;) {
      const at = (offset + done) % PAGE_BYTES;
      const from = page((offset + done - at) / PAGE_BYTES);
      const wanted = Math.min(PAGE_BYTES - at, lengthBytes - done);
      if (from === undefined || from.length < at + wanted) return undefined;
      result.set(from.subarray(at, at + wanted), done);
      done += wanted;
    }
    return result;
  }

  function untilNul(offset: number, maxBytes: number): Uint8Array | undefined {
    if (!Number.isSafeInteger(offset + maxBytes) || offset < 0) return undefined;
    for (let scanned = 0; scanned < maxBytes;) {
      const at = (offset + scanned) % PAGE_BYTES;
      const from = page((offset + scanned - at) / PAGE_BYTES);
      if (from === undefined || from.length <= at) return undefined;
      const nul = from.indexOf(0, at);
      if (nul >= 0) {
        const length = scanned + nul - at;
        return length < maxBytes ? bytes(offset, length) : undefined;
      }
      if (from.length < PAGE_BYTES) return undefined;
      scanned += PAGE_BYTES - at;
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

export interface Fields {
  half(offset: number): number;
  word(offset: number): number;
  /** An address, an offset or a size: 32 or 64 bits. */
  address(offset: number): number;
}

// 64-bit values above 2^53 lose their low bits; no file is that large, so they are outside every file.
export function fieldsOf(data: Uint8Array, { endian, bits }: Pick<Abi, 'endian' | 'bits'>): Fields {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const little = endian === 'little';
  const word = (offset: number) => view.getUint32(offset, little);
  return {
    half: (offset) => view.getUint16(offset, little),
    word,
    address: (offset) =>
      bits === 64
        ? word(offset + (little ? 4 : 0)) * 2 ** 32 + word(offset + (little ? 0 : 4))
        : word(offset),
  };
}

/** Why a file cannot be read as ELF. It is a result, not an exception, because any file can be in a jail. */
export interface ElfError {
  readonly kind: 'elf-error';
  /** `not-elf`: another magic number; `truncated`: the file ends too early; `malformed`: it violates the format. */
  readonly code: 'not-elf' | 'truncated' | 'malformed';
  readonly message: string;
}

export interface Header {
  readonly kind: 'header';
  readonly abi: Abi;
  readonly type: 'executable' | 'shared-object' | 'relocatable' | 'core' | 'other';
  /** PT_LOAD, PT_DYNAMIC, PT_INTERP and PT_NOTE of an executable or shared object; empty for other files. */
  readonly segments: readonly Segment[];
  /** The section headers, if there are any; a loader does not read them. */
  readonly sections: { readonly offset: number; readonly count: number };
}

export interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
  readonly align: number;
}

const MAX_PROGRAM_HEADER_BYTES = 65536; // the limit of load_elf_phdrs() of the kernel
/** The values of p_type that are used here (elf(5)). */
export const PT = { null: 0, load: 1, dynamic: 2, interp: 3, note: 4 } as const;

const TYPES: Readonly<Record<number, Header['type']>> = {
  1: 'relocatable',
  2: 'executable',
  3: 'shared-object',
  4: 'core',
};

const TOO_SHORT = elfError('truncated', 'it ends within the ELF header');

/** Follows elf(5); program headers that the kernel refuses are an error. */
export function readHeader(window: Window): Header | ElfError {
  const shape = readShape(window);
  if ('kind' in shape) return shape;
  const wide = shape.bits === 64;
  const data = window.bytes(0, wide ? 64 : 52);
  if (data === undefined) return TOO_SHORT;
  const fields = fieldsOf(data, shape);
  const machine = fields.half(18);
  const type = TYPES[fields.half(16)] ?? 'other';

  const float = floatAbi(machine, fields.word(wide ? 48 : 36)); // e_flags
  const header: Header = {
    kind: 'header',
    abi: { ...shape, machine, ...(float !== undefined && { floatAbi: float }) },
    type,
    segments: [],
    sections: { offset: fields.address(wide ? 40 : 32), count: fields.half(wide ? 60 : 48) },
  };
  if (type !== 'executable' && type !== 'shared-object') return header;
  const entryBytes = fields.half(wide ? 54 : 42);
  const count = fields.half(wide ? 56 : 44);
  if (entryBytes !== (wide ? 56 : 32) || count === 0 || count * entryBytes > MAX_PROGRAM_HEADER_BYTES)
    return elfError('malformed', 'the size of its program headers is wrong');
  const table = window.bytes(fields.address(wide ? 32 : 28), count * entryBytes);
  if (table === undefined) return elfError('truncated', 'it ends before its program headers');
  return { ...header, segments: readSegments(table, count, shape) };
}

// e_ident gives the class and byte order of the rest.
function readShape(window: Window): Pick<Abi, 'bits' | 'endian'> | ElfError {
  const magic = window.bytes(0, 4);
  if (magic === undefined || toLatin1(magic) !== '\x7fELF')
    return elfError('not-elf', 'it has no ELF magic number');
  const ident = window.bytes(0, 16);
  if (ident === undefined) return TOO_SHORT;
  const bits = ident[4] === 2 ? 64 : ident[4] === 1 ? 32 : undefined;
  const endian = ident[5] === 2 ? 'big' : ident[5] === 1 ? 'little' : undefined;
  if (bits === undefined) return elfError('malformed', 'its ELF class is neither 32 nor 64 bits');
  if (endian === undefined) return elfError('malformed', 'its byte order is neither little nor big');
  return { bits, endian };
}

function readSegments(table: Uint8Array, count: number, shape: Pick<Abi, 'bits' | 'endian'>): Segment[] {
  const wide = shape.bits === 64;
  const size = table.length / count;
  const fields = fieldsOf(table, shape);
  const segments: Segment[] = [];
  for (let at = 0; at < table.length; at += size) {
    const type = fields.word(at);
    if (type === PT.null || type > PT.note) continue;
    segments.push({
      type,
      offset: fields.address(at + (wide ? 8 : 4)),
      address: fields.address(at + (wide ? 16 : 8)),
      fileBytes: fields.address(at + (wide ? 32 : 16)),
      align: fields.address(at + (wide ? 48 : 28)),
    });
  }
  return segments;
}

/** The file offset of the byte that is loaded at `address`. */
export function fileOffset({ segments }: Header, address: number): number | undefined {
  const segment = segments.find(
    ({ type, address: start, fileBytes }) =>
      type === PT.load && address >= start && address - start < fileBytes,
  );
  return segment && segment.offset + (address - segment.address);
}

export function elfError(code: ElfError['code'], message: string): ElfError {
  return { kind: 'elf-error', code, message };
}
