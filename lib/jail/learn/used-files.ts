// Finds what a jail needs among all files that a command used. Pure: it reads the root whose copy the command saw.

import { type BytePath, bytePath, isWithin, joinPath, lastComponent, parentPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { rememberStatus } from '../../tree/remembered-root.ts';
import { statusOf, walk } from '../../tree/walk.ts';
import { lookOr } from '../../words/system-error.ts';
import { withoutDots } from '../host/given-path.ts';
import type { FileEvent } from './file-event.ts';

export interface Sifted {
  /** Regular files that were opened, executed, or found to exist: as they were named, without resolving links. */
  readonly files: readonly BytePath[];
  /** Those of them that were executed: each also needs its interpreter or loader, which no call shows. */
  readonly programs: readonly BytePath[];
  /** Directories that have to exist, without the parents of files and of each other. */
  readonly directories: readonly BytePath[];
  /** Files that are not world-readable, whether or not the command could read them. They are in no other list. */
  readonly secrets: readonly BytePath[];
  /** Paths that the command made, changed, replaced or removed, or tried to without permission. */
  readonly writes: readonly BytePath[];
  /** Unix sockets of the root to which it tried to connect. */
  readonly sockets: readonly BytePath[];
}

interface SiftInput {
  readonly events: readonly FileEvent[];
  readonly root: FileRoot;
  /** Nothing below it is needed: it belongs to one user, and a jail has one of its own. */
  readonly home: BytePath | undefined;
}

// The kernel's own: a copy of it would be useless.
const KERNEL = ['/proc', '/sys', '/dev'];
// Files of the programs that run now: temporary files, pid files, sockets. A link to them, as /etc/resolv.conf, is configuration.
const MOMENTARY = ['/tmp', '/run'];
// A jail has one of its own, for its own libraries.
const LOADER_CACHE = '/etc/ld.so.cache';

// A file that was only found to exist counts as opened, since the answer matters: Python imports no module without its source, and
// git asks for its directories. Above this size it does not count: the command has not used its content.
const MOST_UNREAD_BYTES = 2 ** 20;

interface Need {
  /** Opened or executed, and not only looked at. */
  readonly opened: boolean;
  readonly follows: boolean;
  readonly denied?: boolean;
}

/** Sorts what a command did into lists, each sorted by byte. */
export function sift({ events, root, home }: SiftInput): Sifted {
  // a path that is too long, or on a file system that fails, counts as absent: it could not be copied
  const lstat = (path: BytePath) => lookOr(undefined, () => root.lstat(path));
  return new Sieve(rememberStatus({ ...root, lstat }), home).sift(events);
}

class Sieve {
  readonly #root: FileRoot;
  readonly #momentary: readonly BytePath[];
  readonly #files = new Set<BytePath>();
  readonly #programs = new Set<BytePath>();
  readonly #directories = new Set<BytePath>();
  readonly #secrets = new Set<BytePath>();
  readonly #writes = new Set<BytePath>();
  readonly #sockets = new Set<BytePath>();
  /** Files that the command itself has made or replaced. */
  readonly #replaced = new Set<BytePath>();
  /** Directories that it has read. */
  readonly #listed = new Set<BytePath>();

  constructor(root: FileRoot, home: BytePath | undefined) {
    this.#root = root;
    const momentary = MOMENTARY.map((path) => walk(root, bytePath(path)).path);
    this.#momentary = home === undefined ? momentary : [...momentary, home];
  }

  sift(events: readonly FileEvent[]): Sifted {
    for (const event of events)
      if (event.kind === 'list') this.#listed.add(walk(this.#root, event.path).path);
    for (const event of events) if (event.kind !== 'look') this.#add(event);
    // a file that was looked at and written, but never read, is output of the command
    for (const event of events)
      if (event.kind === 'look' && !this.#writes.has(placeOf(this.#root, event.path)))
        this.#need(event.path, { opened: false, follows: event.follows });
    return {
      files: sorted(this.#files),
      programs: sorted(this.#programs),
      directories: sorted(withoutParents(this.#directories, this.#files)),
      secrets: sorted(this.#secrets),
      writes: sorted(this.#writes),
      sockets: sorted(this.#sockets),
    };
  }

  #add(event: Exclude<FileEvent, { readonly kind: 'look' }>): void {
    const { kind, path } = event;
    if (kind === 'open') this.#open(event);
    else if (kind === 'write') this.#noteWrite(event);
    else if (kind === 'connect') {
      if (this.#isSpecial(path) && !this.#replaced.has(placeOf(this.#root, path)))
        this.#sockets.add(nameOf(this.#root, path));
    } else if (this.#need(path, { opened: true, follows: true }) && kind === 'run')
      this.#programs.add(nameOf(this.#root, path));
  }

  #open(event: Extract<FileEvent, { kind: 'open' }>): void {
    const { path, reads, denied, opened } = event;
    if (reads && !event.replaces) {
      // a name in /proc or /dev may be that of a descriptor, which is the opened file
      const isAlias = isBeneath(KERNEL, placeOf(this.#root, path)) && opened !== undefined;
      this.#need(isAlias ? opened : path, { opened: true, follows: true, denied });
    }
    if (event.writes && !this.#isSpecial(path)) this.#noteWrite(event);
  }

  #isSpecial(path: BytePath): boolean {
    return statusOf(this.#root, path)?.kind === 'other';
  }

  #noteWrite({ path, denied, replaces }: Extract<FileEvent, { kind: 'open' | 'write' }>): void {
    const place = placeOf(this.#root, path);
    const directory = walk(this.#root, parentPath(place));
    if (!isBeneath([...KERNEL, '/tmp'], place) && !(denied && directory.kind !== 'found'))
      this.#writes.add(place);
    if (replaces && !denied) this.#replaced.add(place);
  }

  /** Adds the path to the list for its kind; returns true if it is a world-readable file. */
  #need(path: BytePath, how: Need): boolean {
    const root = this.#root;
    const place = placeOf(root, path);
    const way = walk(root, path);
    if (way.kind !== 'found' || [place, way.path].some((at) => this.#replaced.has(at))) return false;
    if ([place, way.path].some((at) => isBeneath(KERNEL, at)) || isBeneath(this.#momentary, place))
      return false;
    if (way.path === LOADER_CACHE) return false;
    // ls -l and find look at every entry of a directory, and need none
    if (!how.opened && !how.follows && this.#listed.has(parentPath(place))) return false;
    const named = nameOf(root, path);
    if (way.status.kind === 'directory' && how.denied !== true) this.#directories.add(named);
    if (way.status.kind !== 'file' || (!how.opened && way.status.sizeBytes > MOST_UNREAD_BYTES)) return false;
    if (isPublic(root, named)) this.#files.add(named);
    else this.#secrets.add(named);
    return this.#files.has(named);
  }
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

/** The path with the links in its directory resolved: the same for every name that leads to the entry. */
function placeOf(root: FileRoot, path: BytePath): BytePath {
  const name = lastComponent(path);
  if (name === '' || name === '.' || name === '..') return walk(root, path).path;
  return joinPath(walk(root, parentPath(path)).path, name);
}

/** The path to keep: as it was named, so that the links in it are kept, but without empty components and dots. */
function nameOf(root: FileRoot, path: BytePath): BytePath {
  const way = walk(root, path);
  return way.links.length === 0 ? way.path : withoutDots(path);
}

function isBeneath(directories: readonly string[], path: BytePath): boolean {
  return directories.some((directory) => isWithin(path, directory));
}

// Whether the file is world-readable, and others can search every directory on the path, links included. An access
// control list gives others nothing that the mode does not show (acl(5)).
function isPublic(root: FileRoot, path: BytePath): boolean {
  const way = walk(root, path);
  if (way.kind !== 'found' || (way.status.mode & 0o004) === 0) return false;
  const entries = [way.path, ...way.links.map((link) => link.path)];
  const searched = new Set([...entries.map(parentPath), ...way.passed]);
  return [...searched].every((directory) => mayBeSearched(root, directory));
}

function mayBeSearched(root: FileRoot, directory: BytePath): boolean {
  const status = root.lstat(directory);
  if (status === undefined || (status.mode & 0o001) === 0) return false;
  return directory === '/' || mayBeSearched(root, parentPath(directory));
}
