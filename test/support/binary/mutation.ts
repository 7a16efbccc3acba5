// ELF files that have gone wrong in places where it matters.

import { existsSync, readFileSync } from 'node:fs';

import * as fc from 'fast-check';

import { withElf } from '../../../lib/binary/elf-header.ts';
import { dlopenNotes, makeElf, numbersOf } from './image.ts';

/** A file, and where in it what is read lies: there a change matters. */
export interface Seed {
  readonly data: Buffer;
  readonly places: readonly (readonly [start: number, length: number])[];
}

function seedOf(data: Buffer): Seed {
  const segments =
    withElf(
      (offset, length) => data.subarray(offset, offset + length),
      (header) => header.segments,
    ) ?? [];
  // all but what is only mapped: PT_INTERP, PT_DYNAMIC, PT_NOTE and their like
  const small = segments.filter(({ fileBytes, offset }) => fileBytes < 4096 && offset < data.length);
  return {
    data,
    places: [[0, 1024], [0, data.length], ...small.map((s) => [s.offset, s.fileBytes] as const)],
  };
}

/** A small ELF file with all that is read of one. */
export const elfImage = (bits: 32 | 64, endian: 'little' | 'big'): Buffer => {
  const { word } = numbersOf({ endian });
  return makeElf({
    bits,
    endian,
    interpreter: '/lib64/ld-linux-x86-64.so.2',
    needed: ['libc.so.6', 'liba.so'],
    rpath: '/lib:$ORIGIN',
    strings: ['getaddrinfo', 'syslog'],
    pieces: [
      dlopenNotes(['[{"soname":["liba.so"],"priority":"required"}]', '[{}]'], { endian }),
      { tag: 6, data: Buffer.alloc(120, 1) },
      { tag: 4, data: Buffer.concat([1, 5, 0, 0].map(word)) },
      { tag: 0x6ffffef5, data: Buffer.concat([1, 1, 1, 0, 0, 0, 1, 2, 4, 5, 7].map(word)) },
    ],
  });
};

const real = [
  '/usr/bin/env',
  '/bin/sh',
  '/usr/lib/x86_64-linux-gnu/libkmod.so.2',
  '/usr/lib/x86_64-linux-gnu/libresolv.so.2',
]
  .filter((path) => existsSync(path))
  .map((path) => readFileSync(path));
/** ELF files of this machine and made to order. */
export const seeds: readonly Seed[] = [
  ...real,
  ...([64, 32] as const).flatMap((bits) =>
    (['little', 'big'] as const).map((endian) => elfImage(bits, endian)),
  ),
].map(seedOf);

const interesting = [
  0,
  1,
  2,
  4,
  7,
  0x7f,
  0xff,
  0x1000,
  0xffff,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 40,
  2 ** 53,
];
// fast-check's own doubles are mostly next to 0
const fraction = fc.nat(65_535).map((value) => value / 65_536);
const change = fc.record({
  place: fc.nat(1000),
  at: fraction,
  kind: fc.constantFrom('bit', 'byte', 'word', 'address', 'copy'),
  value: fc.oneof(fc.constantFrom(...interesting), fc.nat(2 ** 31 - 1)),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function applyChange(data: Buffer, places: Seed['places'], { place, at, kind, value }: Change): void {
  const [start, length] = places[place % places.length] ?? [0, data.length];
  const offset = Math.min(start + Math.floor(at * length), data.length - 8);
  if (offset < 0) return;
  switch (kind) {
    case 'bit':
      data[offset] = (data[offset] ?? 0) ^ (1 << (value & 7));
      return;
    case 'byte':
      data[offset] = value & 0xff;
      return;
    case 'word':
      data.writeUInt32LE(value % 2 ** 32, offset - (offset % 4));
      return;
    case 'address':
      data.writeBigUInt64LE(value === 2 ** 53 ? 2n ** 64n - 1n : BigInt(value), offset - (offset % 8));
      return;
    case 'copy': // a field of another place
      data.copy(data, offset, value % data.length, (value % data.length) + 8);
      return;
    default:
      kind satisfies never;
  }
}

/** One of the files with a few changes in it, and sometimes without its end. */
export function mutationsOf(seeds: readonly Seed[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(fc.constantFrom(...seeds), fc.array(change, { minLength: 1, maxLength: 8 }), fc.nat(7), fraction)
    .map(([seed, changes, one, end]) => {
      const data = Buffer.from(seed.data);
      for (const each of changes) applyChange(data, seed.places, each);
      return one > 0 ? data : data.subarray(0, Math.floor(end * data.length));
    });
}
