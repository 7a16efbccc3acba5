// The differences between two manifests.

import type { Manifest, Recorded } from './manifest.ts';
import { toText } from './path-text.ts';

export interface Change {
  readonly kind: 'added' | 'changed' | 'removed';
  /** As seen from the jail. A byte that is not UTF-8 is a lone surrogate U+DC80…U+DCFF. */
  readonly path: string;
  readonly package?: string;
}

/**
 * A Debian package with files in the jail whose version has changed. Undefined: it had no files there before, or has none now.
 */
export interface VersionChange {
  readonly package: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

export function changesBetween(before: Manifest | undefined, after: Manifest): readonly Change[] {
  const old = new Map((before?.entries ?? []).map((entry) => [entry.path, entry]));
  const present = new Set(after.entries.map(({ path }) => path));
  return [
    ...after.entries.flatMap((entry): Change[] => {
      const known = old.get(entry.path);
      if (known !== undefined && isSame(known, entry)) return [];
      const kind = known === undefined ? 'added' : 'changed';
      return [toChange(kind, entry)];
    }),
    ...[...old.values()].filter(({ path }) => !present.has(path)).map((entry) => toChange('removed', entry)),
  ];
}

function toChange(kind: Change['kind'], { path, package: name }: Recorded): Change {
  return { kind, path: toText(path), ...(name !== undefined && { package: name }) };
}

function isSame(a: Recorded, b: Recorded): boolean {
  return (
    a.kind === b.kind &&
    a.sha256 === b.sha256 &&
    a.target === b.target &&
    a.keepPrivileges === b.keepPrivileges &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid
  );
}

export function versionChanges(before: Manifest | undefined, after: Manifest): readonly VersionChange[] {
  const names = new Set([...Object.keys(before?.packages ?? {}), ...Object.keys(after.packages)]);
  return [...names].toSorted().flatMap((name) => {
    const [from, to] = [before?.packages[name], after.packages[name]];
    return from === to ? [] : [{ package: name, from, to }];
  });
}
