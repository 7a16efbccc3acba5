// The dynamic section of an ELF file, which the loader goes by, and the notes about libraries that the file opens at run time.

import {
  elfError,
  type ElfError,
  fieldsOf,
  fileOffset,
  type Header,
  PT,
  type Segment,
  type Window,
} from './elf-header.ts';
import { type BytePath, bytePath, toLatin1 } from './path.ts';
/** One DT_NEEDED, DT_FILTER (as good as needed) or DT_AUXILIARY (loaded if it is there). */
export interface Needed {
  readonly name: BytePath;
  readonly optional: boolean;
}

/** The entries of the section. */
export interface DynamicTable {
  readonly kind: 'dynamic';
  /** By tag; DT_NEEDED, DT_FILTER and DT_AUXILIARY are not among them. */
  readonly values: ReadonlyMap<number, number>;
  /** Offsets into the string table, in order. */
  readonly needed: readonly { readonly at: number; readonly optional: boolean }[];
}

/** What they say of a file's libraries. */
export interface Dynamic {
  readonly soname?: BytePath;
  readonly needed: readonly Needed[];
  readonly rpath?: BytePath;
  readonly runpath?: BytePath;
  /** DT_AUDIT and DT_DEPAUDIT: libraries with a say in what the loader does (rtld-audit(7)), with colons between them. */
  readonly auditors: readonly BytePath[];
  readonly flags1: number;
}

const MAX_ENTRIES = 16384;
const MAX_NEEDED = 1024;
const MAX_STRING_BYTES = 65536;

/** d_tag of elf(5), as far as anything here asks for it. */
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

/** The section of a file that has one. */
export function readDynamicTable(window: Window, header: Header): DynamicTable | ElfError | undefined {
  const segment = header.segments.find(({ type }) => type === PT.dynamic);
  if (segment === undefined) return undefined;
  const entryBytes = header.abi.bits / 4;
  const count = Math.min(Math.floor(segment.fileBytes / entryBytes), MAX_ENTRIES);
  // The loader goes by the address it maps the section to, not by the offset written beside it.
  const offset = fileOffset(header, segment.address);
  const section = offset === undefined ? undefined : window.bytes(offset, count * entryBytes);
  if (section === undefined) return elfError('truncated', 'it ends within its dynamic section');

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
  if (needed.length > MAX_NEEDED) return elfError('malformed', 'it needs too many libraries');
  return { kind: 'dynamic', values, needed };
}

/** Where in the file the table lies that an entry gives the address of. */
export function offsetOf(header: Header, { values }: DynamicTable, tag: number): number | undefined {
  const address = values.get(tag);
  return address === undefined ? undefined : fileOffset(header, address);
}

/** Reads the strings that the section names; one outside the file makes the file malformed. */
export function readDynamic(window: Window, header: Header, table: DynamicTable): Dynamic | ElfError {
  const { values } = table;
  const strings = offsetOf(header, table, DT.strtab);
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
  for (const { at, optional } of table.needed) {
    const name = string(at);
    if (name === undefined) break; // one broken string is enough, and bounds the work
    needed.push({ name, optional });
  }
  const soname = string(values.get(DT.soname));
  const rpath = string(values.get(DT.rpath));
  const runpath = string(values.get(DT.runpath));
  const auditors = [DT.audit, DT.depaudit].flatMap((tag) => string(values.get(tag)) ?? []);
  if (broken) return elfError('malformed', 'its dynamic section names strings outside the file');
  return {
    needed,
    auditors,
    ...(soname !== undefined && { soname }),
    ...(rpath !== undefined && { rpath }),
    ...(runpath !== undefined && { runpath }),
    flags1: values.get(DT.flags1) ?? 0,
  };
}

/** How badly it is wanted; without a `required` one the program does not do what it is for. */
export type DlopenPriority = 'required' | 'recommended' | 'suggested';

export interface DlopenNote {
  /** Alternatives, the preferred first: one of them is opened. At least one. */
  readonly sonames: readonly BytePath[];
  readonly priority: DlopenPriority;
  /** What it is needed for, in the words of the file: for messages, and to be quoted there. */
  readonly feature?: string;
  readonly description?: string;
}

const NT_FDO_DLOPEN_METADATA = 0x407c0c0a;
const OWNER = 'FDO\0';
const NOTE_HEADER_BYTES = 12;
// systemd's, the longest known, take 2 KiB
const MAX_SEGMENT_BYTES = 65536;
const MAX_SEGMENTS = 16;
const MAX_NOTES = 256;
const MAX_SONAMES = 16;
const MAX_NAME_BYTES = 255; // NAME_MAX

/** The notes of a file, in its order; what is not as the specification says is left out. */
export function readDlopenNotes(window: Window, header: Header): readonly DlopenNote[] {
  const segments = header.segments.filter(({ type }) => type === PT.note).slice(0, MAX_SEGMENTS);
  return segments
    .flatMap((segment) => descriptionsIn(window, header, segment))
    .flatMap(readDescription)
    .slice(0, MAX_NOTES);
}

// elf(5), "Notes (Nhdr)": three words, the owner, the description, both padded.
function descriptionsIn(window: Window, { abi }: Header, segment: Segment): readonly Uint8Array[] {
  const data = window.bytes(segment.offset, Math.min(segment.fileBytes, MAX_SEGMENT_BYTES));
  if (data === undefined) return [];
  const fields = fieldsOf(data, abi);
  const unit = segment.align === 8 ? 8 : 4; // of a segment, so that all its notes share it
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

function align(offset: number, unit: number): number {
  return Math.ceil(offset / unit) * unit;
}

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
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return [];
  const { soname, priority, feature, description } = entry as Readonly<Record<string, unknown>>;
  const sonames = (Array.isArray(soname) ? soname : []).filter(isName).slice(0, MAX_SONAMES);
  if (sonames.length === 0) return [];
  return [
    {
      sonames: sonames.map(bytePath),
      // the specification's word for one that says nothing
      priority: isPriority(priority) ? priority : 'recommended',
      ...(typeof feature === 'string' && { feature }),
      ...(typeof description === 'string' && { description }),
    },
  ];
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME_BYTES && !value.includes('\0');
}

function isPriority(value: unknown): value is DlopenPriority {
  return value === 'required' || value === 'recommended' || value === 'suggested';
}
