// Finds the first rule that matches without trying all: what decides is asked of tables, and the order is kept.

import type { Answer, Stop } from './answer.ts';
import { HostIndex } from './host-index.ts';
import { matchClients, matchDaemons, matchHost } from './match.ts';
import type { PatternFile } from './pattern.ts';
import type { Host, Request } from './request.ts';
import type { Doubt, Rule, Search, Table } from './rule.ts';
import { addId, type Ids, TextIndex } from './text-index.ts';

/** The rules with one daemon list. */
interface Group {
  /** One of the rules; their daemon list is that of all. */
  readonly sample: Rule;
  /** Whether the daemon list matches as soon as one of its words does, and that is certain. */
  readonly isSure: boolean;
  readonly ids: Ids;
  /** The rules by what they say of the client; of few rules each is tried. */
  clients?: HostIndex;
}

/** Of so few rules each is tried: that is faster. */
const FEW = 8;

// The smallest id above `last` in any of the lists, or Infinity; each list is left at its first id beyond `last`.
function nextId(lists: readonly Ids[], heads: number[], last: number): number {
  let next = Infinity;
  for (let i = 0; i < lists.length; i++) {
    const ids = lists[i] ?? [];
    let head = heads[i] ?? 0;
    while (head < ids.length && (ids[head] ?? 0) <= last) head++;
    heads[i] = head;
    next = Math.min(next, ids[head] ?? Infinity);
  }
  return next;
}

const fileIndexes = new WeakMap<PatternFile, HostIndex>();

function indexFile(file: PatternFile): HostIndex {
  const known = fileIndexes.get(file);
  if (known !== undefined) return known;
  const index = new HostIndex();
  for (const [i, pattern] of file.patterns.entries()) index.add(pattern, i);
  fileIndexes.set(file, index);
  return index;
}

/** The words of a file by an index of them; the answer is that of matchWords(). */
function matchIndexed(file: PatternFile, host: Host, request: Request, doubt: Doubt): Answer {
  const lists: Ids[] = [];
  indexFile(file).collect(host, request, doubt, matchIndexed, lists);
  const heads: number[] = [];
  for (let id = nextId(lists, heads, -1); id !== Infinity; id = nextId(lists, heads, id)) {
    const pattern = file.patterns[id];
    const answer = pattern !== undefined && matchHost(pattern, host, request, doubt, matchIndexed);
    if (answer !== false) return answer;
  }
  return file.broken === undefined ? false : { kind: 'broken', message: file.broken };
}

function makeGroup(sample: Rule): Group {
  const [part = [], ...excepted] = sample.daemons;
  // of an address, the index does not look at the zone
  const isSure =
    excepted.length === 0 &&
    part.every(({ daemon, host }) => host === undefined && daemon.kind !== 'address');
  return { sample, isSure, ids: [] };
}

// Words of the first part of the client list are what can make a rule match. A name that a later part needs is
// looked up only after one of them has.
function indexClients(rules: readonly Rule[], ids: Ids): HostIndex {
  const clients = new HostIndex();
  for (const id of ids) for (const { host } of rules[id]?.clients[0] ?? []) clients.add(host, id);
  return clients;
}

/** The rules of a table by daemon, and those of each daemon list by client. */
class Compiled {
  readonly #rules: readonly Rule[];
  readonly #groups: Group[] = [];
  readonly #byDaemon = new TextIndex();
  readonly #byPort = new Map<number, Ids>();

  constructor(rules: readonly Rule[], few: number) {
    this.#rules = rules;
    const known = new Map<string, Group>();
    for (const [id, rule] of rules.entries()) {
      // in doubt, the words of a list mean another thing where they refuse
      const key = `${typeof rule.doubt === 'object' ? '?' : rule.doubt ? '-' : '+'}${rule.daemonText}`;
      const group = known.get(key) ?? makeGroup(rule);
      if (!known.has(key)) this.#addGroup(group);
      known.set(key, group);
      group.ids.push(id);
    }
    for (const group of this.#groups)
      if (group.ids.length > few) group.clients = indexClients(rules, group.ids);
  }

  #addGroup(group: Group): void {
    const id = this.#groups.push(group) - 1;
    for (const { daemon } of group.sample.daemons[0] ?? []) {
      if (daemon.kind === 'port') addId(this.#byPort, daemon.port, id);
      else this.#byDaemon.add(daemon, id);
    }
  }

  // The groups whose daemon list may match, each once.
  #groupsFor(request: Request): Ids {
    const lists: Ids[] = [];
    this.#byDaemon.collect(request.foldedDaemon, request.hasInterface, lists);
    const ports = request.server.port === undefined ? undefined : this.#byPort.get(request.server.port);
    if (ports !== undefined) lists.push(ports);
    return lists.length < 2 ? (lists[0] ?? []) : [...new Set(lists.flat())];
  }

  find(request: Request): Rule | Stop | undefined {
    const lists: Ids[] = [];
    let stop: Stop | undefined;
    let stopAt = Infinity;
    for (const id of this.#groupsFor(request)) {
      const group = this.#groups[id];
      if (group === undefined) break;
      const { daemons, doubt } = group.sample;
      const answer = group.isSure || matchDaemons(daemons, request, doubt, matchIndexed);
      const [first = Infinity] = group.ids;
      if (answer !== true) {
        // nothing behind the first of its rules can be told, but all before it
        if (answer !== false && first < stopAt) [stop, stopAt] = [answer, first];
      } else if (group.clients === undefined) lists.push(group.ids);
      else group.clients.collect(request.client, request, doubt, matchIndexed, lists);
    }
    const heads: number[] = [];
    for (let id = nextId(lists, heads, -1); id < stopAt; id = nextId(lists, heads, id)) {
      const rule = this.#rules[id];
      if (rule === undefined) break;
      const answer = matchClients(rule.clients, request, rule.doubt, matchIndexed);
      if (answer !== false) return answer === true ? rule : answer;
    }
    return stop;
  }
}

/**
 * Prepares a table for many requests; the answers are those of walkTable(). The time of one grows with the number of
 * words that match the request and of different wildcards and masks, not with that of rules.
 */
export function compileTable(table: Table, few = FEW): Search {
  const compiled = new Compiled(table.rules, few);
  return { table, find: (request) => compiled.find(request) };
}
