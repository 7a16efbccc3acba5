// JSON as a command prints it.

type Replacer = (key: string, value: unknown) => unknown;

/** An object with the version of its form. A form gets keys without another version, but none goes, or means something else. */
export function jsonDocument(fields: object, replacer?: Replacer): string {
  return printedJson({ version: 1, ...fields }, replacer);
}

/** Indented, and ASCII: a terminal obeys some of what JSON leaves as it is, U+009B or U+202E. */
export function printedJson(value: unknown, replacer?: Replacer): string {
  const text = JSON.stringify(value, replacer, 2);
  return `${text.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}
