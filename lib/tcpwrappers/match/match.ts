// The first rule that matches a request: rule by rule and word by word, in libwrap's order. Pure.

import { type Answer, NEED_NAME, NEED_USER, type Stop } from '../connection/need.ts';
import {
  type HasInterface,
  type Host,
  isKnownName,
  type Request,
  UNKNOWN,
} from '../connection/request-info.ts';
import type {
  ClientPattern,
  DaemonPattern,
  HostPattern,
  PatternFile,
  PatternList,
  TextPattern,
} from '../rule/pattern.ts';
import type { Doubt, Rule } from '../rule/rule-table.ts';
import { networkWords, parseZoned } from '../../values/address.ts';

/**
 * Whether `pattern` matches all of `value`; both are in one case. As in libwrap, `host**` does not match `host`: two or
 * more stars need one character. Not a RegExp, because a hostile pattern could make that slow: this goes back to the
 * last star only.
 */
function matchesGlob(value: string, pattern: string): boolean {
  let [at, next] = [0, 0];
  // where the pattern goes on behind its last star, and from where on in `value`
  let retry: { readonly next: number; at: number } | undefined;
  for (;;) {
    if (pattern[next] === '*') {
      const first = next;
      while (pattern[next] === '*') next++;
      if (next - first > 1 && at === value.length) return false;
      if (next === pattern.length) return true;
      retry = { next, at };
    } else if (next === pattern.length && at === value.length) {
      return true;
    } else if (at < value.length && (pattern[next] === '?' || pattern[next] === value[at])) {
      next++;
      at++;
    } else if (retry !== undefined && retry.at < value.length) {
      next = retry.next;
      at = ++retry.at;
    } else return false;
  }
}

/** Whether a word means `value`, which is in lower case. */
export function matchesText(pattern: TextPattern, value: string, hasInterface: HasInterface): boolean {
  switch (pattern.kind) {
    case 'all':
      return true;
    case 'known':
      return value !== UNKNOWN;
    case 'equal':
      return value === pattern.text;
    case 'suffix':
      return value.length > pattern.text.length && value.endsWith(pattern.text);
    case 'prefix':
      return value.startsWith(pattern.text);
    case 'glob':
      return matchesGlob(value, pattern.text);
    case 'address': {
      const { words, zone } = pattern.address;
      const zoned = value.includes(':') ? parseZoned(value) : undefined;
      if (zoned?.words !== words) return false;
      return [zone, zoned.zone].every((one) => one === undefined || hasInterface(one));
    }
    case 'never':
      return false;
    default:
      return pattern satisfies never;
  }
}

// Names of interfaces have capitals, so the zone of the client was checked before its address was folded.
function matchesAddress(pattern: TextPattern, { words, folded }: Host, hasInterface: HasInterface): boolean {
  if (pattern.kind !== 'address') return matchesText(pattern, folded, hasInterface);
  const { address } = pattern;
  return words === address.words && (address.zone === undefined || hasInterface(address.zone));
}

/** Compares words of rules with one request. */
export class Matcher {
  readonly request: Request;

  constructor(request: Request) {
    this.request = request;
  }

  host(pattern: HostPattern, host: Host, doubt: Doubt): Answer {
    const { hasInterface } = this.request;
    switch (pattern.kind) {
      case 'text':
        if (matchesAddress(pattern.text, host, hasInterface)) return true;
        if (pattern.addressOnly) return false;
        if (host.foldedName === undefined) return NEED_NAME[host.end];
        return matchesText(pattern.text, host.foldedName, hasInterface);
      case 'known':
        if (host.foldedName === undefined) return NEED_NAME[host.end];
        return host.folded !== UNKNOWN && isKnownName(host.foldedName);
      case 'local':
        if (host.foldedName === undefined) return NEED_NAME[host.end];
        return !host.foldedName.includes('.') && isKnownName(host.foldedName);
      case 'net4':
        return host.quad !== undefined && (host.quad & pattern.mask) >>> 0 === pattern.net;
      case 'net6':
        if (host.words === undefined || networkWords(host.words, pattern.length) !== pattern.net)
          return false;
        return pattern.zone === undefined || hasInterface(pattern.zone);
      case 'doubtful':
        if (host.words === undefined) return false;
        return pattern.zone === undefined || hasInterface(pattern.zone) ? doubt : false;
      case 'netgroup':
        return this.#netgroup(pattern.group, host, doubt);
      case 'file':
        return this.#file(pattern.file, host, doubt);
      case 'never':
        return false;
      default:
        return pattern satisfies never;
    }
  }

  // The words of a `/file`, one after the other.
  #file({ patterns, broken }: PatternFile, host: Host, doubt: Doubt): Answer {
    for (const pattern of patterns) {
      const answer = this.host(pattern, host, doubt);
      if (answer !== false) return answer;
    }
    return broken === undefined ? false : { kind: 'broken', message: broken };
  }

  #netgroup(group: string, host: Host, doubt: Doubt): Answer {
    const { netgroups } = this.request;
    if (netgroups?.has(group) !== true) return { kind: 'netgroup', group };
    const netgroup = netgroups.get(group);
    if (netgroup === undefined) return doubt;
    if (netgroup.length === 0) return false;
    if (host.name === undefined) return NEED_NAME[host.end];
    // case counts (hosts_access(5)); a triple without a host is for any host (innetgr(3))
    return netgroup.includes(host.name) || netgroup.includes(undefined);
  }

  daemon({ daemon, host }: DaemonPattern, doubt: Doubt): Answer {
    const { server, foldedDaemon, hasInterface } = this.request;
    const isDaemon =
      daemon.kind === 'port' ? server.port === daemon.port : matchesText(daemon, foldedDaemon, hasInterface);
    return isDaemon && (host === undefined || this.host(host, server, doubt));
  }

  client({ host, user }: ClientPattern, doubt: Doubt): Answer {
    const answer = this.host(host, this.request.client, doubt);
    if (answer !== true || user === undefined) return answer;
    const { foldedUser, hasInterface } = this.request;
    return foldedUser === undefined ? NEED_USER : matchesText(user, foldedUser, hasInterface);
  }

  daemons({ daemons, doubt }: Rule): Answer {
    return matchList(daemons, doubt, (word, doubt) => this.daemon(word, doubt));
  }

  clients({ clients, doubt }: Rule): Answer {
    return matchList(clients, doubt, (word, doubt) => this.client(word, doubt));
  }
}

type MatchWord<Word> = (word: Word, doubt: Doubt) => Answer;

// A list matches if a word of its first part does, and no exception does; exceptions may have exceptions again. `doubt`
// is for the first part and is inverted by each EXCEPT.
function matchList<Word>(list: PatternList<Word>, doubt: Doubt, matchWord: MatchWord<Word>): Answer {
  let isMatch = false;
  for (const part of list) {
    const partDoubt = typeof doubt === 'object' ? doubt : doubt !== isMatch;
    let answer: Answer = false;
    for (const word of part) {
      answer = matchWord(word, partDoubt);
      if (answer !== false) break;
    }
    if (typeof answer === 'object') return answer;
    if (!answer) return isMatch;
    isMatch = !isMatch;
  }
  return isMatch;
}

/** The first rule that matches, a need that must be looked up first, or undefined. */
export function findRule(rules: readonly Rule[], request: Request): Rule | Stop | undefined {
  const matcher = new Matcher(request);
  let before: Rule | undefined;
  let isDaemon: Answer = false;
  for (const rule of rules) {
    // most rules of a long file are for the daemons of the rule before
    if (before?.daemons !== rule.daemons || before.doubt !== rule.doubt) isDaemon = matcher.daemons(rule);
    before = rule;
    const answer = isDaemon === true ? matcher.clients(rule) : isDaemon;
    if (answer !== false) return answer === true ? rule : answer;
  }
  return undefined;
}
