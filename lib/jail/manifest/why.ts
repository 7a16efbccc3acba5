// Why things are in a jail, in words.

import type { BytePath } from '../../binary/path.ts';
import { reasonChain, showReason } from './entry.ts';
import type { Manifest } from './manifest.ts';
import { packSizes } from './parts.ts';
import { toText } from './text.ts';

/** A pack of a jail. */
export interface PackReason {
  readonly name: string;
  /** The file that showed that it is needed; undefined for one that was asked for, or that every jail has. */
  readonly trigger: string | undefined;
  /** Of the files that it has brought, with what they need. */
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

/** The reasons of a path, nearest first, each one phrase; empty for a path that is not in the manifest. */
export function explain({ entries }: Manifest, path: BytePath): readonly string[] {
  const reasons = new Map(entries.map((entry) => [entry.path, entry.reason]));
  return reasonChain(path, (at) => reasons.get(at)).map(showReason);
}
