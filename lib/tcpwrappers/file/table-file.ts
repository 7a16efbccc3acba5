// A file of rules, read again when it, or a file of patterns that it names, has changed.

import { compileTable } from '../match/compile.ts';
import type { FileText } from '../parse/file-text.ts';
import { type ParseOptions, readTable } from '../parse/parse.ts';
import { openPatternFiles } from '../parse/pattern-file.ts';
import type { Search } from '../rule/rule.ts';
import { readFileText } from './file.ts';
import { renewStamp, type Stamp, takeStamp } from './stamp.ts';

/** A file as it was when it was read. */
interface Source {
  readonly path: Buffer;
  readonly stamp: Stamp;
  readonly found: FileText;
}

function isSameFile(before: FileText, now: FileText): boolean {
  if (before.kind === 'text') return now.kind === 'text' && before.text === now.text;
  if (before.kind === 'unreadable') return now.kind === 'unreadable' && before.code === now.code;
  return before.kind === now.kind;
}

// Looked at before it is read: what is written in between shows the next time.
function readSource(path: Buffer): Source {
  const stamp = takeStamp(path);
  return { path, stamp, found: readFileText(path) };
}

// Whether a file still says what it said.
function isCurrent({ path, stamp, found }: Source): boolean {
  const wasSettled = stamp.isSettled;
  // what could not be read is tried again: memory or descriptors may have been short
  if (renewStamp(stamp) && wasSettled && found.kind !== 'unreadable') return true;
  return isSameFile(found, readFileText(path));
}

/** Opens a file of rules; each call of the result answers for what the files say at that time. */
export function openTableFile(path: Buffer, options: Omit<ParseOptions, 'file' | 'openFile'>): () => Search {
  const file = path.toString('latin1');
  let sources: Source[] = [];

  function read(name: string): FileText {
    const source = readSource(Buffer.from(name, 'latin1'));
    sources.push(source);
    return source.found;
  }

  function load(): Search {
    sources = [];
    return compileTable(readTable(read(file), { ...options, file, openFile: openPatternFiles(read) }));
  }

  let search = load();
  return () => {
    if (!sources.every(isCurrent)) search = load();
    return search;
  };
}
