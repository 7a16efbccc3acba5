// Finds the functions that an ELF file imports: the undefined symbols of its dynamic symbol table.

import { DT, type DynamicTable, offsetOf, readDynamicTable } from './elf-dynamic.ts';
import {
  CHUNK_BYTES,
  fieldsOf,
  type Header,
  readChunk,
  readSections,
  type Window,
  withElf,
} from './elf-header.ts';
import { MACHINE } from './machine.ts';
import { toLatin1 } from '../tree/path.ts';
import type { ReadAt } from '../tree/root.ts';

// LLVM has 50,000, node 75,000, Chromium some 100,000.
const MAX_SYMBOLS = 1 << 20;
const SHT_DYNSYM = 11;

// The number of entries of DT_SYMTAB, by a hash table or the section headers.
function countSymbols(window: Window, read: ReadAt, header: Header, table: DynamicTable): number | undefined {
  return (
    countByHash(window, header, offsetOf(header, table, DT.hash)) ??
    countByGnuHash(window, read, header, offsetOf(header, table, DT.gnuHash)) ??
    countBySections(window, header, table)
  );
}

// The first four words: all of them are the head of a DT_GNU_HASH, and no DT_HASH has fewer.
const HASH_HEAD_BYTES = 16;

// nbucket, nchain, …: nchain is the number of symbols (System V gABI, "Hash Table").
function countByHash(window: Window, { abi }: Header, offset: number | undefined): number | undefined {
  if (offset === undefined) return undefined;
  // the two machines with 64-bit words in this table (elf/elf.h of glibc)
  const wide = abi.bits === 64 && (abi.machine === MACHINE.s390 || abi.machine === MACHINE.alpha);
  const head = window.bytes(offset, HASH_HEAD_BYTES);
  if (head === undefined) return undefined;
  const fields = fieldsOf(head, abi);
  return wide ? fields.address(8) : fields.word(4);
}

// nbuckets, symoffset, bloom_size, bloom_shift, bloom[], buckets[], chains[]: a bucket holds the index of its first symbol,
// and the lowest bit of a chain's word ends it (elf/dl-lookup.c of glibc). The last symbol ends the chain that begins last.
// Without hashed symbols the table gives no number: GNU ld then writes a symoffset of 1.
function countByGnuHash(
  window: Window,
  read: ReadAt,
  { abi }: Header,
  offset: number | undefined,
): number | undefined {
  if (offset === undefined) return undefined;
  const head = window.bytes(offset, HASH_HEAD_BYTES);
  if (head === undefined) return undefined;
  const fields = fieldsOf(head, abi);
  const buckets = Math.min(fields.word(0), MAX_SYMBOLS);
  const hashed = fields.word(4);
  const bucketsAt = offset + HASH_HEAD_BYTES + fields.word(8) * (abi.bits / 8);

  let last = 0;
  eachWord(read, abi, bucketsAt, buckets, (word) => {
    last = Math.max(last, word);
    return true;
  });
  if (last < hashed) return undefined;
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
  for (let done = 0; done < count;) {
    const data = readChunk(read, offset + done * 4, (count - done) * 4);
    if (data.length < 4) return;
    const fields = fieldsOf(data, abi);
    for (let at = 0; at + 4 <= data.length; at += 4) if (!take(fields.word(at))) return;
    done += Math.floor(data.length / 4);
  }
}

function countBySections(window: Window, header: Header, { values }: DynamicTable): number | undefined {
  const section = readSections(header, window.bytes).find(
    ({ type, address }) => type === SHT_DYNSYM && address === values.get(DT.symtab),
  );
  return section && Math.floor(section.size / symbolBytes(header));
}

// Elf64_Sym and Elf32_Sym
const symbolBytes = ({ abi }: Header): number => (abi.bits === 64 ? 24 : 16);

// node has 5 MiB of names; no known program has more than 20.
const MAX_STRING_BYTES = 64 << 20;

/**
 * The names of `wanted`, in ASCII, that the file imports, weak symbols included: "does this program call getpwnam?" A static
 * program and a file that is not ELF import nothing. At most 100 MiB of a hostile file are read, and 16 MiB kept.
 * @throws only as `read` does
 */
export function readImports(read: ReadAt, wanted: ReadonlySet<string>): ReadonlySet<string> {
  const found = withElf(read, (header, window) => {
    const table = readDynamicTable(window, header);
    const symbols = table && offsetOf(header, table, DT.symtab);
    const strings = table && offsetOf(header, table, DT.strtab);
    if (table === undefined || symbols === undefined || strings === undefined) return undefined;
    // linkers place the strings behind the symbols
    const most = Math.floor((strings - symbols) / symbolBytes(header));
    const count = Math.min(countSymbols(window, read, header, table) ?? most, MAX_SYMBOLS);
    const names = namesOfUndefined(read, header, symbols, count);
    const end = Math.min(table.values.get(DT.strsz) ?? MAX_STRING_BYTES, MAX_STRING_BYTES);
    return among(wanted, names, (at) => readChunk(read, strings + at, end - at));
  });
  return found ?? new Set();
}

/** The offsets in the string table of the names of undefined symbols, ascending. */
function namesOfUndefined(read: ReadAt, header: Header, offset: number, count: number): Uint32Array {
  const size = symbolBytes(header);
  const section = header.abi.bits === 64 ? 6 : 14; // st_shndx; st_name is at 0
  const atOnce = Math.floor(CHUNK_BYTES / size);
  const names: number[] = [];
  for (let done = 0; done < count;) {
    const wanted = Math.min(atOnce, count - done) * size;
    const data = readChunk(read, offset + done * size, wanted);
    const fields = fieldsOf(data, header.abi);
    // The whole table: an undefined function whose address is taken can be among the defined symbols.
    for (let at = 0; at < data.length; at += size)
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
  const longest = Math.max(...Array.from(wanted, (name) => name.length));
  const found = new Set<string>();
  let chunk = '';
  let start = 0;
  let previous = 0; // the empty name
  for (const at of offsets) {
    if (at === previous) continue;
    previous = at;
    if (at + longest >= start + chunk.length) {
      chunk = toLatin1(read(at));
      start = at;
      if (chunk.length === 0) break;
    }
    // without a NUL it is longer than all wanted names
    const [name = ''] = chunk.slice(at - start, at - start + longest + 1).split('\0');
    if (wanted.has(name)) found.add(name);
  }
  return found;
}
