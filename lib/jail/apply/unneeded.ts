// What a jail was given before and is planned no longer.

import type { BytePath } from '../../binary/path.ts';
import type { DirectoryRoot } from '../../binary/root.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { Judge } from './judge.ts';
import type { Left } from './left.ts';
import { lineAt } from './look.ts';
import type { Expected } from './commit-list.ts';

export interface Unneeded {
  /** Deepest first. Of directories only those are removed that are empty then. */
  readonly removable: readonly Expected[];
  readonly left: readonly Left[];
}

/** `planned` are the paths of the new plan. */
export async function findUnneeded(
  jail: DirectoryRoot,
  judge: Judge,
  { before, planned }: { readonly before: Manifest | undefined; readonly planned: ReadonlySet<BytePath> },
): Promise<Unneeded> {
  const removable: Expected[] = [];
  const left: Left[] = [];
  for (const entry of (before?.entries ?? []).toReversed()) {
    if (planned.has(entry.path)) continue;
    const verdict = await judge.judgeUnneeded(entry);
    if (verdict === 'remove') removable.push({ path: entry.path, was: await lineAt(jail, entry.path) });
    else if (verdict !== undefined) left.push(verdict);
  }
  return { removable, left };
}
