// A file of entries, one a line, that is read again when it changes.
import { readFileSync, statSync } from 'node:fs';

import { UsageError } from '../errors.ts';
import { renewStamp, takeStamp, type Stamp } from '../values/file-stamp.ts';
import { fileError } from '../values/file-error.ts';
import { inWords, usageError } from '../values/wrong.ts';
import { meantPath } from '../tree/misspelt-path.ts';
import { quote } from '../words/quote.ts';
import { errorCode } from '../words/system-error.ts';
import { mostEntries, toEntry, type Entry } from './entry.ts';

const key = 'connectTo';
const mostBytes = 1 << 20;

function lineEntry(word: string, where: string): Entry {
  try {
    const entry: Entry = { ...toEntry(word, key), isRead: true };
    if (entry.kind === 'unix' || entry.kind === 'file')
      throw usageError(({ name }) => ({
        message: `${name(key)}: '${quote(word)}' is no entry of a file`,
        hint: 'give it on the list itself, which the launch takes as it starts',
      }));
    return entry;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw inWords(error, { name: () => where, assign: (_, value) => quote(String(value)) });
  }
}

/** The entries of a file now; `#` begins a comment. @throws UsageError for a bad line, LaunchError if it cannot be read */
export function readList(path: string): readonly Entry[] {
  let text: string;
  try {
    const facts = statSync(path);
    // what is read once has nothing when it is read again
    if (!facts.isFile() && !facts.isDirectory())
      throw new UsageError(`connect-to: ${quote(path)} is no regular file`, {
        hint: 'write the entries to a file, which is read again when it changes',
      });
    if (facts.size > mostBytes)
      throw new UsageError(`connect-to: ${quote(path)} has more than ${mostBytes} bytes`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const hint = errorCode(error) === 'ENOENT' ? meantPath(path, 'name a file that exists') : undefined;
    throw error instanceof UsageError ? error : fileError('connect-to', path, error, hint);
  }
  const entries = text.split('\n').flatMap((line, at) => {
    const word = line.replace(/(?:^|\s)#.*/, '').trim();
    return word === '' ? [] : lineEntry(word, `${quote(path)}, line ${at + 1}`);
  });
  if (entries.length > mostEntries)
    throw new UsageError(`${quote(path)} has ${entries.length} entries, and may have ${mostEntries}`);
  return entries;
}

/** Hears what is wrong with a file, once. */
export type WarnOfList = (warning: Pick<UsageError, 'message' | 'hint'>) => void;

/** The entries of a file, as it is whenever they are asked for. */
export class ListFile {
  readonly #path: string;
  readonly #onWarning: WarnOfList;
  #told = '';
  #stamp: Stamp | undefined;
  #entries: readonly Entry[] = [];
  #routed: ReadonlySet<string> | undefined;

  constructor(path: string, onWarning: WarnOfList) {
    this.#path = path;
    this.#onWarning = onWarning;
  }

  /** The last ones that were right. What is wrong with the file, and what comes too late for this launch, is told. */
  get entries(): readonly Entry[] {
    const wasSettled = this.#stamp?.isSettled === true;
    if (this.#stamp !== undefined && renewStamp(this.#stamp) && wasSettled) return this.#entries;
    // it comes first: a change while reading shows the next time
    this.#stamp = takeStamp(Buffer.from(this.#path));
    try {
      this.#entries = readList(this.#path);
      this.#tellLate();
    } catch (error) {
      const { message, hint } = error as UsageError;
      this.#warn({ message: `${message}; the list before it stays in force`, hint });
    }
    return this.#entries;
  }

  #warn(warning: Parameters<WarnOfList>[0]): void {
    if (warning.message !== this.#told) this.#onWarning(warning);
    this.#told = warning.message;
  }

  // The routes of the launch's network were made when it started.
  #tellLate(): void {
    const nets = this.#entries.flatMap(({ kind, text }) => (kind === 'net' ? [text] : []));
    this.#routed ??= new Set(nets);
    const late = nets.filter((text) => this.#routed?.has(text) !== true);
    if (late.length > 0)
      this.#warn({
        message: `${quote(this.#path)}: ${late.map(quote).join(', ')} counts from the next launch on`,
        hint: 'names count at once; addresses need a route, which a launch makes as it starts',
      });
  }
}
