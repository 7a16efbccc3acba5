// Reads of an ELF file what the kernel and the dynamic loader go by: pure, and safe on hostile input.

import { type Abi, floatAbi } from './machine.ts';
import { type BytePath, toLatin1 } from './path.ts';
import { openWindow, type ReadAt, type Window } from './window.ts';

export interface Elf extends Abi {
  readonly kind: 'elf';
  readonly type: 'executable' | 'shared-object' | 'relocatable' | 'core' | 'other';
  /** e_flags. */
  readonly flags: number;
  /** PT_INTERP: the loader that the kernel starts. */
  readonly interpreter?: BytePath;
  /**
   * How it comes to its libraries: `dynamic` has an interpreter, `static` and `static-pie` need nothing, a
   * `library` is loaded by others, `none` cannot be run (an object file, a core).
   */
  readonly linkage: 'dynamic' | 'static' | 'static-pie' | 'library' | 'none';
  readonly soname?: BytePath;
  readonly needed: readonly Needed[];
  /** DT_RPATH as written; a loader ignores it beside a DT_RUNPATH. */
  readonly rpath?: BytePath;
  readonly runpath?: BytePath;
  /** DF_1_NODEFLIB: only RPATH and RUNPATH are searched. */
  readonly noDefaultLibraries: boolean;
  /** DF_1_PIE. */
  readonly pie: boolean;
}

/** One DT_NEEDED, DT_FILTER (as good as needed) or DT_AUXILIARY (loaded if it is there). */
interface Needed {
  readonly name: BytePath;
  readonly optional: boolean;
}

/** What is wrong with a file that was to be read as ELF: a result, since files in a jail are data. */
export interface ElfError {
  readonly kind: 'elf-error';
  /** `not-elf` has another magic number; `truncated` ends too early; `malformed` contradicts the format. */
  readonly code: 'not-elf' | 'truncated' | 'malformed';
  readonly message: string;
}

const MAX_PROGRAM_HEADER_BYTES = 65536; // load_elf_phdrs() of the kernel takes no more
const MAX_INTERPRETER_BYTES = 4096; // PATH_MAX, as the kernel
const MAX_DYNAMIC_ENTRIES = 16384;
const MAX_NEEDED = 1024;
const MAX_STRING_BYTES = 65536;

const PT = { load: 1, dynamic: 2, interp: 3 };
const DT = {
  needed: 1,
  strtab: 5,
  strsz: 10,
  soname: 14,
  rpath: 15,
  runpath: 29,
  flags1: 0x6ffffffb,
  auxiliary: 0x7ffffffd,
  filter: 0x7fffffff,
};
const DF_1_NODEFLIB = 0x800;
const DF_1_PIE = 0x08000000;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
}

/**
 * Reads an ELF file through `read`, 4 MiB of it at most. Whatever the bytes are, the answer is an Elf or an
 * ElfError; only what `read` itself throws is thrown. Follows elf(5) and the System V gABI.
 */
export function readElf(read: ReadAt): Elf | ElfError {
  const window = openWindow(read);
  const ident = window.bytes(0, 16);
  const magic = window.bytes(0, 4);
  if (magic === undefined || toLatin1(magic) !== '\x7fELF')
    return elfError('not-elf', 'it has no ELF magic number');
  if (ident === undefined) return elfError('truncated', 'it ends within the ELF header');
  const [bits, endian] = [
    ident[4] === 2 ? 64 : ident[4] === 1 ? 32 : undefined,
    ident[5] === 2 ? 'big' : ident[5] === 1 ? 'little' : undefined,
  ] as const;
  if (bits === undefined) return elfError('malformed', 'its ELF class is neither 32 nor 64 bits');
  if (endian === undefined) return elfError('malformed', 'its byte order is neither little nor big');
  const wide = bits === 64;

  const header = window.bytes(0, wide ? 64 : 52);
  if (header === undefined) return elfError('truncated', 'it ends within the ELF header');
  const fields = fieldsOf(header, endian, wide);
  const type = TYPES[fields.half(16)] ?? 'other';
  const machine = fields.half(18);
  const flags = fields.word(wide ? 48 : 36);
  const entryBytes = fields.half(wide ? 54 : 42);
  const count = fields.half(wide ? 56 : 44);

  const elf: Elf = {
    kind: 'elf',
    bits,
    endian,
    machine,
    ...optional('floatAbi', floatAbi(machine, flags)),
    type,
    flags,
    linkage: 'none',
    needed: [],
    noDefaultLibraries: false,
    pie: false,
  };
  if (type !== 'executable' && type !== 'shared-object') return elf;
  if (entryBytes !== (wide ? 56 : 32) || count === 0 || count * entryBytes > MAX_PROGRAM_HEADER_BYTES)
    return elfError('malformed', 'the size of its program headers is wrong');
  const table = window.bytes(fields.address(wide ? 32 : 28), count * entryBytes);
  if (table === undefined) return elfError('truncated', 'it ends before its program headers');
  const segments = readSegments(table, count, endian, wide);

  const interpreter = readInterpreter(window, segments);
  if (typeof interpreter === 'object') return interpreter;
  const dynamic = readDynamic(window, segments, endian, wide);
  if ('kind' in dynamic) return dynamic;
  return {
    ...elf,
    ...dynamic,
    ...optional('interpreter', interpreter),
    linkage: linkageOf(type, interpreter, dynamic),
  };
}

const TYPES: Readonly<Record<number, Elf['type']>> = {
  1: 'relocatable',
  2: 'executable',
  3: 'shared-object',
  4: 'core',
};

type Dynamic = Pick<Elf, 'soname' | 'needed' | 'rpath' | 'runpath' | 'noDefaultLibraries' | 'pie'>;

function linkageOf(type: Elf['type'], interpreter: string | undefined, dynamic: Dynamic): Elf['linkage'] {
  if (interpreter !== undefined) return 'dynamic';
  if (type === 'executable') return 'static';
  return dynamic.pie && dynamic.needed.length === 0 ? 'static-pie' : 'library';
}

function readSegments(table: Uint8Array, count: number, endian: Elf['endian'], wide: boolean): Segment[] {
  const size = table.length / count;
  return Array.from({ length: count }, (_, index) => {
    const fields = fieldsOf(table.subarray(index * size, (index + 1) * size), endian, wide);
    return {
      type: fields.word(0),
      offset: fields.address(wide ? 8 : 4),
      address: fields.address(wide ? 16 : 8),
      fileBytes: fields.address(wide ? 32 : 16),
    };
  });
}

// As load_elf_binary(): the first PT_INTERP, 2…PATH_MAX bytes with a NUL at the end.
function readInterpreter(window: Window, segments: readonly Segment[]): BytePath | undefined | ElfError {
  const segment = segments.find(({ type }) => type === PT.interp);
  if (segment === undefined) return undefined;
  if (segment.fileBytes < 2 || segment.fileBytes > MAX_INTERPRETER_BYTES)
    return elfError('malformed', 'the size of its interpreter path is wrong');
  const path = window.bytes(segment.offset, segment.fileBytes);
  if (path === undefined) return elfError('truncated', 'it ends before its interpreter path');
  if (path[path.length - 1] !== 0) return elfError('malformed', 'its interpreter path has no end');
  return toLatin1(path.subarray(0, path.indexOf(0)));
}

function readDynamic(
  window: Window,
  segments: readonly Segment[],
  endian: Elf['endian'],
  wide: boolean,
): Dynamic | ElfError {
  const nothing: Dynamic = { needed: [], noDefaultLibraries: false, pie: false };
  const segment = segments.find(({ type }) => type === PT.dynamic);
  if (segment === undefined) return nothing;
  const entryBytes = wide ? 16 : 8;
  const count = Math.min(Math.floor(segment.fileBytes / entryBytes), MAX_DYNAMIC_ENTRIES);
  // The loader goes by the address it maps the section to, not by the offset written beside it.
  const offset = fileOffset(segments, segment.address);
  const section = offset === undefined ? undefined : window.bytes(offset, count * entryBytes);
  if (section === undefined) return elfError('truncated', 'it ends within its dynamic section');

  const fields = fieldsOf(section, endian, wide);
  const values = new Map<number, number>();
  const neededOffsets: { readonly at: number; readonly optional: boolean }[] = [];
  for (let i = 0; i < count; i++) {
    const tag = fields.address(i * entryBytes);
    const value = fields.address(i * entryBytes + entryBytes / 2);
    if (tag === 0) break;
    if (tag === DT.needed || tag === DT.filter || tag === DT.auxiliary)
      neededOffsets.push({ at: value, optional: tag === DT.auxiliary });
    else values.set(tag, value); // the last one counts, as in elf_get_dynamic_info() of glibc
  }
  if (neededOffsets.length > MAX_NEEDED) return elfError('malformed', 'it needs too many libraries');

  const table = values.get(DT.strtab);
  const strings = table === undefined ? undefined : fileOffset(segments, table);
  const size = values.get(DT.strsz) ?? Number.MAX_SAFE_INTEGER;
  let broken = false;
  function string(at: number | undefined): BytePath | undefined {
    if (at === undefined) return undefined;
    const limit = Math.min(MAX_STRING_BYTES, size - at);
    const text = strings === undefined || limit <= 0 ? undefined : window.untilNul(strings + at, limit);
    if (text === undefined) broken = true;
    return text && toLatin1(text);
  }

  const needed: Needed[] = [];
  for (const { at, optional } of neededOffsets) {
    const name = string(at);
    if (name === undefined) break; // one broken string is enough, and bounds the work
    needed.push({ name, optional });
  }
  const flags1 = values.get(DT.flags1) ?? 0;
  const result: Dynamic = {
    needed,
    ...optional('soname', string(values.get(DT.soname))),
    ...optional('rpath', string(values.get(DT.rpath))),
    ...optional('runpath', string(values.get(DT.runpath))),
    noDefaultLibraries: (flags1 & DF_1_NODEFLIB) !== 0,
    pie: (flags1 & DF_1_PIE) !== 0,
  };
  return broken ? elfError('malformed', 'its dynamic section names strings outside the file') : result;
}

/** Where in the file the byte lies that is loaded at `address`. */
function fileOffset(segments: readonly Segment[], address: number): number | undefined {
  const segment = segments.find(
    ({ type, address: start, fileBytes }) =>
      type === PT.load && address >= start && address - start < fileBytes,
  );
  return segment && segment.offset + (address - segment.address);
}

interface Fields {
  half(offset: number): number;
  word(offset: number): number;
  address(offset: number): number;
}

// 64-bit values beyond 2^53 lose their low bits here; no file is that large, so they only ever miss.
function fieldsOf(data: Uint8Array, endian: Elf['endian'], wide: boolean): Fields {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const little = endian === 'little';
  const word = (offset: number) => view.getUint32(offset, little);
  return {
    half: (offset) => view.getUint16(offset, little),
    word,
    address: (offset) =>
      wide ? word(offset + (little ? 4 : 0)) * 2 ** 32 + word(offset + (little ? 0 : 4)) : word(offset),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [k in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [k in K]?: V });
}

function elfError(code: ElfError['code'], message: string): ElfError {
  return { kind: 'elf-error', code, message };
}
