// A file of rules, read again when it, or a file of patterns that it names, has changed.

import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

import { compileTable } from '../match/table-index.ts';
import { type FileText, MAX_FILE_BYTES } from '../parse/logical-line.ts';
import { openPatternFiles } from '../parse/pattern-file.ts';
import { type ParseOptions, readTable } from '../parse/rule-file.ts';
import type { Search } from '../rule/rule-table.ts';
import { complete, type Slices } from '../rule/slices.ts';
import { renewStamp, type Stamp, takeStamp } from './file-stamp.ts';
import { readFile } from './host-files.ts';
import { cutText, type Parts, readParts } from './table-parts.ts';

interface Source {
  readonly path: Buffer;
  readonly stamp: Stamp;
  readonly found: FileText;
  /** Whether it has changed, or must be read to know. */
  isStale: boolean;
}

interface Loaded extends Parts {
  readonly sources: readonly Source[];
}

/** Slices that run at once: about two hundred rules. */
const AT_ONCE = 16;
/** How long further slices hold the event loop. */
const HELD_MS = 4;

// The stamp comes first: a change while reading shows the next time.
function* readSource(path: Buffer): Slices<Source> {
  const stamp = takeStamp(path);
  return { path, stamp, found: yield* readFile(path), isStale: false };
}

// Whether a file is certainly unchanged.
function isCurrent(source: Source): boolean {
  const { stamp, found } = source;
  const wasSettled = stamp.isSettled;
  // an unreadable file is tried again: memory or descriptors may have been short
  source.isStale ||= !renewStamp(stamp) || !wasSettled || found.kind === 'unreadable';
  return !source.isStale;
}

// A separate function, so that the old texts can be freed while the new ones are read.
function* readAgain(before: readonly Source[]): Slices<{ sources: readonly Source[]; isSame: boolean }> {
  const sources: Source[] = [];
  let isSame = true;
  for (const source of before) {
    const now = isCurrent(source) ? source : yield* readSource(source.path);
    sources.push(now);
    isSame &&= isDeepStrictEqual(source.found, now.found);
  }
  return { sources, isSame };
}

async function inSlices<Result>(work: Slices<Result>): Promise<Result> {
  for (;;) {
    const begin = performance.now();
    do {
      const step = work.next();
      if (step.done === true) return step.value;
    } while (performance.now() - begin < HELD_MS);
    await setImmediate();
  }
}

export class TableFile {
  readonly #path: Buffer;
  readonly #options: Omit<ParseOptions, 'file' | 'files'>;
  // undefined while new rules are read, so that those that have changed are never there twice
  #loaded: Loaded | undefined;
  #begun = 0;
  #done = 0;
  #running: { readonly number: number; readonly ended: Promise<void> } | undefined;

  constructor(path: Buffer, options: Omit<ParseOptions, 'file' | 'files'>) {
    this.#path = path;
    this.#options = options;
    this.now();
  }

  /** The rules as the files are now; changed files are read at once. */
  now(): Search {
    const before = this.#current();
    if (before !== undefined) return before;
    const number = ++this.#begun;
    const made = complete(this.#load());
    this.#finish(number, made);
    return made.search;
  }

  /** The same, but long files are read in slices, and a promise waits for them. */
  soon(): Search | Promise<Search> {
    const arrived = this.#begun;
    return (
      this.#current() ?? (this.#running === undefined ? this.#begin() : undefined) ?? this.#wait(arrived)
    );
  }

  #current(): Search | undefined {
    return this.#loaded?.sources.every(isCurrent) === true ? this.#loaded.search : undefined;
  }

  // Files with the same content keep the table, and lines with the same content their part of it.
  *#load(): Slices<Loaded> {
    const version = this.#done;
    const again = yield* readAgain(this.#loaded?.sources ?? []);
    // otherwise now() has made a newer table meanwhile
    if (version === this.#done && again.isSame && this.#loaded !== undefined)
      return { ...this.#loaded, sources: again.sources };
    const known = new Map(again.sources.map((source) => [source.path.toString('latin1'), source]));
    const sources: Source[] = [];
    function* read(name: string): Slices<FileText> {
      const source = known.get(name) ?? (yield* readSource(Buffer.from(name, 'latin1')));
      sources.push(source);
      return source.found;
    }
    const file = this.#path.toString('latin1');
    const found = yield* read(file);
    const options: ParseOptions = { ...this.#options, file, files: openPatternFiles(read) };
    if (found.kind !== 'text' || found.text.length > MAX_FILE_BYTES) {
      this.#drop(version);
      const table = yield* readTable(found, options);
      return { sources, parts: [], search: yield* compileTable(table) };
    }
    const cut = yield* cutText(found.text, this.#loaded?.parts ?? []);
    this.#drop(version);
    return { sources, ...(yield* readParts(cut, options)) };
  }

  #drop(version: number): void {
    if (version === this.#done) this.#loaded = undefined;
  }

  // An older reading never replaces a newer one.
  #finish(number: number, made: Loaded): void {
    if (number < this.#done) return;
    this.#done = number;
    this.#loaded = made;
  }

  // Runs the first slices at once, and the rest later.
  #begin(): Search | undefined {
    const number = ++this.#begun;
    const work = this.#load();
    for (let i = 0; i < AT_ONCE; i++) {
      const step = work.next();
      if (step.done !== true) continue;
      this.#finish(number, step.value);
      return step.value.search;
    }
    const ended = inSlices(work)
      .then((made) => this.#finish(number, made))
      .finally(() => {
        this.#running = undefined;
      });
    this.#running = { number, ended };
    return undefined;
  }

  // A reading that began earlier may have missed a change, so at most one more is started.
  async #wait(arrived: number): Promise<Search> {
    for (;;) {
      const search = this.#running === undefined ? this.#begin() : undefined;
      if (search !== undefined) return search;
      const number = this.#running?.number ?? 0;
      await this.#running?.ended;
      const made = number > arrived ? this.#loaded?.search : this.#current();
      if (made !== undefined) return made;
    }
  }
}
