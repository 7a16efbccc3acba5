// Writes the headers of a tar archive: ustar with records of pax for long names (pax(1), "ustar Interchange Format"), and numbers
// that do not fit as GNU tar writes them.
// tar libraries of npm take names as text; names in a jail are bytes, and the same jail must give the same archive. Pure.
import { isUtf8 } from 'node:buffer';

import { type BytePath, lastComponent, pathBytes } from '../../tree/path.ts';

export interface TarEntry {
  /** Absolute in the jail. */
  readonly path: BytePath;
  readonly kind: 'directory' | 'link' | 'file' | 'device';
  /** Permission bits, 0…07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a file. */
  readonly sizeBytes?: number;
  /** In seconds since 1970. */
  readonly mtimeS: number;
  /** Of a link. */
  readonly target?: BytePath;
  /** Of a character device. */
  readonly major?: number;
  readonly minor?: number;
  /** security.capability, as the kernel keeps it (capabilities(7)). */
  readonly capabilities?: Uint8Array;
}

export const BLOCK_BYTES = 512;

/** Two empty blocks end an archive. */
export const tarEnd: Buffer = Buffer.alloc(2 * BLOCK_BYTES);

/** What fills the last block of a content. */
export function padding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

const types = { file: '0', link: '2', device: '3', directory: '5', pax: 'x' } as const;

// Offset and length of each field.
const fields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkname: [157, 100],
  magic: [257, 8],
  devmajor: [329, 8],
  devminor: [337, 8],
} as const satisfies Readonly<Record<string, readonly [number, number]>>;

type Numbers = Readonly<Record<'mode' | 'uid' | 'gid' | 'size' | 'mtime' | 'devmajor' | 'devminor', number>>;
type Texts = Readonly<Record<'name' | 'linkname', Buffer>>;

const lengthOf = (name: keyof typeof fields): number => fields[name][1];

// In octal, and its last byte is NUL. A larger one is binary after a first byte of 0x80 ("Extensions" in the manual of GNU tar): so a
// header has one size, whatever number is in it.
function writeNumber(header: Buffer, name: keyof Numbers, value: number): void {
  const [start, length] = fields[name];
  if (value < 8 ** (length - 1)) header.write(value.toString(8).padStart(length - 1, '0'), start);
  else {
    header[start] = 0x80;
    header.writeUIntBE(value, start + length - 6, 6);
  }
}

function block(type: keyof typeof types, texts: Texts, numbers: Numbers): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  for (const name of ['name', 'linkname'] as const)
    texts[name].copy(header, fields[name][0], 0, lengthOf(name));
  for (const name of ['mode', 'uid', 'gid', 'size', 'mtime', 'devmajor', 'devminor'] as const)
    writeNumber(header, name, numbers[name]);
  header.write(types[type], fields.type[0]);
  header.write('ustar\u000000', fields.magic[0]);
  // The sum of all bytes, while its own field is blank.
  header.fill(' ', fields.checksum[0], fields.checksum[0] + lengthOf('checksum'));
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, fields.checksum[0]);
  return header;
}

/** A record of pax(1). It begins with its own length in decimal. */
function record(key: string, value: Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** All blocks before the content of an entry. */
export function tarHeader(entry: TarEntry): Buffer {
  const name = pathBytes(`${entry.path.slice(1)}${entry.kind === 'directory' ? '/' : ''}` as BytePath);
  const linkname = pathBytes(entry.target ?? ('' as BytePath));
  const { mode, uid, gid, sizeBytes: size = 0, mtimeS: mtime, major = 0, minor = 0 } = entry;
  const numbers = { mode, uid, gid, size, mtime, devmajor: major, devminor: minor };
  const names = [
    ...(name.length > lengthOf('name') ? [record('path', name)] : []),
    ...(linkname.length > lengthOf('linkname') ? [record('linkpath', linkname)] : []),
  ];
  const records = [
    // Without it bsdtar takes a name for UTF-8, and ends with an error if it is not.
    ...(names.every(isUtf8) ? [] : [record('hdrcharset', Buffer.from('BINARY'))]),
    ...names,
    ...(entry.capabilities === undefined
      ? []
      : [record('SCHILY.xattr.security.capability', entry.capabilities)]),
  ];
  const own = block(entry.kind, { name, linkname }, numbers);
  if (records.length === 0) return own;
  const pax = Buffer.concat(records);
  const nothing = { mode: 0o644, uid: 0, gid: 0, size: pax.length, mtime: 0, devmajor: 0, devminor: 0 };
  const label = Buffer.concat([Buffer.from('PaxHeaders/'), pathBytes(lastComponent(entry.path))]);
  const before = block('pax', { name: label, linkname: Buffer.alloc(0) }, nothing);
  return Buffer.concat([before, pax, padding(pax.length), own]);
}
