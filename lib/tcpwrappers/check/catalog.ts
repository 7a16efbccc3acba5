// The rules of `uchroot-tcpd check`, each with its severity and its remedy.

import { stripReturns } from '../../words/shell-word.ts';
import type { DescribedRule } from '../../findings/finding-severity.ts';

/** `error`: somebody is let in or refused by mistake; `warning`: it does not do what it looks like. */
type CheckRule = Omit<DescribedRule, 'id'>;

type Describe = (summary: string, remedy: string) => CheckRule;

const error: Describe = (summary, remedy) => ({ severity: 'error', summary, remedy });
const warning: Describe = (summary, remedy) => ({ severity: 'warning', summary, remedy });
const note: Describe = (summary, remedy) => ({ severity: 'note', summary, remedy });

/** All rules by their ids, which are API. */
export const CATALOG = {
  // the file
  'cannot-open': error('The file cannot be opened.', 'make it readable for the daemons'),
  'is-a-directory': error('The file is a directory.', 'put a file in its place'),
  'not-a-file': error('The file is a device, a pipe or a socket.', 'put a file in its place'),
  'file-refused': error('The file is too large.', 'list the clients in files of their own'),
  'file-owner': error('The owner is not root, and decides who may connect.', 'chown root FILE'),
  'world-writable': error('Any user may write the file.', 'chmod o-w FILE'),
  'byte-order-mark': error('A byte order mark is part of the first word.', 'remove it'),
  crlf: warning('Lines end in CR LF.', stripReturns('FILE')),
  'default-grant': note('A client that no rule matches is let in.', 'end hosts.deny with "ALL: ALL"'),
  'too-many-findings': warning('There are more findings than are shown.', 'begin with these'),
  // the line
  'missing-newline': error(
    'libwrap does not read a last line without a newline; in hosts.deny it then refuses everybody.',
    'add a newline',
  ),
  'missing-separator': error('A line without ":" is no rule.', 'write DAEMONS: CLIENTS'),
  'line-too-long': error('A line has more than 2047 bytes; nothing is read from there on.', 'split the rule'),
  'nul-byte': error('A NUL byte hides the rest of its line.', 'remove it'),
  'comment-continues': error(
    'A comment ending in a backslash swallows the next line.',
    'remove the backslash',
  ),
  'no-continuation': error('A backslash before a blank does not join the next line.', 'remove the blank'),
  'trailing-comment': error('A # begins a comment only at the start of a line.', 'use a line of its own'),
  'unbalanced-brackets': error('A bracket without its counterpart hides later colons.', 'write [ADDRESS]'),
  'unbracketed-ipv6': error('The rule is cut at the colons of an IPv6 address.', 'write [ADDRESS]'),
  // the lists
  'empty-list': error('A list without a word matches nobody.', 'name somebody, or ALL'),
  'empty-except': warning(
    'EXCEPT without words behind it excepts nobody.',
    'write them directly behind it, or remove EXCEPT',
  ),
  'idle-except': warning(
    'An EXCEPT behind another takes back nothing of it: a EXCEPT b EXCEPT c is a EXCEPT (b EXCEPT c).',
    'list all exceptions behind one EXCEPT',
  ),
  'swapped-lists': error(
    'An address stands among the daemons: the lists are swapped.',
    'write DAEMONS: CLIENTS',
  ),
  'odd-separator': error('The character does not separate words.', 'separate words by blanks or commas'),
  'reserved-word': warning('A word with a meaning elsewhere is a name here.', 'write the name that is meant'),
  'odd-daemon': warning('No daemon has such a name.', 'write its process name, without a directory'),
  'unknown-daemon': warning(
    'No installed service or program has this name.',
    'write the name that ps -C shows',
  ),
  'not-wrapped': error(
    'The daemon never asks: neither it nor a program that it starts uses libwrap.',
    'start it by uchroot-tcpd run, or use a firewall: uchroot-tcpd export',
  ),
  'never-matches-empty': error('One side of the "@" is empty.', 'write USER@HOST'),
  'never-matches-address': error(
    'There is no IPv6 address between the brackets.',
    'write [2001:db8::1], or [2001:db8::]/32',
  ),
  'never-matches-net': error('There is no network before the "/".', 'write 10.0.0.0/8 or [2001:db8::]/32'),
  'never-matches-mask': error('There is no mask behind the "/".', 'write 10.0.0.0/8'),
  'never-matches-host-bits': error('A network with bits outside its mask never matches.', 'clear these bits'),
  'never-matches-mask-length': error(
    'An IPv4 mask has 1 to 32 bits.',
    'for all of IPv4, write 0.0.0.0/0.0.0.0',
  ),
  'never-matches-prefix-length': error('An IPv6 prefix has 0 to 128 bits.', 'write [2001:db8::]/32'),
  'junk-prefix-length': error('libwrap reads a length that is no number as /0.', 'write [2001:db8::]/32'),
  'ipv6-host-bits': note('Bits of an IPv6 network behind its prefix do not count.', 'clear these bits'),
  'mapped-address': error('Such a client counts as an IPv4 client: no match.', 'write the IPv4 address'),
  'incomplete-address': error(
    'Digits and dots that are no address match nobody.',
    'write 10.0.0.1, or 10. for a network',
  ),
  'network-address': warning(
    'An address that ends in .0 is one host, and most often a network is meant.',
    'write 10.0.0.0/8, or 10. for a network',
  ),
  'dot-before-network': error('A leading dot matches the end of an address.', 'put the dot behind it'),
  'dot-behind-name': warning('A name that ends in a dot matches all names that begin so.', 'remove the dot'),
  'glob-matches-names': warning('Wildcards match names too: 10.example.com matches 10.*.', 'write addresses'),
  'netgroup-unsupported': warning("Debian's libwrap has no netgroups: no match.", 'list the hosts'),
  'pattern-file': error('A file of patterns cannot be used.', 'make it readable, and name no file in it'),
  'pattern-file-missing': warning('A file of patterns does not exist, and matches nobody.', 'create it'),
  'pattern-file-comment': error('Files of patterns have no comments.', 'remove the comment'),
  'host-not-found': warning('The host name has no address.', 'correct it'),
  'host-alias': warning(
    'The name is an alias: a client never has it.',
    'write the official name or an address',
  ),
  'host-name-mismatch': warning(
    'The address of the host has another name, or none.',
    'correct the DNS, or write the address',
  ),
  'host-addresses': note('The host has more than one address.', 'consider writing addresses'),
  // the order of rules
  'shadowed-rule': warning('Earlier rules match all clients that this rule would match.', 'remove it'),
  'duplicate-rule': warning('An earlier rule says the same.', 'remove it'),
  // the third field
  'missing-option-name': error('There is nothing between two colons, or behind the last.', 'remove it'),
  'bad-option-name': error('There is no such option.', 'see hosts_options(5); a command needs spawn'),
  'value-required': error('The option needs a value.', 'write it behind the name, as in spawn COMMAND'),
  'value-not-allowed': error('The option takes no value.', 'remove the value'),
  'not-at-end': error('The option must be the last one.', 'put it last'),
  'bad-value': error('The value of the option is wrong.', 'see hosts_options(5)'),
  'no-command': error(
    'The third field is neither options nor a command.',
    'write spawn COMMAND, or its path',
  ),
  'shell-command': warning(
    "Debian's libwrap refuses: a plain command is no option.",
    'write spawn before it',
  ),
  'dialect-mix': warning('No libwrap reads both options and plain commands.', 'write spawn before commands'),
  'open-aclexec': warning('libwrap may let in a client if the command fails.', 'let uchroot-tcpd decide'),
  'no-effect': warning("Debian's libwrap does not change the identity.", 'use uchroot-tcpd run'),
  'unknown-account': error('There is no such user or group: the rule refuses.', 'correct the name'),
  'missing-banners': warning('The directory of the banners does not exist.', 'create it'),
  'implicit-allow': note('The rule grants without an explicit "allow".', 'add ": allow"'),
  // services
  'inetd-incomplete': warning(
    'A line of the configuration of inetd or xinetd cannot be read.',
    'see inetd.conf(5) and xinetd.conf(5)',
  ),
  'inetd-missing': error('The program of a service does not exist.', 'install it, or remove the line'),
  'inetd-not-executable': error('The program of a service cannot be executed.', 'chmod +x PROGRAM'),
  'inetd-recursive': error('The wrapper starts itself.', 'write the name of the daemon behind the wrapper'),
  'inetd-rpc': error('RPC services over TCP cannot be wrapped.', 'use a firewall'),
  'inetd-set-id': warning('The program of a service is set-user-ID or set-group-ID.', 'chmod ug-s PROGRAM'),
  'inetd-insecure': warning('The service trusts what the client says.', 'use another: ssh'),
  'xinetd-asks': error(
    'xinetd asks libwrap itself, by another name than the wrapper, and refuses clients that have no rule for that name.',
    'write flags = NOLIBWRAP',
  ),
} as const satisfies Readonly<Record<string, CheckRule>>;

export type RuleId = keyof typeof CATALOG;

/** The same rules as a list. */
export function listRules(): readonly DescribedRule<RuleId>[] {
  return Object.entries(CATALOG).map(([id, described]) => Object.assign({ id: id as RuleId }, described));
}

/** Reports a finding at an index of the text of a line. */
export type Tell = (rule: RuleId, at: number, message: string, remedy?: string) => void;
