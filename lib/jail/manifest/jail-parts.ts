// The parts of a jail, the reasons for its files, and the parts' sizes.

import type { BytePath } from '../../tree/path.ts';
import type { Manifest, Recorded } from './manifest.ts';
import { toText } from './path-text.ts';
import { type Reason, reasonChain, showReason } from './planned-entry.ts';

/** The files of one Debian package, or all files that belong to none. */
export interface JailPart {
  readonly package: string | undefined;
  readonly files: number;
  readonly sizeBytes: number;
  /** The largest file, and why it is there. */
  readonly path: string;
  readonly because: string;
}

/** The largest first. */
export function partsOf({ entries }: Manifest): readonly JailPart[] {
  const groups = new Map<string | undefined, Recorded[]>();
  for (const entry of entries) {
    if (entry.kind !== 'file') continue;
    const group = groups.get(entry.package);
    if (group === undefined) groups.set(entry.package, [entry]);
    else group.push(entry);
  }
  return [...groups]
    .map(([name, files]) => toPart(name, files))
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes);
}

function toPart(name: string | undefined, files: readonly Recorded[]): JailPart {
  const largest = files.reduce((a, b) => (sizeOf(b) > sizeOf(a) ? b : a));
  return {
    package: name,
    files: files.length,
    sizeBytes: files.reduce((sum, file) => sum + sizeOf(file), 0),
    path: toText(largest.path),
    because: showReason(largest.reason),
  };
}

const sizeOf = ({ sizeBytes = 0 }: Recorded): number => sizeBytes;

/** The size in bytes of the files of each pack, including the files that those need. */
export function packSizes({ entries }: Manifest): ReadonlyMap<string, number> {
  const reasons = new Map(entries.map(({ path, reason }) => [path, reason]));
  const known = new Map<BytePath, string | undefined>();
  const sizes = new Map<string, number>();

  // The nearest pack: without it the entry would not be there.
  function packOf({ how, as, by }: Reason): string | undefined {
    if (how === 'pack') return as;
    if (by === undefined) return undefined;
    if (known.has(by)) return known.get(by);
    known.set(by, undefined); // ends a cycle of reasons
    const reason = reasons.get(by);
    const pack = reason === undefined ? undefined : packOf(reason);
    known.set(by, pack);
    return pack;
  }
  for (const entry of entries) {
    const pack = packOf(entry.reason);
    if (pack !== undefined) sizes.set(pack, (sizes.get(pack) ?? 0) + sizeOf(entry));
  }
  return sizes;
}

export interface PackReason {
  readonly name: string;
  /** The file for which the pack was added. Undefined if the pack was asked for, or is in every jail. */
  readonly trigger: string | undefined;
  /** The size of the pack's files, including the files that those need. */
  readonly sizeBytes: number;
}

export function packReasons(manifest: Manifest): readonly PackReason[] {
  const sizes = packSizes(manifest);
  return manifest.packs.map(({ name, trigger }) => ({
    name,
    trigger: trigger && toText(trigger),
    sizeBytes: sizes.get(name) ?? 0,
  }));
}

const LEAST_BYTES = 10_000_000;
const LEAST_SHARE = 0.1;

/** The large packs of a jail that were added for something which was not asked for, such as the perl of git's scripts. */
export function largePacks(manifest: Manifest, totalBytes: number) {
  const hows = new Map(manifest.entries.map(({ path, reason }) => [path, reason.how]));
  const sizes = packSizes(manifest);
  return manifest.packs.flatMap(({ name, trigger }) => {
    const how = trigger && hows.get(trigger);
    const sizeBytes = sizes.get(name) ?? 0;
    const isLarge = sizeBytes >= Math.max(LEAST_BYTES, totalBytes * LEAST_SHARE);
    return isLarge && how !== undefined && how !== 'asked' && how !== 'interpreter'
      ? [{ name, sizeBytes }]
      : [];
  });
}

/** The reasons for a path, nearest first, each one phrase; empty for a path that is not in the manifest. */
export function explain({ entries }: Manifest, path: BytePath): readonly string[] {
  const reasons = new Map(entries.map((entry) => [entry.path, entry.reason]));
  return reasonChain(path, (at) => reasons.get(at)).map(showReason);
}
