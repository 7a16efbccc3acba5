// Problems of one rule: words that never match, and options that refuse everybody.

import { nearest } from '../../nearest.ts';
import type { Finding, Remark } from '../rule/finding.ts';
import type { HostPattern, Never, PatternFile, TextPattern } from '../rule/pattern.ts';
import type { Option } from '../rule/rule-option.ts';
import type { Rule } from '../rule/rule-table.ts';
import { OPTION_NAMES, optionName } from './third-field.ts';

/** A remark and its index in the line. */
export type Notice = Remark & { readonly at: number };

type OptionError = Extract<Option, { readonly kind: 'error' }>;

const NEVER: Readonly<Record<Never, string>> = {
  empty: 'nothing stands beside the "@"; it matches nobody',
  address: 'no IPv6 address between the brackets; it matches nobody',
  net: 'no network before the "/"; it matches nobody',
  mask: 'no mask behind the "/"; it matches nobody',
  'host-bits': 'the network has bits outside its mask; it matches nobody',
  'mask-length': 'a mask of an IPv4 network has 1 to 32 bits; it matches nobody',
  'prefix-length': 'the prefix of an IPv6 network has 0 to 128 bits; it matches nobody',
};

function notice(at: number, level: Finding['level'], code: string, message: string): Notice {
  return { at, level, code, message };
}

function never(at: number, why: Never): Notice {
  return notice(at, 'warning', `never-matches-${why}`, NEVER[why]);
}

function noticeText(at: number, pattern: TextPattern): Notice | undefined {
  return pattern.kind === 'never' ? never(at, pattern.why) : undefined;
}

const JUNK = '; libwrap takes it for /0, every IPv6 address';

function noticeFile(at: number, { broken, doubtful, unreadable }: PatternFile): Notice | undefined {
  if (broken !== undefined) return notice(at, 'error', 'pattern-file', broken);
  if (doubtful !== undefined) return notice(at, 'error', 'junk-prefix-length', `${doubtful}${JUNK}`);
  if (unreadable === undefined) return undefined;
  return notice(at, 'warning', 'pattern-file', `${unreadable}; it matches nobody`);
}

function noticeHost(at: number, pattern: HostPattern, hasNetgroups: boolean): Notice | undefined {
  switch (pattern.kind) {
    case 'never':
      return never(at, pattern.why);
    case 'text':
      return noticeText(at, pattern.text);
    case 'doubtful':
      return notice(at, 'error', 'junk-prefix-length', `no number behind the "/"${JUNK}`);
    case 'netgroup':
      return hasNetgroups
        ? undefined
        : notice(
            at,
            'warning',
            'netgroup-unsupported',
            'netgroups cannot be looked up here; it matches nobody',
          );
    case 'file':
      return noticeFile(at, pattern.file);
    case 'known':
    case 'local':
    case 'net4':
    case 'net6':
      return undefined;
    default:
      return pattern satisfies never;
  }
}

function noticeError(rule: Rule, at: number, { code, message }: OptionError): Notice {
  const about = notice(at, 'error', code, `${message}; whoever the rule means is refused`);
  if (code !== 'bad-option-name' && code !== 'no-command') return about;
  const meant = nearest(optionName(rule.text.slice(at, at + 40)), OPTION_NAMES);
  return meant === undefined ? about : { ...about, hint: `did you mean ${meant}?` };
}

/** The problems of a rule, in the order of its line. */
export function* noticesOf(rule: Rule, hasNetgroups: boolean): Generator<Notice, void> {
  for (const { at, daemon, host } of rule.daemons.flat()) {
    const notices = [
      daemon.kind === 'port' ? undefined : noticeText(at, daemon),
      host === undefined ? undefined : noticeHost(at, host, hasNetgroups),
    ];
    for (const found of notices) if (found !== undefined) yield found;
  }
  for (const { at, host, user } of rule.clients.flat()) {
    const notices = [
      user === undefined ? undefined : noticeText(at, user),
      noticeHost(at, host, hasNetgroups),
    ];
    for (const found of notices) if (found !== undefined) yield found;
  }
  for (const { at, option } of rule.options) if (option.kind === 'error') yield noticeError(rule, at, option);
}
