// Sizes and times as people write them: 64M, 1.5. Pure.

const suffixes = ['', 'K', 'M', 'G', 'T'];

/** Bytes of a number, or of a text such as `64M` (systemd.resource-control(5)); undefined for anything else. */
export function toBytes(value: unknown): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined;
  const [, digits, suffix = ''] = /^([0-9]{1,16})([KMGT]?)$/i.exec(String(value)) ?? [];
  const bytes = Number(digits) * 1024 ** suffixes.indexOf(suffix.toUpperCase());
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The shortest text for bytes: `64M`. */
export function showSize(bytes: number): string {
  let power = 0;
  let size = bytes;
  for (; size > 0 && size % 1024 === 0 && power < suffixes.length - 1; power++) size /= 1024;
  return `${size}${suffixes[power]}`;
}

/** A number as an option has it: decimal, with up to six digits after the point; anything else stays a text, for a validator to refuse. */
export function parseNumber(text: string): number | string {
  return /^(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,6})?$/.test(text) ? Number(text) : text;
}
