// Indexes of patterns: finds the few of many patterns that may match a text or an endpoint.

import type { Host, Request } from '../connection/request-info.ts';
import type { HostPattern, TextPattern } from '../rule/pattern.ts';
import type { Doubt } from '../rule/rule-table.ts';
import { networkWords, parseZoned, type Words } from '../text/address.ts';
import { matchesText, type MatchFile, matchHost } from './match.ts';

/** Numbers of rules, ascending. */
export type Ids = number[];

type Others<Pattern> = Map<string, { readonly pattern: Pattern; readonly ids: Ids }>;

/** Patterns that are compared with one text. */
export interface TextIndex {
  readonly all: Ids;
  readonly equal: Map<string, Ids>;
  readonly suffixes: Map<string, Ids>;
  readonly prefixes: Map<string, Ids>;
  readonly addresses: Map<Words, Ids>;
  /** Patterns that must be tried one by one: wildcards and KNOWN. */
  readonly others: Others<TextPattern>;
}

export function makeTextIndex(): TextIndex {
  return {
    all: [],
    equal: new Map(),
    suffixes: new Map(),
    prefixes: new Map(),
    addresses: new Map(),
    others: new Map(),
  };
}

/** Appends an id; the last one may come again. */
function appendId(ids: Ids, id: number): void {
  if (ids.at(-1) !== id) ids.push(id);
}

export function addId<Key>(map: Map<Key, Ids>, key: Key, id: number): void {
  const ids = map.get(key);
  if (ids === undefined) map.set(key, [id]);
  else appendId(ids, id);
}

function collectIds<Key>(map: ReadonlyMap<Key, Ids>, key: Key, found: Ids[]): void {
  const ids = map.get(key);
  if (ids !== undefined) found.push(ids);
}

function addOther<Pattern>(others: Others<Pattern>, key: string, pattern: Pattern, id: number): void {
  const other = others.get(key);
  if (other === undefined) others.set(key, { pattern, ids: [id] });
  else appendId(other.ids, id);
}

/** Adds a pattern; ids come in ascending order. */
export function addText(index: TextIndex, pattern: TextPattern, id: number): void {
  switch (pattern.kind) {
    case 'all':
      return appendId(index.all, id);
    case 'equal':
      return addId(index.equal, pattern.text, id);
    case 'suffix':
      return addId(index.suffixes, pattern.text, id);
    case 'prefix':
      return addId(index.prefixes, pattern.text, id);
    case 'address':
      return addId(index.addresses, pattern.address.words, id);
    case 'glob':
      return addOther(index.others, `*${pattern.text}`, pattern, id);
    case 'known':
      return addOther(index.others, 'known', pattern, id);
    case 'never':
      return undefined;
    default:
      return pattern satisfies never;
  }
}

/** Pushes the ids of all patterns that match `value`, in lower case; zones of IPv6 addresses are ignored. */
export function collectText(
  index: TextIndex,
  value: string,
  hasInterface: (name: string) => boolean,
  found: Ids[],
): void {
  if (index.all.length > 0) found.push(index.all);
  collectIds(index.equal, value, found);
  if (index.suffixes.size > 0)
    for (let dot = value.indexOf('.', 1); dot >= 0; dot = value.indexOf('.', dot + 1))
      collectIds(index.suffixes, value.slice(dot), found);
  if (index.prefixes.size > 0)
    for (let dot = value.indexOf('.'); dot >= 0; dot = value.indexOf('.', dot + 1))
      collectIds(index.prefixes, value.slice(0, dot + 1), found);
  if (index.addresses.size > 0 && value.includes(':')) {
    const zoned = parseZoned(value);
    if (zoned !== undefined) collectIds(index.addresses, zoned.words, found);
  }
  for (const { pattern, ids } of index.others.values())
    if (matchesText(pattern, value, hasInterface)) found.push(ids);
}

/**
 * Patterns that are compared with one endpoint. Networks with the same mask share a hash table: there is one look-up
 * for each mask, of which there are hardly more than 32, and IPv4 masks need not be contiguous.
 */
export interface HostIndex {
  readonly byAddress: TextIndex;
  readonly byName: TextIndex;
  readonly nets4: Map<number, Map<number, Ids>>;
  readonly nets6: Map<number, Map<string, Ids>>;
  /** Patterns that must be tried one by one; few of them differ. */
  readonly others: Others<HostPattern>;
  /** Ids of patterns that need the host name, unless an earlier pattern matches. */
  readonly named: Ids;
}

export function makeHostIndex(): HostIndex {
  return {
    byAddress: makeTextIndex(),
    byName: makeTextIndex(),
    nets4: new Map(),
    nets6: new Map(),
    others: new Map(),
    named: [],
  };
}

function addNet<Net>(nets: Map<number, Map<Net, Ids>>, mask: number, net: Net, id: number): void {
  const masked = nets.get(mask) ?? new Map<Net, Ids>();
  nets.set(mask, masked);
  addId(masked, net, id);
}

/** Adds a pattern; ids come in ascending order. */
export function addHost(index: HostIndex, pattern: HostPattern, id: number): void {
  switch (pattern.kind) {
    case 'text':
      addText(index.byAddress, pattern.text, id);
      // ALL has already matched the address
      if (pattern.addressOnly || pattern.text.kind === 'all') return;
      addText(index.byName, pattern.text, id);
      appendId(index.named, id);
      return;
    case 'net4':
      addNet(index.nets4, pattern.mask, pattern.net, id);
      return;
    case 'net6':
      addNet(index.nets6, pattern.length, pattern.net, id);
      return;
    case 'known':
    case 'local':
      addOther(index.others, pattern.kind, pattern, id);
      return;
    case 'doubtful':
      addOther(index.others, `%${pattern.zone ?? ''}`, pattern, id);
      return;
    case 'netgroup':
      addOther(index.others, `@${pattern.group}`, pattern, id);
      return;
    case 'file':
      addOther(index.others, pattern.file.path, pattern, id);
      return;
    case 'never':
      return;
    default:
      pattern satisfies never;
  }
}

/** Pushes a superset of the ids that match or need a look-up; matchHost() decides about each. */
export function collectHost(
  index: HostIndex,
  host: Host,
  request: Request,
  doubt: Doubt,
  matchFile: MatchFile,
  found: Ids[],
): void {
  const { quad, words, foldedName } = host;
  collectText(index.byAddress, host.folded, request.hasInterface, found);
  if (foldedName !== undefined) collectText(index.byName, foldedName, request.hasInterface, found);
  else if (index.named.length > 0) found.push(index.named);
  if (quad !== undefined)
    for (const [mask, nets] of index.nets4) collectIds(nets, (quad & mask) >>> 0, found);
  if (words !== undefined)
    for (const [length, nets] of index.nets6) collectIds(nets, networkWords(words, length), found);
  for (const { pattern, ids } of index.others.values())
    // a need or a refusal is a candidate too
    if (matchHost(pattern, host, request, doubt, matchFile) !== false) found.push(ids);
}

/** Calls `attempt` with each id below `limit` once, in ascending order, until it returns something. */
export function firstOf<Result>(
  lists: readonly Ids[],
  limit: number,
  attempt: (id: number) => Result | undefined,
): Result | undefined {
  const heads: number[] = [];
  for (let last = -1; ;) {
    let next = Infinity;
    for (let i = 0; i < lists.length; i++) {
      const ids = lists[i] ?? [];
      let head = heads[i] ?? 0;
      while (head < ids.length && (ids[head] ?? 0) <= last) head++;
      heads[i] = head;
      next = Math.min(next, ids[head] ?? Infinity);
    }
    if (next >= limit || next === Infinity) return undefined;
    const result = attempt(next);
    if (result !== undefined) return result;
    last = next;
  }
}
