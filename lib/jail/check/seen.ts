// What the rules need to know of the whole jail after the walk; of very much only a part, since a hostile jail must not fill
// our memory.

import type { BytePath } from '../../binary/path.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { type Entry, isProgram, type Kind } from './entry.ts';
import { isOwn } from './own.ts';

const MOST = 100_000;
const MAX_PATH = 4095; // what a call takes (path_resolution(7))

/** A file of which some names were not met. */
interface ManyNamed {
  /** One of its names. */
  readonly path: BytePath;
  readonly nlink: number;
  /** How many names were met. */
  readonly met: number;
  readonly uid: number;
  readonly kind: Kind;
  /** A user's own: he can put a name where no check comes, such as very deep. */
  readonly isOwn: boolean;
}

export interface Seen {
  note(entry: Entry): void;
  /** Whether something lies at a path of the manifest. */
  has(path: BytePath): boolean;
  /** Files that have names which do not lie in the jail. */
  namedElsewhere(): readonly ManyNamed[];
  /** Who owns something. */
  readonly uids: ReadonlySet<number>;
  /** What can be executed, and lies where programs are. */
  readonly programs: readonly Pick<Entry, 'path' | 'recorded'>[];
}

export function openSeen(manifest: Manifest | undefined): Seen {
  const absent = new Set<string>(manifest?.entries.map(({ path }) => path));
  // two, so that those of users leave room for root's
  const namesOfRoot = new Map<string, ManyNamed>();
  const namesOfUsers = new Map<string, ManyNamed>();
  const uids = new Set<number>();
  const programs: Pick<Entry, 'path' | 'recorded'>[] = [];

  function noteName(entry: Entry): void {
    const { inodeLow, inodeHigh, path, nlink, uid, kind } = entry;
    const names = uid === 0 ? namesOfRoot : namesOfUsers;
    const inode = `${inodeHigh}:${inodeLow}`;
    const known = names.get(inode);
    const met = (known?.met ?? 0) + 1;
    if (met >= nlink) names.delete(inode);
    else if (known !== undefined || names.size < MOST)
      names.set(inode, { path: known?.path ?? path, nlink, met, uid, kind, isOwn: isOwn(entry) });
  }

  return {
    note: (entry) => {
      const { recorded, path, kind, nlink, uid, zone } = entry;
      if (recorded !== undefined) absent.delete(path);
      if (kind !== 'directory' && nlink > 1 && !entry.isMounted) noteName(entry);
      if (uids.size < MOST) uids.add(uid);
      const isCode = (entry.isElf || entry.isScript) && isProgram(entry) && path.length <= MAX_PATH;
      if (isCode && (zone === 'system' || zone === 'extra') && programs.length < MOST)
        programs.push({ path, recorded });
    },
    has: (path) => !absent.has(path),
    namedElsewhere: () => [...namesOfRoot.values(), ...namesOfUsers.values()],
    uids,
    programs,
  };
}
