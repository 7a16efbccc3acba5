// The lines of inetd.conf(5), as openbsd-inetd reads them. Pure.

export interface InetdLine {
  readonly words: readonly string[];
  /** Its number, from 1. */
  readonly line: number;
}

/** A service, its address in front of its name if it has one. */
export interface InetdFields {
  readonly name: string;
  readonly type: string;
  readonly protocol: string;
  readonly wait: string;
  readonly user: string;
  readonly path: string;
  /** With argv[0]. */
  readonly argv: readonly string[];
}

/**
 * The lines of a text without comments; one that begins with a blank continues the line before. A service has at least six words. Other
 * lines are `ADDRESS:` for the lines that follow, and a policy of IPsec, which begins with `#@`.
 */
export function inetdLines(text: string): readonly InetdLine[] {
  const lines: { words: string[]; line: number }[] = [];
  for (const [index, full] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    const content = full.trim();
    if (content === '' || (content.startsWith('#') && !full.startsWith('#@'))) continue;
    const words = content.split(/[ \t]+/);
    const before = lines.at(-1);
    if (/^[ \t]/.test(full) && before !== undefined) for (const word of words) before.words.push(word);
    else lines.push({ words, line: index + 1 });
  }
  return lines;
}

/** The address that a line gives to those that follow; undefined if it is no such line. */
export function addressOf({ words: [word = '', ...more] }: InetdLine): string | undefined {
  return more.length === 0 && word.endsWith(':') ? word.slice(0, -1) : undefined;
}

export const isPolicy = ({ words: [word = ''] }: InetdLine): boolean => word.startsWith('#@');

/** The service of a line; undefined if it has too few words. */
export function serviceOf({ words }: InetdLine): InetdFields | undefined {
  const [name = '', type = '', protocol = '', wait = '', user = '', path = '', ...argv] = words;
  return path === '' ? undefined : { name, type, protocol, wait, user, path, argv };
}
