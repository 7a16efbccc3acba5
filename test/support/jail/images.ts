// Images that a test makes byte by byte, because no program makes the wrong ones.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

type Text = string | Buffer;

const bytes = (text: Text): Buffer => (typeof text === 'string' ? Buffer.from(text) : text);

export const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

export interface Member {
  readonly name: Text;
  /** As in the archive: 0 a file (default), 1 a hard link, 2 a link, 5 a directory … */
  readonly type?: string;
  readonly content?: Text;
  readonly target?: Text;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly major?: number;
  readonly minor?: number;
  /** Bytes to write over the header, by offset, before its sum is made. */
  readonly patch?: Readonly<Record<number, Text>>;
  /** The size that the header says. */
  readonly size?: number;
  readonly badSum?: boolean;
}

const octal = (value: number, length: number): string => value.toString(8).padStart(length - 1, '0');

/** Fills the last block. */
const padded = (data: Buffer): Buffer =>
  Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);

/** One entry with its content. */
export function member(one: Member): Buffer {
  const { name, type = '0', target = '', mode = 0o644, uid = 0, gid = 0, major = 0, minor = 0 } = one;
  const content = bytes(one.content ?? '');
  const block = Buffer.alloc(512);
  bytes(name).copy(block, 0, 0, 100);
  block.write(octal(mode, 8), 100);
  block.write(octal(uid, 8), 108);
  block.write(octal(gid, 8), 116);
  block.write(octal(one.size ?? content.length, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(type, 156);
  bytes(target).copy(block, 157, 0, 100);
  block.write('ustar\u000000', 257);
  block.write(octal(major, 8), 329);
  block.write(octal(minor, 8), 337);
  for (const [at, text] of Object.entries(one.patch ?? {})) bytes(text).copy(block, Number(at));
  block.fill(' ', 148, 156);
  const sum = block.reduce((all, byte) => all + byte, one.badSum === true ? 1 : 0);
  block.write(`${octal(sum, 7)}\0 `, 148);
  return Buffer.concat([block, padded(content)]);
}

/** Records of pax for the next entry. */
export function pax(records: Readonly<Record<string, Text>> | Text, type = 'x'): Buffer {
  const data =
    typeof records === 'string' || Buffer.isBuffer(records)
      ? bytes(records)
      : Buffer.concat(Object.entries(records).map(([key, value]) => record(key, bytes(value))));
  return member({ name: 'PaxHeaders/x', type, content: data });
}

function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

export const archive = (...members: readonly Buffer[]): Buffer =>
  Buffer.concat([...members, Buffer.alloc(1024)]);

/** What a test may get wrong. */
export interface Wrong {
  readonly config?: object;
  readonly rootfs?: object;
  readonly os?: string;
  readonly mediaType?: string;
  readonly layer?: object;
  readonly manifest?: object;
  readonly descriptor?: object;
  readonly index?: object;
}

/** Writes an image layout with these layers into a directory; returns the digests of the layers. */
export function writeLayout(
  directory: string,
  layers: readonly Buffer[],
  wrong: Wrong = {},
): readonly string[] {
  mkdirSync(`${directory}/blobs/sha256`, { recursive: true });
  const blob = (data: Buffer): { readonly digest: string; readonly size: number } => {
    writeFileSync(`${directory}/blobs/sha256/${sha256(data)}`, data);
    return { digest: `sha256:${sha256(data)}`, size: data.length };
  };
  const json = (value: object) => blob(Buffer.from(JSON.stringify(value)));
  const packed = layers.map((layer) => ({
    mediaType: wrong.mediaType ?? 'application/vnd.oci.image.layer.v1.tar+gzip',
    ...blob(gzipSync(layer, { level: 1 })),
    ...wrong.layer,
  }));
  const config = json({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: wrong.os ?? 'linux',
    config: wrong.config ?? {},
    rootfs: wrong.rootfs ?? { type: 'layers', diff_ids: layers.map((one) => `sha256:${sha256(one)}`) },
  });
  const manifest = json({
    schemaVersion: 2,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: packed,
    ...wrong.manifest,
  });
  const descriptor = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    ...manifest,
    annotations: { 'org.opencontainers.image.ref.name': 'latest' },
    ...wrong.descriptor,
  };
  writeFileSync(`${directory}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    `${directory}/index.json`,
    JSON.stringify({ schemaVersion: 2, manifests: [descriptor], ...wrong.index }),
  );
  return packed.map(({ digest }) => digest);
}
