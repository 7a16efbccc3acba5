// Collects the verdicts on the entries of a plan.

import type { BytePath } from '../../binary/path.ts';
import { fromText } from '../manifest/path-text.ts';
import type { Manifest, Recorded } from '../manifest/manifest.ts';
import type { Verdict } from './judge.ts';
import type { Left } from './left.ts';

export interface Outcome {
  /** `record` is the record of the entry as planned. */
  add(path: BytePath, verdict: Verdict, record: Recorded | undefined): void;
  /** The entries of the new manifest. An entry that was left keeps its old record. */
  readonly recorded: readonly Recorded[];
  readonly left: readonly Left[];
  readonly leftPaths: ReadonlySet<BytePath>;
  /** All planned paths, with those that were left. */
  readonly planned: ReadonlySet<BytePath>;
  readonly warnings: string[];
  /** Packages with a file that was left outdated, and the version that the manifest had. */
  stale(before: Manifest | undefined): Readonly<Record<string, string>>;
}

export function openOutcome(before: Manifest | undefined): Outcome {
  const known = new Map((before?.entries ?? []).map((entry) => [entry.path, entry]));
  const recorded: Recorded[] = [];
  const left: Left[] = [];
  const leftPaths = new Set<BytePath>();
  const planned = new Set<BytePath>();
  const warnings: string[] = [];
  return {
    add: (path, { action, left: one, warning }, record) => {
      planned.add(path);
      if (one !== undefined) left.push(one);
      if (warning !== undefined) warnings.push(warning);
      if (action === 'leave') leftPaths.add(path);
      const kept = action === 'leave' ? known.get(path) : record;
      if (kept !== undefined) recorded.push(kept);
    },
    recorded,
    left,
    leftPaths,
    planned,
    warnings,
    stale: (old) => {
      const outdated = left
        .filter(({ isOutdated }) => isOutdated)
        .map(({ path }) => known.get(fromText(path)));
      return Object.fromEntries(
        outdated.flatMap((entry) => {
          const name = entry?.package;
          const version = name === undefined ? undefined : old?.packages[name];
          return name === undefined || version === undefined ? [] : [[name, version]];
        }),
      );
    },
  };
}
