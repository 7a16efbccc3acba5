import * as fc from 'fast-check';
import t from 'tap';

import { readStrings } from '../../../lib/jail/dpkg/sections.ts';
import { makeElf } from '../../support/binary/image.ts';
import { elfWithStrings, goWithFunctions, rustWithStrings } from '../../support/jail/debian.ts';

const read = (data: Buffer) =>
  readStrings((offset, length) => data.subarray(offset, offset + length), data.length);

t.test('the strings of a program are read', async (t) => {
  const strings = read(elfWithStrings('/usr/bin/ld', 'as'));
  t.equal(Buffer.concat(strings?.parts ?? []).toString('latin1'), '\0/usr/bin/ld\0as\0');
  t.equal(strings?.unseparated, false);
});

t.test('a program without section headers has none, and another file is no program', async (t) => {
  t.same(read(makeElf()), { parts: [], unseparated: false });
  t.equal(read(Buffer.from('#!/bin/sh\n')), undefined);
  t.equal(read(Buffer.from('\x7fELF', 'latin1')), undefined);
});

t.test('a program in Rust is recognised without the section that dh_strip removes', async (t) => {
  t.equal(read(rustWithStrings('gzipbzip2'))?.unseparated, true);
  t.equal(read(elfWithStrings('gzipbzip2'))?.unseparated, false);
});

t.test('the functions of a program in Go are read, wherever it is loaded', async (t) => {
  for (const isPie of [false, true]) {
    const { parts = [], unseparated } = read(goWithFunctions('time.LoadLocation\0', isPie)) ?? {};
    t.match(Buffer.concat(parts).toString('latin1'), 'time.LoadLocation\0');
    t.equal(unseparated, true);
  }
});

t.test('the size that a file says of itself is not believed', async (t) => {
  const image = elfWithStrings('x');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(image.length - 1), fc.nat(255)), { maxLength: 20 }),
      fc.nat(image.length),
      (changes, length) => {
        const data = Buffer.from(image);
        for (const [at, value] of changes) data[at] = value;
        const strings = read(data.subarray(0, length));
        return (strings?.parts ?? []).every((part) => part.length <= data.length);
      },
    ),
  );
  t.pass();
});
