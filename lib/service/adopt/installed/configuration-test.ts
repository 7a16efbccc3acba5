// Which command lines of a daemon only test its configuration. Pure.
import type { ExecLine } from './installed-service.ts';

// They run anything: a line of one can change data as well.
const interpreters =
  /\/(sh|bash|dash|busybox|env|perl|python[0-9.]*|ruby[0-9.]*|php[0-9.]*|node|nodejs|java)$/;

// A word that names a test, as a subcommand or an option: `configtest`, `--check`, `--verify-config`.
const testWord =
  /^-{0,2}(?:check|validate|(?:check|test|verify|validate)[-.]?conf(?:ig)?|(?:conf(?:ig)?|syntax)[-.]?(?:check|test))$|^--?test$|^--syntax-only$/;

// Options and words that mean a test to these programs, and something else to others.
const testWordsOf: ReadonlyMap<string, readonly string[]> = new Map([
  ['bird', ['-p']],
  ['exim4', ['-bV']],
  ['freeradius', ['-C', '-Cx', '-CX']],
  ['haproxy', ['-c']],
  ['nagios4', ['-v']],
  ['rsyslogd', ['-N1']],
  ['squid', ['parse']],
  ['suricata', ['-T']],
]);

// It can be a subcommand, such as `migrate`. A path, a number or an address cannot.
const isPlainWord = (word: string): boolean => /^[A-Za-z][\w-]*$/.test(word);

// To some programs, `-t` with a value is something else: threads, or a time.
const isSwitch = (word: string, next = '-'): boolean => /^-tt?$/.test(word) && next.startsWith('-');

/**
 * Whether a line of a unit only tests the configuration of its daemon, so that it may run beside the service. This is known by a word
 * that names a test. A line with a further word that may name an action does not count, nor does one whose failure systemd ignores.
 *
 * @param argv the words of the line with their variables replaced
 */
export function isConfigurationTest(
  { kind, program, flags }: Pick<ExecLine, 'kind' | 'program' | 'flags'>,
  [, ...words]: readonly string[],
): boolean {
  if (kind !== 'ExecStartPre' && kind !== 'ExecReload') return false;
  if (flags.includes('ignore-failure') || interpreters.test(program)) return false;
  const known = testWordsOf.get(program.slice(program.lastIndexOf('/') + 1)) ?? [];
  if (words.some((word) => known.includes(word))) return true;
  return (
    words.some((word, index) => testWord.test(word) || isSwitch(word, words[index + 1])) &&
    words.every((word) => testWord.test(word) || !isPlainWord(word))
  );
}
