// A reader answers for any bytes: it does not throw, does not hang, does not read or keep without end.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';

import * as fc from 'fast-check';
import t, { type Test } from 'tap';

import { readCache } from '../../lib/binary/cache.ts';
import { resolveProgram } from '../../lib/binary/closure.ts';
import { readElf } from '../../lib/binary/elf.ts';
import { parseEnv } from '../../lib/binary/env.ts';
import { bytePath, toLatin1 } from '../../lib/tree/path.ts';
import { readScript } from '../../lib/binary/shebang.ts';
import { readImports } from '../../lib/binary/elf-symbols.ts';
import type { ReadAt } from '../../lib/tree/root.ts';
import { cacheWithHwcap } from '../support/binary/hwcap.ts';
import { makeElf, memoryRoot, type Tree } from '../support/binary/image.ts';
import { mutationsOf, seeds } from '../support/binary/mutation.ts';
import { patientMs } from '../support/patience.ts';

const MIB = 1 << 20;
const WANTED = new Set(['getaddrinfo', 'getpwnam', 'syslog', 'malloc', '__libc_start_main']);
const mutated = mutationsOf(seeds);

/** Reads of `data`, and, if it is endless, of bytes of one value behind it; more than `maxBytes` is a failure. */
function counting(data: Uint8Array, maxBytes: number, endless?: number): ReadAt {
  let left = maxBytes;
  return (offset, length) => {
    assert.ok(Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && length <= MIB, 'a sane read');
    left -= length;
    assert.ok(left >= 0, 'reads without end');
    if (endless === undefined) return data.subarray(offset, offset + length);
    const bytes = Buffer.alloc(length, endless);
    if (offset < data.length) bytes.set(data.subarray(offset, offset + length));
    return bytes;
  };
}

/** Runs a property; that none of its runs takes three seconds is part of it. */
function check<T>(t: Test, values: fc.Arbitrary<T>, numRuns: number, each: (value: T) => void): void {
  let longest = 0;
  const timed = (value: T) => {
    const start = performance.now();
    each(value);
    longest = Math.max(longest, performance.now() - start);
  };
  fc.assert(fc.property(values, timed), { numRuns });
  t.ok(longest < patientMs(3000), `the longest of ${numRuns} took ${longest.toFixed(0)} ms`);
}

t.test('a changed ELF file is read, or is an error that says what is wrong', async (t) => {
  const outcomes = new Map<string, number>();
  check(t, mutated, 10_000, (data) => {
    const elf = readElf(counting(data, 8 * MIB));
    const outcome = elf.kind === 'elf' ? elf.kind : elf.code;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (elf.kind !== 'elf') return assert.match(elf.message, /./);
    assert.ok(elf.needed.length <= 1024 && elf.dlopen.length <= 256);
    for (const { sonames } of elf.dlopen) assert.ok(sonames.length > 0 && sonames.length <= 16);
  });
  for (const outcome of ['elf', 'truncated', 'malformed', 'not-elf'])
    t.ok((outcomes.get(outcome) ?? 0) > 10, `${outcome}: ${outcomes.get(outcome) ?? 0}`);
});

t.test('imports of a changed ELF file are some of those that are asked for', async (t) => {
  let some = 0;
  check(t, mutated, 10_000, (data) => {
    const imports = readImports(counting(data, 120 * MIB), WANTED);
    if (imports.size > 0) some++;
    for (const name of imports) assert.ok(WANTED.has(name));
  });
  t.ok(some > 100, `${some} have some`);
});

t.test('a file that goes on without end is read to a limit', async (t) => {
  const endless = fc.tuple(mutated, fc.constantFrom(0, 1, 0xff));
  check(t, endless, 1000, ([data, value]) => {
    readElf(counting(data, 8 * MIB, value));
    readImports(counting(data, 120 * MIB, value), WANTED);
  });
});

t.test('random bytes behind an ELF header are no harm', async (t) => {
  const shape = fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 600 }));
  check(t, shape, 3000, ([width, order, tail]) => {
    const data = Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, width, order, 1]), tail]);
    readElf(counting(data, 8 * MIB));
    readImports(counting(data, 120 * MIB), WANTED);
  });
});

t.test('any head of a file is a script, or is none', async (t) => {
  const text = fc.string({
    unit: fc.constantFrom(...' \t\n\0\r/#!-Senv\\"\'${}=\xff'.split('')),
    maxLength: 300,
  });
  check(t, text, 3000, (line) => {
    const script = readScript(Buffer.from(`#!${line}`, 'latin1'));
    if (script.kind !== 'script') return;
    const call = parseEnv([script.argument ?? bytePath(''), bytePath('/s')], bytePath('/bin'));
    if (call.kind === 'failure') assert.match(call.message, /^[^\n\0]+$/);
  });
});

t.test('any words make env start something known or unknown, nothing, or fail', async (t) => {
  const options = ['-S', '-i', '-u', '-C', '--', '-', '--split-string=', '-vS', '--un', '--help'];
  const others = ['PATH=', 'A=', '=', '${PATH}', '${X}', '$', ' ', '"', "'", '\\', '\\_', '\\c', '#'];
  const piece = fc.constantFrom(...options, ...others, 'perl', '/x', '\xff');
  const word = fc
    .array(piece, { maxLength: 6 })
    .map((pieces) => toLatin1(Buffer.from(pieces.join(''), 'latin1')));
  const kinds = new Set<string>();
  check(t, fc.tuple(fc.array(word, { maxLength: 4 }), word), 4000, ([words, path]) => {
    const call = parseEnv(words, path);
    kinds.add(call.kind);
    if (call.kind === 'command') assert.ok(call.command.length <= 200_000);
  });
  t.same([...kinds].toSorted(), ['command', 'failure', 'nothing', 'unknown']);
});

const entry = (path: string) => ({ name: bytePath('liba.so'), path: bytePath(path), flags: 0x303 });
const HOST_CACHE = '/etc/ld.so.cache';
const caches = [
  cacheWithHwcap(entry('/l/glibc-hwcaps/x86-64-v3/liba.so'), entry('/lib/sys/liba.so'), entry('/nowhere')),
  ...(existsSync(HOST_CACHE) ? [readFileSync(HOST_CACHE)] : []),
].map((data) => ({
  data,
  places: [
    [0, 48],
    [48, 240],
    [data.length - 64, 64],
    [0, data.length],
  ] as const,
}));

t.test('a changed cache is read, entry by entry', async (t) => {
  check(t, mutationsOf(caches), 4000, (data) => {
    const { entries } = readCache(data);
    assert.ok(entries.length <= 1 + data.length / 24);
  });
});

t.test('a cache of entries that all name one long string does not fill the memory', async (t) => {
  const data = Buffer.alloc(48 + 24 * 200_000 + 8192, 'x');
  data.fill(0, 0, 48 + 24 * 200_000);
  data.write('glibc-ld.so.cache1.1');
  data.writeUInt32LE(200_000, 20);
  data[28] = 2;
  data[data.length - 4096] = 0;
  for (let at = 48; at < 48 + 24 * 200_000; at += 24) {
    data.writeUInt32LE(data.length - 8190, at + 4);
    data.writeUInt32LE(data.length - 8190, at + 8);
  }
  const bytes = readCache(data).entries.reduce((sum, { name, path }) => sum + name.length + path.length, 0);
  t.ok(bytes > 32 * MIB && bytes < 80 * MIB, `${bytes} bytes`);
});

const LOADER = '/lib64/ld-linux-x86-64.so.2';
const loader = Buffer.concat([makeElf(), Buffer.from('\0/lib/sys/\0/usr/lib/sys/\0\0')]);

t.test('a root of changed files has an answer for each program', async (t) => {
  const tree = fc.record({
    program: mutated,
    library: mutated,
    cache: mutationsOf(caches),
    script: fc.constantFrom(
      '#!/usr/bin/env p\n',
      '#!/usr/bin/env -S PATH=/bin p -x\n',
      '#!/bin/p\n',
      '#!/s\n',
    ),
  });
  let complete = 0;
  check(t, tree, 1000, ({ program, library, cache, script }) => {
    const root: Tree = {
      [LOADER]: loader,
      '/etc/ld.so.cache': cache,
      '/lib/sys/libc.so.6': library,
      '/lib/sys/liba.so': library,
      '/usr/bin/env': program,
      '/bin/p': program,
      '/s': script,
    };
    for (const path of ['/s', '/bin/p', '/lib/sys/liba.so']) {
      const { files, missing } = resolveProgram(memoryRoot(root), bytePath(path));
      assert.equal(new Set(files.map((file) => file.path)).size, files.length);
      for (const { message } of missing) assert.match(message, /^[^\n\0]+$/);
      if (missing.length === 0) complete++;
    }
  });
  t.ok(complete > 20, `${complete} are complete`);
});

t.test('a loader that names a million directories is asked for a few', async (t) => {
  const directories = Array.from({ length: 1 << 20 }, (_, i) => `/lib${i % 999}/\0`).join('');
  const needed = Array.from({ length: 1000 }, (_, i) => `lib${i}.so`);
  const tree = {
    [LOADER]: Buffer.concat([makeElf(), Buffer.from(`\0${directories.slice(0, 7 * MIB)}`)]),
    '/p': makeElf({ interpreter: LOADER, needed }),
  };
  const start = performance.now();
  const { missing, loader } = resolveProgram(memoryRoot(tree), bytePath('/p'));
  t.equal(missing.length, 1000);
  t.ok((loader?.systemDirectories.length ?? 0) <= 32);
  t.ok(performance.now() - start < patientMs(5000));
});
