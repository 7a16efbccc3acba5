// Random access to a file that may lie about its size, bounded and in few reads.

/** Reads up to `lengthBytes` at `offset`; returns fewer bytes at the end of the file, never more. */
export type ReadAt = (offset: number, lengthBytes: number) => Uint8Array;

/** For tables that are gone through once and not kept. */
export const CHUNK_BYTES = 65536;

const PAGE_BYTES = 4096;
// An ELF file's headers, dynamic section and the strings it names touch a handful of pages.
const MAX_PAGES = 1024;

export interface Window {
  /** Exactly these bytes, or undefined if the file ends before them or too much was asked for already. */
  bytes(offset: number, lengthBytes: number): Uint8Array | undefined;
  /** The bytes from `offset` up to a NUL, or undefined if none comes within `maxBytes`. */
  untilNul(offset: number, maxBytes: number): Uint8Array | undefined;
}

/** Keeps the pages it has read, 4 MiB at most, so that a hostile file costs neither memory nor time. */
export function openWindow(read: ReadAt): Window {
  const pages = new Map<number, Uint8Array>();

  function page(index: number): Uint8Array | undefined {
    const known = pages.get(index);
    if (known !== undefined) return known;
    if (pages.size >= MAX_PAGES) return undefined;
    const fresh = read(index * PAGE_BYTES, PAGE_BYTES);
    pages.set(index, fresh);
    return fresh;
  }

  function bytes(offset: number, lengthBytes: number): Uint8Array | undefined {
    if (!Number.isSafeInteger(offset + lengthBytes) || offset < 0 || lengthBytes < 0) return undefined;
    if (lengthBytes > MAX_PAGES * PAGE_BYTES) return undefined;
    const start = offset % PAGE_BYTES;
    if (start + lengthBytes <= PAGE_BYTES) {
      const only = page((offset - start) / PAGE_BYTES);
      return only !== undefined && only.length >= start + lengthBytes
        ? only.subarray(start, start + lengthBytes)
        : undefined;
    }
    const result = new Uint8Array(lengthBytes);
    for (let done = 0; done < lengthBytes;) {
      const at = (offset + done) % PAGE_BYTES;
      const from = page((offset + done - at) / PAGE_BYTES);
      const wanted = Math.min(PAGE_BYTES - at, lengthBytes - done);
      if (from === undefined || from.length < at + wanted) return undefined;
      result.set(from.subarray(at, at + wanted), done);
      done += wanted;
    }
    return result;
  }

  function untilNul(offset: number, maxBytes: number): Uint8Array | undefined {
    if (!Number.isSafeInteger(offset + maxBytes) || offset < 0) return undefined;
    for (let scanned = 0; scanned < maxBytes;) {
      const at = (offset + scanned) % PAGE_BYTES;
      const from = page((offset + scanned - at) / PAGE_BYTES);
      if (from === undefined || from.length <= at) return undefined;
      const nul = from.indexOf(0, at);
      if (nul >= 0) {
        const length = scanned + nul - at;
        return length < maxBytes ? bytes(offset, length) : undefined;
      }
      if (from.length < PAGE_BYTES) return undefined;
      scanned += PAGE_BYTES - at;
    }
    return undefined;
  }

  return { bytes, untilNul };
}

/** Up to `lengthBytes` at an offset that may make no sense: nothing where no file can have anything. */
export function readChunk(read: ReadAt, offset: number, lengthBytes: number): Uint8Array {
  const length = Math.min(lengthBytes, CHUNK_BYTES);
  if (!Number.isSafeInteger(offset + length) || offset < 0 || length <= 0) return new Uint8Array(0);
  return read(offset, length);
}
