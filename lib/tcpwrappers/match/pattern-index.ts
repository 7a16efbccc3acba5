// Indexes of patterns: finds the few of many patterns that may match a text or an endpoint.

import type { Host, Request } from '../connection/request-info.ts';
import type { HostPattern, TextPattern } from '../rule/pattern.ts';
import type { Doubt } from '../rule/rule-table.ts';
import { networkWords, parseZoned, type Words } from '../text/address.ts';
import { matchesText, type MatchFile, matchHost } from './match.ts';

/** Numbers of rules, ascending. */
export type Ids = number[];

type Others<Pattern> = Map<string, { readonly pattern: Pattern; readonly ids: Ids }>;

// The last id may come again.
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

/** Patterns that are compared with one text. */
export class TextIndex {
  readonly #all: Ids = [];
  readonly #equal = new Map<string, Ids>();
  readonly #suffixes = new Map<string, Ids>();
  readonly #prefixes = new Map<string, Ids>();
  readonly #addresses = new Map<Words, Ids>();
  // wildcards and KNOWN must be tried one by one
  readonly #others: Others<TextPattern> = new Map();

  /** Adds a pattern; ids come in ascending order. */
  add(pattern: TextPattern, id: number): void {
    switch (pattern.kind) {
      case 'all':
        return appendId(this.#all, id);
      case 'equal':
        return addId(this.#equal, pattern.text, id);
      case 'suffix':
        return addId(this.#suffixes, pattern.text, id);
      case 'prefix':
        return addId(this.#prefixes, pattern.text, id);
      case 'address':
        return addId(this.#addresses, pattern.address.words, id);
      case 'glob':
        return addOther(this.#others, `*${pattern.text}`, pattern, id);
      case 'known':
        return addOther(this.#others, 'known', pattern, id);
      case 'never':
        return undefined;
      default:
        return pattern satisfies never;
    }
  }

  /** Pushes the ids of all patterns that match `value`, in lower case; zones of IPv6 addresses are ignored. */
  collect(value: string, hasInterface: (name: string) => boolean, found: Ids[]): void {
    if (this.#all.length > 0) found.push(this.#all);
    collectIds(this.#equal, value, found);
    if (this.#suffixes.size > 0)
      for (let dot = value.indexOf('.', 1); dot >= 0; dot = value.indexOf('.', dot + 1))
        collectIds(this.#suffixes, value.slice(dot), found);
    if (this.#prefixes.size > 0)
      for (let dot = value.indexOf('.'); dot >= 0; dot = value.indexOf('.', dot + 1))
        collectIds(this.#prefixes, value.slice(0, dot + 1), found);
    if (this.#addresses.size > 0 && value.includes(':')) {
      const zoned = parseZoned(value);
      if (zoned !== undefined) collectIds(this.#addresses, zoned.words, found);
    }
    for (const { pattern, ids } of this.#others.values())
      if (matchesText(pattern, value, hasInterface)) found.push(ids);
  }
}

function addNet<Net>(nets: Map<number, Map<Net, Ids>>, mask: number, net: Net, id: number): void {
  const masked = nets.get(mask) ?? new Map<Net, Ids>();
  nets.set(mask, masked);
  addId(masked, net, id);
}

/**
 * Patterns that are compared with one endpoint. Networks with the same mask share a hash table: there is one look-up
 * for each mask, of which there are hardly more than 32, and IPv4 masks need not be contiguous.
 */
export class HostIndex {
  readonly #byAddress = new TextIndex();
  readonly #byName = new TextIndex();
  readonly #nets4 = new Map<number, Map<number, Ids>>();
  readonly #nets6 = new Map<number, Map<string, Ids>>();
  // patterns that must be tried one by one; few of them differ
  readonly #others: Others<HostPattern> = new Map();
  // ids of patterns that need the host name, unless an earlier pattern matches
  readonly #named: Ids = [];

  /** Adds a pattern; ids come in ascending order. */
  add(pattern: HostPattern, id: number): void {
    switch (pattern.kind) {
      case 'text':
        this.#byAddress.add(pattern.text, id);
        // ALL has already matched the address
        if (pattern.addressOnly || pattern.text.kind === 'all') return undefined;
        this.#byName.add(pattern.text, id);
        return appendId(this.#named, id);
      case 'net4':
        return addNet(this.#nets4, pattern.mask, pattern.net, id);
      case 'net6':
        return addNet(this.#nets6, pattern.length, pattern.net, id);
      case 'known':
      case 'local':
        return addOther(this.#others, pattern.kind, pattern, id);
      case 'doubtful':
        return addOther(this.#others, `%${pattern.zone ?? ''}`, pattern, id);
      case 'netgroup':
        return addOther(this.#others, `@${pattern.group}`, pattern, id);
      case 'file':
        return addOther(this.#others, pattern.file.path, pattern, id);
      case 'never':
        return undefined;
      default:
        return pattern satisfies never;
    }
  }

  /** Pushes a superset of the ids that match or need a look-up; matchHost() decides about each. */
  collect(host: Host, request: Request, doubt: Doubt, matchFile: MatchFile, found: Ids[]): void {
    const { quad, words, foldedName } = host;
    this.#byAddress.collect(host.folded, request.hasInterface, found);
    if (foldedName !== undefined) this.#byName.collect(foldedName, request.hasInterface, found);
    else if (this.#named.length > 0) found.push(this.#named);
    if (quad !== undefined)
      for (const [mask, nets] of this.#nets4) collectIds(nets, (quad & mask) >>> 0, found);
    if (words !== undefined)
      for (const [length, nets] of this.#nets6) collectIds(nets, networkWords(words, length), found);
    for (const { pattern, ids } of this.#others.values())
      // a need or a refusal is a candidate too
      if (matchHost(pattern, host, request, doubt, matchFile) !== false) found.push(ids);
  }
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
