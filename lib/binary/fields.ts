// Numbers in an ELF file, in the byte order and the width that its header names.

import type { Abi } from './machine.ts';

export interface Fields {
  half(offset: number): number;
  word(offset: number): number;
  /** An address, an offset or a size: 32 or 64 bits. */
  address(offset: number): number;
}

// 64-bit values beyond 2^53 lose their low bits here; no file is that large, so they only ever miss.
export function fieldsOf(data: Uint8Array, { endian, bits }: Pick<Abi, 'endian' | 'bits'>): Fields {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const little = endian === 'little';
  const word = (offset: number) => view.getUint32(offset, little);
  return {
    half: (offset) => view.getUint16(offset, little),
    word,
    address: (offset) =>
      bits === 64
        ? word(offset + (little ? 4 : 0)) * 2 ** 32 + word(offset + (little ? 0 : 4))
        : word(offset),
  };
}
