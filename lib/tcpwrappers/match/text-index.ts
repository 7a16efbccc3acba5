// Which of many words match a text, without trying each: exact ones by hash, `.domain` and `10.` by the dots of the text.

import type { TextPattern } from '../rule/pattern.ts';
import { matchesText } from '../rule/text-pattern.ts';
import { parseZoned, type Words } from '../text/address.ts';

/** What words stand for, such as the indexes of rules; in ascending order. */
export type Ids = number[];

/** Words that are compared with one text. */
export interface TextIndex {
  readonly all: Ids;
  readonly equal: Map<string, Ids>;
  readonly suffixes: Map<string, Ids>;
  readonly prefixes: Map<string, Ids>;
  readonly addresses: Map<Words, Ids>;
  /** What has to be tried one by one: the different wildcards, and KNOWN. */
  readonly others: Map<string, { readonly pattern: TextPattern; readonly ids: Ids }>;
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

/** Appends an id that is not below those before it, and may be the last of them again. */
export function appendId(ids: Ids, id: number): void {
  if (ids.at(-1) !== id) ids.push(id);
}

/** Appends an id to those of a key. */
export function addId<Key>(map: Map<Key, Ids>, key: Key, id: number): void {
  const ids = map.get(key);
  if (ids === undefined) map.set(key, [id]);
  else appendId(ids, id);
}

/** Pushes the ids of a key. */
export function collectIds<Key>(map: ReadonlyMap<Key, Ids>, key: Key, found: Ids[]): void {
  const ids = map.get(key);
  if (ids !== undefined) found.push(ids);
}

function addOther(index: TextIndex, key: string, pattern: TextPattern, id: number): void {
  const other = index.others.get(key);
  if (other === undefined) index.others.set(key, { pattern, ids: [id] });
  else appendId(other.ids, id);
}

/** Adds a word; ids come in ascending order. */
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
      return addOther(index, `*${pattern.text}`, pattern, id);
    case 'known':
      return addOther(index, 'known', pattern, id);
    case 'never':
      return undefined;
    default:
      return pattern satisfies never;
  }
}

/** Pushes the ids of all words that match `value`, in lower case, and of IPv6 ones whatever their zone. */
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
