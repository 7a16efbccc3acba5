// The shared options of the commands of uchroot-tcpd, and parsers for their values.

import { option } from '../../values/command-option.ts';
import { parseNumber } from '../../values/size.ts';
import { oneOf, optional, whole } from '../../values/validators.ts';
import { pairs, type Foreign } from '../../words/nearest.ts';
import { requireNamed } from '../../service/tcpd/named-files.ts';
import type { HostsOptions } from '../../tcpwrappers/hosts.ts';
import type { Dialect } from '../../tcpwrappers/parse/third-field.ts';
import type { ReadArguments } from '../arguments.ts';
import { pathOf, valueOf } from '../dispatch.ts';

/** The files, and their language. */
export const fileOptions = [
  option('--allow FILE', 'the file with the clients to let in (default /etc/hosts.allow)'),
  option('--deny FILE', 'the file with the clients to refuse (default /etc/hosts.deny)'),
  option('--dialect auto|options|command', 'what the third field of a rule is (default: auto)'),
  option('--compat libwrap', 'do not read a last line without a newline'),
] as const;

/** Words of tcpdmatch(8), tcpdchk(8) and others for the commands. */
export const foreignCommands: Foreign = pairs(
  'test:match tcpdmatch:match ask:match explain:match why:match tcpdchk:check lint:check verify:check validate:check start:run exec:run convert:export',
);

/** Words of other programs for the options. */
export const foreignTcpdOptions: Foreign = {
  ...pairs(
    'n:no-lookups f:allow file:allow hosts-allow:allow hosts-deny:deny d:allow i:inetd a:implicit-allow v:why explain:why',
  ),
  root: 'write --allow DIR/etc/hosts.allow --deny DIR/etc/hosts.deny',
  nftables: 'write --to nftables',
  iptables: 'write --to nftables',
};

/** One of some words. @throws UsageError for any other word */
export function wordOf<const Word extends string>(
  read: ReadArguments,
  option: string,
  words: readonly Word[],
): Word | undefined {
  return optional(oneOf(words))(valueOf(read, option)?.text as Word | undefined, `--${option}`);
}

/** A decimal number. @throws UsageError */
export function numberOf(read: ReadArguments, option: string, most: number): number | undefined {
  const value = valueOf(read, option);
  return value && whole(0, most, Math.min(most, 10))(parseNumber(value.text) as number, `--${option}`);
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
    allow: pathOf(read, 'allow', '/etc/hosts.allow'),
    deny: pathOf(read, 'deny', '/etc/hosts.deny'),
    dialect: wordOf(read, 'dialect', DIALECTS),
    compat: wordOf(read, 'compat', ['libwrap']),
  };
}
