// Finds the commands that data of a package names: attributes of XML, and texts in compiled Erlang.

import { inflateSync } from 'node:zlib';

import { type BytePath, toLatin1 } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { readIfThere } from './readable-files.ts';
import { findCommands } from './script-calls.ts';

const ENTITIES: Readonly<Record<string, string>> = { apos: "'", quot: '"', amp: '&', lt: '<', gt: '>' };

// It begins at the `=`: a pattern that begins with the name would try each letter of it.
const ATTRIBUTE = /(?<=[\w:-]\s{0,20})=\s{0,20}(?:"([^"]{1,4000})"|'([^']{1,4000})')/g;

// A command, perhaps in quotes or with its directory, before an option, a quoted word, a path, or a part to be replaced.
const COMMAND_LINE = /^\s*(['"]?)[\w.+/-]+\1\s+(?:['"%$/]|--?[A-Za-z])/;

/** The commands in attributes of XML that are command lines: `command="&apos;rsvg-convert&apos; -o &apos;%o&apos;"`. */
function commandsInXml(text: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [, double, single] of text.matchAll(ATTRIBUTE)) {
    const written = double ?? single ?? '';
    const line = written.replace(/&(apos|quot|amp|lt|gt);/g, (_, name: string) => ENTITIES[name] ?? '');
    if (COMMAND_LINE.test(line)) for (const name of findCommands(line.replace(/['"]/g, ''))) found.add(name);
  }
  return found;
}

// "/bin/df -k -l", and not the sentence "missing -doc for ~w".
const IN_TERM = /^(?:(?:\/usr)?\/s?bin\/)?([a-z][\w.+-]*) -[A-Za-z][\w ~-]*$/;

const MAX_BYTES = 4 << 20;
const STRING_EXT = 107;
const BINARY_EXT = 109;

/**
 * The commands in the literals of a compiled module of Erlang: texts that are a name and options. The chunk LitT of the file is a
 * list of terms, compressed since OTP 9 (beam_lib(3erl), "External Term Format" of the ERTS documentation).
 */
function commandsInBeam(data: Uint8Array): ReadonlySet<string> {
  const found = new Set<string>();
  for (const text of textsIn(literalsOf(Buffer.from(data.buffer, data.byteOffset, data.byteLength)))) {
    const name = IN_TERM.exec(text)?.[1];
    if (name !== undefined) found.add(name);
  }
  return found;
}

const NOTHING = Buffer.alloc(0);

/** FOR1, size, BEAM; then chunks: name, size, content, filled up to four bytes. */
function literalsOf(file: Buffer): Buffer {
  if (file.toString('latin1', 0, 4) !== 'FOR1') return NOTHING;
  for (let at = 12; at + 12 <= file.length;) {
    const size = file.readUInt32BE(at + 4);
    const content = file.subarray(at + 8, at + 8 + size);
    if (file.toString('latin1', at, at + 4) === 'LitT' && content.length > 4) return unpack(content);
    at += 8 + Math.ceil(size / 4) * 4;
  }
  return NOTHING;
}

// A size of 0 says that the terms are not compressed (OTP 28).
function unpack(content: Buffer): Buffer {
  const terms = content.subarray(4);
  if (content.readUInt32BE(0) === 0) return terms;
  try {
    return inflateSync(terms, { maxOutputLength: MAX_BYTES });
  } catch (error) {
    // a damaged module names nothing
    if (error instanceof Error && 'code' in error) return NOTHING;
    throw error;
  }
}

const MAX_LENGTH = 200;

function textsIn(terms: Buffer): readonly string[] {
  const texts: string[] = [];
  for (let at = 0; at + 5 < terms.length; at++) {
    const tag = terms[at];
    if (tag !== STRING_EXT && tag !== BINARY_EXT) continue;
    const start = at + (tag === STRING_EXT ? 3 : 5);
    const length = tag === STRING_EXT ? terms.readUInt16BE(at + 1) : terms.readUInt32BE(at + 1);
    if (length > MAX_LENGTH || start + length > terms.length) continue;
    const text = terms.toString('latin1', start, start + length);
    if (/^[\x20-\x7e]+$/.test(text)) texts.push(text.trimEnd());
  }
  return texts;
}

/** The commands that a data file of a package names; none if it is of another kind. */
export function commandsInData(root: FileRoot, path: BytePath): ReadonlySet<string> {
  if (path.endsWith('.beam')) return commandsInBeam(readIfThere(root, path, MAX_BYTES));
  const isXml = path.startsWith('/etc/') && path.endsWith('.xml');
  return isXml ? commandsInXml(toLatin1(readIfThere(root, path, MAX_BYTES))) : new Set();
}
