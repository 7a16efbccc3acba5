import { existsSync, readFileSync } from 'node:fs';

import t from 'tap';

import { readElf } from '../../lib/binary/elf.ts';
import { dlopenNotes, makeElf, numbersOf } from '../support/binary/image.ts';

function notesOf(data: Uint8Array) {
  const elf = readElf((offset, length) => data.subarray(offset, offset + length));
  return elf.kind === 'elf' ? elf.dlopen : elf;
}
const read = (...texts: string[]) => notesOf(makeElf({ pieces: [dlopenNotes(texts)] }));

for (const shape of [
  { bits: 64, endian: 'little' },
  { bits: 32, endian: 'big' },
] as const)
  t.test(`a note of a ${shape.bits}-bit ${shape.endian}-endian file is read in full`, async (t) => {
    const entry = {
      feature: 'xz',
      description: 'Größeres lesen',
      priority: 'required',
      soname: ['liba.so.2', 'liba.so.1'],
    };
    const image = makeElf({ ...shape, pieces: [dlopenNotes([JSON.stringify([entry])], shape)] });
    t.same(notesOf(image), [{ sonames: ['liba.so.2', 'liba.so.1'], priority: 'required' }]);
  });

t.test('several notes, and several entries of one, come in their order', async (t) => {
  t.match(read('[{"soname":["a"]},{"soname":["b"]}]', '[{"soname":["c"],"priority":"suggested"}]'), [
    { sonames: ['a'], priority: 'recommended' },
    { sonames: ['b'], priority: 'recommended' },
    { sonames: ['c'], priority: 'suggested' },
  ]);
});

t.test('entries that the specification does not allow are left out, and the rest is not', async (t) => {
  const good = '[{"soname":["good"]}]';
  const bad = [
    '',
    '[',
    'null',
    '{"soname":["x"]}',
    '[1,null,"x",["soname"]]',
    '[{"soname":"x"},{"soname":[]},{"soname":[1,null,""]},{}]',
    JSON.stringify([{ soname: ['a\0b', 'x'.repeat(256)] }]),
    '['.repeat(10_000),
  ];
  t.same(read(...bad, good), [{ sonames: ['good'], priority: 'recommended' }]);
  const longest = 'x'.repeat(255);
  t.match(read(JSON.stringify([null, 7, 'x', [], { soname: [longest] }])), [{ sonames: [longest] }]);
  t.match(read('[{"soname":["a",7],"priority":"urgent","feature":3}]'), [
    { sonames: ['a'], priority: 'recommended' },
  ]);
  const piece = dlopenNotes(['[{"soname":["a?"]}]', good]);
  const data = Buffer.from(piece.data);
  data[data.indexOf('?')] = 0xff;
  t.match(notesOf(makeElf({ pieces: [{ ...piece, data }] })), [{ sonames: ['good'] }], 'no UTF-8');
});

t.test('notes of other owners and types are passed over', async (t) => {
  const { word } = numbersOf({});
  const note = (owner: string, type: number, text: string) =>
    Buffer.concat([word(owner.length), word(text.length), word(type), Buffer.from(owner), Buffer.from(text)]);
  const text = '[{"soname":["a"]}] ';
  const data = Buffer.concat([
    note('GNU\0', 3, 'build-id'),
    note('GNU\0', 0x407c0c0a, text + text.slice(-1)),
    note('FDO\0', 0x407c0c0a, '[{"soname":["x.so"]}]\0\0\0'),
  ]);
  t.match(notesOf(makeElf({ pieces: [{ data, segment: [4, 4] }] })), [{ sonames: ['x.so'] }]);
});

t.test('in a segment that is aligned to eight bytes notes are padded to eight', async (t) => {
  const { word } = numbersOf({});
  const text = '[{"soname":["a"]}]'.padEnd(24, '\0');
  const note = Buffer.concat([word(4), word(19), word(0x407c0c0a), Buffer.from(`FDO\0${text}`)]);
  const data = Buffer.concat([note, note]);
  t.match(notesOf(makeElf({ pieces: [{ data, segment: [4, 8] }] })), [
    { sonames: ['a'] },
    { sonames: ['a'] },
  ]);
});

t.test('lengths beyond the segment, and segments beyond the file, end the search', async (t) => {
  const piece = dlopenNotes(['[{"soname":["a"]}]', '[{"soname":["b"]}]']);
  for (const [offset, value] of [
    [36, 0xffffffff],
    [40, 0xffffffff],
    [40, 0x7fffffff],
  ] as const) {
    const data = Buffer.from(piece.data);
    data.writeUInt32LE(value, offset);
    t.match(notesOf(makeElf({ pieces: [{ ...piece, data }] })), [{ sonames: ['a'] }]);
  }
  const image = makeElf({ pieces: [piece] });
  image.writeBigUInt64LE(1n << 50n, 64 + 2 * 56 + 8);
  t.same(notesOf(image), []);
});

t.test('thousands of notes are bounded', async (t) => {
  const entries = Array.from({ length: 600 }, () => ({ soname: ['a'] }));
  const many = Array.from({ length: 2000 }, () => '[{"soname":["a"]}]');
  const notes = [read(JSON.stringify(entries)), read(...many)];
  for (const found of notes) t.ok(Array.isArray(found) && found.length > 0 && found.length <= 256);
});

const KMOD = '/usr/lib/x86_64-linux-gnu/libkmod.so.2';
const host = existsSync(KMOD) ? notesOf(readFileSync(KMOD)) : [];
const skip = Array.isArray(host) && host.length === 0 && 'no libkmod that has notes';

t.test("the host's libkmod names its compression libraries", { skip }, async (t) => {
  t.match(host, [{ sonames: [/^lib.*\.so\./], priority: 'recommended' }]);
});
