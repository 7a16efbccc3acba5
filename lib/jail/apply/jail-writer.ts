// Stages the entries of a plan that are put in place, and makes the list of changes. The jail is unchanged until Store.commit.

import { type BytePath, showPath } from '../../tree/path.ts';
import { JailError } from '../../errors.ts';
import { errorCode } from '../../words/system-error.ts';
import type { Recorded } from '../manifest/manifest.ts';
import type { Entry, FileEntry, Reason } from '../manifest/planned-entry.ts';
import { throwIfAborted, toJailError } from '../work/jail-error.ts';
import { openTurns } from '../work/steps.ts';
import type { Attributes, CommitList, Expected, Staged } from './commit-list.ts';
import type { HashOf } from './adopted-files.ts';
import { type Content, type Roots, sourceError, toRecorded, type WantedCopy } from './file-facts.ts';
import type { Verdict } from './judge.ts';
import { stampOf } from './present-object.ts';
import { stagedPath, type Store } from './store.ts';

/** An entry, what is done with it, and its record; none for an entry that was left, and for a file that is to be copied. */
export interface Judged {
  readonly entry: Entry;
  readonly verdict: Verdict;
  readonly record: Recorded | undefined;
}

/** Whether a file is copied into the jail. Its record is made from the copy. */
export function isCopied({ kind }: Entry, { action }: Verdict): boolean {
  return kind === 'file' && action === 'put';
}

interface Writing extends Roots {
  readonly hashOf?: HashOf | undefined;
  readonly store: Store;
  readonly signal?: AbortSignal | undefined;
  /** Called for each file that is copied. */
  readonly tell: (entry: FileEntry) => void;
}

// Small enough that an abort takes effect soon, large enough that the cost of a native call does not matter.
const BATCH_FILES = 128;
const BATCH_BYTES = 8 << 20;
/** Of libuv's four threads. The others are for launches and the service's file system calls. */
const THREADS = 2;

export class JailWriter {
  readonly made: Set<BytePath> = new Set();
  readonly warnings: string[] = [];
  readonly #work: Writing;
  readonly #waiting: (Staged & { readonly rank: number })[] = [];
  readonly #attributes: Attributes[] = [];
  readonly #stamps = new Map<BytePath, string>();

  constructor(work: Writing) {
    this.#work = work;
  }

  /** Stages what is put in place; returns the entries with their records. @throws AbortError, JailError */
  async write(all: readonly Judged[]): Promise<readonly Judged[]> {
    const turns = openTurns();
    const copies: WantedCopy[] = [];
    for (const { entry, verdict, record } of all) {
      await turns();
      const { path } = entry;
      const { action, was, stamp } = verdict;
      if (action === 'leave' || action === 'stay') continue;
      if (stamp !== undefined) this.#stamps.set(path, stamp);
      if (action === 'attributes' && record !== undefined) {
        const { mode, uid, gid } = record;
        this.#attributes.push({ path, mode, uid, gid, was });
      } else if (entry.kind === 'file') {
        const number = this.#work.store.reserve();
        copies.push({ number, entry });
        this.#wait(entry, verdict, stagedPath(number));
      } else this.#stage(entry, verdict);
    }
    const facts = await this.#copyAll(copies);
    return all.map((one) => {
      const content = facts.get(one.entry);
      return content === undefined ? one : { ...one, record: toRecorded(one.entry, content) };
    });
  }

  /** The list of all changes, with these removals. @throws JailError EAGAIN if a path was changed after it was judged */
  changes(obsolete: readonly Expected[]): CommitList {
    const { jail } = this.#work;
    for (const [path, stamp] of this.#stamps) if (stampOf(jail.lstat(path)) !== stamp) throw isBusy(path);
    const files = this.#waiting.toSorted((a, b) => a.rank - b.rank);
    return { files, attributes: this.#attributes, obsolete };
  }

  #stage(entry: Exclude<Entry, FileEntry>, verdict: Verdict): void {
    try {
      this.#wait(entry, verdict, this.#work.store.stageEntry(entry));
      if (entry.kind === 'directory') this.made.add(entry.path);
    } catch (error) {
      // EPERM: a container without CAP_MKNOD, or with a device filter.
      if (entry.kind !== 'device' || errorCode(error) !== 'EPERM') throw toJailError(error, entry.path);
      this.warnings.push(`${showPath(entry.path)} was not made: mknod is not permitted here`);
    }
  }

  #wait(entry: Entry, { was }: Verdict, staged: BytePath): void {
    const { path, kind } = entry;
    this.#waiting.push({ staged, path, was, rank: rankOf(entry), isDirectory: kind === 'directory' });
  }

  /** Copies files in batches, some at the same time. After an error no more are begun, and those that run are awaited. */
  async #copyAll(copies: readonly WantedCopy[]): Promise<ReadonlyMap<Entry, Content>> {
    const { store, sourceFd, signal, tell, hashOf } = this.#work;
    const done = new Map<Entry, Content>();
    const batches = batchesOf(copies);
    async function work(): Promise<void> {
      for (let batch = batches.pop(); batch !== undefined; batch = batches.pop())
        try {
          throwIfAborted(signal);
          const facts = await store.copy(sourceFd, batch, hashOf);
          for (const [index, { entry }] of batch.entries()) {
            const content = facts[index];
            if (content !== undefined) done.set(entry, content);
            tell(entry);
          }
        } catch (error) {
          batches.length = 0;
          throw copyError(error, batch);
        }
    }
    const ended = await Promise.allSettled(Array.from({ length: THREADS }, work));
    const failed = ended.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return done;
  }
}

/** The last one first. */
function batchesOf(copies: readonly WantedCopy[]): WantedCopy[][] {
  const batches: WantedCopy[][] = [];
  let bytes = Infinity;
  for (const copy of copies) {
    if (bytes >= BATCH_BYTES || batches[0]?.length === BATCH_FILES) {
      batches.unshift([]);
      bytes = 0;
    }
    batches[0]?.push(copy);
    bytes += copy.entry.sizeBytes;
  }
  return batches;
}

function copyError(error: unknown, batch: readonly WantedCopy[]): unknown {
  const { index = 0, syscall } = error as NodeJS.ErrnoException & { readonly index?: number };
  const entry = batch[index]?.entry;
  if (entry === undefined) return error;
  const code = errorCode(error);
  if (syscall === 'exchanged') return sourceError('exchanged', entry);
  if (syscall === 'openat2' && code === 'ELOOP') return sourceError('linked', entry);
  if (syscall === 'openat2' && (code === 'ENOENT' || code === 'ENOTDIR'))
    return sourceError('vanished', entry);
  return toJailError(error, entry.path);
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
// but new programs may not run with old libraries. A link follows its target.
const DIRECTORY = -1;
const LIBC = 0;
const LIBC_LINK = 1;
const LIBRARY = 2;
const LIBRARY_LINK = 3;
/** For a file that no program needs in order to start. */
export const ORDINARY = 4;
const PROGRAM = 5;
const LINK = 6;

const HOW: Readonly<Partial<Record<Reason['how'], number>>> = {
  library: LIBRARY,
  dlopen: LIBRARY,
  asked: PROGRAM,
  interpreter: PROGRAM,
  command: PROGRAM,
};

/** The rank of an entry; a lower rank comes first. */
export function rankOf(entry: Entry): number {
  const { kind, path, reason } = entry;
  if (kind === 'directory') return DIRECTORY;
  if (kind === 'link') return rankOfLink(path);
  return kind !== 'file' ? ORDINARY : OF_LIBC.test(path) ? LIBC : (HOW[reason.how] ?? ORDINARY);
}

export function rankOfLink(path: BytePath): number {
  if (OF_LIBC.test(path)) return LIBC_LINK;
  return /\.so(?:\.[^/]*)?$/.test(path) ? LIBRARY_LINK : LINK;
}

const OF_LIBC = /\/(?:ld(?:-linux)?|ld-musl|lib(?:c|m|pthread|dl|rt|resolv|nss_[a-z]+|anl|util))[-.][^/]*$/;
