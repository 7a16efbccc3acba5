// The dynamic section of an ELF file: what the loader goes by.

import { fieldsOf } from './fields.ts';
import { type ElfError, elfError, fileOffset, type Header, PT } from './header.ts';
import { type BytePath, toLatin1 } from './path.ts';
import type { Window } from './window.ts';

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
