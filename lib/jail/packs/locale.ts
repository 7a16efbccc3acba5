// Packs for locales and character sets, and glibc's archive of locales.

import { type BytePath, parentPath } from '../../tree/path.ts';
import { type FileRoot, type OpenFile, withFile } from '../../tree/root.ts';
import { statusOf } from '../../tree/walk.ts';
import { words } from '../../words/word-list.ts';
import { runs } from './self-check.ts';
import { allIn } from './pack-host.ts';
import type { Pack, PackHost, Part } from './pack.ts';

const MAGIC = 0xde020109;
const HEAD_BYTES = 56;
const HASH_BYTES = 12;
const MAX_LOCALES = 20_000;
const MAX_NAME_BYTES = 256;
const MAX_CATEGORY_BYTES = 16 << 20;

// In the order of their numbers; 6 is LC_ALL, which has no file (locale.h).
const CATEGORIES = words(`
  LC_CTYPE LC_NUMERIC LC_TIME LC_COLLATE LC_MONETARY LC_MESSAGES/SYS_LC_MESSAGES -
  LC_PAPER LC_NAME LC_ADDRESS LC_TELEPHONE LC_MEASUREMENT LC_IDENTIFICATION
`);

/** The files of a locale, such as LC_CTYPE, by its name in the archive, `de_DE.utf8`; none without the archive or the locale. */
export function readArchive(root: FileRoot, path: BytePath, locale: string) {
  if (statusOf(root, path)?.kind !== 'file') return [];
  return withFile(root, path, (archive) => readLocale(archive, findLocale(archive, locale))) ?? [];
}

/** The offset of the record of a locale. */
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

// A record: a reference count, then offset and length of each category.
function readLocale(archive: OpenFile, record: number | undefined) {
  if (record === undefined) return [];
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

// Little-endian only: an archive of a big-endian machine fails the check of the magic number.
function wordsAt(archive: OpenFile, offset: number, count: number): readonly number[] {
  const data = archive.read(offset, count * 4);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: Math.floor(data.length / 4) }, (_, index) => view.getUint32(index * 4, true));
}

const DIRECTORY = '/usr/lib/locale';

export const locale: Pack = {
  name: 'locale',
  summary: 'the locale that is set for the host, and C.UTF-8',
  when: {
    // redis-server ends if LANG is unknown, interpreters warn, and terminal programs show only ASCII. The basic tools, such
    // as ls and id, work as well with C.
    ownImports: ['setlocale'],
    packs: /^(?:terminfo|perl|python|ruby|php|tcl|lua|guile)$/,
    executables: /^(?:locale|initdb)$/,
    // std::locale(""), which throws if the locale does not exist
    imports: ['_ZNSt6localeC1EPKc', '_ZNSt6localeC2EPKc'],
  },
  parts: (host) => [
    { tree: `${DIRECTORY}/C.utf8` },
    { tree: `${DIRECTORY}/C.UTF-8` },
    ...settings(host).flatMap((name) => partsOf(host, name)),
  ],
  check: runs(/^locale$/, '-a'),
};

// Of Debian, systemd, pam_env(8), and Fedora before systemd.
const FILES = ['/etc/default/locale', '/etc/locale.conf', '/etc/environment', '/etc/sysconfig/i18n'];

const SETTING = /^\s*(?:export\s+)?(?:LANG|LC_[A-Z]+)=["']?([\w.@-]+)/gm;

/** The locales that are set for the whole host. */
function settings(host: PackHost): readonly string[] {
  const found = new Set(FILES.flatMap((file) => allIn(host.readText(file), SETTING)));
  return [...found].filter((name) => !/^(?:C|POSIX)(?:\.|$)/.test(name));
}

/** The directory of the locale if the host has one, otherwise the same files from the archive. */
function partsOf(host: PackHost, name: string): readonly Part[] {
  // the archive names de_DE.UTF-8@euro de_DE.utf8@euro (_nl_normalize_codeset() of glibc)
  const normal = name.replace(/\.[^@]*/, (codeset) => codeset.toLowerCase().replace(/[^.a-z0-9]/g, ''));
  const directories = [name, normal].map((directory) => `${DIRECTORY}/${directory}`);
  const own = directories.find((directory) => host.find(`${directory}/LC_CTYPE`).length > 0);
  if (own !== undefined) return [{ tree: own }];
  const files = readArchive(host.root, `${DIRECTORY}/locale-archive` as BytePath, normal);
  return files.map((file) => ({ file: `${DIRECTORY}/${normal}/${file.name}`, content: file.data }));
}

export const gconv: Pack = {
  name: 'gconv',
  summary: 'conversions between character sets',
  when: { imports: ['iconv_open'], executables: /^iconv$/ },
  parts: (host) => {
    const isAll = host.trigger === undefined || host.executables(/^iconv$/).length > 0;
    return isAll ? [{ tree: '$LIB/gconv' }] : usual(host);
  },
  check: runs(/^iconv$/, '-f', 'ISO-8859-1', '-t', 'UTF-16', '/etc/passwd'),
};

// 160 kB of 8 MB: since glibc 2.34, gconv-modules names only the usual modules. The cache is left out because it names all
// of them; without it, glibc reads the file. UTF-8 and ASCII are part of libc.so.
function usual(host: PackHost): readonly Part[] {
  return host.find('$LIB/gconv/gconv-modules').flatMap((file) => {
    const modules = allIn(host.readText(file), /^module\s+\S+\s+\S+\s+(\S+)/gm);
    const names = [
      'gconv-modules',
      ...modules.filter((name) => USUAL.test(name)).map((name) => `${name}.so`),
    ];
    return names.map((name) => ({ path: `${parentPath(file)}/${name}` }));
  });
}

// an older glibc names all modules in one file
const USUAL = /^(?:ISO8859-\d+|CP125\d|UTF-\d+|UNICODE|KOI8-[RU]|ANSI_X3\.110)$/;
