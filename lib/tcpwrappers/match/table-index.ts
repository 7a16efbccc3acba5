// Finds the first rule that matches without trying all rules: by indexes of daemons and clients. The order of rules is
// kept.

import type { Answer, Stop } from '../connection/need.ts';
import type { Host, Request } from '../connection/request-info.ts';
import type { PatternFile } from '../rule/pattern.ts';
import type { Doubt, Rule, Search, Table } from '../rule/rule-table.ts';
import { complete, SLICE, type Slices } from '../rule/slices.ts';
import { matchClient, matchDaemon, matchHost, matchList, walkTable } from './match.ts';
import { addId, firstOf, HostIndex, type Ids, TextIndex } from './pattern-index.ts';

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

interface Compiled {
  readonly rules: readonly Rule[];
  readonly groups: readonly Group[];
  readonly byDaemon: TextIndex;
  readonly byPort: ReadonlyMap<number, Ids>;
}

/** Measured: trying each is faster for so few rules of one group, and for four times as many in all. */
const FEW = 8;

const fileIndexes = new WeakMap<PatternFile, HostIndex>();

function* indexFile(file: PatternFile): Slices<HostIndex> {
  const known = fileIndexes.get(file);
  if (known !== undefined) return known;
  const index = new HostIndex();
  for (const [i, pattern] of file.patterns.entries()) {
    if (i % SLICE === 0) yield;
    index.add(pattern, i);
  }
  fileIndexes.set(file, index);
  return index;
}

// Indexes all files in advance: no client waits for it.
function* indexFiles(rules: readonly Rule[]): Slices<void> {
  for (const [i, { daemons, clients }] of rules.entries()) {
    if (i % SLICE === 0) yield;
    for (const part of daemons)
      for (const { host } of part) if (host?.kind === 'file') yield* indexFile(host.file);
    for (const part of clients)
      for (const { host } of part) if (host.kind === 'file') yield* indexFile(host.file);
  }
}

/** Answers as matchWords() does, by an index of the words. */
function matchIndexed(file: PatternFile, host: Host, request: Request, doubt: Doubt): Answer {
  const lists: Ids[] = [];
  complete(indexFile(file)).collect(host, request, doubt, matchIndexed, lists);
  const found = firstOf(lists, Infinity, (id) => {
    const pattern = file.patterns[id];
    const answer = pattern !== undefined && matchHost(pattern, host, request, doubt, matchIndexed);
    return answer === false ? undefined : answer;
  });
  if (found !== undefined) return found;
  return file.broken === undefined ? false : { kind: 'broken', message: file.broken };
}

function makeGroup(sample: Rule): Group {
  const [part = [], ...excepted] = sample.daemons;
  // the index ignores the zone of an address
  const isSure =
    excepted.length === 0 &&
    part.every(({ daemon, host }) => host === undefined && daemon.kind !== 'address');
  return { sample, isSure, ids: [] };
}

// Doubt changes what the words of a list mean, so rules of one group have the same.
function groupKey({ daemonText, doubt }: Rule): string {
  return `${typeof doubt === 'object' ? '?' : doubt ? '-' : '+'}${daemonText}`;
}

function* groupRules(rules: readonly Rule[], few: number): Slices<readonly Group[]> {
  const groups = new Map<string, Group>();
  for (const [id, rule] of rules.entries()) {
    if (id % SLICE === 0) yield;
    const key = groupKey(rule);
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
    if (i % SLICE === 0) yield;
    for (const { host } of rules[id]?.clients[0] ?? []) clients.add(host, id);
  }
  return clients;
}

function* compile(rules: readonly Rule[], few: number): Slices<Compiled> {
  const groups = yield* groupRules(rules, few);
  const byDaemon = new TextIndex();
  const byPort = new Map<number, Ids>();
  for (const [id, { sample }] of groups.entries()) {
    if (id % SLICE === 0) yield;
    for (const { daemon } of sample.daemons[0] ?? []) {
      if (daemon.kind === 'port') addId(byPort, daemon.port, id);
      else byDaemon.add(daemon, id);
    }
  }
  return { rules, groups, byDaemon, byPort };
}

// The groups whose daemon list may match, each once.
function groupsFor({ byDaemon, byPort }: Compiled, request: Request): Ids {
  const lists: Ids[] = [];
  byDaemon.collect(request.foldedDaemon, request.hasInterface, lists);
  const ports = request.server.port === undefined ? undefined : byPort.get(request.server.port);
  if (ports !== undefined) lists.push(ports);
  return lists.length < 2 ? (lists[0] ?? []) : [...new Set(lists.flat())];
}

function find(compiled: Compiled, request: Request): Rule | Stop | undefined {
  const lists: Ids[] = [];
  let stop: Stop | undefined;
  let stopAt = Infinity;
  for (const id of groupsFor(compiled, request)) {
    const group = compiled.groups[id];
    if (group === undefined) break;
    const { daemons, doubt } = group.sample;
    const answer = group.isSure || matchList(daemons, request, doubt, matchIndexed, matchDaemon);
    const [first = Infinity] = group.ids;
    if (answer !== true) {
      // rules before this group can be decided, rules behind it cannot
      if (answer !== false && first < stopAt) [stop, stopAt] = [answer, first];
    } else if (group.clients === undefined) lists.push(group.ids);
    else group.clients.collect(request.client, request, doubt, matchIndexed, lists);
  }
  const found = firstOf(lists, stopAt, (id) => {
    const rule = compiled.rules[id];
    if (rule === undefined) return undefined;
    const answer = matchList(rule.clients, request, rule.doubt, matchIndexed, matchClient);
    return answer === true ? rule : answer || undefined;
  });
  return found ?? stop;
}

/**
 * Prepares a table for many requests; the answers are those of walkTable(). The time of a request grows with the number
 * of matching words and of different wildcards and masks, not with the number of rules.
 */
export function* compileTable(table: Table, few = FEW): Slices<Search> {
  yield* indexFiles(table.rules);
  if (table.rules.length <= few * 4) return walkTable(table, matchIndexed);
  const compiled = yield* compile(table.rules, few);
  return { table, find: (request) => find(compiled, request) };
}
