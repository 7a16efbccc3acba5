// What a jail needs of all that a command used. Pure, on the root that the command saw a copy of.

import { type BytePath, bytePath, parentPath } from '../../binary/path.ts';
import { errorCode, type FileRoot } from '../../binary/root.ts';
import { rememberStatus } from '../../binary/remembered-root.ts';
import { walk } from '../../binary/walk.ts';
import type { FileEvent } from './event.ts';
import { isBeneath, isPublic, nameOf, placeOf, statusOf } from './place.ts';

export interface Sifted {
  /** Regular files that were opened, executed, or found to be there: as named, links not resolved. */
  readonly files: readonly BytePath[];
  /** Those of them that were executed: each needs its interpreter or loader, which no call tells. */
  readonly programs: readonly BytePath[];
  /** Directories that have to exist; the parents of files, and of each other, go without saying. */
  readonly directories: readonly BytePath[];
  /** Files that not everybody may read, whether or not the command could. They are in no other list. */
  readonly secrets: readonly BytePath[];
  /** What the command made, changed, replaced or removed, or would have if it had been allowed to. */
  readonly writes: readonly BytePath[];
  /** Unix sockets of the root that it would have talked to. */
  readonly sockets: readonly BytePath[];
}

export interface SiftInput {
  readonly events: readonly FileEvent[];
  readonly root: FileRoot;
  /** Nothing below it is needed: it is one user's, and a jail has its own. */
  readonly home: BytePath | undefined;
}

// The kernel's own: whatever leads there, a copy would be nonsense.
const KERNEL = ['/proc', '/sys', '/dev'];
// What lies here belongs to the programs that run now: files of a moment, pid files, sockets. A link that leads there,
// such as /etc/resolv.conf, is somebody's configuration all the same.
const MOMENTARY = ['/tmp', '/run'];
// A jail has one of its own, which names what is in it.
const LOADER_CACHE = '/etc/ld.so.cache';

/**
 * A file that was only found to be there counts as if it had been opened, since the answer matters (Python imports no module
 * without its source, git asks for its directories); but not above this size: nobody has seen its content.
 */
const MOST_UNREAD_BYTES = 2 ** 20;

interface Need {
  /** Opened or executed, and not only looked at. */
  readonly opened: boolean;
  readonly follows: boolean;
  readonly denied?: boolean;
}

/** Sorts what a command did into lists, each sorted by byte. */
export function sift({ events, root: slow, home }: SiftInput): Sifted {
  const root = rememberStatus(skipUnreadable(slow));
  const files = new Set<BytePath>();
  const programs = new Set<BytePath>();
  const directories = new Set<BytePath>();
  const secrets = new Set<BytePath>();
  const writes = new Set<BytePath>();
  const sockets = new Set<BytePath>();
  const replaced = new Set<BytePath>(); // by the command itself
  const looks: Extract<FileEvent, { kind: 'look' }>[] = [];
  const momentary = [
    ...MOMENTARY.map((path) => walk(root, bytePath(path)).path),
    ...(home === undefined ? [] : [home]),
  ];
  const listed = new Set(
    events.flatMap((event) => (event.kind === 'list' ? [walk(root, event.path).path] : [])),
  );

  /** Puts what lies there where it belongs; true if it is a file that everybody may read. */
  function need(path: BytePath, how: Need): boolean {
    const place = placeOf(root, path);
    const way = walk(root, path);
    if (way.kind !== 'found' || replaced.has(place) || replaced.has(way.path)) return false;
    if (isBeneath(KERNEL, place) || isBeneath(KERNEL, way.path) || isBeneath(momentary, place)) return false;
    if (way.path === LOADER_CACHE) return false;
    // looked at one by one as ls -l and find do, not asked for
    if (!how.opened && !how.follows && listed.has(parentPath(place))) return false;
    const named = nameOf(root, path);
    switch (way.status.kind) {
      case 'directory':
        if (how.denied !== true) directories.add(named);
        return false;
      case 'file':
        if (!how.opened && way.status.sizeBytes > MOST_UNREAD_BYTES) return false;
        if (isPublic(root, named)) files.add(named);
        else secrets.add(named);
        return files.has(named);
      case 'symlink':
      case 'other':
        return false;
      default:
        return way.status.kind satisfies never;
    }
  }

  function noteWrite(path: BytePath, denied: boolean): void {
    const place = placeOf(root, path);
    const directory = walk(root, parentPath(place));
    if (isBeneath([...KERNEL, '/tmp'], place) || (denied && directory.kind !== 'found')) return;
    writes.add(place);
  }

  function open(event: Extract<FileEvent, { kind: 'open' }>): void {
    const { path, reads, denied, opened } = event;
    if (reads && !event.replaces) {
      // a descriptor by its name in /proc or /dev is the file itself
      const isAlias = isBeneath(KERNEL, placeOf(root, path)) && opened !== undefined;
      need(isAlias ? opened : path, { opened: true, follows: true, denied });
    }
    if (!event.writes || statusOf(root, path)?.kind === 'other') return;
    noteWrite(path, denied);
    if (event.replaces && !denied) replaced.add(placeOf(root, path));
  }

  for (const event of events) {
    switch (event.kind) {
      case 'open':
        open(event);
        break;
      case 'run':
        if (need(event.path, { opened: true, follows: true })) programs.add(nameOf(root, event.path));
        break;
      case 'look':
        looks.push(event);
        break;
      case 'list':
        need(event.path, { opened: true, follows: true });
        break;
      case 'write':
        noteWrite(event.path, event.denied);
        if (event.replaces && !event.denied) replaced.add(placeOf(root, event.path));
        break;
      case 'connect':
        if (statusOf(root, event.path)?.kind === 'other' && !replaced.has(placeOf(root, event.path)))
          sockets.add(nameOf(root, event.path));
        break;
      default:
        event satisfies never;
    }
  }
  // A file that was looked at and written to, but never read, is what the command brings forth.
  for (const { path, follows } of looks)
    if (!writes.has(placeOf(root, path))) need(path, { opened: false, follows });
  return {
    files: sorted(files),
    programs: sorted(programs),
    directories: sorted(withoutParents(directories, files)),
    secrets: sorted(secrets),
    writes: sorted(writes),
    sockets: sorted(sockets),
  };
}

// A path too long to be looked up, or a file system that fails: nothing of it could be copied.
function skipUnreadable(root: FileRoot): FileRoot {
  return {
    ...root,
    lstat: (path) => {
      try {
        return root.lstat(path);
      } catch (error) {
        if (errorCode(error) === undefined) throw error;
        return undefined;
      }
    },
  };
}

function withoutParents(
  directories: ReadonlySet<BytePath>,
  files: ReadonlySet<BytePath>,
): ReadonlySet<BytePath> {
  const parents = new Set<string>(['/']);
  for (const path of [...files, ...directories])
    for (let above = parentPath(path); !parents.has(above); above = parentPath(above)) parents.add(above);
  return new Set([...directories].filter((path) => !parents.has(path)));
}

function sorted(paths: ReadonlySet<BytePath>): readonly BytePath[] {
  return [...paths].toSorted((a, b) => (a < b ? -1 : 1));
}
