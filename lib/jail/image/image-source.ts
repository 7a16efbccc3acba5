// Opens what an image lies in: a layout in a directory, or an archive with such a layout, of `docker save`, or of a root directory.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { posix } from 'node:path';

import { type BytePath, bytePath, pathBytes, showPath } from '../../tree/path.ts';
import { openFileRoot } from '../../tree/root.ts';
import { UsageError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';
import { lookOr, unless } from '../../words/system-error.ts';
import { BadImage } from './bad-image.ts';
import { BLOCK_BYTES } from './tar-header.ts';
import { type ReadEntry, TarReader } from './tar-reader.ts';

/** A part of an open file. */
export interface Blob {
  readonly fd: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export interface ImageSource {
  readonly path: BytePath;
  readonly tag: string | undefined;
  /** The archive of a root directory; undefined for an image. */
  readonly tree: Blob | undefined;
  /** A file of the image; undefined if it has none. It is open until `close`. @throws system errors, BadImage */
  find(name: string): Blob | undefined;
  close(): void;
}

/** Opens PATH[:TAG]. @throws UsageError if nothing is there */
export function openImage(named: BytePath): ImageSource {
  const { path, tag, isDirectory } = lookUp(named);
  return isDirectory ? openLayout(path, tag) : openArchive(path, tag);
}

function lookUp(named: BytePath): { path: BytePath; tag: string | undefined; isDirectory: boolean } {
  // A tag may be a whole name, such as python:3.13.
  const colons = [...named.matchAll(/(?!^):/g)].map(({ index }) => index).toReversed();
  const names = [
    { path: named, tag: undefined },
    ...colons.map((at) => ({
      path: named.slice(0, at) as BytePath,
      tag: pathBytes(named.slice(at + 1) as BytePath).toString(),
    })),
  ];
  for (const name of names) {
    const status = lookOr(undefined, () => fstatOf(name.path));
    if (status?.isDirectory() === true) return { ...name, isDirectory: true };
    if (status?.isFile() === true) return { ...name, isDirectory: false };
    if (status !== undefined)
      throw new UsageError(`${showPath(named)} is neither a file nor a directory`, {
        hint: 'name a file: it is read twice',
      });
  }
  throw new UsageError(`image ${showPath(named)}: it is not there`, {
    hint: 'name a file or the directory of an image layout, such as /srv/python.tar; nothing is fetched from a registry (skopeo copy does that)',
  });
}

function fstatOf(path: BytePath) {
  const fd = openSync(pathBytes(path), constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return fstatSync(fd);
  } finally {
    closeSync(fd);
  }
}

// A link in it leads nowhere outside: the directory is the root of its own.
function openLayout(path: BytePath, tag: string | undefined): ImageSource {
  const root = openFileRoot(pathBytes(path));
  const open: { close(): void }[] = [root];
  return {
    path,
    tag,
    tree: undefined,
    find: (name) => {
      const file = unless(['EISDIR', 'EINVAL', 'ENOENT', 'ENOTDIR'], () => root.open(bytePath(`/${name}`)));
      if (file === undefined) return undefined;
      open.push(file);
      return { fd: file.fd, offsetBytes: 0, sizeBytes: file.status.sizeBytes };
    },
    close: () => open.forEach((one) => one.close()),
  };
}

function openArchive(path: BytePath, tag: string | undefined): ImageSource {
  const fd = openSync(pathBytes(path), constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { size } = fstatSync(fd);
    const files = filesOf(fd, size);
    const tree = files === undefined ? { fd, offsetBytes: 0, sizeBytes: size } : undefined;
    if (tree !== undefined && tag !== undefined)
      throw new UsageError(
        `${showPath(path)} is an archive of a root directory: it has no image ${quote(tag)}`,
        {
          hint: 'leave the tag out',
        },
      );
    return { path, tag, tree, find: (name) => files?.(name), close: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** All of a small one. @throws BadImage if it has become shorter */
export function readAll({ fd, offsetBytes, sizeBytes }: Blob): Uint8Array {
  const data = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes;) {
    const size = readSync(fd, data, at, sizeBytes - at, offsetBytes + at);
    if (size === 0) throw new BadImage('its file is shorter than it was');
    at += size;
  }
  return data;
}

type Find = (name: string) => Blob | undefined;

// All that an image has at its top: index.json and blobs/, or what `docker save` writes.
const OF_IMAGE =
  /^(?:blobs|[0-9a-f]{64}|oci-layout|index\.json|manifest\.json|repositories|[0-9a-f]{12,64}\.(?:json|tar))(?:\/|$)/;
const MOST_FILES = 10_000;

/** The files of an archive; undefined if it is no image: as soon as it has anything else. @throws BadImage */
function filesOf(fd: number, sizeBytes: number): Find | undefined {
  const files = new Map<string, Blob>();
  const links = new Map<string, string>();
  const seen: ReadEntry[] = [];
  const reader = new TarReader({ entry: (entry) => seen.push(entry), data: () => {}, end: () => {} });
  const block = Buffer.alloc(BLOCK_BYTES);
  for (let at = 0; at < sizeBytes;) {
    if (readSync(fd, block, 0, BLOCK_BYTES, at) < BLOCK_BYTES) return undefined;
    at += BLOCK_BYTES;
    try {
      reader.push(block);
    } catch (error) {
      // It is compressed, or something else: then reading it as a root directory tells.
      if (error instanceof BadImage && files.size === 0) return undefined;
      throw error;
    }
    const entry = seen.pop();
    if (entry === undefined) continue;
    const name = entry.name.replace(/^(?:\.?\/)+/, '');
    if (name !== '' && !OF_IMAGE.test(name)) return undefined;
    if (files.size + links.size > MOST_FILES) throw new BadImage(`it has more than ${MOST_FILES} files`);
    if (entry.kind === 'link' || entry.kind === 'hardlink') links.set(name, besides(name, entry));
    if (entry.kind !== 'file') continue;
    files.set(name, { fd, offsetBytes: at, sizeBytes: entry.sizeBytes });
    at += reader.skip();
    if (at > sizeBytes)
      throw new BadImage('the archive ends too early', 'copy it again: a part of it is missing');
  }
  if (!files.has('index.json') && !files.has('manifest.json')) return undefined;
  return (name) => files.get(links.get(name) ?? name);
}

// Old versions of `docker save` write a layer that two images have once.
const besides = (name: string, { kind, target }: ReadEntry): string =>
  kind === 'hardlink' ? target : posix.join('/', posix.dirname(name), target).slice(1);
