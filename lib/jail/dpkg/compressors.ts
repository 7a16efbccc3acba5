// Finds the compressors that a program starts by the suffix of a file, as tar and rg do.

import { readElf } from '../../binary/elf.ts';
import { type BytePath, toLatin1 } from '../../binary/path.ts';
import { type FileRoot, tryFile } from '../../binary/root.ts';
import type { Strings } from './sections.ts';

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

/** The names of the compressors that an ELF file knows; none if it knows only a few, or compresses by a library. */
export function compressorsIn(root: FileRoot, path: BytePath, strings: Strings): readonly string[] {
  const texts = strings.parts.map(toLatin1);
  const isIn = (text: string) => texts.some((part) => part.includes(text));
  const isNamed = strings.unseparated
    ? (name: string, suffix: string) => isIn(name) && isIn(suffix)
    : // the linker stores "zstd" as the end of "--zstd"
      (name: string) => isIn(`${name}\0`);
  const found = COMPRESSORS.filter(([suffix, ...programs]) => programs.some((name) => isNamed(name, suffix)));
  if (found.length < LEAST) return [];
  const elf = tryFile(root, path, ({ read }) => readElf(read));
  const isOwn = elf?.kind === 'elf' && elf.needed.some(({ name }) => LIBRARIES.test(name));
  return isOwn ? [] : found.flatMap(([, ...programs]) => programs);
}
