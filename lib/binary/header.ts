// The ELF header and the program headers, which say where everything else of an ELF file lies.

import { fieldsOf } from './fields.ts';
import { type Abi, floatAbi } from './machine.ts';
import { toLatin1 } from './path.ts';
import type { Window } from './window.ts';

/** What is wrong with a file that was to be read as ELF: a result, since files in a jail are data. */
export interface ElfError {
  readonly kind: 'elf-error';
  /** `not-elf` has another magic number; `truncated` ends too early; `malformed` contradicts the format. */
  readonly code: 'not-elf' | 'truncated' | 'malformed';
  readonly message: string;
}

export interface Header {
  readonly kind: 'header';
  readonly abi: Abi;
  readonly type: 'executable' | 'shared-object' | 'relocatable' | 'core' | 'other';
  /** e_flags. */
  readonly flags: number;
  /** Of an executable or a shared object what is loaded, PT_DYNAMIC, PT_INTERP and PT_NOTE; nothing of any other file. */
  readonly segments: readonly Segment[];
  /** Where the section headers lie, if there are any: a linker's view, which a loader does not read. */
  readonly sections: { readonly offset: number; readonly count: number };
}

export interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
  readonly align: number;
}

const MAX_PROGRAM_HEADER_BYTES = 65536; // load_elf_phdrs() of the kernel takes no more
/** p_type of elf(5), as far as anything here asks for it. */
export const PT = { null: 0, load: 1, dynamic: 2, interp: 3, note: 4 } as const;

const TYPES: Readonly<Record<number, Header['type']>> = {
  1: 'relocatable',
  2: 'executable',
  3: 'shared-object',
  4: 'core',
};

const TOO_SHORT = elfError('truncated', 'it ends within the ELF header');

/** Follows elf(5); program headers that the kernel would refuse are an error. */
export function readHeader(window: Window): Header | ElfError {
  const shape = readShape(window);
  if ('kind' in shape) return shape;
  const wide = shape.bits === 64;
  const data = window.bytes(0, wide ? 64 : 52);
  if (data === undefined) return TOO_SHORT;
  const fields = fieldsOf(data, shape);
  const machine = fields.half(18);
  const flags = fields.word(wide ? 48 : 36);
  const type = TYPES[fields.half(16)] ?? 'other';

  const float = floatAbi(machine, flags);
  const header: Header = {
    kind: 'header',
    abi: { ...shape, machine, ...(float !== undefined && { floatAbi: float }) },
    type,
    flags,
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

// e_ident: what the rest of the file is written in.
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

/** Where in the file the byte lies that is loaded at `address`. */
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
