// Which of many words match a text, without trying each: exact ones by hash, `.domain` and `10.` by the dots of the text.

import { parseZoned, type Words } from './address.ts';
import type { TextPattern } from './pattern.ts';
import { matchesText } from './text.ts';

/** Ids in ascending order. */
export type Ids = number[];

/** Adds an id at a key; they come in ascending order, and the same one may come twice. */
export function addId<Key>(map: Map<Key, Ids>, key: Key, id: number): void {
  const ids = map.get(key);
  if (ids === undefined) map.set(key, [id]);
  else if (ids.at(-1) !== id) ids.push(id);
}

function collectFrom<Key>(map: Map<Key, Ids>, key: Key, found: Ids[]): void {
  const ids = map.get(key);
  if (ids !== undefined) found.push(ids);
}

/** Words that are compared with one text, each with the ids that it stands for. */
export class TextIndex {
  readonly #all: Ids = [];
  readonly #equal = new Map<string, Ids>();
  readonly #suffixes = new Map<string, Ids>();
  readonly #prefixes = new Map<string, Ids>();
  readonly #addresses = new Map<Words, Ids>();
  // what has to be tried one by one: the different wildcards, and KNOWN
  readonly #others = new Map<string, { readonly pattern: TextPattern; readonly ids: Map<'', Ids> }>();

  add(pattern: TextPattern, id: number): void {
    switch (pattern.kind) {
      case 'all':
        if (this.#all.at(-1) !== id) this.#all.push(id);
        return;
      case 'equal':
        addId(this.#equal, pattern.text, id);
        return;
      case 'suffix':
        addId(this.#suffixes, pattern.text, id);
        return;
      case 'prefix':
        addId(this.#prefixes, pattern.text, id);
        return;
      case 'address':
        addId(this.#addresses, pattern.address.words, id);
        return;
      case 'glob':
        this.#addOther(`*${pattern.text}`, pattern, id);
        return;
      case 'known':
        this.#addOther('known', pattern, id);
        return;
      case 'never':
        return;
      default:
        pattern satisfies never;
    }
  }

  #addOther(key: string, pattern: TextPattern, id: number): void {
    const other = this.#others.get(key) ?? { pattern, ids: new Map() };
    this.#others.set(key, other);
    addId(other.ids, '', id);
  }

  /** Pushes the ids of all words that match `value`, in lower case, and of some more IPv6 ones with a zone. */
  collect(value: string, hasInterface: (name: string) => boolean, found: Ids[]): void {
    if (this.#all.length > 0) found.push(this.#all);
    collectFrom(this.#equal, value, found);
    if (this.#suffixes.size > 0)
      for (let dot = value.indexOf('.', 1); dot >= 0; dot = value.indexOf('.', dot + 1))
        collectFrom(this.#suffixes, value.slice(dot), found);
    if (this.#prefixes.size > 0)
      for (let dot = value.indexOf('.'); dot >= 0; dot = value.indexOf('.', dot + 1))
        collectFrom(this.#prefixes, value.slice(0, dot + 1), found);
    if (this.#addresses.size > 0 && value.includes(':')) {
      const zoned = parseZoned(value);
      if (zoned !== undefined) collectFrom(this.#addresses, zoned.words, found);
    }
    for (const { pattern, ids } of this.#others.values())
      if (matchesText(pattern, value, hasInterface)) collectFrom(ids, '', found);
  }
}
