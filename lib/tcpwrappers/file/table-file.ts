// A file of rules, read again when it, or a file of patterns that it names, has changed.

import { compileTable } from '../match/table-index.ts';
import type { FileText } from '../parse/logical-line.ts';
import { openPatternFiles } from '../parse/pattern-file.ts';
import { type ParseOptions, readTable } from '../parse/rule-file.ts';
import type { Search } from '../rule/rule-table.ts';
import { complete, type Slices } from '../rule/slices.ts';
import { renewStamp, type Stamp, takeStamp } from './file-stamp.ts';
import { readFile } from './host-files.ts';

/** A file as it was when it was read. */
interface Source {
  readonly path: Buffer;
  readonly stamp: Stamp;
  readonly found: FileText;
  /** Whether it has been seen to be another, or has to be read to tell. */
  isStale: boolean;
}

/** What was read of all files. */
interface Loaded {
  readonly sources: readonly Source[];
  readonly search: Search;
}

/** A file of rules that is open. */
export interface TableFile {
  /** Answers for what the files say at this moment; what has changed is read on the spot. */
  readonly now: () => Search;
  /** The same; but what is long is read in slices, and the answer comes when that is done. */
  readonly soon: () => Search | Promise<Search>;
}

/** So many slices are done on the spot: two hundred rules or so. */
const AT_ONCE = 16;
/** How long the event loop is held by more, at a time. */
const HELD_MS = 4;

function isSameFile(before: FileText, now: FileText): boolean {
  if (before.kind === 'text') return now.kind === 'text' && before.text === now.text;
  if (before.kind === 'unreadable') return now.kind === 'unreadable' && before.code === now.code;
  return before.kind === now.kind;
}

// Looked at before it is read: what is written in between shows the next time.
function* readSource(path: Buffer): Slices<Source> {
  const stamp = takeStamp(path);
  return { path, stamp, found: yield* readFile(path), isStale: false };
}

// Whether a file certainly says what it said.
function isCurrent(source: Source): boolean {
  const { stamp, found } = source;
  const wasSettled = stamp.isSettled;
  // what could not be read is tried again: memory or descriptors may have been short
  if (!source.isStale && renewStamp(stamp) && wasSettled && found.kind !== 'unreadable') return true;
  source.isStale = true;
  return false;
}

// A function of its own, so that nothing of what was read before is kept while it is read anew.
function* readAgain(before: readonly Source[]): Slices<{ sources: readonly Source[]; isSame: boolean }> {
  const sources: Source[] = [];
  let isSame = true;
  for (const source of before) {
    const now = isCurrent(source) ? source : yield* readSource(source.path);
    sources.push(now);
    isSame &&= isSameFile(source.found, now.found);
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
    await new Promise((done) => {
      setImmediate(done);
    });
  }
}

/** Opens a file of rules, and reads it. */
export function openTableFile(path: Buffer, options: Omit<ParseOptions, 'file' | 'files'>): TableFile {
  const file = path.toString('latin1');
  // undefined while others are read in its place: there is never more than one table
  let loaded: Loaded | undefined;
  let begun = 0;
  let done = 0;
  let running: { readonly number: number; readonly ended: Promise<void> } | undefined;

  // Files that say what they said leave the table as it is.
  function* load(): Slices<Loaded> {
    const version = done;
    const again = yield* readAgain(loaded?.sources ?? []);
    // else another has been made on the spot meanwhile
    if (version === done) {
      if (again.isSame && loaded !== undefined) return { sources: again.sources, search: loaded.search };
      loaded = undefined;
    }
    const known = new Map(again.sources.map((source) => [source.path.toString('latin1'), source]));
    const sources: Source[] = [];
    function* read(name: string): Slices<FileText> {
      const source = known.get(name) ?? (yield* readSource(Buffer.from(name, 'latin1')));
      sources.push(source);
      return source.found;
    }
    const files = openPatternFiles(read);
    const table = yield* readTable(yield* read(file), { ...options, file, files });
    return { sources, search: yield* compileTable(table) };
  }

  // One that was begun later is not replaced.
  function finish(number: number, made: Loaded): void {
    if (number < done) return;
    done = number;
    loaded = made;
  }

  function current(): Search | undefined {
    return loaded?.sources.every(isCurrent) === true ? loaded.search : undefined;
  }

  function now(): Search {
    const before = current();
    if (before !== undefined) return before;
    const number = ++begun;
    const made = complete(load());
    finish(number, made);
    return made.search;
  }

  // The first slices; the rest goes on beside.
  function begin(): Search | undefined {
    const number = ++begun;
    const work = load();
    for (let i = 0; i < AT_ONCE; i++) {
      const step = work.next();
      if (step.done !== true) continue;
      finish(number, step.value);
      return step.value.search;
    }
    const ended = inSlices(work)
      .then((made) => finish(number, made))
      .finally(() => {
        running = undefined;
      });
    running = { number, ended };
    return undefined;
  }

  // What was begun before may have read what has been changed since. No more than one is waited for besides.
  async function wait(arrived: number): Promise<Search> {
    for (;;) {
      const search = running === undefined ? begin() : undefined;
      if (search !== undefined) return search;
      const number = running?.number ?? 0;
      await running?.ended;
      const made = number > arrived ? loaded?.search : current();
      if (made !== undefined) return made;
    }
  }

  function soon(): Search | Promise<Search> {
    const arrived = begun;
    return current() ?? (running === undefined ? begin() : undefined) ?? wait(arrived);
  }

  now();
  return { now, soon };
}
