// Which of many words may match an endpoint, without trying each.

import { networkWords } from './address.ts';
import { type MatchFile, matchHost } from './match.ts';
import type { HostPattern } from './pattern.ts';
import type { Host, Request } from './request.ts';
import type { Doubt } from './rule.ts';
import { addId, type Ids, TextIndex } from './text-index.ts';

// Words that are tried one by one; of each kind there are few that differ. undefined for the others.
function otherKey(pattern: HostPattern): string | undefined {
  switch (pattern.kind) {
    case 'known':
    case 'local':
    case 'doubtful':
      return pattern.kind;
    case 'netgroup':
      return `@${pattern.group}`;
    case 'file':
      return pattern.file.path;
    case 'text':
    case 'net4':
    case 'net6':
    case 'never':
      return undefined;
    default:
      return pattern satisfies never;
  }
}

/**
 * Words that are compared with one endpoint, each with the ids that it stands for, given in ascending order. The
 * networks of each mask are a hash table, so that there is one look-up for each mask that occurs, of which there are
 * hardly more than 32 however many networks there are; and masks need not be contiguous.
 */
export class HostIndex {
  readonly #byAddress = new TextIndex();
  readonly #byName = new TextIndex();
  readonly #nets4 = new Map<number, Map<number, Ids>>();
  readonly #nets6 = new Map<number, Map<string, Ids>>();
  readonly #others = new Map<string, { readonly pattern: HostPattern; readonly ids: Map<'', Ids> }>();
  // those with a word for which the name is looked up, if the words before it do not match
  readonly #named: Ids = [];

  add(pattern: HostPattern, id: number): void {
    const key = otherKey(pattern);
    if (key !== undefined) {
      const other = this.#others.get(key) ?? { pattern, ids: new Map() };
      this.#others.set(key, other);
      addId(other.ids, '', id);
    } else if (pattern.kind === 'text') {
      this.#byAddress.add(pattern.text, id);
      // ALL has matched any address
      if (pattern.addressOnly || pattern.text.kind === 'all') return;
      this.#byName.add(pattern.text, id);
      if (this.#named.at(-1) !== id) this.#named.push(id);
    } else if (pattern.kind === 'net4') {
      const nets = this.#nets4.get(pattern.mask) ?? new Map<number, Ids>();
      this.#nets4.set(pattern.mask, nets);
      addId(nets, pattern.net, id);
    } else if (pattern.kind === 'net6') {
      const nets = this.#nets6.get(pattern.length) ?? new Map<string, Ids>();
      this.#nets6.set(pattern.length, nets);
      addId(nets, pattern.net, id);
    }
  }

  /**
   * Pushes the ids of all words that match, of those that cannot be told yet, and of some more: each is only a
   * candidate, which matchHost() decides about.
   */
  collect(host: Host, request: Request, doubt: Doubt, matchFile: MatchFile, found: Ids[]): void {
    this.#byAddress.collect(host.folded, request.hasInterface, found);
    if (host.foldedName !== undefined) this.#byName.collect(host.foldedName, request.hasInterface, found);
    else if (this.#named.length > 0) found.push(this.#named);
    const { quad, words } = host;
    if (quad !== undefined)
      for (const [mask, nets] of this.#nets4) {
        const ids = nets.get((quad & mask) >>> 0);
        if (ids !== undefined) found.push(ids);
      }
    if (words !== undefined)
      for (const [length, nets] of this.#nets6) {
        const ids = nets.get(networkWords(words, length));
        if (ids !== undefined) found.push(ids);
      }
    for (const { pattern, ids } of this.#others.values()) {
      const first = ids.get('');
      // what stops there is a candidate too: it tells why
      if (first !== undefined && matchHost(pattern, host, request, doubt, matchFile) !== false)
        found.push(first);
    }
  }
}
