// How many dynamic symbols an ELF file has, which no entry of its dynamic section says.

import { DT, type DynamicTable, offsetOf } from './dynamic.ts';
import { fieldsOf } from './fields.ts';
import type { Header } from './header.ts';
import { MACHINE } from './machine.ts';
import { CHUNK_BYTES, type ReadAt, readChunk, type Window } from './window.ts';

// LLVM has 50,000, node 75,000, Chromium some 100,000.
const MAX_SYMBOLS = 1 << 20;
const MAX_SECTION_BYTES = 1 << 18;
const SHT_DYNSYM = 11;
const MACHINE_ALPHA = 0x9026;

/**
 * The number of entries of DT_SYMTAB, by DT_HASH, DT_GNU_HASH, the section headers, or else where the strings begin: all linkers
 * put them behind the symbols. 1,048,576 at most.
 */
export function countSymbols(window: Window, read: ReadAt, header: Header, table: DynamicTable): number {
  const count =
    countByHash(window, header, offsetOf(header, table, DT.hash)) ??
    countByGnuHash(read, header, offsetOf(header, table, DT.gnuHash)) ??
    countBySections(window, header, table) ??
    countByStrings(header, table);
  return Math.min(count, MAX_SYMBOLS);
}

// nbucket, nchain, …: as many chains as symbols (System V gABI, "Hash Table").
function countByHash(window: Window, { abi }: Header, offset: number | undefined): number | undefined {
  if (offset === undefined) return undefined;
  // the two machines whose words here are of 64 bits (elf/elf.h of glibc)
  const wide = abi.bits === 64 && (abi.machine === MACHINE.s390 || abi.machine === MACHINE_ALPHA);
  const data = window.bytes(offset, wide ? 16 : 8);
  if (data === undefined) return undefined;
  const fields = fieldsOf(data, abi);
  return wide ? fields.address(8) : fields.word(4);
}

// nbuckets, symoffset, bloom_size, bloom_shift, bloom[], buckets[], chains[]: a bucket holds the index of its first symbol,
// and the lowest bit of a chain's word ends it (elf/dl-lookup.c of glibc). The last symbol ends the chain that begins last.
// Without a hashed symbol the table tells nothing: GNU ld writes a symoffset of 1 then.
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

/** Calls `take` with words of a table until it returns false. */
function eachWord(
  read: ReadAt,
  abi: Header['abi'],
  offset: number,
  count: number,
  take: (word: number) => boolean,
): void {
  // most tables are small, and a chain has a few words
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
