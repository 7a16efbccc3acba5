// Finds the compressors that a program starts by the suffix of a file, as tar and rg do.

import { readElf } from '../../binary/elf.ts';
import type { BytePath } from '../../tree/path.ts';
import { type FileRoot, tryFile } from '../../tree/root.ts';
import { findAtEnd, type Keys, toKeys } from './scan-names.ts';
import { buffersOf, type Strings } from './sections.ts';

// The suffix of a compressor's files, and the programs that read them.
const COMPRESSORS: readonly (readonly [suffix: string, ...programs: readonly string[]])[] = [
  ['.gz', 'gzip'],
  ['.bz2', 'bzip2'],
  ['.xz', 'xz', 'lzma'],
  ['.lz4', 'lz4'],
  ['.zst', 'zstd'],
  ['.br', 'brotli'],
  ['.lz', 'lzip'],
  ['.lzo', 'lzop'],
  ['.Z', 'compress', 'uncompress'],
];

// Fewer are formats of a protocol: "gzip", "br" and "zstd" of HTTP.
const LEAST = 4;

// A program with such a library reads the formats itself.
const LIBRARIES = /^lib(?:z|bz2|lzma|zstd|lz4|brotli\w*|archive)[.-]/;

let ends: Keys | undefined;

function namesIn({ parts, unseparated }: Strings): ReadonlySet<string> {
  if (!unseparated) {
    // the linker stores "zstd" as the end of "--zstd"
    const names = (ends ??= toKeys(COMPRESSORS.flatMap(([, ...programs]) => programs)));
    return new Set(parts.flatMap((part) => findAtEnd(part, names)));
  }
  const data = buffersOf({ parts });
  const isIn = (text: string) => data.some((part) => part.includes(text));
  const found = COMPRESSORS.filter(([suffix]) => isIn(suffix));
  return new Set(found.flatMap(([, ...programs]) => programs.filter(isIn)));
}

/** The names of the compressors that an ELF file knows; none if it knows only a few, or compresses by a library. */
export function compressorsIn(root: FileRoot, path: BytePath, strings: Strings): readonly string[] {
  const names = namesIn(strings);
  const found = COMPRESSORS.filter(([, ...programs]) => programs.some((name) => names.has(name)));
  if (found.length < LEAST) return [];
  const elf = tryFile(root, path, ({ read }) => readElf(read));
  const isOwn = elf?.kind === 'elf' && elf.needed.some(({ name }) => LIBRARIES.test(name));
  return isOwn ? [] : found.flatMap(([, ...programs]) => programs);
}
