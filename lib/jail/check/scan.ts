// The walk over everything in a jail, with the SHA-256 of each file of the manifest.

import { createHash, hash as hashOnce, type Hash } from 'node:crypto';

import { type BytePath, pathBytes } from '../../binary/path.ts';
import type { DirectoryRoot } from '../../binary/root.ts';
import { native } from '../../native.ts';
import type { Manifest, Recorded } from '../manifest/manifest.ts';
import type { JailWork } from '../request/jail-request.ts';
import { throwIfAborted } from '../work/jail-error.ts';
import { begin } from '../work/steps.ts';
import { type Entry, type Kind, openZones, type Zone } from './checked-entry.ts';

const CONTENT_BYTES = 2 << 20;

export interface Scanned {
  readonly files: number;
  readonly sizeBytes: number;
}

/**
 * Calls `meet` for every entry of the jail, a directory before what lies in it. A worker thread reads the next batch meanwhile.
 * @throws system errors if the jail cannot be read at all; AbortError
 */
export async function scanJail(
  jail: DirectoryRoot,
  manifest: Manifest | undefined,
  meet: (entry: Entry) => void,
  { signal, onProgress }: Pick<JailWork, 'signal' | 'onProgress'>,
): Promise<Scanned> {
  const recorded = manifest?.entries ?? [];
  const paths = pathBytes(recorded.map(({ path }) => `${path}\0`).join('') as BytePath);
  const sizes = Float64Array.from(recorded, ({ kind, sizeBytes }) =>
    kind === 'file' ? (sizeBytes ?? -1) : -1,
  );
  const scan = native.scanTree(jail.fd, paths, sizes);
  const buffers = [Buffer.allocUnsafeSlow(CONTENT_BYTES), Buffer.allocUnsafeSlow(CONTENT_BYTES)] as const;
  const read = openReader(recorded, manifest !== undefined);
  const total = { files: 0, sizeBytes: 0 };
  const progress = begin('inspect');
  let next = scan.next(buffers[0]);
  try {
    for (let turn = 0; ; turn++) {
      const { records, contentSize } = await next;
      if (records.length === 0 && contentSize === 0) return total;
      throwIfAborted(signal);
      const content = buffers[turn % 2 === 0 ? 0 : 1];
      next = scan.next(buffers[turn % 2 === 0 ? 1 : 0]);
      read(records, content.subarray(0, contentSize), (entry) => {
        if (entry.kind === 'file') {
          total.files++;
          total.sizeBytes += entry.sizeBytes;
        }
        meet(entry);
      });
      onProgress?.({ ...progress, ...total });
    }
  } finally {
    await next.catch(() => undefined); // its thread still uses the buffers and the directories
    scan.close();
  }
}

// by the upper four bits of st_mode (inode(7))
const KINDS: Readonly<Record<number, Kind>> = {
  0o01: 'fifo',
  0o02: 'character',
  0o04: 'directory',
  0o06: 'block',
  0o10: 'file',
  0o12: 'link',
  0o14: 'socket',
};

/** The kind of an object with this st_mode (stat(2)). */
export function kindOf(mode: number): Kind {
  return KINDS[mode >> 12] ?? 'file';
}

const HEADER_BYTES = 80;
const IS_READ = 64;

/** Reads batches as native/files/scan.cc writes them. */
function openReader(
  recorded: readonly Recorded[],
  hasManifest: boolean,
): (records: Buffer, content: Buffer, meet: (entry: Entry) => void) => void {
  const zoneOf = openZones(hasManifest);
  let begun: Hash | undefined; // the hash of a file that began in an earlier batch

  function digest(part: Buffer): string {
    if (begun === undefined) return hashOnce('sha256', part, 'hex');
    const sha256 = begun.update(part).digest('hex');
    begun = undefined;
    return sha256;
  }

  return (records, content, meet) => {
    const batch = viewOf(records);
    let contentAt = 0;
    for (let at = 0; at < records.length;) {
      const { entry, isRead, contentBytes, end } = readRecord(batch, at, recorded);
      const contentEnd = contentAt + contentBytes;
      if (isRead) entry.sha256 = digest(content.subarray(contentAt, contentEnd));
      entry.zone = zoneOf(entry);
      meet(entry);
      contentAt = contentEnd;
      at = end + ((8 - (end % 8)) % 8);
    }
    if (contentAt < content.length) (begun ??= createHash('sha256')).update(content.subarray(contentAt));
  };
}

interface Batch {
  readonly records: Buffer;
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
}

// All supported machines are little-endian, and a record begins at a multiple of 8.
function viewOf(records: Buffer): Batch {
  const { buffer, byteOffset, length } = records;
  const words = new Uint32Array(buffer, byteOffset, length >> 2);
  return { records, words, doubles: new Float64Array(buffer, byteOffset, length >> 3) };
}

/** The record at a place, without its hash and its zone. */
function readRecord({ records, words, doubles }: Batch, at: number, recorded: readonly Recorded[]) {
  const first = at >> 2;
  const number = (index: number): number => words[first + index] ?? 0;
  const flags = number(8);
  const pathAt = at + HEADER_BYTES;
  const targetAt = pathAt + number(12);
  const end = targetAt + number(13);
  const entry = {
    path: records.toString('latin1', pathAt, targetAt) as BytePath,
    kind: kindOf(number(0)),
    mode: number(0) & 0o7777,
    uid: number(1),
    gid: number(2),
    nlink: number(3),
    inodeLow: number(4),
    inodeHigh: number(5),
    major: number(6),
    minor: number(7),
    hasCapabilities: (flags & 1) !== 0,
    hasAcl: (flags & 2) !== 0,
    isMounted: (flags & 4) !== 0,
    isElf: (flags & 8) !== 0,
    isScript: (flags & 16) !== 0,
    isKey: (flags & 32) !== 0,
    hasLooseDefault: (flags & 128) !== 0,
    error: number(9),
    depth: number(11),
    sizeBytes: doubles[(at >> 3) + 8] ?? 0,
    mtimeMs: doubles[(at >> 3) + 9] ?? 0,
    target: records.toString('latin1', targetAt, end) as BytePath,
    recorded: recorded[number(10)],
    sha256: undefined as string | undefined,
    zone: 'system' as Zone,
  } satisfies Entry;
  return { entry, isRead: (flags & IS_READ) !== 0, contentBytes: number(14), end };
}
