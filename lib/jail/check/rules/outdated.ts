// Files that are newer on the host.

import { type BigIntStats, constants, fstatSync } from 'node:fs';

import { type BytePath, bytePath, pathBytes, showPath } from '../../../binary/path.ts';
import { type DirectoryRoot, errorCode } from '../../../binary/root.ts';
import { native } from '../../../native.ts';
import { openPackages } from '../../dpkg/database.ts';
import type { Host } from '../../host/host.ts';
import { hashFile, openRegular } from '../../manifest/file-hash.ts';
import type { Recorded } from '../../manifest/manifest.ts';
import { commandLine, decision } from '../command.ts';
import type { Found } from '../finding.ts';
import type { CheckedJail } from '../jail.ts';
import type { Rule } from '../rule.ts';

const GONE = 'is not installed any more';
const LOST = 'is not on the host any more';
// an update has nothing to copy
const AGAIN = decision('bring it back to the host, or build the jail anew without it');

export const outdated: Rule = {
  id: 'outdated',
  group: 'staleness',
  severity: 'warning',
  summary: 'What the jail was built from has another version by now, or another content.',
  attack:
    'A security update of the host does not come into a jail by itself: its old libssl goes on being attacked ' +
    '(CVE-2014-0160 is the one to remember).',
  remedy: 'uchroot-jail update DIRECTORY',
  lookSlowly: async function* look(jail): AsyncGenerator<Found> {
    const { manifest } = jail;
    if (manifest === undefined) return;
    const remedy = commandLine('uchroot-jail', 'update', jail.directory);
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
      const versions = name === undefined ? undefined : stale.get(name);
      if (name !== undefined && versions !== undefined && !told.has(name)) {
        told.add(name);
        const message = `package ${name} ${versions}`;
        yield { path: recorded.path, message, remedy: versions.endsWith(GONE) ? AGAIN : remedy };
      } else if (name === undefined) {
        const message = await differs(recorded, jail);
        if (message !== undefined)
          yield { path: recorded.path, message, remedy: message.endsWith(LOST) ? AGAIN : remedy };
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
      return [[name, now === undefined ? `${version} ${GONE}` : `is ${version} here, and ${now} now`]];
    }),
  );
}

// A copy has the time of what it is a copy of. Where that is another one, the content decides.
async function differs(
  { kind, path, source, sizeBytes, sha256 }: Recorded,
  { host, root, manifest }: CheckedJail,
): Promise<string | undefined> {
  if (kind !== 'file' || source === undefined || host === undefined || manifest?.recipe.from !== undefined)
    return undefined;
  const now = openRegular(host.root, source);
  if (now === undefined) return `${showPath(source)}, of which it is a copy, ${LOST}`;
  try {
    // by bigint: a number of milliseconds is rounded
    const { size, mtimeNs } = fstatSync(now.fd, { bigint: true });
    const isSame =
      size === BigInt(sizeBytes ?? -1) &&
      (mtimeNs === statusIn(root, path)?.mtimeNs || (await hashFile(now.fd)) === sha256);
    return isSame ? undefined : `${showPath(source)}, of which it is a copy, is another one by now`;
  } finally {
    now.close();
  }
}

const O_PATH = 0o10000000; // asm-generic/fcntl.h; not among Node's constants

function statusIn(root: DirectoryRoot, path: BytePath): BigIntStats | undefined {
  let fd: number;
  try {
    fd = native.inRootOpen(root.fd, pathBytes(path), O_PATH | constants.O_NOFOLLOW);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined; // `missing` tells of it
  }
  try {
    return fstatSync(fd, { bigint: true });
  } finally {
    native.closeDescriptor(fd);
  }
}
