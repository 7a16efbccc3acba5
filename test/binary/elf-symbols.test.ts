import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';

import t from 'tap';

import { readImports } from '../../lib/binary/elf-symbols.ts';
import type { ReadAt } from '../../lib/tree/root.ts';
import { isElf } from '../support/binary/hostfiles.ts';
import { type ElfImage, makeElf, numbersOf, type Piece } from '../support/binary/image.ts';
import { patientMs } from '../support/patience.ts';

const NAMES = ['getaddrinfo', 'getpwnam', 'main', 'syslog'];
const UNDEFINED = ['getaddrinfo', 'getpwnam', 'syslog'];
type Shape = Pick<ElfImage, 'bits' | 'endian' | 'machine'>;

const [DT_HASH, DT_SYMTAB, DT_GNU_HASH] = [4, 6, 0x6ffffef5];

/** A symbol by the place of its name; it is undefined if its section is 0. */
function symbol(name: number, section = 0, shape: Shape = {}): Buffer {
  const { half, word, address } = numbersOf(shape);
  const info = Buffer.from([0x12, 0]);
  return Buffer.concat(
    shape.bits === 32
      ? [word(name), address(0), word(0), info, half(section)]
      : [word(name), info, half(section), address(0), address(0)],
  );
}

/** A symbol table with the null symbol and NAMES, of which `main` is defined. */
function symbolTable(shape: Shape): Piece {
  let at = 1;
  const symbols = NAMES.map((name) => {
    const entry = symbol(at, UNDEFINED.includes(name) ? 0 : 7, shape);
    at += name.length + 1;
    return entry;
  });
  return { tag: DT_SYMTAB, data: Buffer.concat([symbol(0, 0, shape), ...symbols]) };
}

// One bucket, all symbols in one chain.
const hashTable = (shape: Shape): Piece => {
  const { word } = numbersOf(shape);
  return { tag: DT_HASH, data: Buffer.concat([1, 5, 1, 0, 2, 3, 4, 0].map(word)) };
};

/** With the symbols from `first` on in it, as the last of several buckets leads to them. */
const gnuHashTable = (shape: Shape, first: number): Piece => {
  const { word, address } = numbersOf(shape);
  const chains = Array.from({ length: 5 - first }, (_, i) => (i === 4 - first ? 0x11 : 0x10));
  const words = [[3, first, 2, 6].map(word), [address(0), address(0)], [0, first, 0, ...chains].map(word)];
  return { tag: DT_GNU_HASH, data: Buffer.concat(words.flat()) };
};

function imports(data: Uint8Array, wanted: readonly string[] = [...NAMES, 'nope']): readonly string[] {
  const read: ReadAt = (offset, length) => data.subarray(offset, offset + length);
  return [...readImports(read, new Set(wanted))].toSorted();
}
const image = (shape: Shape, ...pieces: readonly Piece[]) =>
  makeElf({ ...shape, strings: NAMES, pieces: [symbolTable(shape), ...pieces] });

for (const shape of [
  { bits: 64, endian: 'little' },
  { bits: 64, endian: 'big' },
  { bits: 32, endian: 'little' },
  { bits: 32, endian: 'big' },
] as const)
  t.test(`undefined symbols of a ${shape.bits}-bit ${shape.endian}-endian file are imports`, async (t) => {
    t.same(imports(image(shape, hashTable(shape))), UNDEFINED, 'counted by DT_HASH');
    for (const first of [1, 3, 4])
      t.same(imports(image(shape, gnuHashTable(shape, first))), UNDEFINED, `DT_GNU_HASH from ${first} on`);
    t.same(imports(image(shape)), UNDEFINED, 'no hash table at all');
  });

t.test('on s390x the words of DT_HASH are of 64 bits', async (t) => {
  const shape = { bits: 64, endian: 'big', machine: 22 } as const;
  const { address } = numbersOf(shape);
  t.same(imports(image(shape, { tag: DT_HASH, data: Buffer.concat([1, 5, 1].map(address)) })), UNDEFINED);
});

t.test('the table of hashes is asked before the section headers, whatever its size', async (t) => {
  for (const shape of [{}, { bits: 32, endian: 'big' }] as const)
    // the last one ends with a word that is read alone
    for (const buckets of [1, 300, 256 + 16_384 + 1]) {
      const { word, address } = numbersOf(shape);
      // the last bucket leads to the first symbol, and the chain ends with the second
      const heads = Array.from({ length: buckets }, (_, i) => (i === buckets - 1 ? 1 : 0));
      const words = [
        [buckets, 1, 1, 0].map(word),
        [address(0)],
        [...heads, 0x10, 0x11, 0x10, 0x11].map(word),
      ];
      const data = Buffer.concat(words.flat());
      t.same(imports(image(shape, { tag: DT_GNU_HASH, data })), ['getaddrinfo', 'getpwnam'], `${buckets}`);
    }
});

t.test('a name that lies over the end of what is read at once is found', async (t) => {
  for (let length = 65_520; length < 65_540; length++) {
    const strings = ['x'.repeat(length), 'getpwnam'];
    const table = { tag: DT_SYMTAB, data: Buffer.concat([0, 1, length + 2].map((name) => symbol(name))) };
    t.same(imports(makeElf({ strings, pieces: [table] }), ['getpwnam']), ['getpwnam'], `${length}`);
    const longer = makeElf({ strings: ['x'.repeat(length), 'getpwnam_r'], pieces: [table] });
    t.same(imports(longer, ['getpwnam']), [], `${length}`);
  }
});

t.test('names end within the size of the table of strings, if that is given', async (t) => {
  const data = image({}, hashTable({}));
  // the entry before the last is DT_STRSZ
  const size = data.length - 2 * 16;
  data.writeBigUInt64LE(13n, size + 8);
  t.same(imports(data), ['getaddrinfo']);
  data.writeBigUInt64LE(21n, size);
  t.same(imports(data), UNDEFINED);
});

t.test('a table of symbols that is read in parts ends where the table of hashes says', async (t) => {
  const { word } = numbersOf({});
  const count = 3000;
  const symbols = [...Array.from({ length: count - 1 }, () => 0), 1, 1 + 'getpwnam'.length + 1];
  const table = { tag: DT_SYMTAB, data: Buffer.concat(symbols.map((name) => symbol(name))) };
  const hash = { tag: DT_HASH, data: Buffer.concat([1, count, 0, 0].map(word)) };
  t.same(imports(makeElf({ strings: ['getpwnam', 'syslog'], pieces: [hash, table] })), ['getpwnam']);
});

t.test('without a table of hashes the symbols end where the strings begin', async (t) => {
  // as a symbol, the strings would be an undefined one whose name is at 0x4100
  const strings = ['A', ...Array.from({ length: 0x40fd }, () => ''), 'getpwnam'];
  const data = makeElf({ strings, pieces: [symbolTable({})] });
  t.equal(data.indexOf('getpwnam') - data.indexOf('A\0\0'), 0x4100 - 1);
  t.same(imports(data, ['getpwnam']), []);
});

t.test('section headers tell where no hash table does', async (t) => {
  const { word, address } = numbersOf({});
  const empty: Piece = { tag: DT_GNU_HASH, data: Buffer.concat([1, 1, 1, 0, 0, 0, 0].map(word)) };
  const data = image({}, empty);
  t.same(imports(data), UNDEFINED, 'an empty table is none');
  const at = data.indexOf(symbolTable({}).data);
  // of two symbols only, which shows that they are asked first
  const section = [word(1), word(11), address(2), address(0x10000 + at), address(at), address(3 * 24)];
  const other = [word(1), word(11), address(2), address(5), address(at), address(5 * 24)];
  const rest = [word(0), word(0), address(8), address(24)];
  const sections = Buffer.concat([...other, ...rest, ...section, ...rest]);
  const whole = Buffer.concat([data, sections]);
  whole.writeBigUInt64LE(BigInt(data.length), 40);
  whole.writeUInt16LE(2, 60);
  t.same(imports(whole), ['getaddrinfo', 'getpwnam']);
});

t.test('wanted symbols are told, and no others', async (t) => {
  const data = image({}, hashTable({}));
  t.same(imports(data, ['syslog', 'sysl', 'syslogx', 'yslog']), ['syslog']);
  t.same(imports(data, []), []);
  t.same(imports(data, ['']), []);
});

t.test('a file without dynamic symbols imports nothing', async (t) => {
  t.same(imports(Buffer.from('#!/bin/sh\n')), []);
  t.same(imports(makeElf({ isStatic: true, type: 2 })), []);
  t.same(imports(makeElf()), []);
  t.same(imports(makeElf({ type: 1 })), []);
});

t.test('tables that lie about their size are read no further than the file', async (t) => {
  const huge = Buffer.concat([1, 0xffffffff].map(numbersOf({}).word));
  t.ok(imports(image({}, { tag: DT_HASH, data: huge })).includes('syslog'));
  const start = performance.now();
  for (const [at, value] of [
    [0, 0xffffffff],
    [4, 0xffffffff],
    [8, 0xffffffff],
    [24, 0xfffffff0],
  ] as const) {
    const piece = gnuHashTable({}, 3);
    piece.data.writeUInt32LE(value, at);
    imports(image({}, piece));
  }
  t.ok(performance.now() - start < patientMs(5000));
});

t.test('a file of a million different symbols is gone through in time', async (t) => {
  const count = Buffer.concat([1, 0xffffffff].map(numbersOf({}).word));
  const head = image({}, { tag: DT_HASH, data: count });
  let bytes = 0;
  // behind the head it goes on without end, with undefined symbols all over a string table of 4 GiB
  const read: ReadAt = (offset, length) => {
    bytes += length;
    const data = Buffer.alloc(length);
    for (let at = 0; at + 24 <= length; at += 24) data.writeUInt32LE((offset + at * 65_537) % 2 ** 32, at);
    if (offset < head.length) head.copy(data, 0, offset);
    return data;
  };
  const start = performance.now();
  readImports(read, new Set(['getpwnam']));
  t.ok(performance.now() - start < patientMs(10_000), `${performance.now() - start} ms`);
  t.ok(bytes > 24 << 20 && bytes < 120 << 20, `${bytes} bytes`);
});

/** The same by nm(1); undefined if there is none. */
function byNm(path: string): readonly string[] | undefined {
  const { status, stdout } = spawnSync('nm', ['-D', '-P', '--undefined-only', path], {
    encoding: 'latin1',
    maxBuffer: 1 << 28,
  });
  return status === 0 ? stdout.split('\n').map((line) => line.replace(/[@ ].*$/, '')) : undefined;
}

const programs = [
  process.execPath,
  '/usr/bin/git',
  '/usr/bin/curl',
  '/usr/bin/perl',
  ...readdirSync('/usr/bin')
    .filter((_, index) => index % 40 === 0)
    .map((name) => `/usr/bin/${name}`),
].filter(isElf);

t.test(
  'programs of the host import what nm says',
  { skip: byNm(process.execPath) === undefined && 'no nm' },
  async (t) => {
    for (const path of new Set(programs.map((program) => realpathSync(program)))) {
      const expected = [...new Set(byNm(path))].filter((name) => name !== '').toSorted();
      t.same(imports(readFileSync(path), [...expected, 'no_such_function']), expected, path);
    }
  },
);
