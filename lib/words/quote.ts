// Names and paths in messages: one line, without characters that control a terminal.

/** A path, an argument or a variable: a string, or bytes that need not be UTF-8. */
export type Bytes = string | Uint8Array;

/** A copy, which the caller cannot change; a string becomes UTF-8. */
export function copyBytes(value: Bytes): Buffer {
  if (typeof value === 'string') return toBuffer(value);
  const copy = Buffer.alloc(value.length);
  copy.set(value);
  return copy;
}

/** The same bytes, in the caller's memory; a string becomes UTF-8. */
export function toBuffer(value: Bytes): Buffer {
  if (typeof value === 'string') return Buffer.from(value);
  return value instanceof Buffer ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

const longest = 200;

/**
 * Printable text for a message. Control characters and bytes that are no UTF-8 become `\n`, `\x1b`, `\xff`; a backslash
 * is doubled; an empty value is `''`; a text of more than 200 characters is cut.
 */
export function quote(value: Bytes): string {
  const bytes = toBuffer(value);
  if (bytes.length === 0) return "''";
  const text = bytes.toString('utf8');
  const printable = text.includes('\ufffd') ? bytes.toString('latin1') : text;
  // C0 and C1 controls, line separators, and the marks that reorder text (Trojan Source, CVE-2021-42574).
  const shown = printable.replace(
    // oxlint-disable-next-line no-control-regex
    /[\u0000-\u001f\\\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => {
      if (character === '\n') return '\\n';
      if (character === '\t') return '\\t';
      if (character === '\\') return '\\\\';
      const code = character.charCodeAt(0);
      return code < 256
        ? `\\x${code.toString(16).padStart(2, '0')}`
        : `\\u${code.toString(16).padStart(4, '0')}`;
    },
  );
  const escaped =
    printable === text
      ? shown
      : shown.replace(/[\u0080-\u00ff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`);
  return escaped.length > longest ? `${escaped.slice(0, longest)}…` : escaped;
}
