// The files that were chosen for a jail so far: each path once, with its first reason, and a directory before its content.

import {
  type BytePath,
  bytePath,
  isWithin,
  joinPath,
  lastComponent,
  parentPath,
  showPath,
} from '../../tree/path.ts';
import type { FileRoot, FileStatus } from '../../tree/root.ts';
import { walk, type Walk } from '../../tree/walk.ts';
import { UsageError } from '../../errors.ts';
import { STORE } from '../manifest/layout.ts';
import type { DirectoryEntry, Entry, FileEntry, Reason } from '../manifest/planned-entry.ts';
import { keptMode, owned, type Owners, ownersOf, ownersOfCopy } from './kept-rights.ts';
import { openWithout } from './left-out.ts';

export interface SelectionOptions {
  readonly owners: Owners;
  /** Files, links resolved, that keep set-user-ID, set-group-ID and file capabilities. */
  readonly keepPrivileges: ReadonlySet<BytePath>;
  /** Paths to leave out, with everything below them. */
  readonly without?: readonly BytePath[];
  /** Directories, links resolved, from which nothing is taken: the jail itself, if it is in the root. */
  readonly outside?: readonly BytePath[];
}

/** An entry of a copy at whose path a directory or a link of the layout is. `to` is the destination of that copy. */
type Hidden = Entry & { readonly to: BytePath };

const ROOT: Entry = { kind: 'directory', path: bytePath('/'), mode: 0o755, reason: { how: 'layout' } };

export class Selection {
  readonly #root: FileRoot;
  readonly #options: SelectionOptions;
  readonly #entries = new Map<BytePath, Entry>();
  readonly #secrets = new Set<BytePath>();
  readonly #without: ReturnType<typeof openWithout>;
  /** Copies that were left out because they are neither file nor directory. */
  readonly special: BytePath[] = [];
  readonly hidden: Hidden[] = [];
  #fresh: FileEntry[] = [];
  #to: BytePath = ROOT.path;

  constructor(root: FileRoot, options: SelectionOptions) {
    this.#root = root;
    this.#options = options;
    this.#without = openWithout(root, options.without ?? []);
  }

  /**
   * Adds an entry and the directories above it. An existing entry keeps its reason.
   * @throws UsageError if a path above it is that of a file or link
   */
  add(entry: Entry): void {
    if (isWithin(entry.path, STORE) || this.#isLeftOut(entry.path, entry.reason)) return;
    this.#put(entry);
  }

  #isLeftOut(path: BytePath, { how }: Reason): boolean {
    return this.#without.covers(path, how === 'copied');
  }

  #put(entry: Entry): void {
    const known = entry.path === '/' ? ROOT : this.#entries.get(entry.path);
    if (known !== undefined && !isBetter(entry, known)) {
      if (isHidden(entry, known)) this.hidden.push({ ...entry, to: this.#to });
      return;
    }
    this.#addWay(parentPath(entry.path), entry.path);
    this.#entries.set(entry.path, entry);
    if (entry.kind === 'file') this.#fresh.push(entry);
  }

  // Not by add(): a copy may lie in a directory that is left out.
  #addWay(path: BytePath, by: BytePath): void {
    const known = this.#entries.get(path);
    if (known === undefined) this.#put({ kind: 'directory', path, mode: 0o755, reason: { how: 'way', by } });
    else if (known.kind !== 'directory') throw clash(known);
  }

  #addLinks({ path: by, passed, links }: Walk, isToCopy = false): void {
    const reason = { how: 'way', by } as const;
    const isOut = (path: BytePath) => isWithin(path, STORE) || (!isToCopy && this.#isLeftOut(path, reason));
    for (const path of passed) if (!isOut(path)) this.#addWay(path, by);
    for (const link of links) if (!isOut(link.path)) this.#put({ kind: 'link', ...link, reason });
  }

  /**
   * Adds the file or directory at a path of the root, without a directory's content, and all links on the path. Returns the
   * path with links resolved; undefined if nothing is there or it is left out, as devices and secrets are.
   */
  addPath(path: BytePath, reason: Reason): BytePath | undefined {
    const way = walk(this.#root, path);
    if (way.kind !== 'found') return undefined;
    if (!this.#addFound(way.path, way.path, way.status, reason)) return undefined;
    this.#addLinks(way);
    return way.path;
  }

  #addFound(from: BytePath, to: BytePath, status: FileStatus, reason: Reason): boolean {
    const isDirectory = status.kind === 'directory';
    if (!isDirectory && status.kind !== 'file') return false;
    if (this.#isForJail(from, status, reason))
      this.add(isDirectory ? this.#toDirectory(to, status, reason) : this.#toFile(from, to, status, reason));
    else if (!this.#isLeftOut(to, reason)) this.#secrets.add(from);
    return to === '/' || this.#entries.has(to);
  }

  /** Mode 0755, but a copied directory keeps the host's mode, and its owner if that is one of the jail's. */
  #toDirectory(path: BytePath, status: FileStatus, reason: Reason): DirectoryEntry {
    if (reason.how !== 'copied') return { kind: 'directory', path, mode: 0o755, reason };
    const { uid, gid } = ownersOfCopy(status, this.#options.owners);
    return { kind: 'directory', path, mode: keptMode(status, gid), reason, ...owned(uid, gid) };
  }

  #toFile(source: BytePath, path: BytePath, status: FileStatus, reason: Reason): FileEntry {
    const file = { kind: 'file', path, source, sizeBytes: status.sizeBytes, reason } as const;
    // the owner is kept: with owner root the file would be set-user-ID root
    if (this.#options.keepPrivileges.has(source))
      return { ...file, mode: status.mode & 0o6755, ...owned(status.uid, status.gid), keepPrivileges: true };
    const isCopy = reason.how === 'copied';
    const { uid, gid } = (isCopy ? ownersOfCopy : ownersOf)(status, this.#options.owners);
    return { ...file, mode: keptMode(status, gid), ...owned(uid, gid) };
  }

  /**
   * A file that is not world-readable, or lies in a directory that others cannot search, is copied only if it was named. This holds
   * for the directories of a pack as well: they have names in them.
   */
  #isForJail(path: BytePath, { kind, mode }: FileStatus, { how, by }: Reason): boolean {
    if (how === 'asked' || how === 'copied') return true;
    if (kind === 'directory') return how !== 'pack' || this.#mayReach(path, this.#sourceOf(by));
    if ((mode & 0o004) === 0) return false;
    if (how === 'pack') return this.#mayReach(parentPath(path), this.#sourceOf(by));
    return (how !== 'package' && how !== 'learned') || this.#mayReach(parentPath(path));
  }

  #sourceOf(path: BytePath | undefined): BytePath | undefined {
    const entry = path === undefined ? undefined : this.#entries.get(path);
    return entry?.kind === 'file' ? entry.source : path;
  }

  // A user who cannot search a directory cannot read the files in it either. For the parts that a pack adds to a program, such as
  // the modules beside it, the directories above that program count as open. `/` may have the mode of the directory of --from.
  #mayReach(directory: BytePath, program?: BytePath): boolean {
    if (directory === '/' || (program !== undefined && isWithin(program, directory))) return true;
    const status = this.#root.lstat(directory);
    if (status === undefined || (status.mode & 0o001) === 0) return false;
    return this.#mayReach(parentPath(directory), program);
  }

  /** Adds a directory with the content that `accept` allows; links stay links, and their targets are added. */
  addTree(
    path: BytePath,
    reason: Reason,
    accept: (path: BytePath) => boolean = () => true,
  ): BytePath | undefined {
    const start = this.addPath(path, reason);
    if (start !== undefined) this.#addBeneath(start, start, reason, accept);
    return start;
  }

  #addBeneath(from: BytePath, to: BytePath, reason: Reason, accept: (path: BytePath) => boolean): void {
    if (this.#options.outside?.includes(from) === true) return;
    for (const name of this.#root.list(from) ?? []) {
      const path = joinPath(from, name);
      const status = this.#root.lstat(path);
      const target = joinPath(to, name);
      if (status === undefined || !accept(path) || this.#isLeftOut(target, reason)) continue;
      if (status.target !== undefined) this.#addLink(path, target, status.target, reason);
      else if (status.kind === 'other') {
        if (reason.how === 'copied') this.special.push(path);
      } else if (this.#addFound(path, target, status, reason) && status.kind === 'directory')
        this.#addBeneath(path, target, reason, accept);
    }
  }

  // The targets of links are added only if the tree keeps its path; otherwise the caller adds them.
  #addLink(from: BytePath, to: BytePath, target: BytePath, reason: Reason): void {
    const leads = from === to ? this.addPath(from, reason) : undefined;
    if (leads === undefined || !this.#entries.has(to)) this.add({ kind: 'link', path: to, target, reason });
  }

  /** Adds a file or a whole directory under another path. A file replaces what an earlier copy has there. */
  addCopy(from: BytePath, to: BytePath): boolean {
    this.#to = to;
    const way = walk(this.#root, from);
    if (way.kind !== 'found') return false;
    const reason: Reason = { how: 'copied', as: from };
    if (from === to) this.#addLinks(way, true);
    const isDirectory = way.status.kind === 'directory';
    const target =
      from === to
        ? way.path
        : isDirectory
          ? this.#placeOf(to)
          : joinPath(this.#placeOf(parentPath(to)), lastComponent(to));
    this.#without.addCopy(target);
    const known = this.#entries.get(target);
    if (!isDirectory && known !== undefined && !isFixed(known)) this.#entries.delete(target);
    if (!this.#addFound(way.path, target, way.status, reason)) return false;
    if (isDirectory) this.#addBeneath(way.path, target, reason, () => true);
    return true;
  }

  /** The path of a directory in the jail, with the host's links on it resolved; the host need not have the directory. */
  #placeOf(path: BytePath): BytePath {
    if (path === '/') return path;
    const way = walk(this.#root, path);
    if (way.kind !== 'found' || way.status.kind !== 'directory')
      return joinPath(this.#placeOf(parentPath(path)), lastComponent(path));
    this.#addLinks(way, true);
    return way.path;
  }

  get(path: BytePath): Entry | undefined {
    return this.#entries.get(path);
  }

  /** Paths of `without` that left nothing out. */
  unused(): readonly BytePath[] {
    return this.#without.unused();
  }

  /** A directory before its content. */
  entries(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  paths(): Iterable<BytePath> {
    return this.#entries.keys();
  }

  /** The files that were copied by their own names, or with their directory. */
  copies(): readonly FileEntry[] {
    return this.entries().flatMap((entry) =>
      entry.kind === 'file' && entry.reason.how === 'copied' ? [entry] : [],
    );
  }

  /** The files that were added since the last call, to be examined for what they need. */
  takeFresh(): readonly FileEntry[] {
    const taken = this.#fresh.filter((entry) => this.#entries.get(entry.path) === entry);
    this.#fresh = [];
    return taken;
  }

  /** Files, and directories of a pack, that were left out because they are not world-readable. One that was named is an entry. */
  get secrets(): readonly BytePath[] {
    return [...this.#secrets].filter((path) => !this.#entries.has(path));
  }
}

// A directory that was only a parent can get a better reason, mode and owner. A file that the builder writes, such as
// /etc/passwd, replaces the host's file that a learned command opened or a package contains.
function isBetter(entry: Entry, known: Entry): boolean {
  if (entry.kind === 'data')
    return known.kind === 'file' && (known.reason.how === 'learned' || known.reason.how === 'package');
  return entry.kind === 'directory' && known.reason.how === 'way' && entry.reason.how !== 'way';
}

/** Whether an entry cannot make way for a copy. */
const isFixed = ({ kind, reason }: Entry): boolean => kind === 'directory' || reason.how !== 'copied';

/** Whether a copy is lost: what is at its path is of another kind. */
function isHidden({ kind, reason }: Entry, known: Entry): boolean {
  return reason.how === 'copied' && kind !== 'directory' && kind !== known.kind && isFixed(known);
}

/** For an entry at whose path there must also be a directory. */
export function clash(entry: Entry): UsageError {
  const { path, kind } = entry;
  const place =
    entry.kind === 'link'
      ? joinPath(parentPath(path), entry.target)
      : joinPath(path, lastComponent(entry.kind === 'file' ? entry.source : path));
  return new UsageError(`${showPath(path)} would be both a directory and a ${kind}`, {
    hint: `name another DEST, such as ${showPath(place)}`,
  });
}
