// What the rules need to know about the whole jail after the walk. It is limited: a hostile jail must not fill our memory.

import type { BytePath } from '../../binary/path.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { type Entry, isOfSystem, isOwn, isProgram, type Kind } from './checked-entry.ts';

const MOST = 100_000;
const MAX_PATH = 4095; // a system call takes no more (path_resolution(7))

/** A file that has more names than the walk has met. */
interface ManyNamed {
  /** One of its names. */
  readonly path: BytePath;
  readonly nlink: number;
  /** How many names the walk has met. */
  readonly met: number;
  readonly uid: number;
  readonly kind: Kind;
  /** It is a user's own: he can hide a name where no walk comes, such as very deep. */
  readonly isOwn: boolean;
}

export interface WalkFacts {
  note(entry: Entry): void;
  /** Whether the walk has met a path of the manifest. */
  has(path: BytePath): boolean;
  /** Files that have names outside of the jail. */
  namedElsewhere(): readonly ManyNamed[];
  /** The owners of all entries. */
  readonly uids: ReadonlySet<number>;
  /** The programs that lie where root keeps programs. */
  readonly programs: readonly Pick<Entry, 'path' | 'recorded'>[];
}

export function openWalkFacts(manifest: Manifest | undefined): WalkFacts {
  const absent = new Set<string>(manifest?.entries.map(({ path }) => path));
  // two maps, so that users cannot use up the room for root's files
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
      const { recorded, path, kind, nlink, uid } = entry;
      if (recorded !== undefined) absent.delete(path);
      if (kind !== 'directory' && nlink > 1 && !entry.isMounted) noteName(entry);
      if (uids.size < MOST) uids.add(uid);
      const isCode = (entry.isElf || entry.isScript) && isProgram(entry) && path.length <= MAX_PATH;
      if (isCode && isOfSystem(entry) && programs.length < MOST) programs.push({ path, recorded });
    },
    has: (path) => !absent.has(path),
    namedElsewhere: () => [...namesOfRoot.values(), ...namesOfUsers.values()],
    uids,
    programs,
  };
}
