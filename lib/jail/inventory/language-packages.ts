// Packages of npm, PyPI and RubyGems, by the files that name them. These are hostile text: nothing of them is executed, and a name is
// taken only if its registry permits it. Pure.

import type { BytePath } from '../../tree/path.ts';
import { asObject } from '../manifest/fields.ts';
import type { Steps } from '../work/steps.ts';
import type { Contained, Contents, Part } from './inventory.ts';

interface Language {
  readonly type: Part['type'];
  /** The paths of the files that name a package. */
  readonly path: RegExp;
  readonly name: RegExp;
  readonly version: RegExp;
  /** Name and version. @throws any error for another text */
  read(text: string): readonly [unknown, unknown];
}

const LANGUAGES: readonly Language[] = [
  {
    type: 'npm',
    path: /\/node_modules\/(?:@[^/]+\/)?[^/@.][^/]*\/package\.json$/,
    name: /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9_~-][a-z0-9._~-]*$/i,
    version: /^\d[\w.+-]*$/,
    read: (text) => {
      const { name, version } = asObject(JSON.parse(text));
      return [name, version];
    },
  },
  {
    // packaging.python.org/specifications/core-metadata: fields as those of mail, before an empty line
    type: 'pypi',
    path: /\.dist-info\/METADATA$/,
    name: /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/i,
    version: /^[\w.!+-]+$/,
    read: (text) => {
      const [head = ''] = text.split(/\r?\n\r?\n/, 1);
      return [fieldOf(head, 'Name'), fieldOf(head, 'Version')];
    },
  },
  {
    // as `gem install` writes it
    type: 'gem',
    path: /\/specifications\/(?:default\/)?[^/]+\.gemspec$/,
    name: /^[\w.-]+$/,
    version: /^\d[\w.-]*$/,
    read: (text) => [assigned(text, 'name'), assigned(text, 'version')],
  },
];

const fieldOf = (head: string, name: string) => new RegExp(`^${name}: *(\\S+) *$`, 'm').exec(head)?.[1];

const assigned = (text: string, key: string) =>
  new RegExp(`^ *s\\.${key} = (?:Gem::Version\\.new)?\\(?"([^"\\n]+)"`, 'm').exec(text)?.[1];

/** More than the metadata of any package. */
export const MOST_METADATA_BYTES: number = 1 << 20;
const MOST_LETTERS = 256;

/** Whether a file should name a package. */
export function namesPackage(path: BytePath): boolean {
  return LANGUAGES.some((language) => language.path.test(path));
}

/** The package that such a file names; undefined if it does not. */
export function languagePart(metadata: BytePath, text: string): Part | undefined {
  const language = LANGUAGES.find(({ path }) => path.test(metadata));
  try {
    const [name, version] = language?.read(text) ?? [];
    if (language === undefined || !fits(name, language.name) || !fits(version, language.version))
      return undefined;
    return { type: language.type, name, version, metadata };
  } catch {
    return undefined;
  }
}

/** The packages of files that are of no Debian package, and the files that name none. */
export function* languageParts(
  entries: readonly Contained[],
  textAt: (path: BytePath) => Buffer | undefined,
): Steps<Pick<Contents, 'parts' | 'unclear'>> {
  const parts: Part[] = [];
  const unclear: BytePath[] = [];
  for (const { path, kind, sizeBytes = 0, package: owner } of entries) {
    if (kind !== 'file' || owner !== undefined || !namesPackage(path)) continue;
    yield;
    const text = sizeBytes > MOST_METADATA_BYTES ? undefined : textAt(path)?.toString();
    const part = languagePart(path, text ?? '');
    if (part === undefined) unclear.push(path);
    else parts.push(part);
  }
  return { parts, unclear };
}

function fits(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && value.length <= MOST_LETTERS && pattern.test(value);
}
