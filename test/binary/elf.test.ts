import assert from 'node:assert/strict';

import * as fc from 'fast-check';
import t from 'tap';

import {
  fieldsOf,
  fileOffset,
  type Header,
  openWindow,
  readChunk,
  readSections,
  withElf,
} from '../../lib/binary/elf-header.ts';
import { type Elf, type ElfError, readElf } from '../../lib/binary/elf.ts';
import { makeElf, numbersOf } from '../support/binary/image.ts';

const MAX_READ_BYTES = 8 << 20;

/** Reads a buffer; more reads than any file needs are a hang. */
function readBuffer(data: Uint8Array): Elf | ElfError {
  let left = MAX_READ_BYTES;
  return readElf((offset, length) => {
    left -= length;
    assert.ok(left > 0, 'reads without end');
    return data.subarray(offset, offset + length);
  });
}

const shapes = [
  { bits: 64, endian: 'little' },
  { bits: 64, endian: 'big' },
  { bits: 32, endian: 'little' },
  { bits: 32, endian: 'big' },
] as const;

for (const shape of shapes)
  t.test(`a ${shape.bits}-bit ${shape.endian}-endian file is read in full`, async (t) => {
    const image = {
      ...shape,
      interpreter: '/lib/ld.so.1',
      needed: ['libb.so.2', 'liba.so.1'],
      auxiliary: ['libmaybe.so'],
      filter: ['libfilter.so'],
      audit: 'a.so:b.so',
      depaudit: 'c.so',
      soname: 'libme.so.0',
      rpath: '/old',
      runpath: '$ORIGIN/../lib:/opt',
      flags1: 0x08000800,
    };
    const data = makeElf(image);
    t.same(readBuffer(data), {
      kind: 'elf',
      ...shape,
      loadedBytes: data.length,
      machine: 62,
      type: 'shared-object',
      interpreter: '/lib/ld.so.1',
      linkage: 'dynamic',
      soname: 'libme.so.0',
      needed: [
        { name: 'libb.so.2', optional: false },
        { name: 'liba.so.1', optional: false },
        { name: 'libmaybe.so', optional: true },
        { name: 'libfilter.so', optional: false },
      ],
      rpath: '/old',
      runpath: '$ORIGIN/../lib:/opt',
      auditors: ['a.so:b.so', 'c.so'],
      noDefaultLibraries: true,
      dlopen: [],
    });
  });

for (const shape of shapes)
  t.test(
    `numbers and section headers of ${shape.bits}-bit ${shape.endian}-endian files are read`,
    async (t) => {
      const { word, address } = numbersOf(shape);
      const isWide = shape.bits === 64;
      const value = isWide ? 0x12_3456_789a : 0x3456_789a;
      t.equal(fieldsOf(address(value), shape).address(0), value);
      const section = (n: number) => [
        word(n),
        word(n + 1),
        ...[0, n + 2, n + 3, n + 4].map(address),
        word(0),
        word(0),
        ...[0, 0].map(address),
      ];
      const elf = makeElf({ ...shape, flags: 0x1234 });
      address(elf.length).copy(elf, isWide ? 40 : 32);
      numbersOf(shape)
        .half(2)
        .copy(elf, isWide ? 60 : 48);
      const whole = Buffer.concat([elf, ...section(10), ...section(20)]);
      const read = (offset: number, length: number) => whole.subarray(offset, offset + length);
      withElf(read, (header, { bytes }) => {
        t.equal(header.fields.flags, 0x1234);
        t.same(readSections(header, bytes), [
          { name: 10, type: 11, address: 12, offset: 13, size: 14 },
          { name: 20, type: 21, address: 22, offset: 23, size: 24 },
        ]);
        t.same(readSections({ ...header, fields: { ...header.fields, sectionsAt: 0 } }, bytes), []);
      });
    },
  );

t.test('an address is looked up in the segment that has it', async (t) => {
  const segment = (address: number, offset: number, type = 1) => ({
    type,
    address,
    offset,
    fileBytes: 100,
    align: 8,
  });
  const header = {
    segments: [segment(0, 1, 2), segment(100, 1000), segment(200, 5000)],
  } as unknown as Header;
  t.same(
    [0, 99, 100, 199, 200, 299, 300].map((address) => fileOffset(header, address)),
    [undefined, undefined, 1000, 1099, 5000, 5099, undefined],
  );
});

const linkage = (image: Parameters<typeof makeElf>[0]) => {
  const elf = readBuffer(makeElf(image));
  return elf.kind === 'elf' ? elf.linkage : elf.message;
};

t.test('an object file loads nothing', async (t) => {
  t.match(readBuffer(makeElf({ type: 1 })), { type: 'relocatable', loadedBytes: 0 });
});

t.test('how a file comes to its libraries is told apart', async (t) => {
  t.equal(linkage({ type: 2, interpreter: '/ld' }), 'dynamic');
  t.equal(linkage({ type: 2, isStatic: true }), 'static');
  t.equal(linkage({ type: 3, flags1: 0x08000000 }), 'static-pie');
  t.equal(linkage({ type: 3, flags1: 0x08000000, interpreter: '/ld' }), 'dynamic');
  t.equal(linkage({ type: 3, needed: ['libc.so.6'] }), 'library');
  t.equal(linkage({ type: 3 }), 'library');
  t.equal(linkage({ type: 3, flags1: 1 }), 'library', 'DF_1_NOW');
  t.equal(linkage({ type: 1 }), 'none');
  t.equal(linkage({ type: 4 }), 'none');
});

t.test('the path of the loader ends at a NUL, and has at most PATH_MAX bytes with it', async (t) => {
  const longest = `/${'x'.repeat(4094)}`;
  for (const [written, path] of [
    [longest, longest],
    ['/', '/'],
    ['/ld\0x', '/ld'],
  ] as const) {
    const elf = readBuffer(makeElf({ interpreter: written }));
    t.equal(elf.kind === 'elf' && elf.interpreter, path);
  }
  t.match(readBuffer(makeElf({ interpreter: `${longest}x` })), { code: 'malformed' });
});

const abi = (machine: number, flags: number) => {
  const elf = readBuffer(makeElf({ machine, flags }));
  return elf.kind === 'elf' ? elf.floatAbi : elf.message;
};

t.test('the calling convention of ARM, RISC-V and LoongArch is told apart', async (t) => {
  t.equal(abi(40, 0x05000400), 'hard');
  t.equal(abi(40, 0x05000200), 'soft');
  t.equal(abi(40, 0x05000000), undefined);
  t.equal(abi(243, 0x5), 'double');
  t.equal(abi(243, 0), 'soft');
  t.equal(abi(258, 0x43), 'double');
  t.equal(abi(62, 0xffff), undefined);
});

t.test('a file that is no ELF file, or only its beginning, is an error of its own', async (t) => {
  t.match(readBuffer(Buffer.from('')), { kind: 'elf-error', code: 'not-elf' });
  t.match(readBuffer(Buffer.from('#!/bin/sh\n')), { kind: 'elf-error', code: 'not-elf' });
  t.match(readBuffer(Buffer.from('\x7fELF', 'latin1')), { kind: 'elf-error', code: 'truncated' });
  t.match(readBuffer(Buffer.from('\x7fELF\x03\x01'.padEnd(16, '\0'), 'latin1')), { code: 'malformed' });
  for (const [bits, size] of [
    [64, 64],
    [32, 52],
  ] as const) {
    const object = makeElf({ bits, type: 1 });
    t.equal(readBuffer(object.subarray(0, size)).kind, 'elf');
    t.match(readBuffer(object.subarray(0, size - 1)), { code: 'truncated' });
  }
  const whole = makeElf({ interpreter: '/ld', needed: ['libc.so.6'] });
  for (let length = 4; length < whole.length - 16; length++) {
    const elf = readBuffer(whole.subarray(0, length));
    t.match(elf, { kind: 'elf-error', code: /truncated|malformed/ }, `${length} bytes`);
  }
});

const patched = (offset: number, bytes: readonly number[]) => {
  const data = makeElf({ interpreter: '/ld', needed: ['libc.so.6'] });
  Buffer.from(bytes).copy(data, offset);
  return readBuffer(data);
};

t.test('a file that contradicts the format is malformed', async (t) => {
  t.match(patched(4, [3]), { code: 'malformed' }, 'class');
  t.match(patched(5, [0]), { code: 'malformed' }, 'byte order');
  t.match(patched(54, [57]), { code: 'malformed' }, 'size of a program header');
  t.match(patched(56, [0, 0]), { code: 'malformed' }, 'no program headers');
  t.match(patched(56, [0xff, 0xff]), { code: 'malformed' }, 'too many program headers');
  const narrow = makeElf({ bits: 32 });
  for (const [count, code] of [
    [2048, 'truncated'],
    [2049, 'malformed'],
  ] as const) {
    narrow.writeUInt16LE(count, 44);
    t.match(readBuffer(narrow), { code }, `${count} program headers of 32 bytes`);
  }
  t.match(patched(32, [0, 0, 0, 0, 0, 0, 0, 0x80]), { code: 'truncated' }, 'program headers beyond the end');
  t.match(patched(64 + 56 + 32, [1]), { code: 'malformed' }, 'an interpreter without a path');
  t.match(patched(64 + 56 + 32, [0, 0x20]), { code: 'malformed' }, 'an interpreter longer than PATH_MAX');
});

t.test('a program of which nothing would be loaded is malformed', async (t) => {
  const data = makeElf({ type: 2, isStatic: true });
  data.writeUInt32LE(0x6fffffff, 64); // p_type of its only segment
  t.match(readBuffer(data), { code: 'malformed', message: /nothing that could be loaded/ });
});

t.test('names outside the string table are malformed', async (t) => {
  const data = makeElf({ needed: ['libc.so.6'] });
  // DT_NEEDED is the first entry, its value 8 bytes further
  const at = data.length - 4 * 16 + 8;
  data.writeBigUInt64LE(1n << 40n, at);
  t.match(readBuffer(data), { kind: 'elf-error', code: 'malformed' });
});

t.test('a string ends within the size of the table, if that is given', async (t) => {
  const data = makeElf({ needed: ['abc', 'defg'] });
  // the entry before the last is DT_STRSZ
  const size = data.length - 2 * 16;
  data.writeBigUInt64LE(10n, size + 8);
  t.match(readBuffer(data), { kind: 'elf', needed: [{ name: 'abc' }, { name: 'defg' }] });
  data.writeBigUInt64LE(9n, size + 8);
  t.match(readBuffer(data), { kind: 'elf-error', code: 'malformed' });
  data.writeBigUInt64LE(21n, size);
  t.match(readBuffer(data), { kind: 'elf', needed: [{ name: 'abc' }, { name: 'defg' }] });
});

t.test('a dynamic section may end without an entry that says so', async (t) => {
  const data = makeElf({ needed: ['libc.so.6'] });
  data.writeBigUInt64LE(21n, data.length - 16);
  t.match(readBuffer(data), { kind: 'elf', needed: [{ name: 'libc.so.6' }] });
});

t.test('names are found by address, and the offset in PT_DYNAMIC is not believed', async (t) => {
  const data = makeElf({ needed: ['libc.so.6'] });
  data.writeBigUInt64LE(0n, 64 + 56 + 8); // p_offset of the second program header
  t.match(readBuffer(data), { kind: 'elf', needed: [{ name: 'libc.so.6' }] });
});

t.test('ten thousand needed libraries are refused', async (t) => {
  const needed = Array.from({ length: 10_000 }, (_, i) => `lib${i}.so`);
  t.match(readBuffer(makeElf({ needed })), { kind: 'elf-error', code: 'malformed' });
});

t.test('an error while reading is thrown as it is', async (t) => {
  const error = Object.assign(new Error('EIO'), { code: 'EIO' });
  const read = () =>
    readElf(() => {
      throw error;
    });
  t.throws(read, error);
});

const file = Buffer.from(
  Array.from({ length: 10_000 }, (_, i) => (i % 1000 === 999 || i === 4096 ? 0 : (i % 251) + 1)),
);
const readFile = (offset: number, length: number) => file.subarray(offset, offset + length);
const place = fc.oneof(
  fc.integer({ min: -5, max: 12_000 }),
  fc.constantFrom(0, 1, 999, 4095, 4096, 4097, 8192, 9999, 10_000, 2 ** 53, Infinity, NaN),
);

t.test('a window gives what the file has, over the ends of pages, and nothing else', async (t) => {
  const inFile = (offset: number, length: number) =>
    Number.isSafeInteger(offset + length) && offset >= 0 && length >= 0;
  const shown = (data: Uint8Array | undefined) => data && Buffer.from(data).toString('latin1');
  fc.assert(
    fc.property(place, place, (offset, length) => {
      const { bytes, untilNul } = openWindow(readFile);
      const isIn = inFile(offset, length);
      const all = isIn && (length === 0 || offset + length <= file.length) ? file : undefined;
      t.equal(shown(bytes(offset, length)), shown(all?.subarray(offset, offset + length)));
      const nul = isIn ? file.indexOf(0, offset) : -1;
      const text = nul >= 0 && nul - offset < length ? file.subarray(offset, nul) : undefined;
      t.equal(shown(untilNul(offset, length)), shown(text));
    }),
    { numRuns: 2000 },
  );
});

t.test('a window reads at most 1024 pages, each once', async (t) => {
  const reads: number[] = [];
  const window = openWindow((offset, length) => {
    reads.push(offset);
    return Buffer.alloc(length);
  });
  t.equal(window.bytes(0, 1024 * 4096 + 1), undefined);
  t.same(reads, []);
  t.equal(window.bytes(0, 1024 * 4096)?.length, 1024 * 4096);
  t.equal(window.bytes(4096, 8192)?.length, 8192);
  t.equal(window.untilNul(4000, 10)?.length, 0);
  t.equal(reads.length, 1024);
  t.equal(window.bytes(1024 * 4096, 1), undefined);
  t.equal(window.untilNul(1024 * 4096, 1), undefined);
  t.equal(reads.length, 1024);
});

t.test('a chunk has at most 64 KiB, and is empty at an offset that is none', async (t) => {
  const read = (_: number, length: number) => Buffer.alloc(length);
  const lengths = [
    [0, 65_536],
    [0, 65_537],
    [9, 1],
    [0, 0],
    [0, -1],
    [-1, 5],
    [2 ** 53, 5],
    [NaN, 5],
  ] as const;
  t.same(
    lengths.map(([offset, length]) => readChunk(read, offset, length).length),
    [65_536, 65_536, 1, 0, 0, 0, 0, 0],
  );
});
