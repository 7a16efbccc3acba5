// Does the kernel's work: runs a filter on struct seccomp_data (linux/filter.h, seccomp(2)).

/** AUDIT_ARCH_* of linux/audit.h. */
export const audit = { x64: 0xc000003e, i386: 0x40000003, arm64: 0xc00000b7, arm: 0x40000028 } as const;

export interface Call {
  readonly architecture: number;
  readonly number: number;
  readonly args?: readonly bigint[];
}

/** The answer of a filter, and how many instructions it has run. */
export function run(
  filter: Buffer,
  { architecture, number, args = [] }: Call,
): { readonly answer: number; readonly steps: number } {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(architecture, 4);
  args.forEach((arg, index) => data.writeBigUInt64LE(BigInt.asUintN(64, arg), 16 + index * 8));
  let accumulator = 0;
  for (let at = 0, steps = 1; at < filter.length; at += 8, steps++) {
    const value = filter.readUInt32LE(at + 4);
    const branch = (holds: boolean): number => 8 * filter.readUInt8(holds ? at + 2 : at + 3);
    switch (filter.readUInt16LE(at)) {
      case 0x20:
        if (value > 60 || value % 4 !== 0) throw new Error(`instruction ${at / 8} loads from ${value}`);
        accumulator = data.readUInt32LE(value);
        break;
      case 0x54:
        accumulator = (accumulator & value) >>> 0;
        break;
      case 0x05:
        at += 8 * value;
        break;
      case 0x15:
        at += branch(accumulator === value);
        break;
      case 0x25:
        at += branch(accumulator > value);
        break;
      case 0x35:
        at += branch(accumulator >= value);
        break;
      case 0x06:
        return { answer: value, steps };
      default:
        throw new Error(`instruction ${at / 8} is unknown`);
    }
  }
  throw new Error('the filter ends without an answer');
}
