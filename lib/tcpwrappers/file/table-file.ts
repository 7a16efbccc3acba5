// A file of rules, read again when it, or a file of patterns that it names, has changed.

import { isDeepStrictEqual } from 'node:util';

import type { FileText } from '../parse/logical-line.ts';
import { openPatternFiles } from '../parse/pattern-file.ts';
import { type ParseOptions, type Reading, readRules } from '../parse/rule-file.ts';
import type { Table } from '../rule/rule-table.ts';
import { renewStamp, type Stamp, takeStamp } from '../../values/file-stamp.ts';
import { readFileText } from './host-files.ts';

interface Source {
  readonly path: Buffer;
  readonly stamp: Stamp;
  readonly found: FileText;
}

// The stamp comes first: a change while reading shows the next time.
function readSource(path: Buffer): Source {
  const stamp = takeStamp(path);
  return { path, stamp, found: readFileText(path) };
}

// Whether a file is certainly unchanged.
function isCurrent({ stamp, found }: Source): boolean {
  const wasSettled = stamp.isSettled;
  // an unreadable file is tried again: memory or descriptors may have been short
  return renewStamp(stamp) && wasSettled && found.kind !== 'unreadable';
}

export class TableFile {
  readonly #path: Buffer;
  readonly #options: Omit<ParseOptions, 'file' | 'openFile'>;
  #sources: readonly Source[] = [];
  #reading: Reading;

  constructor(path: Buffer, options: Omit<ParseOptions, 'file' | 'openFile'>) {
    this.#path = path;
    this.#options = options;
    this.#reading = this.#read([]);
  }

  /** The rules as the files are now: the same table if they have the same content. */
  get table(): Table {
    const before = this.#sources;
    const sources = before.map((source) => (isCurrent(source) ? source : readSource(source.path)));
    const isSame = sources.every(
      (now, i) => now === before[i] || isDeepStrictEqual(now.found, before[i]?.found),
    );
    if (isSame) this.#sources = sources;
    else this.#reading = this.#read(sources, this.#reading);
    return this.#reading.table;
  }

  #read(unchanged: readonly Source[], before?: Reading): Reading {
    const known = new Map(unchanged.map((source) => [source.path.toString('latin1'), source]));
    const sources: Source[] = [];
    const read = (name: string): FileText => {
      const source = known.get(name) ?? readSource(Buffer.from(name, 'latin1'));
      sources.push(source);
      return source.found;
    };
    const file = this.#path.toString('latin1');
    const options = { ...this.#options, file, openFile: openPatternFiles(read) };
    const reading = readRules(read(file), options, before);
    this.#sources = sources;
    return reading;
  }
}
