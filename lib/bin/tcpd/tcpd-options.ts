// The shared options of the commands of uchroot-tcpd, and parsers for their values.

import { UsageError } from '../../errors.ts';
import { option } from '../../values/command-option.ts';
import { didYouMean, type Foreign } from '../../words/nearest.ts';
import { quote } from '../../words/quote.ts';
import { requireNamed } from '../../service/tcpd/named-files.ts';
import type { HostsOptions } from '../../tcpwrappers/hosts.ts';
import type { Dialect } from '../../tcpwrappers/parse/third-field.ts';
import type { ReadArguments } from '../arguments.ts';
import { valueOf } from '../dispatch.ts';

/** The files, and their language. */
export const fileOptions = [
  option('--allow FILE', 'the file with the clients to let in (default /etc/hosts.allow)'),
  option('--deny FILE', 'the file with the clients to refuse (default /etc/hosts.deny)'),
  option('--dialect auto|options|command', 'what the third field of a rule is (default: auto)'),
  option('--compat libwrap', 'do not read a last line without a newline'),
] as const;

const rule = "write a rule into /etc/hosts.allow, such as 'sshd: 192.0.2.1'; match tells what it does";

/** Words of tcpdmatch(8), tcpdchk(8) and others for the commands. */
export const foreignCommands: Foreign = {
  test: 'match',
  add: rule,
  list: 'write match --why DAEMON CLIENT, which shows the rules, or check',
  show: 'write match --why DAEMON CLIENT, which shows the rules, or check',
  allow: rule,
  deny: "write a rule into /etc/hosts.deny, such as 'sshd: ALL'; match tells what it does",
  tcpdmatch: 'match',
  ask: 'match',
  explain: 'match',
  why: 'match',
  tcpdchk: 'check',
  lint: 'check',
  verify: 'check',
  validate: 'check',
  start: 'run',
  reload: 'leave it out: the rules are read for each connection',
  restart: 'leave it out: the rules are read for each connection',
  exec: 'run',
  convert: 'export',
  nftables: 'write export --to nftables',
  systemd: 'write export --to systemd',
};

/** Words of other programs for the options. */
export const foreignTcpdOptions: Foreign = {
  root: 'write --allow DIR/etc/hosts.allow --deny DIR/etc/hosts.deny',
  n: 'no-lookups',
  f: 'allow',
  file: 'allow',
  o: 'leave it out: what is printed goes where the shell says: >FILE',
  output: 'leave it out: what is printed goes where the shell says: >FILE',
  'hosts-allow': 'allow',
  'hosts-deny': 'deny',
  d: 'allow',
  i: 'inetd',
  a: 'implicit-allow',
  v: 'why',
  explain: 'why',
  user: 'leave it out: the user stands before an @, as in root@192.0.2.1 of match and nobody:/srv/jail of run --jail',
  client: 'leave it out: the words are DAEMON CLIENT',
  daemon: 'leave it out: the words are DAEMON CLIENT',
  nftables: 'write --to nftables',
  nft: 'write --to nftables',
  iptables: 'write --to nftables: nft(8) loads it, also where iptables is used',
};

/** One of some words. @throws UsageError for any other word */
export function oneOf<Word extends string>(
  read: ReadArguments,
  option: string,
  words: readonly Word[],
): Word | undefined {
  const value = valueOf(read, option);
  const word = words.find((word) => word === value?.text);
  if (value === undefined || word !== undefined) return word;
  throw new UsageError(`--${option} ${quote(value.bytes)}: it is one of ${words.join(', ')}`, {
    hint: didYouMean(value.text, words) ?? `write --${option} ${words[0]}`,
  });
}

/** A decimal number. @throws UsageError */
export function numberOf(read: ReadArguments, option: string, most: number): number | undefined {
  const value = valueOf(read, option);
  if (value === undefined) return undefined;
  const number = /^[0-9]{1,9}$/.test(value.text) ? Number(value.text) : Infinity;
  if (number <= most) return number;
  throw new UsageError(`--${option} ${quote(value.bytes)}: it is a number up to ${most}`, {
    hint: `for example --${option} ${Math.min(most, 10)}`,
  });
}

const DIALECTS: readonly Dialect[] = ['auto', 'options', 'command'];

/** Checks that files exist if they are named; the default files may be missing. @throws UsageError, JailError */
export function toNamedFiles(read: ReadArguments): HostsOptions {
  const options = toHostsOptions(read);
  requireNamed(options);
  return options;
}

/** The options for openHosts(). @throws UsageError */
export function toHostsOptions(read: ReadArguments): HostsOptions {
  return {
    allow: valueOf(read, 'allow')?.bytes,
    deny: valueOf(read, 'deny')?.bytes,
    dialect: oneOf(read, 'dialect', DIALECTS),
    compat: oneOf(read, 'compat', ['libwrap']),
  };
}
