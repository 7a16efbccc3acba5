// Reads /var/lib/dpkg/status: the installed packages and their relations (deb822(5)).

import { wordSet } from '../../words/word-list.ts';
import { toLatin1 } from '../../tree/path.ts';
import type { Origin } from '../manifest/origin.ts';

/**
 * One entry of Depends: the names of packages of which any one is enough; the first is preferred (deb-control(5)). Versions and
 * architectures are dropped: dpkg has seen to it that those of installed packages hold.
 */
export type Alternatives = readonly string[];

export interface Package {
  readonly name: string;
  readonly architecture: string;
  readonly version: string;
  /** The source package from which it was built. */
  readonly source: string;
  /** The field itself, with the version of the source in parentheses if it is another one; empty if the names are the same. */
  readonly sourceField: string;
  readonly multiArch: string;
  readonly essential: boolean;
  /** Without the archive area: `libdevel`, not `non-free/libdevel`. */
  readonly section: string;
  readonly preDepends: readonly Alternatives[];
  readonly depends: readonly Alternatives[];
  readonly recommends: readonly Alternatives[];
  readonly suggests: readonly Alternatives[];
  readonly provides: readonly string[];
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
  // the first word is the desired state, such as `hold`; the others are the actual state (dpkg(1), "INFORMATION ABOUT PACKAGES")
  if (!/^\S+ ok (?:installed|triggers-(?:awaited|pending))$/.test(text('status')) || !isName(name))
    return undefined;
  return {
    name,
    architecture: text('architecture'),
    version: text('version'),
    source: /^\S+/.exec(text('source'))?.[0] ?? name,
    sourceField: text('source'),
    multiArch: text('multi-arch'),
    essential: text('essential') === 'yes',
    section: text('section').replace(/^.*\//, ''),
    preDepends: readRelations(text('pre-depends')),
    depends: readRelations(text('depends')),
    recommends: readRelations(text('recommends')),
    suggests: readRelations(text('suggests')),
    provides: readRelations(text('provides')).flat(),
  };
}

/** What a tracker knows a package by. A source has the version of its packages, unless the field says another one (deb-control(5)). */
export function originOf(pkg: Package | undefined): Origin | undefined {
  if (pkg === undefined || pkg.version === '' || pkg.architecture === '') return undefined;
  const version = /\(([^)]+)\)/.exec(pkg.sourceField)?.[1] ?? pkg.version;
  return { source: pkg.source, version, architecture: pkg.architecture };
}

// The name becomes part of a file name, so it has no slash and no leading dot.
const isName = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9+.-]*$/.test(text);

/** `a (>= 1) | b, c:any` is two entries, the first with two alternatives. */
export function readRelations(text: string): readonly Alternatives[] {
  if (text === '') return [];
  return text
    .split(',')
    .map((entry) => entry.split('|').flatMap((one) => NAME.exec(one)?.[1] ?? []))
    .filter((alternatives) => alternatives.length > 0);
}

const NAME = /^\s*([A-Za-z0-9][A-Za-z0-9+.-]*)/;
