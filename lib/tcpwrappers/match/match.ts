// Whether a rule matches a request: word by word, in libwrap's order. table-index.ts gives the same answers faster.

import { type Answer, NEED_NAME, NEED_USER, type Netgroup, type Stop } from '../connection/need.ts';
import { type Host, isKnownName, type Request, UNKNOWN } from '../connection/request-info.ts';
import type {
  ClientPattern,
  DaemonPattern,
  HostPattern,
  PatternFile,
  PatternList,
  TextPattern,
} from '../rule/pattern.ts';
import type { Doubt, Rule, Search, Table } from '../rule/rule-table.ts';
import { networkWords, parseZoned, type ZonedAddress } from '../text/address.ts';

/**
 * Whether `pattern` matches all of `value`; both are in one case. As in libwrap, `host**` does not match `host`: two or
 * more stars need one character. Not a RegExp, because a hostile pattern could make that slow: this goes back to the
 * last star only.
 */
function matchesGlob(value: string, pattern: string): boolean {
  let [at, next, star, retry] = [0, 0, -1, 0];
  for (;;) {
    if (pattern[next] === '*') {
      const first = next;
      while (pattern[next] === '*') next++;
      if (next - first > 1 && at === value.length) return false;
      if (next === pattern.length) return true;
      star = next;
      retry = at;
    } else if (next === pattern.length && at === value.length) {
      return true;
    } else if (at < value.length && (pattern[next] === '?' || pattern[next] === value[at])) {
      next++;
      at++;
    } else if (star >= 0 && retry < value.length) {
      next = star;
      at = ++retry;
    } else return false;
  }
}

type HasInterface = (name: string) => boolean;

function isSameAddress(pattern: ZonedAddress, value: string, hasInterface: HasInterface): boolean {
  const zoned = value.includes(':') ? parseZoned(value) : undefined;
  return (
    zoned?.words === pattern.words &&
    (pattern.zone === undefined || hasInterface(pattern.zone)) &&
    (zoned.zone === undefined || hasInterface(zoned.zone))
  );
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
    case 'address':
      return isSameAddress(pattern.address, value, hasInterface);
    case 'never':
      return false;
    default:
      return pattern satisfies never;
  }
}

/** How the words of a `/file` are compared. */
export type MatchFile = (file: PatternFile, host: Host, request: Request, doubt: Doubt) => Answer;

function isMember(netgroup: Netgroup, name: string): boolean {
  // case counts (hosts_access(5)); a triple without a host is for any host (innetgr(3))
  return netgroup.some((member) => member === undefined || member === name);
}

function matchNetgroup(group: string, host: Host, request: Request, doubt: Doubt): Answer {
  if (request.netgroups?.has(group) !== true) return { kind: 'netgroup', group };
  const netgroup = request.netgroups.get(group);
  if (netgroup === undefined) return doubt;
  if (netgroup.length === 0) return false;
  return host.name === undefined ? NEED_NAME[host.end] : isMember(netgroup, host.name);
}

/** Whether a word means this endpoint. */
export function matchHost(
  pattern: HostPattern,
  host: Host,
  request: Request,
  doubt: Doubt,
  matchFile: MatchFile,
): Answer {
  switch (pattern.kind) {
    case 'text':
      if (matchesText(pattern.text, host.folded, request.hasInterface)) return true;
      if (pattern.addressOnly) return false;
      if (host.foldedName === undefined) return NEED_NAME[host.end];
      return matchesText(pattern.text, host.foldedName, request.hasInterface);
    case 'known':
      if (host.foldedName === undefined) return NEED_NAME[host.end];
      return host.folded !== UNKNOWN && isKnownName(host.foldedName);
    case 'local':
      if (host.foldedName === undefined) return NEED_NAME[host.end];
      return !host.foldedName.includes('.') && isKnownName(host.foldedName);
    case 'net4':
      return host.quad !== undefined && (host.quad & pattern.mask) >>> 0 === pattern.net;
    case 'net6':
      return (
        host.words !== undefined &&
        networkWords(host.words, pattern.length) === pattern.net &&
        (pattern.zone === undefined || request.hasInterface(pattern.zone))
      );
    case 'doubtful':
      if (host.words === undefined) return false;
      return pattern.zone === undefined || request.hasInterface(pattern.zone) ? doubt : false;
    case 'netgroup':
      return matchNetgroup(pattern.group, host, request, doubt);
    case 'file':
      return matchFile(pattern.file, host, request, doubt);
    case 'never':
      return false;
    default:
      return pattern satisfies never;
  }
}

/** Tries the words of a file one after the other. */
export function matchWords(file: PatternFile, host: Host, request: Request, doubt: Doubt): Answer {
  for (const pattern of file.patterns) {
    const answer = matchHost(pattern, host, request, doubt, matchWords);
    if (answer !== false) return answer;
  }
  return file.broken === undefined ? false : { kind: 'broken', message: file.broken };
}

export function matchDaemon(
  { daemon, host }: DaemonPattern,
  request: Request,
  doubt: Doubt,
  matchFile: MatchFile,
): Answer {
  const isDaemon =
    daemon.kind === 'port'
      ? request.server.port === daemon.port
      : matchesText(daemon, request.foldedDaemon, request.hasInterface);
  return isDaemon && (host === undefined || matchHost(host, request.server, request, doubt, matchFile));
}

export function matchClient(
  { host, user }: ClientPattern,
  request: Request,
  doubt: Doubt,
  matchFile: MatchFile,
): Answer {
  const answer = matchHost(host, request.client, request, doubt, matchFile);
  if (answer !== true || user === undefined) return answer;
  if (request.foldedUser === undefined) return NEED_USER;
  return matchesText(user, request.foldedUser, request.hasInterface);
}

export type MatchWord<Pattern> = (
  pattern: Pattern,
  request: Request,
  doubt: Doubt,
  matchFile: MatchFile,
) => Answer;

// A list matches if a word of its first part does, and no exception does; exceptions may have exceptions again. `doubt`
// is for the first part and is inverted by each EXCEPT.
export function matchList<Pattern>(
  list: PatternList<Pattern>,
  request: Request,
  doubt: Doubt,
  matchFile: MatchFile,
  matchWord: MatchWord<Pattern>,
): Answer {
  let isMatch = false;
  for (const part of list) {
    const partDoubt = typeof doubt === 'object' ? doubt : doubt !== isMatch;
    let answer: Answer = false;
    for (const pattern of part) {
      answer = matchWord(pattern, request, partDoubt, matchFile);
      if (answer !== false) break;
    }
    if (typeof answer === 'object') return answer;
    if (!answer) return isMatch;
    isMatch = !isMatch;
  }
  return isMatch;
}

function findRule(rules: readonly Rule[], request: Request, matchFile: MatchFile): Rule | Stop | undefined {
  for (const rule of rules) {
    let answer = matchList(rule.daemons, request, rule.doubt, matchFile, matchDaemon);
    if (answer === true) answer = matchList(rule.clients, request, rule.doubt, matchFile, matchClient);
    if (answer !== false) return answer === true ? rule : answer;
  }
  return undefined;
}

/** Finds the first rule that matches by trying one after the other. */
export function walkTable(table: Table, matchFile: MatchFile = matchWords): Search {
  return { table, find: (request) => findRule(table.rules, request, matchFile) };
}
