// Executables of a few bytes, made here by elf.h: what becomes of their headers.
import t from 'tap';

import { attachPayload, isCompiled } from '../../../lib/launch/compile/executable.ts';
import { headerBytes } from '../../../lib/launch/compile/payload.ts';
import { xxh64 } from '../../../lib/launch/compile/xxh64.ts';

const PT_LOAD = 1;
const headersAt = 64;

interface Segment {
  readonly type?: number;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** A file of `sizeBytes` with a header for each segment, and section headers somewhere. All other bytes are 0xee. */
function elf(segments: readonly Segment[], sizeBytes: number): Buffer {
  const file = Buffer.alloc(sizeBytes, 0xee);
  file.write('\x7fELF');
  file.writeBigUInt64LE(BigInt(headersAt), 32);
  file.writeUInt16LE(segments.length, 56);
  for (const [index, { type = PT_LOAD, offset, sizeBytes: segmentBytes }] of segments.entries()) {
    const at = headersAt + index * 56;
    file.writeUInt32LE(type, at);
    file.writeBigUInt64LE(BigInt(offset), at + 8);
    file.writeBigUInt64LE(BigInt(segmentBytes), at + 32);
    file.writeBigUInt64LE(BigInt(segmentBytes), at + 40);
  }
  return file;
}

const code = { offset: 0, sizeBytes: 300 };
const place = { offset: 400, sizeBytes: headerBytes };
const executable = elf([code, place], 700);
const payload = Buffer.concat([Buffer.alloc(8), Buffer.from('UCL2'), Buffer.alloc(300, 0xab)]);

t.test('a payload takes the place of the last segment, and of all that is behind it', async (t) => {
  const file = attachPayload(executable, payload);
  const expected = elf(
    [
      { ...code, sizeBytes: 400 },
      { ...place, sizeBytes: payload.length },
    ],
    400,
  );
  expected.writeBigUInt64LE(0n, 40); // e_shoff
  expected.fill(0, 60, 64); // e_shnum, e_shstrndx
  t.same(file.subarray(0, 400), expected);
  t.same(file.subarray(408), payload.subarray(8));
  const sum = xxh64(payload.subarray(8), xxh64(expected, 0n));
  t.equal(file.readBigUInt64LE(400), sum, 'the checksum is over all bytes but its own');
});

t.test('an executable with other segments gets no payload', async (t) => {
  const attach = (...segments: readonly Segment[]): Buffer => attachPayload(elf(segments, 700), payload);
  t.ok(attach({ type: 4, offset: 1, sizeBytes: 2 }, code, { type: 2, offset: 1, sizeBytes: 2 }, place));
  const message = { message: `uchroot-compiled is not code and a payload of ${headerBytes} bytes` };
  t.throws(() => attach(), message);
  t.throws(() => attach(code), message);
  t.throws(() => attach(code, place, place), message);
  t.throws(() => attach({ ...code, offset: 1 }, place), message);
  t.throws(() => attach(code, { ...place, sizeBytes: headerBytes + 1 }), message);
});

t.test('a compiled launcher is known by the beginning of its last segment', async (t) => {
  const marked = (file: Buffer, text: string, at = place.offset + 8): Buffer => {
    file.write(text, at);
    return file;
  };
  t.ok(isCompiled(marked(elf([code, place], 700), 'UCL2')));
  t.ok(isCompiled(marked(elf([code, place], 700), 'UCL9')), 'of any version');
  t.ok(isCompiled(marked(elf([code, code, place], 700), 'UCL2')));
  t.notOk(isCompiled(marked(elf([code, place], 700), 'UCK2')));
  t.notOk(isCompiled(marked(elf([code, place, code], 700), 'UCL2')), 'another segment is the last one');
  t.notOk(isCompiled(marked(elf([code, place], 700), 'UCL2', place.offset)));
  t.notOk(isCompiled(marked(marked(elf([code, place], 700), 'UCL2'), 'XELF', 0)), 'no ELF file');
  for (const sizeBytes of [0, 4, 56, 63])
    t.notOk(isCompiled(executable.subarray(0, sizeBytes)), `cut after ${sizeBytes}`);
});

t.test('a file of one header is read to its last byte, and none is read behind it', async (t) => {
  // the header of the segment lies in that of the file: no field that counts is in both
  const file = Buffer.alloc(64);
  file.write('\x7fELF');
  file.writeBigUInt64LE(8n, 32);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(PT_LOAD, 8);
  file.writeBigUInt64LE(40n, 16);
  file.write('UCL2', 48);
  t.ok(isCompiled(file));
  file.writeBigUInt64LE(9n, 32);
  file.writeUInt32LE(PT_LOAD, 9);
  file.writeBigUInt64LE(40n, 17);
  t.notOk(isCompiled(file), 'its last byte is missing');
});
