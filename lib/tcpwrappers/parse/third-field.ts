// The third field of a rule: a list of options (hosts_options(5)), or a shell command as in older versions of libwrap.

import { type Option, type OptionErrorCode, parseSeverity, type PlacedOption } from '../rule/rule-option.ts';
import { chop, fold, scanInt, scanUnsigned, show, skipBlanks } from '../text/latin1.ts';

interface Keyword {
  readonly value: 'none' | 'required' | 'optional';
  /** No option may follow. */
  readonly isLast?: boolean;
  /** Called with '' if there is no value. */
  readonly read: (value: string) => Option;
}

function quoted(text: string): string {
  return `"${show(text)}"`;
}

function failed(code: OptionErrorCode, message: string): Option {
  return { kind: 'error', code, message };
}

function badValue(what: string, value: string): Option {
  return failed('bad-value', `bad ${what}: ${quoted(value)}`);
}

function readSeverity(value: string): Option {
  const severity = parseSeverity(value);
  return 'bad' in severity
    ? badValue('syslog facility or severity', severity.bad)
    : { kind: 'severity', ...severity };
}

function readLinger(value: string): Option {
  const seconds = scanInt(value);
  return seconds === undefined || seconds < 0 ? badValue('linger value', value) : { kind: 'linger', seconds };
}

function readIdent(value: string): Option {
  if (value === '') return { kind: 'rfc931' };
  const timeoutSeconds = scanInt(value);
  return timeoutSeconds === undefined || timeoutSeconds <= 0
    ? badValue('rfc931 timeout', value)
    : { kind: 'rfc931', timeoutSeconds };
}

function readNice(value: string): Option {
  const increment = value === '' ? 10 : scanInt(value);
  return increment === undefined ? badValue('nice value', value) : { kind: 'nice', increment };
}

function readUmask(value: string): Option {
  const mask = scanUnsigned(value, 8);
  return mask === undefined || mask > 0o777 ? badValue('umask value', value) : { kind: 'umask', mask };
}

function readUser(value: string): Option {
  const dot = value.indexOf('.');
  return dot < 0
    ? { kind: 'user', user: value }
    : { kind: 'user', user: value.slice(0, dot), group: value.slice(dot + 1) };
}

const KEYWORDS: Readonly<Record<string, Keyword>> = {
  allow: { value: 'none', isLast: true, read: () => ({ kind: 'allow' }) },
  deny: { value: 'none', isLast: true, read: () => ({ kind: 'deny' }) },
  spawn: { value: 'required', read: (command) => ({ kind: 'spawn', command }) },
  twist: { value: 'required', isLast: true, read: (command) => ({ kind: 'twist', command }) },
  aclexec: { value: 'required', read: (command) => ({ kind: 'aclexec', command }) },
  severity: { value: 'required', read: readSeverity },
  keepalive: { value: 'none', read: () => ({ kind: 'keepalive' }) },
  linger: { value: 'required', read: readLinger },
  rfc931: { value: 'optional', read: readIdent },
  banners: { value: 'required', read: (directory) => ({ kind: 'banners', directory }) },
  nice: { value: 'optional', read: readNice },
  setenv: { value: 'required', read: (assignment) => ({ kind: 'setenv', assignment }) },
  umask: { value: 'required', read: readUmask },
  user: { value: 'required', read: readUser },
  group: { value: 'required', read: (group) => ({ kind: 'group', group }) },
};

export const OPTION_NAMES: readonly string[] = Object.keys(KEYWORDS);

/** The first word of an option, or of a command. */
export function optionName(text: string): string {
  return /^[^ \t\r\n=]*/.exec(chop(text))?.[0] ?? '';
}

/** Whether the first word of a third field is the name of an option. */
function beginsWithOption(field: string): boolean {
  return Object.hasOwn(KEYWORDS, fold(optionName(field.split(':', 1)[0] ?? '')));
}

function readOption(text: string, isAtEnd: boolean): Option {
  const option = chop(text);
  const name = optionName(option);
  if (name === '') return failed('missing-option-name', 'missing option name');
  const folded = fold(name);
  const keyword = Object.hasOwn(KEYWORDS, folded) ? KEYWORDS[folded] : undefined;
  if (keyword === undefined) return failed('bad-option-name', `bad option name: ${quoted(name)}`);
  // one "=" is allowed between them
  const value = chop(option.slice(name.length).replace(/^[ \t\r\n]*=?/, ''));
  if (keyword.value === 'none' && value !== '')
    return failed('value-not-allowed', `option ${quoted(name)} requires no value`);
  if (keyword.value === 'required' && value === '')
    return failed('value-required', `option ${quoted(name)} requires value`);
  if (keyword.isLast === true && !isAtEnd)
    return failed('not-at-end', `option ${quoted(name)} must be at end`);
  return keyword.read(value);
}

/**
 * Reads options from index `begin` of a line. A backslash escapes a colon. An invalid option ends the list
 * (hosts_options(5), DIAGNOSTICS).
 */
export function parseOptions(line: string, begin: number): readonly PlacedOption[] {
  const options: PlacedOption[] = [];
  for (let start = begin; ;) {
    let end = line.indexOf(':', start);
    while (end > start && line[end - 1] === '\\') end = line.indexOf(':', end + 1);
    const text = line.slice(start, end < 0 ? line.length : end);
    const option = readOption(text.replaceAll('\\:', ':'), end < 0);
    options.push({ at: start + skipBlanks(text, 0), option });
    if (end < 0 || option.kind === 'error') return options;
    start = end + 1;
  }
}

/**
 * `options`: hosts_options(5), Debian's libwrap; `command`: hosts_access(5); `auto`: the first word of each rule
 * decides.
 */
export type Dialect = 'auto' | 'options' | 'command';

// Builtins of dash(1), and the words that begin a compound command.
const BUILTINS: ReadonlySet<string> = new Set(
  (
    '. : [ alias bg break cd chdir command continue echo eval exec exit export false fg getopts hash jobs kill ' +
    'local printf pwd read readonly return set shift test times trap true type ulimit umask unalias unset wait ' +
    '! case for if until while'
  ).split(' '),
);

// hosts_access(5) recommends PATH=whatever before a command. Capitals only: a misspelt option is no assignment.
const ASSIGNMENT = /^[A-Z_][A-Z0-9_]*=/;

function isCommandWord(word: string, isInPath: (word: string) => boolean): boolean {
  if (BUILTINS.has(word) || ASSIGNMENT.test(word)) return true;
  if (word.includes('=')) return false;
  return word.includes('/') || (word !== '' && isInPath(word));
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
  if (dialect === 'options' || beginsWithOption(field)) return parseOptions(line, begin);
  // the examples of hosts_access(5) begin with a group of commands
  const word = /^[ \t-\r({]*([^ \t-\r;|&<>()]*)/.exec(field)?.[1] ?? '';
  if (isCommandWord(word, isInPath)) return readCommand(line, begin);
  // an empty field is a missing option, as in libwrap
  if (word === '') return parseOptions(line, begin);
  const message = `"${show(word)}" is neither an option nor a command that is found`;
  return [{ at: skipBlanks(line, begin), option: { kind: 'error', code: 'no-command', message } }];
}
