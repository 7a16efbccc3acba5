// Takes a locale out of glibc's locale archive, which may hold hundreds (locale/locarchive.h of glibc).

import type { BytePath } from '../../binary/path.ts';
import type { FileRoot, OpenFile } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';

export interface LocaleFile {
  /** As it is called in a directory of its own: LC_CTYPE. */
  readonly name: string;
  readonly data: Uint8Array;
}

const MAGIC = 0xde020109;
const HEAD_BYTES = 56;
const HASH_BYTES = 12;
const MAX_LOCALES = 20_000;
const MAX_NAME_BYTES = 256;
const MAX_CATEGORY_BYTES = 16 << 20;

// In the order of their numbers; 6 is LC_ALL, which is all of them together (locale.h).
const CATEGORIES = (
  'LC_CTYPE LC_NUMERIC LC_TIME LC_COLLATE LC_MONETARY LC_MESSAGES/SYS_LC_MESSAGES - ' +
  'LC_PAPER LC_NAME LC_ADDRESS LC_TELEPHONE LC_MEASUREMENT LC_IDENTIFICATION'
).split(' ');

/** The files of a locale by its name in the archive, `de_DE.utf8`; none if there is no archive, or not that locale. */
export function readArchive(root: FileRoot, path: BytePath, locale: string): readonly LocaleFile[] {
  const way = walk(root, path);
  const archive = way.kind === 'found' && way.status.kind === 'file' ? root.open(path) : undefined;
  if (archive === undefined) return [];
  try {
    const at = findLocale(archive, locale);
    return at === undefined ? [] : readLocale(archive, at);
  } finally {
    archive.close();
  }
}

/** Where the record of a locale begins. */
function findLocale(archive: OpenFile, locale: string): number | undefined {
  const head = wordsAt(archive, 0, HEAD_BYTES / 4);
  const [magic, , offset = 0, , size = 0] = head;
  if (magic !== MAGIC || size > MAX_LOCALES) return undefined;
  const entries = wordsAt(archive, offset, (size * HASH_BYTES) / 4);
  for (let at = 0; at + 2 < entries.length; at += 3) {
    const [nameOffset = 0, record = 0] = entries.slice(at + 1, at + 3);
    if (record !== 0 && nameAt(archive, nameOffset) === locale) return record;
  }
  return undefined;
}

// A count of references, and then offset and length of each category.
function readLocale(archive: OpenFile, record: number): readonly LocaleFile[] {
  const fields = wordsAt(archive, record, 1 + 2 * CATEGORIES.length);
  return CATEGORIES.flatMap((name, number) => {
    const [offset = 0, length = 0] = fields.slice(1 + 2 * number, 3 + 2 * number);
    if (name === '-' || length === 0 || length > MAX_CATEGORY_BYTES) return [];
    const data = archive.read(offset, length);
    return data.length === length ? [{ name, data: Uint8Array.from(data) }] : [];
  });
}

function nameAt(archive: OpenFile, offset: number): string {
  const text = Buffer.from(archive.read(offset, MAX_NAME_BYTES)).toString('latin1');
  return text.slice(0, Math.max(0, text.indexOf('\0')));
}

// In the byte order of the machine that made it; with another one the magic number is not to be found.
function wordsAt(archive: OpenFile, offset: number, count: number): readonly number[] {
  const data = archive.read(offset, count * 4);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: Math.floor(data.length / 4) }, (_, index) => view.getUint32(index * 4, true));
}
