// Paths in JSON, byte for byte. A byte that is not UTF-8 becomes a lone surrogate U+DC80…U+DCFF, which JSON escapes (PEP 383,
// "surrogateescape").

import { type BytePath, bytePath, pathBytes } from '../../tree/path.ts';

const FIRST = 0xdc00;
// Nearly all paths of a manifest are ASCII, and this test is fast.
const ASCII = /^[\0-\x7f]*$/;

export function toText(path: BytePath): string {
  if (ASCII.test(path)) return path;
  const bytes = pathBytes(path);
  const text = bytes.toString('utf8');
  if (Buffer.from(text).equals(bytes)) return text;
  let result = '';
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at);
    result +=
      length === 0 ? String.fromCharCode(FIRST + (bytes[at] ?? 0)) : bytes.toString('utf8', at, at + length);
    at += length || 1;
  }
  return result;
}

/** The reverse of toText. */
export function fromText(text: string): BytePath {
  if (ASCII.test(text)) return text as BytePath;
  // every second part is a lone surrogate
  return text
    .split(/([\udc80-\udcff])/u)
    .map((part, i) => (i % 2 === 0 ? bytePath(part) : String.fromCharCode(part.charCodeAt(0) - FIRST)))
    .join('') as BytePath;
}

/** The length in bytes of the UTF-8 character at this place; 0 if there is none. */
function characterLength(bytes: Buffer, at: number): number {
  for (let length = 1; length <= 4; length++) {
    const part = bytes.subarray(at, at + length);
    if (Buffer.from(part.toString('utf8')).equals(part)) return length;
  }
  return 0;
}
