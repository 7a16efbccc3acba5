// Files that are newer on the host.

import { lstatSync } from 'node:fs';

import { bytePath, pathBytes, showPath } from '../../../binary/path.ts';
import { openPackages } from '../../dpkg/database.ts';
import type { Host } from '../../host/host.ts';
import type { Recorded } from '../../manifest/manifest.ts';
import { commandLine } from '../command.ts';
import type { Found } from '../finding.ts';
import type { CheckedJail } from '../jail.ts';
import type { Rule } from '../rule.ts';

export const outdated: Rule = {
  id: 'outdated',
  group: 'staleness',
  severity: 'warning',
  summary: 'What the jail was built from has another version by now, or another content.',
  attack:
    'A security update of the host does not come into a jail by itself: its old libssl goes on being attacked ' +
    '(CVE-2014-0160 is the one to remember).',
  remedy: 'uchroot-jail update DIRECTORY',
  look: function* look(jail): Generator<Found> {
    const { manifest } = jail;
    if (manifest === undefined) return;
    const remedy = commandLine('uchroot-jail', 'update', jail.directory);
    if (jail.host === undefined) {
      const from = showPath(manifest.recipe.from ?? bytePath('/'));
      yield {
        path: bytePath('/'),
        message: `${from}, which it was built from, is not there any more`,
        remedy,
      };
      return;
    }
    const stale = stalePackages(jail.host, manifest.packages);
    const told = new Set<string>();
    for (const recorded of manifest.entries) {
      const name = recorded.package;
      const versions = name === undefined ? undefined : stale.get(name);
      if (name !== undefined && versions !== undefined && !told.has(name)) {
        told.add(name);
        yield { path: recorded.path, message: `package ${name} ${versions}`, remedy };
      } else if (name === undefined) {
        const message = differs(recorded, jail);
        if (message !== undefined) yield { path: recorded.path, message, remedy };
      }
    }
  },
};

function stalePackages(host: Host, versions: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const names = Object.entries(versions);
  const packages = names.length === 0 ? undefined : openPackages(host.root);
  if (packages === undefined) return new Map();
  return new Map(
    names.flatMap(([name, version]) => {
      const now = packages.find(name)?.version;
      if (now === version) return [];
      return [
        [
          name,
          now === undefined ? `${version} is not installed any more` : `is ${version} here, and ${now} now`,
        ],
      ];
    }),
  );
}

// By size and time, as rsync(1) does: what is another file by now.
function differs(
  { kind, source, sizeBytes, mtimeMs }: Recorded,
  { manifest }: CheckedJail,
): string | undefined {
  if (kind !== 'file' || source === undefined || manifest?.recipe.from !== undefined) return undefined;
  const now = lstatSync(pathBytes(source), { throwIfNoEntry: false });
  if (now === undefined) return `${showPath(source)}, of which it is a copy, is not on the host any more`;
  if (now.size === sizeBytes && (mtimeMs === undefined || Math.trunc(now.mtimeMs) === mtimeMs))
    return undefined;
  return `${showPath(source)}, of which it is a copy, is another one by now`;
}
