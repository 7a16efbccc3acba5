// Puts a payload into the executable that will run it. Pure.
import { checksumBytes, headerBytes } from './payload.ts';
import { xxh64 } from './xxh64.ts';

// elf.h, Elf64_Ehdr and Elf64_Phdr; both machines are little endian
const ehdr = { phoff: 32, shoff: 40, phnum: 56, shnum: 60, shstrndx: 62, size: 64 };
const phdr = { offset: 8, fileSize: 32, memorySize: 40, size: 56 };
const PT_LOAD = 1;

interface Segment {
  /** Offset of its header in the file. */
  readonly at: number;
  readonly offset: number;
  readonly sizeBytes: number;
}

function segmentsOf(file: Buffer): readonly Segment[] {
  if (file.length < ehdr.size || file.readUInt32BE(0) !== 0x7f454c46) return [];
  const start = Number(file.readBigUInt64LE(ehdr.phoff));
  const headers = Array.from({ length: file.readUInt16LE(ehdr.phnum) }, (_, i) => start + i * phdr.size);
  return headers
    .filter((at) => at + phdr.size <= file.length && file.readUInt32LE(at) === PT_LOAD) // p_type
    .map((at) => ({
      at,
      offset: Number(file.readBigUInt64LE(at + phdr.offset)),
      sizeBytes: Number(file.readBigUInt64LE(at + phdr.fileSize)),
    }));
}

/** Whether a file is a compiled launcher, of any version, intact or not. */
export function isCompiled(file: Buffer): boolean {
  const last = segmentsOf(file).at(-1);
  if (last === undefined) return false;
  const magic = last.offset + checksumBytes;
  return file.subarray(magic, magic + 3).equals(Buffer.from('UCL'));
}

// Hashes all loaded bytes but the checksum itself, which is at the start of the last segment.
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
 * Replaces the executable's last segment, a header full of zeros, by the payload. The kernel maps the payload together with the
 * code, so the launcher opens no file: it needs no /proc and not its own name.
 */
export function attachPayload(executable: Buffer, payload: Buffer): Buffer {
  const [code, last, ...more] = segmentsOf(executable);
  if (code?.offset !== 0 || last?.sizeBytes !== headerBytes || more.length > 0)
    throw new Error(`uchroot-compiled is not code and a payload of ${headerBytes} bytes`);
  const file = Buffer.concat([executable.subarray(0, last.offset), payload]);
  // The section headers were behind the last segment. A program runs without them.
  file.writeBigUInt64LE(0n, ehdr.shoff);
  file.fill(0, ehdr.shnum, ehdr.shstrndx + 2);
  setSize(file, code, last.offset); // all bytes of the file are checked
  setSize(file, last, payload.length);
  file.writeBigUInt64LE(checksum(file, segmentsOf(file)), last.offset);
  return file;
}
