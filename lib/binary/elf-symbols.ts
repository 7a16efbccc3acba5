// Finds the functions that an ELF file imports: the undefined symbols of its dynamic symbol table.

import { DT, type DynamicTable, offsetOf, readDynamicTable } from './elf-dynamic.ts';
import {
  CHUNK_BYTES,
  fieldsOf,
  type Header,
  openWindow,
  type ReadAt,
  readChunk,
  readHeader,
  type Window,
} from './elf-header.ts';
import { MACHINE } from './machine.ts';
import { toLatin1 } from './path.ts';

// LLVM has 50,000, node 75,000, Chromium some 100,000.
const MAX_SYMBOLS = 1 << 20;
const MAX_SECTION_BYTES = 1 << 18;
const SHT_DYNSYM = 11;
const MACHINE_ALPHA = 0x9026;

/**
 * The number of entries of DT_SYMTAB, at most 1,048,576: by DT_HASH, DT_GNU_HASH, the section headers, or the start of the
 * strings, which all linkers place after the symbols.
 */
function countSymbols(window: Window, read: ReadAt, header: Header, table: DynamicTable): number {
  const count =
    countByHash(window, header, offsetOf(header, table, DT.hash)) ??
    countByGnuHash(read, header, offsetOf(header, table, DT.gnuHash)) ??
    countBySections(window, header, table) ??
    countByStrings(header, table);
  return Math.min(count, MAX_SYMBOLS);
}

// nbucket, nchain, …: nchain is the number of symbols (System V gABI, "Hash Table").
function countByHash(window: Window, { abi }: Header, offset: number | undefined): number | undefined {
  if (offset === undefined) return undefined;
  // the two machines with 64-bit words in this table (elf/elf.h of glibc)
  const wide = abi.bits === 64 && (abi.machine === MACHINE.s390 || abi.machine === MACHINE_ALPHA);
  const data = window.bytes(offset, wide ? 16 : 8);
  if (data === undefined) return undefined;
  const fields = fieldsOf(data, abi);
  return wide ? fields.address(8) : fields.word(4);
}

// nbuckets, symoffset, bloom_size, bloom_shift, bloom[], buckets[], chains[]: a bucket holds the index of its first symbol,
// and the lowest bit of a chain's word ends it (elf/dl-lookup.c of glibc). The last symbol ends the chain that begins last.
// Without hashed symbols the table gives no number: GNU ld then writes a symoffset of 1.
function countByGnuHash(read: ReadAt, { abi }: Header, offset: number | undefined): number | undefined {
  if (offset === undefined) return undefined;
  const head = readChunk(read, offset, 16);
  if (head.length < 16) return undefined;
  const fields = fieldsOf(head, abi);
  const buckets = Math.min(fields.word(0), MAX_SYMBOLS);
  const hashed = fields.word(4);
  const bucketsAt = offset + 16 + fields.word(8) * (abi.bits / 8);

  let last = 0;
  eachWord(read, abi, bucketsAt, buckets, (word) => {
    last = Math.max(last, word);
    return true;
  });
  if (last === 0 || last < hashed) return undefined;
  const chainAt = bucketsAt + (buckets + last - hashed) * 4;
  eachWord(read, abi, chainAt, MAX_SYMBOLS, (word) => {
    last++;
    return (word & 1) === 0;
  });
  return last;
}

/** Calls `take` with the words of a table until it returns false. */
function eachWord(
  read: ReadAt,
  abi: Header['abi'],
  offset: number,
  count: number,
  take: (word: number) => boolean,
): void {
  // start small: most tables are small, and a chain has few words
  for (let done = 0, bytes = 1024; done < count; bytes = CHUNK_BYTES) {
    const data = readChunk(read, offset + done * 4, Math.min(bytes, (count - done) * 4));
    if (data.length < 4) return;
    const fields = fieldsOf(data, abi);
    for (let at = 0; at + 4 <= data.length; at += 4) if (!take(fields.word(at))) return;
    done += Math.floor(data.length / 4);
  }
}

function countBySections(window: Window, header: Header, { values }: DynamicTable): number | undefined {
  const { abi, sections } = header;
  const wide = abi.bits === 64;
  const entryBytes = wide ? 64 : 40;
  const size = Math.min(sections.count * entryBytes, MAX_SECTION_BYTES);
  const data = sections.offset === 0 ? undefined : window.bytes(sections.offset, size);
  if (data === undefined) return undefined;
  const fields = fieldsOf(data, abi);
  for (let at = 0; at + entryBytes <= data.length; at += entryBytes) {
    const address = fields.address(at + (wide ? 16 : 12));
    if (fields.word(at + 4) === SHT_DYNSYM && address === values.get(DT.symtab))
      return Math.floor(fields.address(at + (wide ? 32 : 20)) / (wide ? 24 : 16));
  }
  return undefined;
}

function countByStrings({ abi }: Header, { values }: DynamicTable): number {
  const bytes = (values.get(DT.strtab) ?? 0) - (values.get(DT.symtab) ?? 0);
  return Math.max(0, Math.floor(bytes / (abi.bits === 64 ? 24 : 16)));
}

// node has 5 MiB of names; no known program has more than 20.
const MAX_STRING_BYTES = 64 << 20;

/**
 * The names of `wanted`, in ASCII, that the file imports, weak symbols included: "does this program call getpwnam?" A static
 * program and a file that is not ELF import nothing. At most 100 MiB of a hostile file are read, and 16 MiB kept.
 * @throws only as `read` does
 */
export function readImports(read: ReadAt, wanted: ReadonlySet<string>): ReadonlySet<string> {
  const window = openWindow(read);
  const header = readHeader(window);
  if (header.kind === 'elf-error') return new Set();
  const table = readDynamicTable(window, header);
  if (table?.kind !== 'dynamic') return new Set();
  const symbols = offsetOf(header, table, DT.symtab);
  const strings = offsetOf(header, table, DT.strtab);
  if (symbols === undefined || strings === undefined) return new Set();

  const count = countSymbols(window, read, header, table);
  const names = namesOfUndefined(read, header, symbols, count);
  const end = Math.min(table.values.get(DT.strsz) ?? MAX_STRING_BYTES, MAX_STRING_BYTES);
  return among(wanted, names, (at) => readChunk(read, strings + at, end - at));
}

/** The offsets in the string table of the names of undefined symbols, ascending. */
function namesOfUndefined(read: ReadAt, { abi }: Header, offset: number, count: number): Uint32Array {
  // st_name and st_shndx of Elf64_Sym and Elf32_Sym
  const [symbolBytes, section] = abi.bits === 64 ? [24, 6] : [16, 14];
  const atOnce = Math.floor(CHUNK_BYTES / symbolBytes);
  const names: number[] = [];
  for (let done = 0; done < count;) {
    const wanted = Math.min(atOnce, count - done) * symbolBytes;
    const data = readChunk(read, offset + done * symbolBytes, wanted);
    const fields = fieldsOf(data, abi);
    // The whole table: an undefined function whose address is taken can be among the defined symbols.
    for (let at = 0; at + symbolBytes <= data.length; at += symbolBytes)
      if (data[at + section] === 0 && data[at + section + 1] === 0) names.push(fields.word(at));
    if (data.length < wanted) break;
    done += atOnce;
  }
  return Uint32Array.from(names).toSorted();
}

/** The wanted strings of a table, in one pass: `read` returns the bytes from an offset. */
function among(
  wanted: ReadonlySet<string>,
  offsets: Uint32Array,
  read: (at: number) => Uint8Array,
): ReadonlySet<string> {
  const longest = Math.max(0, ...Array.from(wanted, (name) => name.length));
  const found = new Set<string>();
  let chunk: Uint8Array = new Uint8Array(0);
  let start = 0;
  let previous = 0; // the empty name
  for (const at of offsets) {
    if (at === previous) continue;
    previous = at;
    if (at + longest >= start + chunk.length) {
      chunk = read(at);
      start = at;
      if (chunk.length === 0) break;
    }
    const text = chunk.subarray(at - start, at - start + longest + 1);
    const end = text.indexOf(0);
    if (end < 0) continue; // longer than all wanted names
    const name = toLatin1(text.subarray(0, end));
    if (wanted.has(name)) found.add(name);
  }
  return found;
}
