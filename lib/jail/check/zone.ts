// Whose the parts of a jail are.

import type { BytePath } from '../../binary/path.ts';
import { STORE } from '../manifest/layout.ts';
import type { Recorded } from '../manifest/manifest.ts';
import type { Entry, Zone } from './entry.ts';

const PASSING: ReadonlySet<string> = new Set([
  '/tmp',
  '/var/tmp',
  '/dev',
  '/run',
  '/var/run',
  '/proc',
  '/sys',
]);

const SYSTEM = /^\/(?:$|(?:usr|bin|sbin|lib[^/]*|etc|opt)(?:\/|$))/;

/** True for what holds programs, libraries or configuration on every system (file-hierarchy(7)). */
export function isSystemPath(path: BytePath): boolean {
  return SYSTEM.test(path);
}

type Owned = Pick<Recorded, 'mode' | 'uid'>;

function isOfRoot({ mode, uid }: Owned): boolean {
  return uid === 0 && (mode & 0o022) === 0;
}

function isClosed({ mode, uid }: Owned): boolean {
  return uid === 0 && (mode & 0o077) === 0;
}

/** The zone of what lies in a directory. A directory that was root's when it was made does not change sides later. */
function zoneWithin(
  directory: Pick<Entry, 'path' | 'mode' | 'uid' | 'recorded'>,
  outer: Zone,
  hasManifest: boolean,
): Zone {
  const { path, recorded } = directory;
  if (path === '/') return 'system';
  // what lies in one that others may enter is there for them as anything else is
  if (path === STORE && isClosed(directory)) return 'store';
  if (outer === 'store' || outer === 'passing' || outer === 'user') return outer;
  if (PASSING.has(path)) return 'passing';
  if (recorded !== undefined) return isOfRoot(recorded) ? outer : 'user';
  if (!isSystemPath(path) && !isOfRoot(directory)) return 'user';
  return hasManifest ? 'extra' : 'system';
}

/** The zones of the directories on the way to what is met, outermost first: a walk meets a directory before what lies in it. */
export function openZones(hasManifest: boolean): (entry: Omit<Entry, 'zone'>) => Zone {
  const within: Zone[] = [];
  return (entry) => {
    const zone = entry.depth === 0 ? 'system' : (within[entry.depth - 1] ?? 'system');
    if (entry.kind === 'directory') {
      within.length = entry.depth;
      within.push(zoneWithin(entry, zone, hasManifest));
    }
    return zone;
  };
}
