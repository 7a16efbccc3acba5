// The commands of uchroot-tcpd, and their help.

import { check } from './tcpd-check.ts';
import { exportRules } from './tcpd-export.ts';
import { match } from './tcpd-match.ts';
import { run } from './tcpd-run.ts';

export const commands = { run, match, check, export: exportRules };

/** What --help says. */
export function usage(): string {
  const synopses = Object.values(commands).map(({ synopsis }) => `uchroot-tcpd ${synopsis}`);
  return `Usage: ${synopses.join('\n       ')}

TCP wrappers: who may connect, by hosts.allow and hosts.deny.

run: decides on the client on descriptor 0, as tcpd(8), and becomes DAEMON; for inetd.conf and systemd
  --jail USER[:GROUP]:DIRECTORY
                          in a jail, as uchroot starts programs, with the options of uchroot
  Exit status: 0 refused, 125 to 127 as uchroot; else DAEMON's own.

match: what is decided on a request, by which rule, with which look-ups and options
  --why                   and why each rule above it does not match
  --format FORMAT         text, or json with all of that
  --name NAME             the name of the client; else it is looked up where a rule asks
  --client-port N         its port
  --server-name NAME      the name of HOST, the address that the client connects to
  --server-port N         its port
  --timeout SECONDS       longest time for a look-up (default 10)
  Exit status: 0 granted, 1 denied or delegated, 2 it cannot be told.

check: what is wrong with the files, file:line:column, and what to do
  --fail-on SEVERITY      fail on findings of this severity and worse: error (default), warning or note
  --format FORMAT         text, json or sarif
  --ignore RULE           no findings of a rule; may be repeated
  --daemon NAME           a daemon of this name is there, whatever it seems; may be repeated
  --inetd FILE            the configuration of inetd (default /etc/inetd.conf)
  --no-lookups            do not look host names up
  --implicit-allow        tell of rules that grant without the option allow
  Exit status: 0 no errors, 1 errors, 2 it could not be checked; with --fail-on: 3 warnings, 4 notes.

export: the rules for a firewall, or for systemd; what is lost, on standard error
  --to nftables|systemd   a table for nft -f -, or drop-ins for units
  --port DAEMON=PORT[/tcp|/udp]
                          a port of a daemon; may be repeated
  --unit DAEMON=UNIT      the unit of a daemon; may be repeated
  Exit status: 0 all is translated, 1 something is lost, 2 nothing is written.

All
  --allow FILE            the file of those who are let in (default /etc/hosts.allow)
  --deny FILE             the file of those who are not (default /etc/hosts.deny)
  --dialect DIALECT       what the third field of a rule is: options, command, or auto (default)
  --compat libwrap        do not read a last line without a newline
  --help, --version
`;
}
