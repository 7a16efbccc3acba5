// Why things are in a jail, in words.

import type { BytePath } from '../../binary/path.ts';
import { reasonChain, showReason } from './entry.ts';
import type { Manifest } from './manifest.ts';
import { toText } from './text.ts';

/** A pack of a jail. */
export interface PackReason {
  readonly name: string;
  /** The file that showed that it is needed; undefined for one that was asked for, or that every jail has. */
  readonly trigger: string | undefined;
}

export function packReasons({ packs }: Manifest): readonly PackReason[] {
  return packs.map(({ name, trigger }) => ({ name, trigger: trigger && toText(trigger) }));
}

/** The reasons of a path, nearest first, each one phrase; empty for a path that is not in the manifest. */
export function explain({ entries }: Manifest, path: BytePath): readonly string[] {
  const reasons = new Map(entries.map((entry) => [entry.path, entry.reason]));
  return reasonChain(path, (at) => reasons.get(at)).map(showReason);
}
