// Finds the first rule that matches, in the order of the rules, by indexes of daemons and clients.

import type { Stop } from '../connection/need.ts';
import type { Request } from '../connection/request-info.ts';
import type { DaemonPattern, PatternFile } from '../rule/pattern.ts';
import type { Rule, Search, Table } from '../rule/rule-table.ts';
import { complete, endsSlice, type Slices } from '../rule/slices.ts';
import { type MatchFile, Matcher, walkTable } from './match.ts';
import { addPattern, firstOf, HostIndex, type Ids, type Keyed, TextIndex } from './pattern-index.ts';

/** The rules with one daemon list. */
interface Group {
  /** Any of the rules: all have the same daemon list. */
  readonly sample: Rule;
  /** Whether the list certainly matches as soon as one of its words does. */
  readonly isSure: boolean;
  readonly ids: Ids;
  /** The rules by client; a small group has no index. */
  clients?: HostIndex;
}

/** Measured: trying each is faster for so few rules of one group, and for four times as many in all. */
const FEW = 8;

const fileIndexes = new WeakMap<PatternFile, HostIndex>();

function* indexFile(file: PatternFile): Slices<HostIndex> {
  const known = fileIndexes.get(file);
  if (known !== undefined) return known;
  const index = new HostIndex();
  for (const [i, pattern] of file.patterns.entries()) {
    if (endsSlice(i)) yield;
    index.add(pattern, i);
  }
  fileIndexes.set(file, index);
  return index;
}

/** Answers as matchWords() does, by an index of the words. */
const matchIndexed: MatchFile = (file, host, doubt, matcher) => {
  const lists: Ids[] = [];
  complete(indexFile(file)).collect(host, doubt, matcher, lists);
  const found = firstOf(lists, Infinity, (id) => {
    const pattern = file.patterns[id];
    return (pattern !== undefined && matcher.host(pattern, host, doubt)) || undefined;
  });
  if (found !== undefined) return found;
  return file.broken === undefined ? false : { kind: 'broken', message: file.broken };
};

function makeGroup(sample: Rule): Group {
  const [part = [], ...excepted] = sample.daemons;
  // the index ignores the zone of an address
  const isSure =
    excepted.length === 0 &&
    part.every(({ daemon, host }) => host === undefined && daemon.kind !== 'address');
  return { sample, isSure, ids: [] };
}

function* groupRules(rules: readonly Rule[], few: number): Slices<readonly Group[]> {
  const groups = new Map<string, Group>();
  for (const [id, rule] of rules.entries()) {
    if (endsSlice(id)) yield;
    const { daemonText, doubt } = rule;
    // doubt changes what the words of a list mean, so rules of one group have the same
    const key = `${typeof doubt === 'object' ? '?' : doubt ? '-' : '+'}${daemonText}`;
    const group = groups.get(key) ?? makeGroup(rule);
    groups.set(key, group);
    group.ids.push(id);
  }
  for (const group of groups.values())
    if (group.ids.length > few) group.clients = yield* indexClients(rules, group.ids);
  return [...groups.values()];
}

// Only words of the first part can make a rule match. Later parts are compared afterwards, so that their names are
// looked up only if needed.
function* indexClients(rules: readonly Rule[], ids: Ids): Slices<HostIndex> {
  const clients = new HostIndex();
  for (const [i, id] of ids.entries()) {
    if (endsSlice(i)) yield;
    for (const { host } of rules[id]?.clients[0] ?? []) clients.add(host, id);
  }
  return clients;
}

/**
 * Prepares a table for many requests; the answers are those of walkTable(). The time of a request grows with the number
 * of matching words and of different wildcards and masks, not with the number of rules.
 */
export function* compileTable(table: Table, few = FEW): Slices<Search> {
  const { rules } = table;
  // all files in advance: no client waits for it
  for (const [i, { daemons, clients }] of rules.entries()) {
    if (endsSlice(i)) yield;
    for (const { host } of [...daemons.flat(), ...clients.flat()])
      if (host?.kind === 'file') yield* indexFile(host.file);
  }
  if (rules.length <= few * 4) return walkTable(table, matchIndexed);
  const groups = yield* groupRules(rules, few);
  const byDaemon = new TextIndex();
  const byPort: Keyed<number, DaemonPattern['daemon']> = new Map();
  for (const [id, { sample }] of groups.entries()) {
    if (endsSlice(id)) yield;
    for (const { daemon } of sample.daemons[0] ?? [])
      if (daemon.kind === 'port') addPattern(byPort, daemon.port, daemon, id);
      else byDaemon.add(daemon, id);
  }
  return {
    table,
    find: (request) => {
      const lists: Ids[] = [];
      byDaemon.collect(request.foldedDaemon, request.hasInterface, lists);
      const ports = request.server.port === undefined ? undefined : byPort.get(request.server.port);
      if (ports !== undefined) lists.push(ports.ids);
      const ids = lists.length < 2 ? (lists[0] ?? []) : unionOf(lists);
      return findIn(groups, ids, rules, request);
    },
  };
}

// Not by flat(): every decision comes here, and loops are faster.
function unionOf(lists: readonly Ids[]): Iterable<number> {
  const all = new Set<number>();
  for (const list of lists) for (const id of list) all.add(id);
  return all;
}

// The first rule that matches, of the groups whose daemon list may match.
function findIn(
  groups: readonly Group[],
  groupIds: Iterable<number>,
  rules: readonly Rule[],
  request: Request,
): Rule | Stop | undefined {
  const matcher = new Matcher(request, matchIndexed);
  const lists: Ids[] = [];
  let stop: Stop | undefined;
  let stopAt = Infinity;
  for (const id of groupIds) {
    const group = groups[id];
    if (group === undefined) break;
    const { ids, sample, isSure, clients } = group;
    const answer = isSure || matcher.daemons(sample);
    const [first = Infinity] = ids;
    if (answer !== true) {
      // rules before this group can be decided, rules behind it cannot
      if (answer !== false && first < stopAt) [stop, stopAt] = [answer, first];
    } else if (clients === undefined) lists.push(ids);
    else clients.collect(request.client, sample.doubt, matcher, lists);
  }
  const found = firstOf(lists, stopAt, (id) => {
    const rule = rules[id];
    const answer = rule !== undefined && matcher.clients(rule);
    return answer === true ? rule : answer || undefined;
  });
  return found ?? stop;
}
