// Indexes of patterns: finds the few of many patterns that may match a text or an endpoint.

import type { HasInterface, Host } from '../connection/request-info.ts';
import type { HostPattern, TextPattern } from '../rule/pattern.ts';
import type { Doubt } from '../rule/rule-table.ts';
import { networkWords, parseZoned, type Words } from '../text/address.ts';
import { type Matcher, matchesText } from './match.ts';

/** Numbers of rules, ascending. */
export type Ids = number[];

/** Patterns by a key, with the rules that have them. */
export type Keyed<Key, Pattern> = Map<Key, { readonly pattern: Pattern; readonly ids: Ids }>;

// Ids come in ascending order. The last one may come again, and is kept once.
function addId(ids: Ids, id: number): void {
  if (ids.at(-1) !== id) ids.push(id);
}

/** Adds a pattern; ids come in ascending order. The last one may come again. */
export function addPattern<Key, Word>(map: Keyed<Key, Word>, key: Key, pattern: Word, id: number): void {
  const ids = map.get(key)?.ids;
  if (ids === undefined) map.set(key, { pattern, ids: [id] });
  else addId(ids, id);
}

/** Patterns that are compared with one text. */
export class TextIndex {
  // by their texts, whose form tells the kinds apart
  readonly #texts: Keyed<string, TextPattern> = new Map();
  readonly #addresses: Keyed<Words, TextPattern> = new Map();
  // ALL, KNOWN and wildcards must be tried one by one
  readonly #others: Keyed<string, TextPattern> = new Map();
  #hasSuffixes = false;
  #hasPrefixes = false;

  add(pattern: TextPattern, id: number): void {
    switch (pattern.kind) {
      case 'equal':
      case 'suffix':
      case 'prefix':
        this.#hasSuffixes ||= pattern.kind === 'suffix';
        this.#hasPrefixes ||= pattern.kind === 'prefix';
        return addPattern(this.#texts, pattern.text, pattern, id);
      case 'address':
        return addPattern(this.#addresses, pattern.address.words, pattern, id);
      case 'glob':
        return addPattern(this.#others, pattern.text, pattern, id);
      case 'all':
      case 'known':
        return addPattern(this.#others, pattern.kind, pattern, id);
      case 'never':
        return undefined;
      default:
        return pattern satisfies never;
    }
  }

  /** Pushes the ids of all patterns that match `value`, in lower case; zones of IPv6 addresses are ignored. */
  collect(value: string, hasInterface: HasInterface, found: Ids[]): void {
    const collectText = (text: string): void => {
      const entry = this.#texts.get(text);
      if (entry !== undefined && matchesText(entry.pattern, value, hasInterface)) found.push(entry.ids);
    };
    collectText(value);
    if (this.#hasSuffixes || this.#hasPrefixes)
      for (let dot = value.indexOf('.'); dot >= 0; dot = value.indexOf('.', dot + 1)) {
        if (this.#hasSuffixes) collectText(value.slice(dot));
        if (this.#hasPrefixes) collectText(value.slice(0, dot + 1));
      }
    if (this.#addresses.size > 0) {
      const ids = this.#addresses.get(parseZoned(value)?.words ?? '')?.ids;
      if (ids !== undefined) found.push(ids);
    }
    for (const { pattern, ids } of this.#others.values())
      if (matchesText(pattern, value, hasInterface)) found.push(ids);
  }
}

/** Networks by their masks or lengths. Networks with the same mask share a hash table. */
type Nets<Net> = Map<number, Keyed<Net, HostPattern>>;

function addNet<Net>(nets: Nets<Net>, mask: number, net: Net, pattern: HostPattern, id: number): void {
  const masked: Keyed<Net, HostPattern> = nets.get(mask) ?? new Map();
  nets.set(mask, masked);
  addPattern(masked, net, pattern, id);
}

/**
 * Patterns that are compared with one endpoint. There is one look-up for each mask, of which there are hardly more than
 * 32, and IPv4 masks need not be contiguous.
 */
export class HostIndex {
  readonly #byAddress = new TextIndex();
  readonly #byName = new TextIndex();
  readonly #nets4: Nets<number> = new Map();
  readonly #nets6: Nets<string> = new Map();
  // patterns that must be tried one by one; few of them differ
  readonly #others: Keyed<string, HostPattern> = new Map();
  // ids of patterns that need the host name, unless an earlier pattern matches
  readonly #named: Ids = [];

  add(pattern: HostPattern, id: number): void {
    switch (pattern.kind) {
      case 'text':
        this.#byAddress.add(pattern.text, id);
        // ALL has already matched the address
        if (pattern.addressOnly || pattern.text.kind === 'all') return undefined;
        this.#byName.add(pattern.text, id);
        addId(this.#named, id);
        return undefined;
      case 'net4':
        return addNet(this.#nets4, pattern.mask, pattern.net, pattern, id);
      case 'net6':
        return addNet(this.#nets6, pattern.length, pattern.net, pattern, id);
      case 'known':
      case 'local':
        return addPattern(this.#others, pattern.kind, pattern, id);
      case 'doubtful':
        return addPattern(this.#others, `%${pattern.zone ?? ''}`, pattern, id);
      case 'netgroup':
        return addPattern(this.#others, `@${pattern.group}`, pattern, id);
      case 'file':
        return addPattern(this.#others, pattern.file.path, pattern, id);
      case 'never':
        return undefined;
      default:
        return pattern satisfies never;
    }
  }

  /** Pushes a superset of the ids that match or need a look-up; the matcher decides about each. */
  collect(host: Host, doubt: Doubt, matcher: Matcher, found: Ids[]): void {
    const { quad, words, folded, foldedName } = host;
    const { hasInterface } = matcher.request;
    const collectNet = (ids: Ids | undefined): unknown => ids !== undefined && found.push(ids);
    this.#byAddress.collect(folded, hasInterface, found);
    if (foldedName !== undefined) this.#byName.collect(foldedName, hasInterface, found);
    else found.push(this.#named);
    if (quad !== undefined)
      for (const [mask, nets] of this.#nets4) collectNet(nets.get((quad & mask) >>> 0)?.ids);
    if (words !== undefined)
      for (const [length, nets] of this.#nets6) collectNet(nets.get(networkWords(words, length))?.ids);
    for (const { pattern, ids } of this.#others.values())
      // a need or a refusal is a candidate too
      if (matcher.host(pattern, host, doubt) !== false) found.push(ids);
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
      while ((ids[head] ?? Infinity) <= last) head++;
      heads[i] = head;
      next = Math.min(next, ids[head] ?? Infinity);
    }
    if (next >= limit) return undefined;
    const result = attempt(next);
    if (result !== undefined) return result;
    last = next;
  }
}
