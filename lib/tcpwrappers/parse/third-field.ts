// The third field of a rule: a list of options (hosts_options(5)), or a shell command as in older versions of libwrap.

import { wordSet } from '../../words/word-list.ts';
import { type Option, type OptionErrorCode, parseSeverity, type PlacedOption } from '../rule/rule-option.ts';
import { chop, fold, scanInt, scanUnsigned, show, skipBlanks } from '../text/latin1.ts';

interface Keyword {
  /** The option without a value; undefined if it needs one. */
  readonly alone?: Option;
  /** The option with a value; undefined if it takes none. */
  readonly read?: (value: string) => Option;
  /** No option may follow. */
  readonly isLast?: boolean;
}

const quoted = (text: string): string => `"${show(text)}"`;

const failed = (code: OptionErrorCode, message: string): Option => ({ kind: 'error', code, message });

type Read = (value: string) => Option;
type Scan = (value: string) => number | undefined;

function readNumber(what: string, scan: Scan, make: (number: number) => Option): Read {
  return (value) => {
    const number = scan(value);
    return number === undefined ? failed('bad-value', `bad ${what}: ${quoted(value)}`) : make(number);
  };
}

function between(scan: Scan, least: number, most = Infinity): Scan {
  return (value) => {
    const number = scan(value);
    return number !== undefined && number >= least && number <= most ? number : undefined;
  };
}

const octal: Scan = (value) => scanUnsigned(value, 8);

const KEYWORDS: Readonly<Record<string, Keyword>> = {
  allow: { alone: { kind: 'allow' }, isLast: true },
  deny: { alone: { kind: 'deny' }, isLast: true },
  spawn: { read: (command) => ({ kind: 'spawn', command }) },
  twist: { read: (command) => ({ kind: 'twist', command }), isLast: true },
  aclexec: { read: (command) => ({ kind: 'aclexec', command }) },
  severity: {
    read: (value) => {
      const severity = parseSeverity(value);
      return 'bad' in severity
        ? failed('bad-value', `bad syslog facility or severity: ${quoted(severity.bad)}`)
        : { kind: 'severity', ...severity };
    },
  },
  keepalive: { alone: { kind: 'keepalive' } },
  linger: {
    read: readNumber('linger value', between(scanInt, 0), (seconds) => ({ kind: 'linger', seconds })),
  },
  rfc931: {
    alone: { kind: 'rfc931' },
    read: readNumber('rfc931 timeout', between(scanInt, 1), (timeoutSeconds) => {
      return { kind: 'rfc931', timeoutSeconds };
    }),
  },
  banners: { read: (directory) => ({ kind: 'banners', directory }) },
  nice: {
    alone: { kind: 'nice', increment: 10 },
    read: readNumber('nice value', scanInt, (increment) => ({ kind: 'nice', increment })),
  },
  setenv: { read: (assignment) => ({ kind: 'setenv', assignment }) },
  umask: { read: readNumber('umask value', between(octal, 0, 0o777), (mask) => ({ kind: 'umask', mask })) },
  user: {
    read: (value) => {
      const [user = '', group] = value.split(/\.(.*)/s);
      return { kind: 'user', user, ...(group !== undefined && { group }) };
    },
  },
  group: { read: (group) => ({ kind: 'group', group }) },
};

export const OPTION_NAMES: readonly string[] = Object.keys(KEYWORDS);

/** The first word of an option, or of a command. */
export const optionName = (text: string): string => /^[^ \t\r\n=]*/.exec(chop(text))?.[0] ?? '';

function readOption(text: string, isAtEnd: boolean): Option {
  const option = chop(text);
  const name = optionName(option);
  if (name === '') return failed('missing-option-name', 'missing option name');
  const folded = fold(name);
  const keyword = Object.hasOwn(KEYWORDS, folded) ? KEYWORDS[folded] : undefined;
  if (keyword === undefined) return failed('bad-option-name', `bad option name: ${quoted(name)}`);
  // one "=" is allowed between them
  const value = chop(option.slice(name.length).replace(/^[ \t\r\n]*=?/, ''));
  const { alone, read } = keyword;
  const parsed = value === '' ? alone : read?.(value);
  if (parsed === undefined)
    return alone === undefined
      ? failed('value-required', `option ${quoted(name)} requires value`)
      : failed('value-not-allowed', `option ${quoted(name)} requires no value`);
  if (keyword.isLast === true && !isAtEnd)
    return failed('not-at-end', `option ${quoted(name)} must be at end`);
  return parsed;
}

/**
 * Reads options from index `begin` of a line. A backslash escapes a colon. An invalid option ends the list
 * (hosts_options(5), DIAGNOSTICS).
 */
export function parseOptions(line: string, begin: number): readonly PlacedOption[] {
  const options: PlacedOption[] = [];
  for (let start = begin; ;) {
    let end = line.indexOf(':', start);
    while (line[end - 1] === '\\') end = line.indexOf(':', end + 1);
    const isAtEnd = end < 0;
    const text = line.slice(start, isAtEnd ? line.length : end);
    const option = readOption(text.replaceAll('\\:', ':'), isAtEnd);
    options.push({ at: start + skipBlanks(text, 0), option });
    if (isAtEnd || option.kind === 'error') return options;
    start = end + 1;
  }
}

/**
 * `options`: hosts_options(5), Debian's libwrap; `command`: hosts_access(5); `auto`: the first word of each rule
 * decides.
 */
export type Dialect = 'auto' | 'options' | 'command';

/** Words of packet filters and xinetd for a verdict, with ours. */
export const FOREIGN_VERDICTS: Readonly<Record<string, 'allow' | 'deny'>> = {
  ...Object.fromEntries(['accept', 'permit', 'grant', 'pass'].map((name) => [name, 'allow'] as const)),
  ...Object.fromEntries(
    ['reject', 'refuse', 'drop', 'block', 'forbid'].map((name) => [name, 'deny'] as const),
  ),
};

// Builtins of dash(1), and the words that begin a compound command. Not those with which only a misspelt option begins: `:`, `!`, `local`.
const BUILTINS = wordSet(`
  [ alias bg break cd chdir command continue echo eval exec exit export false fg getopts hash jobs kill
  printf pwd read readonly return set shift test times trap true type ulimit umask unalias unset wait
  case for if until while
`);

// Why a field is no command, although its first word could begin one. As a command, it would let in clients that the rule should refuse.
function whyNoCommand(field: string, word: string): string | undefined {
  // CUPS has a program `reject`
  if (Object.hasOwn(FOREIGN_VERDICTS, fold(word))) return `"${show(word)}" is no option`;
  const verdict = /(?<!\\):[ \t]*(allow|deny)[ \t\r\n]*$/i.exec(field)?.[1];
  return verdict === undefined
    ? undefined
    : `"${show(word)}" is no option, and the option ${verdict} follows`;
}

function readCommand(line: string, begin: number): readonly PlacedOption[] {
  const command = chop(line.slice(begin));
  if (command === '') return [];
  return [{ at: skipBlanks(line, begin), option: { kind: 'spawn', command } }];
}

/**
 * Reads the third field from index `begin` of a line. With `auto`, a field that begins neither with an option nor with
 * a command is an invalid option, which refuses.
 */
export function parseThirdField(
  line: string,
  begin: number,
  dialect: Dialect,
  isInPath: (word: string) => boolean,
): readonly PlacedOption[] {
  if (dialect === 'command') return readCommand(line, begin);
  const field = line.slice(begin);
  const name = fold(optionName(field.replace(/:.*/s, '')));
  if (dialect === 'options' || Object.hasOwn(KEYWORDS, name)) return parseOptions(line, begin);
  // the examples of hosts_access(5) begin with a group of commands
  const word = /^[ \t-\r({]*([^ \t-\r;|&<>()]*)/.exec(field)?.[1] ?? '';
  // an empty field is a missing option, as in libwrap
  if (word === '' || word.startsWith(':')) return parseOptions(line, begin);
  const fail = (message: string): readonly PlacedOption[] => [
    { at: skipBlanks(line, begin), option: { kind: 'error', code: 'no-command', message } },
  ];
  const why = whyNoCommand(field, word);
  if (why !== undefined) return fail(why);
  // hosts_access(5) recommends PATH=whatever before a command. Capitals only: a misspelt option is no assignment.
  if (BUILTINS.has(word) || /^\.[ \t]+\S*\//.test(field.trimStart()) || /^[A-Z_][A-Z0-9_]*=/.test(word))
    return readCommand(line, begin);
  if (!word.includes('=') && (word.includes('/') || isInPath(word))) return readCommand(line, begin);
  return fail(`"${show(word)}" is neither an option nor a command that is found`);
}
