// Libraries that no program needs any more.

import { openResolver } from '../../../binary/closure.ts';
import { BASELINE } from '../../../binary/machine.ts';
import { type BytePath, bytePath, showPath } from '../../../binary/path.ts';
import { walk } from '../../../binary/walk.ts';
import type { Recorded } from '../../manifest/manifest.ts';
import { commandLine } from '../command.ts';
import type { CheckedJail } from '../jail.ts';
import type { Rule } from '../rule.ts';

export const idleLibrary: Rule = {
  id: 'idle-library',
  group: 'staleness',
  severity: 'note',
  summary: 'A library came for a program that is no longer in the jail, and no other needs it.',
  attack:
    'Code that nobody uses is still code that somebody can load; it is updated for nothing (ld.so(8); CWE-1104).',
  remedy: 'uchroot-jail update DIRECTORY',
  look: (jail) => {
    const orphans = (jail.manifest?.entries ?? []).filter((entry) => isOrphan(entry, jail));
    if (orphans.length === 0) return [];
    const needed = neededIn(jail);
    return orphans
      .filter(({ path }) => !needed.has(path))
      .map(({ path, reason }) => ({
        path,
        message: `it came for ${showPath(reason.by ?? bytePath(''))}, which is gone, and nothing else needs it`,
        remedy: commandLine('uchroot-jail', 'update', jail.directory),
      }));
  },
};

function isOrphan({ kind, path, reason }: Recorded, { seen }: CheckedJail): boolean {
  const isLibrary = kind === 'file' && (reason.how === 'library' || reason.how === 'dlopen');
  return isLibrary && reason.by !== undefined && seen.has(path) && !seen.has(reason.by);
}

function neededIn({ root, seen, host }: CheckedJail): ReadonlySet<BytePath> {
  const resolver = openResolver(root, { cpu: host?.cpu ?? BASELINE, hasProc: true });
  const needed = new Set<BytePath>();
  for (const { path } of seen.programs)
    for (const file of resolver.resolve(path).files) {
      if (needed.has(file.path)) continue;
      needed.add(file.path);
      needed.add(walk(root, file.path).path);
    }
  return needed;
}
