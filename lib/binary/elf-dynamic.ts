// Reads the dynamic section of an ELF file, and its notes about libraries that it opens at run time.

import {
  ElfFault,
  fieldsOf,
  fileOffset,
  type Header,
  PT,
  type Segment,
  type Window,
  within,
} from './elf-header.ts';
import { type BytePath, bytePath, toLatin1 } from '../tree/path.ts';

export interface DynamicTable {
  /** By tag, without DT_NEEDED, DT_FILTER and DT_AUXILIARY. */
  readonly values: ReadonlyMap<number, number>;
  /** Offsets into the string table, in order. */
  readonly needed: readonly { readonly at: number; readonly optional: boolean }[];
}

export interface Dynamic {
  readonly soname?: BytePath;
  /** DT_NEEDED, DT_FILTER (as needed) and DT_AUXILIARY (loaded if it exists). */
  readonly needed: readonly { readonly name: BytePath; readonly optional: boolean }[];
  /** DT_RPATH as written; a loader ignores it if there is a DT_RUNPATH. */
  readonly rpath?: BytePath;
  readonly runpath?: BytePath;
  /** DT_AUDIT and DT_DEPAUDIT: libraries that the loader calls (rtld-audit(7)), separated by colons. */
  readonly auditors: readonly BytePath[];
}

const MAX_ENTRIES = 16384;
const MAX_NEEDED = 1024;
const MAX_STRING_BYTES = 65536;

/** The values of d_tag that are used here (elf(5)). */
export const DT = {
  needed: 1,
  hash: 4,
  strtab: 5,
  symtab: 6,
  strsz: 10,
  soname: 14,
  rpath: 15,
  runpath: 29,
  gnuHash: 0x6ffffef5,
  depaudit: 0x6ffffefb,
  audit: 0x6ffffefc,
  flags1: 0x6ffffffb,
  auxiliary: 0x7ffffffd,
  filter: 0x7fffffff,
} as const;

/** The dynamic section; undefined if there is none. @throws ElfFault */
export function readDynamicTable(window: Window, header: Header): DynamicTable | undefined {
  const segment = header.segments.find(({ type }) => type === PT.dynamic);
  if (segment === undefined) return undefined;
  const entryBytes = header.abi.bits / 4;
  const count = Math.min(Math.floor(segment.fileBytes / entryBytes), MAX_ENTRIES);
  // the loader uses the address of the section, not the offset in the program header
  const offset = fileOffset(header, segment.address);
  const section = within(
    offset === undefined ? undefined : window.bytes(offset, count * entryBytes),
    'it ends within its dynamic section',
  );

  const fields = fieldsOf(section, header.abi);
  const values = new Map<number, number>();
  const needed: { readonly at: number; readonly optional: boolean }[] = [];
  for (let i = 0; i < count; i++) {
    const tag = fields.address(i * entryBytes);
    const value = fields.address(i * entryBytes + entryBytes / 2);
    if (tag === 0) break;
    if (tag === DT.needed || tag === DT.filter || tag === DT.auxiliary)
      needed.push({ at: value, optional: tag === DT.auxiliary });
    else values.set(tag, value); // the last one counts, as in elf_get_dynamic_info() of glibc
  }
  if (needed.length > MAX_NEEDED) throw new ElfFault('malformed', 'it needs too many libraries');
  return { values, needed };
}

/** The file offset of the table whose address an entry gives. */
export function offsetOf(header: Header, { values }: DynamicTable, tag: number): number | undefined {
  const address = values.get(tag);
  return address === undefined ? undefined : fileOffset(header, address);
}

/** Reads the strings that the section names. @throws ElfFault for a string outside the file */
export function readDynamic(window: Window, header: Header, table: DynamicTable): Dynamic {
  const { values } = table;
  const strings = offsetOf(header, table, DT.strtab);
  const size = values.get(DT.strsz) ?? Number.MAX_SAFE_INTEGER;
  function string(at: number): BytePath {
    const limit = Math.min(MAX_STRING_BYTES, size - at);
    const text = strings === undefined ? undefined : window.untilNul(strings + at, limit);
    if (text === undefined)
      throw new ElfFault('malformed', 'its dynamic section names strings outside the file');
    return toLatin1(text);
  }
  function tagged<K extends string>(name: K, tag: number): { readonly [name in K]?: BytePath } {
    const at = values.get(tag);
    return (at === undefined ? {} : { [name]: string(at) }) as { readonly [name in K]?: BytePath };
  }
  return {
    needed: table.needed.map(({ at, optional }) => ({ name: string(at), optional })),
    auditors: [DT.audit, DT.depaudit].flatMap((tag) => tagged('name', tag).name ?? []),
    ...tagged('soname', DT.soname),
    ...tagged('rpath', DT.rpath),
    ...tagged('runpath', DT.runpath),
  };
}

/** Without a `required` library the program does not work. */
export type DlopenPriority = (typeof PRIORITIES)[number];

const PRIORITIES = ['required', 'recommended', 'suggested'] as const;

export interface DlopenNote {
  /** At least one alternative, the preferred first: one of them is opened. */
  readonly sonames: readonly BytePath[];
  readonly priority: DlopenPriority;
}

const NT_FDO_DLOPEN_METADATA = 0x407c0c0a;
const OWNER = 'FDO\0';
const NOTE_HEADER_BYTES = 12;
// systemd's notes, the longest known, take 2 KiB
const MAX_SEGMENT_BYTES = 65536;
const MAX_SEGMENTS = 16;
const MAX_NOTES = 256;
const MAX_SONAMES = 16;
const MAX_NAME_BYTES = 255; // NAME_MAX

/** The notes of a file in order; malformed ones are skipped. */
export function readDlopenNotes(window: Window, header: Header): readonly DlopenNote[] {
  const segments = header.segments.filter(({ type }) => type === PT.note).slice(0, MAX_SEGMENTS);
  return segments
    .flatMap((segment) => descriptionsIn(window, header, segment))
    .flatMap(readDescription)
    .slice(0, MAX_NOTES);
}

// elf(5), "Notes (Nhdr)": three words, then owner and description, both padded.
function descriptionsIn(window: Window, { abi }: Header, segment: Segment): readonly Uint8Array[] {
  const data = window.bytes(segment.offset, Math.min(segment.fileBytes, MAX_SEGMENT_BYTES));
  if (data === undefined) return [];
  const fields = fieldsOf(data, abi);
  const unit = segment.align === 8 ? 8 : 4; // the same for all notes of a segment
  const found: Uint8Array[] = [];
  for (let at = 0; at + NOTE_HEADER_BYTES <= data.length;) {
    const [ownerBytes, descriptionBytes, type] = [fields.word(at), fields.word(at + 4), fields.word(at + 8)];
    const owner = at + NOTE_HEADER_BYTES;
    const description = align(owner + ownerBytes, unit);
    const end = description + descriptionBytes;
    if (end > data.length) break;
    if (type === NT_FDO_DLOPEN_METADATA && toLatin1(data.subarray(owner, owner + ownerBytes)) === OWNER)
      found.push(data.subarray(description, end));
    at = align(end, unit);
  }
  return found;
}

const align = (offset: number, unit: number): number => Math.ceil(offset / unit) * unit;

function readDescription(data: Uint8Array): readonly DlopenNote[] {
  const end = data.indexOf(0);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(end < 0 ? data : data.subarray(0, end));
    const entries: unknown = JSON.parse(text);
    return Array.isArray(entries) ? entries.slice(0, MAX_NOTES).flatMap(readEntry) : [];
  } catch {
    return []; // neither UTF-8 nor JSON
  }
}

function readEntry(entry: unknown): readonly DlopenNote[] {
  const { soname, priority } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  const sonames = (Array.isArray(soname) ? soname : []).filter(isName).slice(0, MAX_SONAMES);
  if (sonames.length === 0) return [];
  // the specification's default
  const known = PRIORITIES.find((one) => one === priority) ?? 'recommended';
  return [{ sonames: sonames.map(bytePath), priority: known }];
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME_BYTES && !value.includes('\0');
}
