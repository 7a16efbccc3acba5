// Finds the first rule that matches without trying all: what decides is asked of tables, and the order is kept.

import type { Answer, Stop } from './answer.ts';
import { HostIndex } from './host-index.ts';
import { matchClients, matchDaemons, matchHost } from './match.ts';
import type { PatternFile } from './pattern.ts';
import type { Host, Request } from './request.ts';
import type { Doubt, Rule, Search, Table } from './rule.ts';
import { addId, type Ids, TextIndex } from './text-index.ts';

/** The rules with one daemon list, by what they say of the client. */
interface Group {
  /** Any of the rules; the daemon list of all. */
  readonly sample: Rule;
  /** Whether the daemon list matches as soon as one of its words does, and that is certain. */
  readonly isSure: boolean;
  /** Index of the first of them. */
  readonly first: number;
  readonly clients: HostIndex;
}

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

function makeGroup(rule: Rule, id: number): Group {
  const [part = [], ...excepted] = rule.daemons;
  // of an address, the index does not look at the zone
  const isSure = excepted.length === 0 && part.every(({ daemon, host }) => host === undefined && daemon.kind !== 'address');
  return { sample: rule, isSure, first: id, clients: new HostIndex() };
}

// Words of the first part of the client list are what can make a rule match. A name that a later part needs is
// looked up only after one of them has.
function addRule(clients: HostIndex, rule: Rule, id: number): void {
  for (const { host } of rule.clients[0] ?? []) clients.add(host, id);
}

/** The rules of a table by daemon, and those of each daemon list by client. */
class Compiled {
  readonly #rules: readonly Rule[];
  readonly #groups: Group[] = [];
  readonly #byDaemon = new TextIndex();
  readonly #byPort = new Map<number, Ids>();

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
    const known = new Map<string, Group>();
    for (const [id, rule] of rules.entries()) {
      // in doubt, the words of a list mean another thing where they refuse
      const key = `${typeof rule.doubt === 'object' ? '?' : rule.doubt ? '-' : '+'}${rule.daemonText}`;
      const group = known.get(key) ?? makeGroup(rule, id);
      if (!known.has(key)) {
        known.set(key, group);
        this.#addGroup(group);
      }
      addRule(group.clients, rule, id);
    }
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
      if (answer === true) group.clients.collect(request.client, request, doubt, matchIndexed, lists);
      // nothing behind the first of its rules can be told, but all before it
      else if (answer !== false && group.first < stopAt) [stop, stopAt] = [answer, group.first];
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
export function compileTable(table: Table): Search {
  const compiled = new Compiled(table.rules);
  return { table, find: (request) => compiled.find(request) };
}
