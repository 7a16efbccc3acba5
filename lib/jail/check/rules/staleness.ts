// Rules about files that are older than on the host, or that nothing needs any more.

import { fstatSync } from 'node:fs';

import { type BytePath, bytePath, showPath } from '../../../binary/path.ts';
import { walk } from '../../../binary/walk.ts';
import { openPackages } from '../../dpkg/database.ts';
import type { Host } from '../../host/source-host.ts';
import { hashFile, openRegular } from '../../manifest/file-hash.ts';
import type { Recorded } from '../../manifest/manifest.ts';
import { type Found, inGroup } from '../check-rule.ts';
import { type CheckedJail, usePath } from '../checked-jail.ts';
import { commandLine, decision } from '../remedies.ts';

const GONE = 'is not installed any more';
const LOST = 'is not on the host any more';
// an update has nothing to copy
const AGAIN = decision('bring it back to the host, or build the jail anew without it');

export const staleness = inGroup('staleness', [
  {
    id: 'outdated',
    severity: 'warning',
    summary: 'The system that the jail was built from has another version of a package or file by now.',
    attack:
      'A security update of the host does not come into a jail by itself: an old libssl in it stays vulnerable, as to ' +
      'CVE-2014-0160 (Heartbleed).',
    remedy: 'uchroot-jail update DIRECTORY',
    lookSlowly: async function* look(jail): AsyncGenerator<Found> {
      const { manifest } = jail;
      if (manifest === undefined) return;
      if (jail.host === undefined) {
        const from = showPath(manifest.recipe.from ?? bytePath('/'));
        yield {
          path: bytePath('/'),
          message: `${from}, which it was built from, is not there any more`,
          remedy: decision('bring it back, or build the jail anew from another system'),
        };
        return;
      }
      const stale = stalePackages(jail.host, manifest.packages);
      const told = new Set<string>();
      for (const recorded of manifest.entries) {
        const name = recorded.package;
        let message: string | undefined;
        if (name === undefined) message = await differs(recorded, jail);
        else if (!told.has(name)) {
          const versions = stale.get(name);
          message = versions === undefined ? undefined : `package ${name} ${versions}`;
          told.add(name);
        }
        if (message === undefined) continue;
        const isLost = message.endsWith(GONE) || message.endsWith(LOST);
        const remedy = isLost ? AGAIN : commandLine('uchroot-jail', 'update', jail.directory);
        yield { path: recorded.path, message, remedy };
      }
    },
  },
  {
    id: 'idle-library',
    severity: 'note',
    summary: 'A library came for a program that is no longer in the jail, and no other needs it.',
    attack:
      'Code that nobody uses is still code that somebody can load, and it is updated for nothing (ld.so(8); CWE-1104).',
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
  },
]);

function stalePackages(host: Host, versions: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const names = Object.entries(versions);
  const packages = names.length === 0 ? undefined : openPackages(host.root);
  if (packages === undefined) return new Map();
  return new Map(
    names.flatMap(([name, version]) => {
      const now = packages.find(name)?.version;
      if (now === version) return [];
      return [[name, now === undefined ? `${version} ${GONE}` : `is ${version} here, and ${now} now`]];
    }),
  );
}

// A copy has the modification time of its source. If the times differ, the content decides.
async function differs(
  { kind, path, source, sizeBytes, sha256 }: Recorded,
  { host, root, manifest }: CheckedJail,
): Promise<string | undefined> {
  if (kind !== 'file' || source === undefined || host === undefined || manifest?.recipe.from !== undefined)
    return undefined;
  const now = openRegular(host.root, source);
  if (now === undefined) return `${showPath(source)}, of which it is a copy, ${LOST}`;
  try {
    // as bigint: a number of milliseconds is rounded
    const { size, mtimeNs } = fstatSync(now.fd, { bigint: true });
    const isSame =
      size === BigInt(sizeBytes ?? -1) &&
      (mtimeNs === usePath(root, path, (fd) => fstatSync(fd, { bigint: true }))?.mtimeNs ||
        (await hashFile(now.fd)) === sha256);
    return isSame ? undefined : `${showPath(source)}, of which it is a copy, is another one by now`;
  } finally {
    now.close();
  }
}

function isOrphan({ kind, path, reason }: Recorded, { seen }: CheckedJail): boolean {
  const isLibrary = kind === 'file' && (reason.how === 'library' || reason.how === 'dlopen');
  return isLibrary && reason.by !== undefined && seen.has(path) && !seen.has(reason.by);
}

function neededIn(jail: CheckedJail): ReadonlySet<BytePath> {
  const { root, seen } = jail;
  const resolver = jail.openResolver();
  const needed = new Set<BytePath>();
  for (const { path } of seen.programs)
    for (const file of resolver.resolve(path).files) {
      if (needed.has(file.path)) continue;
      needed.add(file.path);
      needed.add(walk(root, file.path).path);
    }
  return needed;
}
