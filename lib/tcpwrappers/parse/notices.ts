// Problems of one rule: words that never match, and options that refuse everybody.

import { nearest } from '../../nearest.ts';
import type { Remark } from '../rule/finding.ts';
import type { HostPattern, Never, PatternFile, TextPattern } from '../rule/pattern.ts';
import type { Option } from '../rule/rule-option.ts';
import type { Rule } from '../rule/rule-table.ts';
import { OPTION_NAMES, optionName } from './third-field.ts';

type OptionError = Extract<Option, { readonly kind: 'error' }>;

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
const JUNK = '; libwrap reads it as /0, every IPv6 address';

function remarkNever(why: Never): Remark | undefined {
  return { level: 'warning', code: `never-matches-${why}`, message: `${NEVER[why]}; it matches nobody` };
}

function remarkJunk(message: string): Remark | undefined {
  return { level: 'error', code: 'junk-prefix-length', message: `${message}${JUNK}` };
}

function remarkFile({ broken, doubtful, unreadable }: PatternFile): Remark | undefined {
  if (broken !== undefined) return { level: 'error', code: 'pattern-file', message: broken };
  if (doubtful !== undefined) return remarkJunk(doubtful);
  if (unreadable === undefined) return undefined;
  return { level: 'warning', code: 'pattern-file', message: `${unreadable}; it matches nobody` };
}

function remarkWord(pattern: HostPattern | TextPattern, hasNetgroups: boolean): Remark | undefined {
  switch (pattern.kind) {
    case 'never':
      return remarkNever(pattern.why);
    case 'text':
      return pattern.text.kind === 'never' ? remarkNever(pattern.text.why) : undefined;
    case 'doubtful':
      return remarkJunk('no number behind the "/"');
    case 'netgroup': {
      if (hasNetgroups) return undefined;
      const message = 'netgroups cannot be looked up here; it matches nobody';
      return { level: 'warning', code: 'netgroup-unsupported', message };
    }
    case 'file':
      return remarkFile(pattern.file);
    case 'all':
    case 'known':
    case 'equal':
    case 'suffix':
    case 'prefix':
    case 'glob':
    case 'address':
    case 'local':
    case 'net4':
    case 'net6':
      return undefined;
    default:
      return pattern satisfies never;
  }
}

function noticeError({ text }: Rule, at: number, { code, message }: OptionError): Notice {
  const notice = {
    at,
    level: 'error',
    code,
    message: `${message}; every client of the rule is refused`,
  } as const;
  if (code !== 'bad-option-name' && code !== 'no-command') return notice;
  const meant = nearest(optionName(text.slice(at, at + 40)), OPTION_NAMES);
  return meant === undefined ? notice : { ...notice, hint: `did you mean ${meant}?` };
}

/** The problems of a rule, in the order of its line. */
export function* noticesOf(rule: Rule, hasNetgroups: boolean): Generator<Notice, void> {
  const words = [
    ...rule.daemons.flat().map(({ at, daemon, host }) => [at, daemon, host] as const),
    ...rule.clients.flat().map(({ at, host, user }) => [at, user, host] as const),
  ];
  for (const [at, ...patterns] of words)
    for (const pattern of patterns) {
      if (pattern === undefined || pattern.kind === 'port') continue;
      const remark = remarkWord(pattern, hasNetgroups);
      if (remark !== undefined) yield { at, ...remark };
    }
  for (const { at, option } of rule.options) if (option.kind === 'error') yield noticeError(rule, at, option);
}
