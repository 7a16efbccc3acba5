// Reads /var/lib/dpkg/status: the installed packages and their relations (deb822(5), deb-version(7)).

import { wordSet } from '../../words/word-list.ts';
import { toLatin1 } from '../../tree/path.ts';

const HOLDS = {
  '<<': (order: number) => order < 0,
  '<=': (order: number) => order <= 0,
  '=': (order: number) => order === 0,
  '>=': (order: number) => order >= 0,
  '>>': (order: number) => order > 0,
} as const;

export type Operator = keyof typeof HOLDS;

export function isInRelation(version: string, operator: Operator, other: string): boolean {
  return HOLDS[operator](compareVersions(version, other));
}

/** Negative if `a` is older, 0 if both are equal, positive if `a` is newer. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  return (
    compareNumbers(left.epoch, right.epoch) ||
    compareParts(left.upstream, right.upstream) ||
    compareParts(left.revision, right.revision)
  );
}

function partsOf(version: string): Readonly<Record<'epoch' | 'upstream' | 'revision', string>> {
  const [, epoch = '0', upstream = '', revision = ''] =
    /^(?:([^:]*):)?([^]*?)(?:-([^-]*))?$/.exec(version) ?? [];
  return { epoch, upstream, revision };
}

// Alternating parts of text and digits, text first: "Sorting algorithm" of deb-version(7).
function compareParts(a: string, b: string): number {
  const [left = [], right = []] = [a, b].map((text) => Array.from(text.matchAll(/(\D*)(\d*)/g)));
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const [, text = '', digits = ''] = left[index] ?? [];
    const [, otherText = '', otherDigits = ''] = right[index] ?? [];
    const order = compareTexts(text, otherText) || compareNumbers(digits, otherDigits);
    if (order !== 0) return order;
  }
  return 0;
}

function compareTexts(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return weightOf(a[at]) - weightOf(b[at]);
}

// As strings: a date with a hash can be above 2^53.
function compareNumbers(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return left.length - right.length || (left < right ? -1 : left === right ? 0 : 1);
}

// A tilde sorts before the end of the text, then come letters, then all others.
function weightOf(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === '~') return -1;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 256;
}

/** One possible package: `libssl3t64 (>= 3.0.0)`. Its architecture, as in `:any`, is dropped. */
export interface Relation {
  readonly name: string;
  readonly operator?: Operator;
  readonly version?: string;
}

/** One entry of Depends: any of these packages, the first is preferred (deb-control(5)). */
export type Alternatives = readonly Relation[];

export interface Package {
  readonly name: string;
  readonly architecture: string;
  readonly version: string;
  /** The source package from which it was built. */
  readonly source: string;
  readonly multiArch: string;
  readonly essential: boolean;
  /** Without the archive area: `libdevel`, not `non-free/libdevel`. */
  readonly section: string;
  readonly preDepends: readonly Alternatives[];
  readonly depends: readonly Alternatives[];
  readonly recommends: readonly Alternatives[];
  readonly suggests: readonly Alternatives[];
  readonly provides: readonly Relation[];
}

/**
 * The installed packages in file order, also those whose triggers have not run yet. Invalid lines are skipped. A package with
 * another status is left out: it may be half unpacked, or only its configuration may be left.
 */
export function readStatus(data: Uint8Array): readonly Package[] {
  return [...paragraphsOf(toLatin1(data))].flatMap((fields) => toPackage(fields) ?? []);
}

type Fields = ReadonlyMap<string, string>;

const WANTED = wordSet(`
  package architecture version source multi-arch status essential section pre-depends depends recommends
  suggests provides
`);

function* paragraphsOf(text: string): Generator<Fields, void> {
  let fields = new Map<string, string>();
  let field: string | undefined;
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    const first = text[at];
    if (end === at || (first === '\r' && end === at + 1)) {
      yield fields;
      fields = new Map();
      field = undefined;
    } else if (first === ' ' || first === '\t') {
      // unwanted fields are not copied: Description is most of the file
      if (field !== undefined) fields.set(field, `${fields.get(field)}\n${text.slice(at, end).trimEnd()}`);
    } else if (first !== '#') {
      const colon = text.indexOf(':', at);
      const name = colon < 0 || colon > end ? '' : text.slice(at, colon).toLowerCase();
      field = WANTED.has(name) ? name : undefined;
      if (field !== undefined) fields.set(field, text.slice(colon + 1, end).trim());
    }
    at = end + 1;
  }
  yield fields;
}

function toPackage(fields: Fields): Package | undefined {
  const text = (name: string) => fields.get(name) ?? '';
  const name = text('package');
  // the relations of most packages are never asked for
  const lazily = (field: string) => {
    let known: readonly Alternatives[] | undefined;
    return () => (known ??= readRelations(text(field)));
  };
  // the first word is the desired state, such as `hold`; the others are the actual state (dpkg(1), "INFORMATION ABOUT PACKAGES")
  if (!/^\S+ ok (?:installed|triggers-(?:awaited|pending))$/.test(text('status')) || !isName(name))
    return undefined;
  const [preDepends, depends] = [lazily('pre-depends'), lazily('depends')];
  const [recommends, suggests] = [lazily('recommends'), lazily('suggests')];
  return {
    name,
    architecture: text('architecture'),
    version: text('version'),
    source: /^\S+/.exec(text('source'))?.[0] ?? name,
    multiArch: text('multi-arch'),
    essential: text('essential') === 'yes',
    section: text('section').replace(/^.*\//, ''),
    get preDepends() {
      return preDepends();
    },
    get depends() {
      return depends();
    },
    get recommends() {
      return recommends();
    },
    get suggests() {
      return suggests();
    },
    provides: readRelations(text('provides')).flat(),
  };
}

// The name becomes part of a file name, so it has no slash and no leading dot.
function isName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9+.-]*$/.test(text);
}

/** `a (>= 1) | b, c:any` is two entries, the first with two alternatives. */
export function readRelations(text: string): readonly Alternatives[] {
  if (text === '') return [];
  return text
    .split(',')
    .map((entry) => entry.split('|').flatMap(readRelation))
    .filter((alternatives) => alternatives.length > 0);
}

const RELATION =
  /^\s*([A-Za-z0-9][A-Za-z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|>=|>>|=|<|>)\s*([^\s()]+)\s*\))?/;

function readRelation(text: string): Relation[] {
  const [, name, operator, version] = RELATION.exec(text) ?? [];
  if (name === undefined) return [];
  if (operator === undefined || version === undefined) return [{ name }];
  // the obsolete operators < and > mean <= and >=
  const modern = operator === '<' ? '<=' : operator === '>' ? '>=' : (operator as Operator);
  return [{ name, operator: modern, version }];
}

/** Whether a version satisfies a relation. A provided name without a version satisfies no versioned relation. */
export function isSatisfied({ operator, version }: Relation, found: string | undefined): boolean {
  if (operator === undefined || version === undefined) return true;
  return found !== undefined && isInRelation(found, operator, version);
}
