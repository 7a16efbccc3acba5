// What `uchroot-tcpd check` looks for: every rule with its severity and its remedy.

import type { DescribedRule, Severity } from '../../findings/finding-severity.ts';

/** `error`: somebody is let in or refused by mistake; `warning`: it does not do what it looks like. */
type CheckRule = Omit<DescribedRule, 'id'>;

function rule(severity: Severity, summary: string, remedy: string): CheckRule {
  return { severity, summary, remedy };
}

/** All rules by their ids, which are API. */
export const CATALOG = {
  // the file
  'cannot-open': rule('error', 'The file cannot be opened.', 'make it readable for the daemons'),
  'is-a-directory': rule('error', 'The file is a directory.', 'put a file in its place'),
  'file-refused': rule('error', 'The file is too large.', 'list the clients in files of their own'),
  'file-owner': rule('error', 'Somebody else than root owns it, and decides.', 'chown root FILE'),
  'world-writable': rule('error', 'Anybody may write it, and decides.', 'chmod o-w FILE'),
  'byte-order-mark': rule('error', 'A byte order mark is part of the first word.', 'take it away'),
  crlf: rule('warning', 'Lines end in CR LF.', 'remove the CRs: dos2unix FILE'),
  'default-grant': rule(
    'note',
    'Whom no rule mentions is let in.',
    'end hosts.deny with "ALL: ALL", and grant in hosts.allow',
  ),
  'too-many-findings': rule('warning', 'There are more findings than are told.', 'begin with these'),
  // the line
  'missing-newline': rule(
    'error',
    'libwrap does not read a last line without a newline; in hosts.deny it refuses everybody then.',
    'add a newline',
  ),
  'missing-separator': rule('error', 'A line without ":" is no rule.', 'write DAEMONS: CLIENTS'),
  'line-too-long': rule('error', 'Nothing is read from a line of more than 2047 bytes on.', 'split the rule'),
  'nul-byte': rule('error', 'A NUL byte hides what follows.', 'take it away'),
  'comment-continues': rule(
    'error',
    'A comment that ends in a backslash swallows the next line.',
    'take the backslash away',
  ),
  'no-continuation': rule(
    'error',
    'A backslash with a blank behind it does not join the next line.',
    'end the line with the backslash',
  ),
  'trailing-comment': rule(
    'error',
    'A # anywhere but at the beginning of a line begins no comment.',
    'put the comment on a line of its own',
  ),
  'unbalanced-brackets': rule(
    'error',
    'A bracket without its other hides the colons behind it.',
    'write [ADDRESS]',
  ),
  'unbracketed-ipv6': rule(
    'error',
    'The rule is cut at the colons of an IPv6 address without brackets.',
    'write [ADDRESS]',
  ),
  // the lists
  'empty-list': rule('error', 'A list without a word matches nobody.', 'name somebody, or ALL'),
  'empty-except': rule('warning', 'EXCEPT without words behind it excepts nobody.', 'take EXCEPT away'),
  'swapped-lists': rule(
    'error',
    'An address stands where the daemons are: the lists are the wrong way round.',
    'write DAEMONS: CLIENTS',
  ),
  'odd-separator': rule(
    'error',
    'The character separates nothing, and is part of the word.',
    'separate words by blanks or commas',
  ),
  'reserved-word': rule(
    'warning',
    'A word that means something elsewhere is taken for a name here.',
    'write the name that is meant',
  ),
  'odd-daemon': rule(
    'warning',
    'No daemon has such a name.',
    'write the process name of the daemon, without a directory',
  ),
  'unknown-daemon': rule(
    'warning',
    'No service and no program of this name is installed.',
    'write the process name of the daemon, as ps -C has it',
  ),
  'not-wrapped': rule(
    'error',
    'The daemon never asks: neither it nor what it starts uses libwrap.',
    'start it by uchroot-tcpd run, or use a firewall: uchroot-tcpd export',
  ),
  'never-matches-empty': rule('error', 'Nothing stands beside the "@".', 'write USER@HOST'),
  'never-matches-address': rule(
    'error',
    'There is no IPv6 address between the brackets.',
    'write [2001:db8::1]',
  ),
  'never-matches-net': rule(
    'error',
    'There is no network before the "/".',
    'write 10.0.0.0/8 or [2001:db8::]/32',
  ),
  'never-matches-mask': rule('error', 'There is no mask behind the "/".', 'write 10.0.0.0/8'),
  'never-matches-host-bits': rule(
    'error',
    'A network with bits outside its mask matches nobody.',
    'clear these bits',
  ),
  'never-matches-mask-length': rule(
    'error',
    'An IPv4 mask has 1 to 32 bits.',
    'for every IPv4 address, write 0.0.0.0/0.0.0.0',
  ),
  'never-matches-prefix-length': rule(
    'error',
    'The prefix of an IPv6 network has 0 to 128 bits.',
    'write [2001:db8::]/32',
  ),
  'junk-prefix-length': rule(
    'error',
    'libwrap takes a length that is no number for /0: every IPv6 address.',
    'write the length, such as [2001:db8::]/32',
  ),
  'ipv6-host-bits': rule(
    'note',
    'An IPv6 network has bits behind its prefix, which do not count.',
    'clear these bits',
  ),
  'mapped-address': rule(
    'error',
    'A client with such an address is taken for an IPv4 one, and never matches.',
    'write the IPv4 address',
  ),
  'incomplete-address': rule(
    'error',
    'Digits and dots that are no address match nobody.',
    'write 10.0.0.1, or a dot behind the beginning of an address: 10.',
  ),
  'dot-before-network': rule('error', 'It has a dot in front, and matches ends.', 'put the dot behind it'),
  'dot-behind-name': rule(
    'warning',
    'It matches what begins so: whoever rules his own names can have such a one.',
    'take the dot away',
  ),
  'glob-matches-names': rule(
    'warning',
    'Wildcards are tried on the name too: a host that calls itself 10.example.com passes 10.*.',
    'write the addresses, or a network',
  ),
  'netgroup-unsupported': rule(
    'warning',
    "Debian's libwrap knows no netgroups, and matches nobody.",
    'list the hosts',
  ),
  'pattern-file': rule(
    'error',
    'A file of patterns cannot be used.',
    'make it readable, and name no file in it',
  ),
  'pattern-file-missing': rule('warning', 'A file of patterns is not there, and matches nobody.', 'make it'),
  'pattern-file-comment': rule(
    'error',
    'Files of patterns have no comments: each word is a pattern.',
    'take the comment away',
  ),
  'host-not-found': rule('warning', 'The name of the host leads to no address.', 'correct it'),
  'host-alias': rule(
    'warning',
    'The name is an alias: a client never has it.',
    'write the official name, or an address',
  ),
  'host-name-mismatch': rule(
    'warning',
    'The address of the host leads to another name, or to none: it is never known by this one.',
    'correct the DNS, or write the address',
  ),
  'host-addresses': rule('note', 'The host has more than one address.', 'consider to write addresses'),
  // rules among each other
  'shadowed-rule': rule('warning', 'Rules before it match whoever would match it.', 'remove it'),
  'duplicate-rule': rule('warning', 'An earlier rule says the same.', 'remove it'),
  // the third field
  'missing-option-name': rule(
    'error',
    'Nothing stands between two colons, or behind the last.',
    'take the colon away',
  ),
  'bad-option-name': rule('error', 'There is no such option.', 'see hosts_options(5); a command wants spawn'),
  'value-required': rule('error', 'The option wants a value.', 'see hosts_options(5)'),
  'value-not-allowed': rule('error', 'The option takes no value.', 'take the value away'),
  'not-at-end': rule('error', 'Nothing may follow the option.', 'put it last'),
  'bad-value': rule('error', 'The value of the option is wrong.', 'see hosts_options(5)'),
  'no-command': rule(
    'error',
    'The third field is neither options nor a command that is found.',
    'write spawn COMMAND, or the path of the command',
  ),
  'shell-command': rule(
    'warning',
    "Debian's libwrap takes a plain command for a bad option, and refuses.",
    'write spawn in front of it',
  ),
  'dialect-mix': rule(
    'warning',
    'Options and plain commands are in one set of rules: no libwrap reads both.',
    'write spawn in front of the commands',
  ),
  'open-aclexec': rule(
    'warning',
    'libwrap goes on if the command fails, and may let in.',
    'have uchroot-tcpd decide, which refuses',
  ),
  'no-effect': rule(
    'warning',
    "Debian's libwrap checks the name, and does not change the identity.",
    'start the daemon by uchroot-tcpd run',
  ),
  'unknown-account': rule(
    'error',
    'There is no such user or group: whoever the rule means is refused.',
    'correct the name',
  ),
  'missing-banners': rule('warning', 'The directory of the banners is not there.', 'make it'),
  'implicit-allow': rule('note', 'The rule grants without an explicit "allow".', 'add ": allow"'),
  // services
  'inetd-incomplete': rule(
    'warning',
    'The line of the inetd configuration is incomplete.',
    'see inetd.conf(5)',
  ),
  'inetd-missing': rule('error', 'The program of a service is not there.', 'install it, or remove the line'),
  'inetd-not-executable': rule('error', 'The program of a service cannot be executed.', 'chmod +x PROGRAM'),
  'inetd-recursive': rule(
    'error',
    'The wrapper is told to start itself.',
    'write the name of the daemon behind the path of the wrapper',
  ),
  'inetd-rpc': rule('error', 'RPC services over TCP cannot be wrapped.', 'use a firewall'),
  'inetd-set-id': rule(
    'warning',
    'The program of a service is set-user-ID or set-group-ID.',
    'chmod ug-s PROGRAM',
  ),
  'inetd-insecure': rule('warning', 'The service trusts what the client says.', 'use another: ssh'),
  'xinetd-asks': rule(
    'error',
    'xinetd asks libwrap itself, by another name than the wrapper: whoever has no rule for that is refused.',
    'write flags = NOLIBWRAP',
  ),
} as const satisfies Readonly<Record<string, CheckRule>>;

export type RuleId = keyof typeof CATALOG;

/** The same rules as a list. */
export function listRules(): readonly DescribedRule<RuleId>[] {
  return Object.entries(CATALOG).map(([id, described]) => Object.assign({ id: id as RuleId }, described));
}

/** What was found in a line, at a character of it. */
export interface Told {
  readonly rule: RuleId;
  /** Index in the text of the line. */
  readonly at: number;
  /** One line. */
  readonly message: string;
  readonly remedy?: string | undefined;
}
