// Which functions an ELF file takes from its libraries: the undefined symbols of its dynamic symbol table.

import { DT, offsetOf, readDynamicTable } from './dynamic.ts';
import { fieldsOf } from './fields.ts';
import { countSymbols } from './hash.ts';
import { type Header, readHeader } from './header.ts';
import { toLatin1 } from './path.ts';
import { CHUNK_BYTES, openWindow, type ReadAt, readChunk } from './window.ts';

// node has 5 MiB of names; more than 20 are not known of any program.
const MAX_STRING_BYTES = 64 << 20;

/**
 * Those of `wanted`, ASCII names, that the file imports, weak ones included: "does this program call getpwnam?" A static
 * program imports nothing, nor does a file that is not ELF. Of a hostile file 100 MiB are read at most, and 16 MiB held;
 * only what `read` itself throws is thrown.
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

/** Where in the string table the names of undefined symbols begin, in ascending order. */
function namesOfUndefined(read: ReadAt, { abi }: Header, offset: number, count: number): Uint32Array {
  // st_name and st_shndx of Elf64_Sym and Elf32_Sym
  const [symbolBytes, section] = abi.bits === 64 ? [24, 6] : [16, 14];
  const atOnce = Math.floor(CHUNK_BYTES / symbolBytes);
  const names: number[] = [];
  for (let done = 0; done < count;) {
    const wanted = Math.min(atOnce, count - done) * symbolBytes;
    const data = readChunk(read, offset + done * symbolBytes, wanted);
    const fields = fieldsOf(data, abi);
    // In all of the table: a function whose address a program takes may be undefined and stand among the defined.
    for (let at = 0; at + symbolBytes <= data.length; at += symbolBytes)
      if (fields.half(at + section) === 0) names.push(fields.word(at));
    if (data.length < wanted) break;
    done += atOnce;
  }
  return Uint32Array.from(names).toSorted();
}

/** The strings of a table that are wanted, in one pass over the table: `read` returns what begins at an offset. */
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
    if (end < 0) continue; // longer than any that is wanted
    const name = toLatin1(text.subarray(0, end));
    if (wanted.has(name)) found.add(name);
  }
  return found;
}
