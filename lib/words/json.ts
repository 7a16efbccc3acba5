// JSON as the commands print it.

type Replacer = (key: string, value: unknown) => unknown;

/** A JSON object with its version. Within a version, keys are added, but none is removed and none changes its meaning. */
export function jsonDocument(fields: object, replacer?: Replacer): string {
  return printedJson({ version: 1, ...fields }, replacer);
}

/** Indented, and ASCII only: a terminal obeys characters such as U+009B and U+202E, which JSON would leave as they are. */
export function printedJson(value: unknown, replacer?: Replacer): string {
  const text = JSON.stringify(value, replacer, 2);
  return `${text.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}
