// Copies files of the host in batches while the rest of the plan is judged.

import type { BytePath } from '../../binary/path.ts';
import { errorCode } from '../../binary/root.ts';
import type { FileEntry } from '../manifest/planned-entry.ts';
import { toJailError } from '../work/jail-error.ts';
import type { FileFacts, WantedCopy } from './file-facts.ts';
import { type Content, exchanged, linked, vanished } from './recording.ts';
import { type Store, stagedPath } from './store.ts';

// Small enough that an abort takes effect soon, large enough that the cost of a native call does not matter.
const BATCH_FILES = 128;
const BATCH_BYTES = 8 << 20;
/** Of libuv's four threads. The others are for launches and the service's file system calls. */
const THREADS = 2;

export interface Copies {
  /** The copy is made later, with others. */
  add(entry: FileEntry): Copy;
  /** Starts the last batch: no more copies will be added. */
  flush(): void;
  /** Starts no more copies, and waits for the running ones. */
  close(): Promise<void>;
}

export interface Copy {
  readonly staged: BytePath;
  /** Undefined until the copy is made. @throws as openSource; JailError for system errors */
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

  get isFull(): boolean {
    return this.jobs.length >= BATCH_FILES || this.sizeBytes >= BATCH_BYTES;
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
    if (syscall === 'exchanged') return exchanged(entry);
    if (syscall === 'openat2' && code === 'ELOOP') return linked(entry);
    if (syscall === 'openat2' && (code === 'ENOENT' || code === 'ENOTDIR')) return vanished(entry);
    return toJailError(error, entry.path);
  }
}

/** `sourceFd` is a descriptor of the root that entries are copied from. */
export function openCopies(store: Store, sourceFd: number): Copies {
  const waiting: Batch[] = [];
  const running = new Set<Promise<void>>();
  let filling = new Batch();
  let isClosed = false;

  function start(): void {
    if (isClosed || running.size >= THREADS) return;
    const batch = waiting.shift();
    if (batch === undefined) return;
    const run = runOne(batch).finally(() => {
      running.delete(run);
      start();
    });
    running.add(run);
    start();
  }

  async function runOne(batch: Batch): Promise<void> {
    await batch.run(store, sourceFd);
    if (batch.failure !== undefined) isClosed = true;
  }

  function flush(): void {
    if (filling.jobs.length > 0) waiting.push(filling);
    filling = new Batch();
    start();
  }

  return {
    add: (entry) => {
      const number = store.reserve();
      const batch = filling;
      const index = batch.jobs.push({ number, entry }) - 1;
      batch.sizeBytes += entry.sizeBytes;
      if (batch.isFull) flush();
      return {
        staged: stagedPath(number),
        content: () => {
          if (batch.failure !== undefined) throw batch.failure.error;
          return batch.facts?.[index];
        },
        ended: batch.ended,
      };
    },
    flush,
    close: async () => {
      isClosed = true;
      await Promise.all(running);
    },
  };
}
