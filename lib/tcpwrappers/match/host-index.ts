// Which of many words may match an endpoint, without trying each.

import type { Host, Request } from '../request/request.ts';
import type { HostPattern } from '../rule/pattern.ts';
import type { Doubt } from '../rule/rule.ts';
import { networkWords } from '../text/address.ts';
import { type MatchFile, matchHost } from './match.ts';
import {
  addId,
  addText,
  appendId,
  collectIds,
  collectText,
  type Ids,
  makeTextIndex,
  type TextIndex,
} from './text-index.ts';

/**
 * Words that are compared with one endpoint. The networks of each mask are a hash table, so that there is one look-up
 * for each mask that occurs, of which there are hardly more than 32 however many networks there are; and the masks of
 * IPv4 networks need not be contiguous.
 */
export interface HostIndex {
  readonly byAddress: TextIndex;
  readonly byName: TextIndex;
  readonly nets4: Map<number, Map<number, Ids>>;
  readonly nets6: Map<number, Map<string, Ids>>;
  /** What has to be tried one by one; of each kind there are few that differ. */
  readonly others: Map<string, { readonly pattern: HostPattern; readonly ids: Ids }>;
  /** Those with a word for which the name is looked up, if no word before it matches. */
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

function addOther(index: HostIndex, key: string, pattern: HostPattern, id: number): void {
  const other = index.others.get(key);
  if (other === undefined) index.others.set(key, { pattern, ids: [id] });
  else appendId(other.ids, id);
}

function addNet<Net>(nets: Map<number, Map<Net, Ids>>, mask: number, net: Net, id: number): void {
  const masked = nets.get(mask) ?? new Map<Net, Ids>();
  nets.set(mask, masked);
  addId(masked, net, id);
}

/** Adds a word; ids come in ascending order. */
export function addHost(index: HostIndex, pattern: HostPattern, id: number): void {
  switch (pattern.kind) {
    case 'text':
      addText(index.byAddress, pattern.text, id);
      // ALL has matched any address
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
      addOther(index, pattern.kind, pattern, id);
      return;
    case 'doubtful':
      addOther(index, `%${pattern.zone ?? ''}`, pattern, id);
      return;
    case 'netgroup':
      addOther(index, `@${pattern.group}`, pattern, id);
      return;
    case 'file':
      addOther(index, pattern.file.path, pattern, id);
      return;
    case 'never':
      return;
    default:
      pattern satisfies never;
  }
}

/**
 * Pushes the ids of all words that match, of those that cannot be told yet, and of some more: each is only a
 * candidate, which matchHost() decides about.
 */
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
    // what stops there is a candidate too: it tells why
    if (matchHost(pattern, host, request, doubt, matchFile) !== false) found.push(ids);
}
