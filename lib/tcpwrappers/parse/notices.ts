// Problems of one rule: words that never match, and options that refuse everybody.

import { didYouMean, type Foreign } from '../../words/nearest.ts';
import type { Remark } from '../rule/finding.ts';
import type { HostPattern, Never, TextPattern } from '../rule/pattern.ts';
import type { PlacedOption } from '../rule/rule-option.ts';
import { type Rule, wordText } from '../rule/rule-table.ts';
import { formatQuad, parseQuad } from '../../values/address.ts';
import { FOREIGN_VERDICTS, OPTION_NAMES, optionName } from './third-field.ts';

/** A remark and its index in the line. */
export type Notice = Remark & { readonly at: number };

const NEVER: Readonly<Record<Never, string>> = {
  empty: 'one side of the "@" is empty',
  address: 'no IPv6 address between the brackets',
  net: 'no network before the "/"',
  mask: 'no mask behind the "/"',
  'host-bits': 'the network has bits outside its mask',
  'mask-length': 'a mask of an IPv4 network has 1 to 32 bits',
  'prefix-length': 'the prefix of an IPv6 network has 0 to 128 bits',
};

function nobody(code: string, why: string): Remark {
  return { level: 'warning', code, message: `${why}; it matches nobody` };
}

function junk(what: string): Remark {
  const message = `${what}; libwrap reads it as /0, every IPv6 address`;
  return { level: 'error', code: 'junk-prefix-length', message };
}

function remarkWord(pattern: HostPattern | TextPattern, hasNetgroups: boolean): Remark | undefined {
  const never = pattern.kind === 'text' ? pattern.text : pattern;
  if (never.kind === 'never') return nobody(`never-matches-${never.why}`, NEVER[never.why]);
  if (pattern.kind === 'doubtful') return junk('no number behind the "/"');
  if (pattern.kind === 'netgroup' && !hasNetgroups)
    return nobody('netgroup-unsupported', 'netgroups cannot be looked up here');
  if (pattern.kind !== 'file') return undefined;
  const { broken, doubtful, unreadable } = pattern.file;
  if (broken !== undefined) return { level: 'error', code: 'pattern-file', message: broken };
  if (doubtful !== undefined) return junk(doubtful);
  return unreadable === undefined ? undefined : nobody('pattern-file', unreadable);
}

// The network without the bits outside of its mask.
function clearedBits(word: string): string | undefined {
  const [, net = '', mask = ''] = /(?:^|@)([0-9.]+)\/([0-9.]+)$/.exec(word) ?? [];
  const quad = parseQuad(net);
  const bits = mask.includes('.') ? parseQuad(mask) : 0xffffffff << (32 - Number(mask));
  if (quad === undefined || bits === undefined) return undefined;
  return `write ${formatQuad(BigInt((quad & bits) >>> 0))}/${mask}`;
}

// Options with a value that is right.
const examples: Readonly<Record<string, string>> = {
  severity: 'for example severity auth.info',
  linger: 'for example linger 10',
  rfc931: 'for example rfc931 10, in seconds',
  nice: 'for example nice 10',
  umask: 'for example umask 022',
  user: 'for example user nobody',
  group: 'for example group nogroup',
};

// Of iptables, xinetd and shells.
const foreignOptions: Foreign = {
  ...FOREIGN_VERDICTS,
  ...Object.fromEntries(['log', 'syslog', 'log_type', 'log_on_failure'].map((name) => [name, 'severity'])),
  ...Object.fromEntries(['run', 'exec', 'command', 'shell'].map((name) => [name, 'spawn'])),
  banner: 'banners',
  message: 'banners',
  ident: 'rfc931',
  env: 'setenv',
};

// Their text may have colons of its own.
const commands: ReadonlySet<string> = new Set(['spawn', 'twist', 'aclexec', 'setenv', 'banners']);

function noticeError(
  { text }: Rule,
  { at, option }: PlacedOption,
  isBehindText: boolean,
): Notice | undefined {
  if (option.kind !== 'error') return undefined;
  const { code } = option;
  const message = `${option.message}; every client of the rule is refused`;
  const isName = code === 'bad-option-name' || code === 'no-command';
  if (/^[0-9]+\s*$/.test(text.slice(at)))
    return { at, level: 'error', code, message, hint: 'leave it out: a rule is for all ports' };
  const name = optionName(text.slice(at, at + 40));
  const hint = isName
    ? (didYouMean(name.toLowerCase(), OPTION_NAMES, undefined, foreignOptions) ??
      (isBehindText ? 'write \\: for a colon in the option before' : undefined))
    : code === 'bad-value'
      ? examples[name]
      : undefined;
  return { at, level: 'error', code, message, ...(hint !== undefined && { hint }) };
}

/** The problems of a rule, in the order of its line. */
export function* noticesOf(rule: Rule, hasNetgroups: boolean): Generator<Notice, void> {
  for (const word of [...rule.daemons.flat(), ...rule.clients.flat()])
    for (const pattern of ['daemon' in word ? word.daemon : word.user, word.host]) {
      if (pattern === undefined || pattern.kind === 'port') continue;
      const remark = remarkWord(pattern, hasNetgroups);
      if (remark === undefined) continue;
      const hint =
        remark.code === 'never-matches-host-bits' ? clearedBits(wordText(rule, word.at)) : undefined;
      yield { at: word.at, ...remark, ...(hint !== undefined && { hint }) };
    }
  for (const [index, option] of rule.options.entries()) {
    const before = rule.options[index - 1]?.option.kind;
    const notice = noticeError(rule, option, before !== undefined && commands.has(before));
    if (notice !== undefined) yield notice;
  }
}
