// JSON as a command prints it.

/** Indented, and ASCII: a terminal obeys some of what JSON leaves as it is, U+009B or U+202E. */
export function printedJson(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2);
  return `${text.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}
