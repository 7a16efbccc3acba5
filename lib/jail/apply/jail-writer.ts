// Judges each entry of a plan, stages it, and adds it to the list of changes. Files are copied in batches while the rest of the plan
// is judged. The jail is unchanged until Store.commit.

import { type BytePath, showPath } from '../../tree/path.ts';
import { errorCode, type FileRoot } from '../../tree/root.ts';
import { JailError } from '../../errors.ts';
import type { Recorded } from '../manifest/manifest.ts';
import type { Entry, FileEntry, Reason } from '../manifest/planned-entry.ts';
import { toJailError } from '../work/jail-error.ts';
import type { Attributes, CommitList, Expected, Staged } from './commit-list.ts';
import {
  type Content,
  type FileFacts,
  foresee,
  type KnownFiles,
  type Roots,
  sourceError,
  toRecorded,
  type WantedCopy,
} from './file-facts.ts';
import type { Judge, Verdict } from './judge.ts';
import { stampOf } from './present-object.ts';
import { stagedPath, type Store } from './store.ts';

export interface Written {
  readonly verdict: Verdict;
  /** Undefined for an entry that was left, and for a copy: it is recorded when it is made. */
  readonly record: Recorded | undefined;
  readonly copy?: Copy;
  readonly warning?: string;
}

interface Writing extends Roots {
  readonly source: FileRoot;
  readonly store: Store;
  readonly judge: Judge;
}

export class JailWriter {
  readonly made: Set<BytePath> = new Set();
  readonly copies: Copies;
  readonly #work: Writing;
  readonly #waiting: (Staged & { readonly rank: number })[] = [];
  readonly #attributes: Attributes[] = [];
  readonly #stamps = new Map<BytePath, string>();

  constructor(work: Writing) {
    this.#work = work;
    this.copies = new Copies(work.store, work.sourceFd);
  }

  /** Judges an entry, and stages it if it is put in place. @throws as Judge.judge */
  add(entry: Entry, known?: KnownFiles): Written | Promise<Written> {
    let fresh: Recorded | undefined;
    const plan = async () => (fresh ??= await foresee(entry, this.#work.source, known));
    const verdict = this.#work.judge.judge(entry, plan, known);
    return verdict instanceof Promise
      ? verdict.then((judged) => this.#carryOut(entry, judged, plan))
      : this.#carryOut(entry, verdict, plan);
  }

  /** The list of all changes, with these removals. @throws JailError EAGAIN if a path was changed after it was judged */
  changes(obsolete: readonly Expected[]): CommitList {
    const { jail } = this.#work;
    for (const [path, stamp] of this.#stamps) if (stampOf(jail.lstat(path)) !== stamp) throw isBusy(path);
    const files = this.#waiting.toSorted((a, b) => a.rank - b.rank);
    return { files, attributes: this.#attributes, obsolete };
  }

  #carryOut(entry: Entry, verdict: Verdict, plan: () => Promise<Recorded>): Written | Promise<Written> {
    const { path } = entry;
    const { action, was, stamp } = verdict;
    if (action === 'leave') return { verdict, record: undefined };
    if (action !== 'stay' && stamp !== undefined) this.#stamps.set(path, stamp);
    if (action === 'put') return this.#put(entry, verdict);
    return plan().then((record) => {
      const { mode, uid, gid } = record;
      if (action === 'attributes') this.#attributes.push({ path, mode, uid, gid, was });
      return { verdict, record };
    });
  }

  #put(entry: Entry, verdict: Verdict): Written {
    if (entry.kind === 'file') {
      const copy = this.copies.add(entry);
      this.#wait(entry, verdict, copy.staged);
      return { verdict, record: undefined, copy };
    }
    const written = { verdict, record: toRecorded(entry) };
    try {
      this.#wait(entry, verdict, this.#work.store.stageEntry(entry));
    } catch (error) {
      // EPERM: a container without CAP_MKNOD, or with a device filter.
      if (entry.kind !== 'device' || errorCode(error) !== 'EPERM') throw error;
      return { ...written, warning: `${showPath(entry.path)} was not made: mknod is not permitted here` };
    }
    if (entry.kind === 'directory') this.made.add(entry.path);
    return written;
  }

  #wait(entry: Entry, { was }: Verdict, staged: BytePath): void {
    const { path, kind } = entry;
    this.#waiting.push({ staged, path, was, rank: rankOf(entry), isDirectory: kind === 'directory' });
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

// Small enough that an abort takes effect soon, large enough that the cost of a native call does not matter.
const BATCH_FILES = 128;
const BATCH_BYTES = 8 << 20;
/** Of libuv's four threads. The others are for launches and the service's file system calls. */
const THREADS = 2;

interface Copy {
  readonly staged: BytePath;
  /** Undefined until the copy is made. @throws as foresee; JailError for system errors */
  content(): Content | undefined;
  /** Resolves when the copy has been made or has failed. */
  readonly ended: Promise<unknown>;
}

/** The files that one native call copies. */
class Batch {
  readonly jobs: WantedCopy[] = [];
  sizeBytes = 0;
  facts: readonly FileFacts[] | undefined;
  failure: { readonly error: unknown } | undefined;
  readonly ended: Promise<void>;
  #end: () => void = () => {};

  constructor() {
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  async run(store: Store, sourceFd: number): Promise<void> {
    try {
      this.facts = await store.copy(sourceFd, this.jobs);
    } catch (error) {
      this.failure = { error: this.#errorOf(error) };
    }
    this.#end();
  }

  #errorOf(error: unknown): unknown {
    const entry = this.jobs[(error as { readonly index?: number }).index ?? 0]?.entry;
    if (entry === undefined) return error;
    const { syscall } = error as NodeJS.ErrnoException;
    const code = errorCode(error);
    if (syscall === 'exchanged') return sourceError('exchanged', entry);
    if (syscall === 'openat2' && code === 'ELOOP') return sourceError('linked', entry);
    if (syscall === 'openat2' && (code === 'ENOENT' || code === 'ENOTDIR'))
      return sourceError('vanished', entry);
    return toJailError(error, entry.path);
  }
}

class Copies {
  readonly #store: Store;
  readonly #sourceFd: number;
  readonly #waiting: Batch[] = [];
  readonly #running = new Set<Promise<void>>();
  #filling = new Batch();
  #isClosed = false;

  /** `sourceFd` is a descriptor of the root that entries are copied from. */
  constructor(store: Store, sourceFd: number) {
    this.#store = store;
    this.#sourceFd = sourceFd;
  }

  /** The copy is made later, with others. */
  add(entry: FileEntry): Copy {
    const number = this.#store.reserve();
    const batch = this.#filling;
    const index = batch.jobs.push({ number, entry }) - 1;
    batch.sizeBytes += entry.sizeBytes;
    if (batch.jobs.length >= BATCH_FILES || batch.sizeBytes >= BATCH_BYTES) this.flush();
    return {
      staged: stagedPath(number),
      content: () => {
        if (batch.failure !== undefined) throw batch.failure.error;
        return batch.facts?.[index];
      },
      ended: batch.ended,
    };
  }

  /** Starts the last batch: no more copies will be added. */
  flush(): void {
    if (this.#filling.jobs.length > 0) this.#waiting.push(this.#filling);
    this.#filling = new Batch();
    this.#start();
  }

  /** Starts no more copies, and waits for the running ones. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#running);
  }

  #start(): void {
    while (!this.#isClosed && this.#running.size < THREADS) {
      const batch = this.#waiting.shift();
      if (batch === undefined) return;
      const run = batch.run(this.#store, this.#sourceFd).finally(() => {
        this.#running.delete(run);
        if (batch.failure !== undefined) this.#isClosed = true;
        this.#start();
      });
      this.#running.add(run);
    }
  }
}
