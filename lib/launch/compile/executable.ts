// Putting a payload into the executable that will run it. Pure.
import { checksumBytes, headerBytes } from './payload.ts';
import { xxh64 } from './xxh64.ts';

// elf.h, Elf64_Ehdr and Elf64_Phdr; both machines are little endian
const ehdr = { phoff: 32, shoff: 40, phnum: 56, shnum: 60, shstrndx: 62, size: 64 };
const phdr = { type: 0, offset: 8, fileSize: 32, memorySize: 40, size: 56 };
const PT_LOAD = 1;

interface Segment {
  /** Where its header lies in the file. */
  readonly at: number;
  readonly offset: number;
  readonly sizeBytes: number;
}

function segmentsOf(file: Buffer): readonly Segment[] {
  if (file.length < ehdr.size || file.readUInt32BE(0) !== 0x7f454c46) return [];
  const start = Number(file.readBigUInt64LE(ehdr.phoff));
  const headers = Array.from({ length: file.readUInt16LE(ehdr.phnum) }, (_, i) => start + i * phdr.size);
  return headers
    .filter((at) => at + phdr.size <= file.length && file.readUInt32LE(at + phdr.type) === PT_LOAD)
    .map((at) => ({
      at,
      offset: Number(file.readBigUInt64LE(at + phdr.offset)),
      sizeBytes: Number(file.readBigUInt64LE(at + phdr.fileSize)),
    }));
}

/** Whether a file is a compiled launcher, of whatever version, intact or not. */
export function isCompiled(file: Buffer): boolean {
  const last = segmentsOf(file).at(-1);
  if (last === undefined) return false;
  const magic = last.offset + checksumBytes;
  return file.subarray(magic, magic + 3).equals(Buffer.from('UCL'));
}

// Of all that is loaded, but the checksum itself, which begins the last segment.
function checksum(file: Buffer, segments: readonly Segment[]): bigint {
  return segments.reduce((hash, { offset, sizeBytes }, index) => {
    const skip = index === segments.length - 1 ? checksumBytes : 0;
    return xxh64(file.subarray(offset + skip, offset + sizeBytes), hash);
  }, 0n);
}

function setSize(file: Buffer, { at }: Segment, sizeBytes: number): void {
  for (const field of [phdr.fileSize, phdr.memorySize]) file.writeBigUInt64LE(BigInt(sizeBytes), at + field);
}

/**
 * The executable with the payload in place of its last segment, which is a header full of zeros. The kernel then maps the
 * payload as it maps the code: nothing has to be opened, so it works where no /proc is mounted and whatever its name.
 */
export function attachPayload(executable: Buffer, payload: Buffer): Buffer {
  const [code, last, ...more] = segmentsOf(executable);
  if (code?.offset !== 0 || last?.sizeBytes !== headerBytes || more.length > 0)
    throw new Error(`uchroot-compiled is not code and a payload of ${headerBytes} bytes`);
  const file = Buffer.concat([executable.subarray(0, last.offset), payload]);
  // the section headers lay behind the last segment, and nothing that runs a program reads them
  file.writeBigUInt64LE(0n, ehdr.shoff);
  file.fill(0, ehdr.shnum, ehdr.shstrndx + 2);
  setSize(file, code, last.offset); // so that no byte of the file is left unchecked
  setSize(file, last, payload.length);
  file.writeBigUInt64LE(checksum(file, segmentsOf(file)), last.offset);
  return file;
}
