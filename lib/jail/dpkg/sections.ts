// Reads the functions that executables import, and their sections with strings, so that machine code is not mistaken for text
// (elf(5)). Several searches read the strings of one file.

import { type BytePath, toLatin1 } from '../../tree/path.ts';
import { type FileRoot, type ReadAt, tryFile, withFile } from '../../tree/root.ts';
import { readSections, type Section, withElf } from '../../binary/elf-header.ts';
import { readImports } from '../../binary/elf-symbols.ts';
import { memoize } from '../../values/remember.ts';

const SHT_PROGBITS = 1;
// in a program that is position-independent, the second one (cmd/link/internal/ld of Go)
const GO_FUNCTIONS = /^(?:\.data\.rel\.ro)?\.gopclntab$/;
const MAX_NAMES_BYTES = 1 << 20;
const MAX_BYTES = 64 << 20;

export interface Strings {
  /** The contents of .rodata, .data and similar sections, and of Go's names of functions; empty without section headers. */
  readonly parts: readonly Uint8Array[];
  /** No NUL separates the strings: Go and Rust store lengths instead. */
  readonly unseparated: boolean;
}

export function buffersOf({ parts }: Pick<Strings, 'parts'>): readonly Buffer[] {
  return parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength));
}

const NONE: Strings = { parts: [], unseparated: false };
const MAX_KEPT_BYTES = 32 << 20;

/** The strings of a file; none if it cannot be read or is not ELF. */
export type ReadStrings = (path: BytePath) => Strings;

/** Caches the last 32 MiB, because several searches in a row read the same files. */
export function openStrings(root: FileRoot): ReadStrings {
  const kept = new Map<BytePath, Strings>();
  let bytes = 0;
  const sizeOf = ({ parts }: Strings) => parts.reduce((sum, { length }) => sum + length, 0);
  return (path) => {
    const known = kept.get(path);
    if (known !== undefined) return known;
    const strings = stringsOf(root, path);
    kept.set(path, strings);
    bytes += sizeOf(strings);
    for (const [oldest, old] of kept) {
      if (bytes <= MAX_KEPT_BYTES) break;
      kept.delete(oldest);
      bytes -= sizeOf(old);
    }
    return strings;
  };
}

function stringsOf(root: FileRoot, path: BytePath): Strings {
  return tryFile(root, path, ({ read, status }) => readStrings(read, status.sizeBytes)) ?? NONE;
}

/** Reads at most 64 MiB of the strings of a file; undefined if it is not ELF. */
export function readStrings(read: ReadAt, sizeBytes: number): Strings | undefined {
  const within = (offset: number, length: number) =>
    offset < sizeBytes ? read(offset, Math.min(length, sizeBytes - offset)) : new Uint8Array();
  return withElf(read, (header) => {
    const sections = readSections(header, within);
    const nameOf = nameTable(within, sections[header.fields.sectionNames]);
    let [left, unseparated] = [MAX_BYTES, false];
    const parts = sections.flatMap(({ name, type, offset, size }) => {
      const title = nameOf(name);
      unseparated ||=
        GO_FUNCTIONS.test(title) ||
        (OF_COMPILER.has(title) && isFromRust(within(offset, Math.min(size, 4096))));
      if (type !== SHT_PROGBITS || !/^\.(?:ro)?data(?:\.|$)|^\.gopclntab$/.test(title)) return [];
      const length = Math.min(size, left);
      left -= length;
      return [within(offset, length)];
    });
    return { parts, unseparated };
  });
}

// Compilers write their name into .comment: "rustc version 1.85.0". dh_strip(1) removes that section, but not the name of the
// script for the debugger: "gdb_load_rust_pretty_printers.py".
const OF_COMPILER = new Set(['.comment', '.debug_gdb_scripts']);

const isFromRust = (text: Uint8Array): boolean => /\brustc\b|_rust_/.test(toLatin1(text));

function nameTable(read: ReadAt, section: Section | undefined): (offset: number) => string {
  const data = section && Buffer.from(read(section.offset, Math.min(section.size, MAX_NAMES_BYTES)));
  return (offset) => /^[^\0]*/.exec(data?.toString('latin1', offset, offset + 32) ?? '')?.[0] ?? '';
}

/** Functions that look a program up in PATH: execvp(3), posix_spawnp(3). */
export const LOOKING_UP: readonly string[] = ['execlp', 'execvp', 'execvpe', 'posix_spawnp'];

/** The names that a file imports, among the wanted ones. @throws system errors of the root, such as EIO */
export type Imports = (path: BytePath) => ReadonlySet<string>;

/** Reads each file once, for LOOKING_UP and `others`. */
export function openImports(root: FileRoot, others: Iterable<string> = []): Imports {
  const wanted = new Set([...LOOKING_UP, ...others]);
  return memoize(
    (path) => withFile(root, path, ({ read }) => readImports(read, wanted)) ?? new Set<string>(),
  );
}
