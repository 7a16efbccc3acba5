// The differences between two manifests, and between a manifest and a jail.

import { type BytePath, bytePath, joinPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { STORE } from './layout.ts';
import type { Manifest, Recorded } from './manifest.ts';
import { toText } from './path-text.ts';

export interface Change {
  readonly kind: 'added' | 'changed' | 'removed';
  /** As seen from the jail. A byte that is not UTF-8 is a lone surrogate U+DC80…U+DCFF. */
  readonly path: string;
  readonly package?: string;
}

/** A Debian package whose version has changed. Undefined: it had no files in the jail before, or has none now. */
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
      if (known === undefined) return [toChange('added', entry)];
      return COMPARED.every((key) => known[key] === entry[key]) ? [] : [toChange('changed', entry)];
    }),
    ...[...old.values()].filter(({ path }) => !present.has(path)).map((entry) => toChange('removed', entry)),
  ];
}

function toChange(kind: Change['kind'], { path, package: name }: Recorded): Change {
  return { kind, path: toText(path), ...(name !== undefined && { package: name }) };
}

const COMPARED = ['kind', 'sha256', 'target', 'keepPrivileges', 'mode', 'uid', 'gid'] as const;

export function versionChanges(before: Manifest | undefined, after: Manifest): readonly VersionChange[] {
  const names = new Set([...Object.keys(before?.packages ?? {}), ...Object.keys(after.packages)]);
  return [...names].toSorted().flatMap((name) => {
    const [from, to] = [before?.packages[name], after.packages[name]];
    return from === to ? [] : [{ package: name, from, to }];
  });
}

// Directories for temporary files, and those that the kernel fills.
const PASSING: ReadonlySet<string> = new Set(['/tmp', '/proc', '/sys', '/dev', '/run', '/var/tmp', STORE]);
const MOST = 10_000;

/**
 * Up to 10,000 paths that the builder has not made; the content of such a directory is not listed. It does not look into /tmp and
 * the like, into directories of other users, or into other file systems.
 */
export function findExtra(jail: FileRoot, { entries }: Manifest): readonly BytePath[] {
  const known = new Set<string>(entries.map(({ path }) => path));
  const device = jail.lstat(bytePath('/'))?.dev;
  const extra: BytePath[] = [];

  function look(directory: BytePath): void {
    for (const name of jail.list(directory) ?? []) {
      if (extra.length >= MOST) return;
      const path = joinPath(directory, name);
      if (PASSING.has(path)) continue;
      const status = jail.lstat(path);
      if (status === undefined) continue;
      if (!known.has(path)) extra.push(path);
      else if (status.kind === 'directory' && status.uid === 0 && status.dev === device) look(path);
    }
  }
  look(bytePath('/'));
  return extra;
}
