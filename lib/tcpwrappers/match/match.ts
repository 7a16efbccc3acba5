// Whether a rule matches a request: word by word, in libwrap's order. What compile.ts does faster is measured by it.

import { type Answer, NEED_NAME, NEED_USER, type Netgroup, type Stop } from '../request/answer.ts';
import { type Host, isKnownName, type Request, UNKNOWN } from '../request/request.ts';
import type { ClientPattern, DaemonPattern, HostPattern, PatternFile, PatternList } from '../rule/pattern.ts';
import type { Doubt, Rule, Search, Table } from '../rule/rule.ts';
import { matchesText } from '../rule/text-pattern.ts';
import { networkWords } from '../text/address.ts';

/** How the words of a `/file` are compared. */
export type MatchFile = (file: PatternFile, host: Host, request: Request, doubt: Doubt) => Answer;

function isMember(netgroup: Netgroup, name: string): boolean {
  // case counts (hosts_access(5)); a triple without a host is for any (innetgr(3))
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

/** The words of a file, one after the other. */
function matchWords(file: PatternFile, host: Host, request: Request, doubt: Doubt): Answer {
  for (const pattern of file.patterns) {
    const answer = matchHost(pattern, host, request, doubt, matchWords);
    if (answer !== false) return answer;
  }
  return file.broken === undefined ? false : { kind: 'broken', message: file.broken };
}

function matchDaemon(
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

function matchClient(
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

/** How a word of a list is compared. */
type MatchWord<Pattern> = (pattern: Pattern, request: Request, doubt: Doubt, matchFile: MatchFile) => Answer;

// Whether a list matches: a word of its first part does, and what is excepted does not, from which there may be
// exceptions again. `doubt` holds for the first part and turns round with each EXCEPT.
function matchList<Pattern>(
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

/** Whether the daemon list of a rule matches. */
export function matchDaemons(
  daemons: PatternList<DaemonPattern>,
  request: Request,
  doubt: Doubt,
  matchFile: MatchFile,
): Answer {
  return matchList(daemons, request, doubt, matchFile, matchDaemon);
}

/** Whether the client list of a rule matches. */
export function matchClients(
  clients: PatternList<ClientPattern>,
  request: Request,
  doubt: Doubt,
  matchFile: MatchFile,
): Answer {
  return matchList(clients, request, doubt, matchFile, matchClient);
}

function findRule(rules: readonly Rule[], request: Request, matchFile: MatchFile): Rule | Stop | undefined {
  for (const rule of rules) {
    let answer = matchDaemons(rule.daemons, request, rule.doubt, matchFile);
    if (answer === true) answer = matchClients(rule.clients, request, rule.doubt, matchFile);
    if (answer !== false) return answer === true ? rule : answer;
  }
  return undefined;
}

/** Finds the first rule that matches by trying one after the other. */
export function walkTable(table: Table, matchFile: MatchFile = matchWords): Search {
  return { table, find: (request) => findRule(table.rules, request, matchFile) };
}
