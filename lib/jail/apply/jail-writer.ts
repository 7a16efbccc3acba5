// Judges each entry of a plan, stages it, and adds it to the list of changes. The jail is unchanged until Store.commit.

import { type BytePath, showPath } from '../../binary/path.ts';
import { type DirectoryRoot, errorCode, type FileRoot } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import { isWithin } from '../host/mounts.ts';
import type { Entry, FileEntry } from '../manifest/planned-entry.ts';
import type { Recorded } from '../manifest/manifest.ts';
import type { Attributes, CommitList, Expected, Staged } from './commit-list.ts';
import { type Copies, type Copy, openCopies } from './copies.ts';
import type { KnownFiles } from './file-facts.ts';
import type { Judge, Verdict } from './judge.ts';
import { stampOf } from './look.ts';
import { foresee, toRecorded } from './recording.ts';
import type { Store } from './store.ts';

export interface Written {
  readonly verdict: Verdict;
  /** Undefined for an entry that was left, and for a copy: it is recorded when it is made. */
  readonly record: Recorded | undefined;
  readonly copy?: Copy;
  readonly warning?: string | undefined;
}

interface Waiting extends Staged {
  readonly rank: number;
}

export interface Writing {
  readonly source: FileRoot;
  /** A descriptor of that root. */
  readonly sourceFd: number;
  readonly jail: DirectoryRoot;
  readonly store: Store;
  readonly judge: Judge;
  /** Mount points in the jail, as paths of the jail. */
  readonly mounted: readonly BytePath[];
}

export class JailWriter {
  readonly made: Set<BytePath> = new Set();
  readonly #work: Writing;
  readonly #copies: Copies;
  readonly #waiting: Waiting[] = [];
  readonly #attributes: Attributes[] = [];
  readonly #obsolete: Expected[] = [];
  readonly #stamps = new Map<BytePath, string>();

  constructor(work: Writing) {
    this.#work = work;
    this.#copies = openCopies(work.store, work.sourceFd);
  }

  /**
   * Judges an entry, and stages it if the verdict is to put it in place.
   * @throws JailError as Judge.judge; EXDEV if it is a mount point; system errors
   */
  add(entry: Entry, known?: KnownFiles): Written | Promise<Written> {
    let fresh: Recorded | undefined;
    const facts = entry.kind === 'file' ? known?.onHost(entry.source) : undefined;
    const plan = async () => (fresh ??= await foresee(entry, this.#work.source, facts));
    const verdict = this.#work.judge.judge(entry, plan, known);
    return verdict instanceof Promise
      ? verdict.then((judged) => this.#carryOut(entry, judged, plan))
      : this.#carryOut(entry, verdict, plan);
  }

  /** Starts the last copies: no more entries will be added. */
  flush(): void {
    this.#copies.flush();
  }

  /** Starts no more copies, and waits for the running ones. */
  close(): Promise<void> {
    return this.#copies.close();
  }

  /** Adds a removal; `was` as in Expected. */
  remove(path: BytePath, was: Expected['was']): void {
    this.#obsolete.push({ path, was });
  }

  /** The list of all changes. @throws JailError EAGAIN if a path was changed after it was judged */
  changes(): CommitList {
    const { jail } = this.#work;
    for (const [path, stamp] of this.#stamps) if (stampOf(jail.lstat(path)) !== stamp) throw isBusy(path);
    const files = this.#waiting.toSorted((a, b) => a.rank - b.rank);
    return { files, attributes: this.#attributes, obsolete: this.#obsolete };
  }

  #carryOut(entry: Entry, verdict: Verdict, plan: () => Promise<Recorded>): Written | Promise<Written> {
    const { path } = entry;
    const { action, was, stamp } = verdict;
    if (action === 'leave') {
      // A path can look changed because it is a mount point.
      if (verdict.left?.because === 'changed' && entry.kind !== 'directory') this.#checkMounts(path);
      return { verdict, record: undefined };
    }
    if (action !== 'stay') this.#checkMounts(path);
    if (action !== 'stay' && stamp !== undefined) this.#stamps.set(path, stamp);
    if (action === 'put') return this.#put(entry, verdict);
    return plan().then((record) => {
      const { mode, uid, gid } = record;
      if (action === 'attributes') this.#attributes.push({ path, mode, uid, gid, was });
      return { verdict, record };
    });
  }

  /** rename(2) fails across mounts and on a mount point. */
  #checkMounts(path: BytePath): void {
    const point = this.#work.mounted.find((directory) => isWithin(path, directory));
    if (point === undefined) return;
    throw new JailError(`something is mounted on ${showPath(point)} in the jail, where a file belongs`, {
      code: 'EXDEV',
      path: showPath(point),
      hint: 'unmount it first',
    });
  }

  #put(entry: Entry, verdict: Verdict): Written {
    const { path, kind } = entry;
    const { store } = this.#work;
    const written = { verdict, record: kind === 'file' ? undefined : toRecorded(entry) };
    switch (kind) {
      case 'directory': {
        const { mode, uid = 0, gid = 0 } = entry;
        this.#wait(entry, verdict, DIRECTORY, store.stageDirectory({ mode, uid, gid }));
        this.made.add(path);
        return written;
      }
      case 'link':
        this.#wait(entry, verdict, rankOfLink(path), store.stageLink(entry.target));
        return written;
      case 'file': {
        const copy = this.#copies.add(entry);
        this.#wait(entry, verdict, rankOf(entry), copy.staged);
        return { ...written, copy };
      }
      case 'data':
        this.#wait(entry, verdict, ORDINARY, store.stageData(entry));
        return written;
      case 'device':
        try {
          this.#wait(entry, verdict, ORDINARY, store.stageDevice(entry));
          return written;
        } catch (error) {
          // EPERM: a container without CAP_MKNOD, or with a device filter.
          if (errorCode(error) !== 'EPERM') throw error;
          return { ...written, warning: `${showPath(path)} was not made: mknod is not permitted here` };
        }
      default:
        return kind satisfies never;
    }
  }

  #wait({ path, kind }: Entry, { was }: Verdict, rank: number, staged: BytePath): void {
    this.#waiting.push({ staged, path, was, rank, isDirectory: kind === 'directory' });
  }
}

function isBusy(jailPath: BytePath): JailError {
  const path = showPath(jailPath);
  return new JailError(`another process has just changed ${path} in the jail`, {
    code: 'EAGAIN',
    path,
    hint: 'nothing was changed; run it again',
  });
}

// The loader and the C library need each other's version, so one directly follows the other. Old programs run with new libraries,
// but new programs may not run with old libraries. A link follows its target. new libraries, but a new program may not run with
// old ones. A link comes after its target.
const DIRECTORY = -1;
const LIBC = 0;
const LIBC_LINK = 1;
const LIBRARY = 2;
const LIBRARY_LINK = 3;
/** For a file that no program needs in order to start. */
export const ORDINARY = 4;
const PROGRAM = 5;
const LINK = 6;

/** The rank of a file; a lower rank comes first. */
export function rankOf({ path, reason }: FileEntry): number {
  if (OF_LIBC.test(path)) return LIBC;
  if (reason.how === 'library' || reason.how === 'dlopen') return LIBRARY;
  return reason.how === 'asked' || reason.how === 'interpreter' || reason.how === 'command'
    ? PROGRAM
    : ORDINARY;
}

export function rankOfLink(path: BytePath): number {
  if (OF_LIBC.test(path)) return LIBC_LINK;
  return /\.so(?:\.[^/]*)?$/.test(path) ? LIBRARY_LINK : LINK;
}

const OF_LIBC = /\/(?:ld(?:-linux)?|ld-musl|lib(?:c|m|pthread|dl|rt|resolv|nss_[a-z]+|anl|util))[-.][^/]*$/;
