// Recipes and manifests of any kind, for properties.

import * as fc from 'fast-check';

import { type BytePath, bytePath } from '../../../lib/tree/path.ts';
import type { Reason } from '../../../lib/jail/manifest/planned-entry.ts';
import type { Manifest, Recorded } from '../../../lib/jail/manifest/manifest.ts';
import { isDestination, type Recipe } from '../../../lib/jail/manifest/recipe.ts';

// any byte but NUL
const names = fc.uint8Array({ min: 1, minLength: 1, maxLength: 12 }).map(bytePath);

/** Paths as they are in a jail, of any bytes. */
const paths: fc.Arbitrary<BytePath> = fc
  .array(names, { minLength: 1, maxLength: 4 })
  .map((parts) => `/${parts.join('/')}` as BytePath)
  .filter(isDestination);

const words = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((text) => isText(text));

// A lone surrogate is no text that a program could have been given.
function isText(text: string): boolean {
  return !text.includes('\0') && Buffer.from(text).toString() === text;
}

const list = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(item, { maxLength: 3 });

export const recipes: fc.Arbitrary<Recipe> = fc
  .record(
    {
      programs: list(paths),
      packages: list(words),
      packs: list(words),
      withoutPacks: list(words),
      without: list(paths),
      copies: list(fc.record({ from: paths, to: paths }, { noNullPrototype: true })),
      learned: list(
        fc.record(
          { command: words, files: list(paths), directories: list(paths) },
          { noNullPrototype: true },
        ),
      ),
      users: list(words),
      keepPrivileges: list(paths),
      from: paths,
    },
    {
      requiredKeys: [
        'programs',
        'packages',
        'packs',
        'withoutPacks',
        'without',
        'copies',
        'learned',
        'users',
        'keepPrivileges',
      ],
      noNullPrototype: true,
    },
  )
  .map((recipe): Recipe => recipe);

const reasons: fc.Arbitrary<Reason> = fc.record(
  {
    how: fc.constantFrom<Reason['how'][]>('asked', 'library', 'dlopen', 'pack', 'learned', 'way', 'layout'),
    by: paths,
    as: fc.uint8Array({ min: 1, maxLength: 12 }).map(bytePath),
  },
  { requiredKeys: ['how'], noNullPrototype: true },
);

const common = {
  path: paths,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 32 - 2 })),
  gid: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 32 - 2 })),
  reason: reasons,
};
const common_keys = ['path', 'mode', 'uid', 'gid', 'reason'] as const;
const sizes = fc.nat({ max: 2 ** 31 - 1 });
const hashes = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((data) => Buffer.from(data).toString('hex'));

/** An entry of a manifest. */
const entries: fc.Arbitrary<Recorded> = fc.oneof(
  fc.record({ kind: fc.constant('directory' as const), ...common }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('link' as const), ...common, target: names }, { noNullPrototype: true }),
  fc.record(
    { kind: fc.constant('device' as const), ...common, major: sizes, minor: sizes },
    { noNullPrototype: true },
  ),
  fc.record(
    {
      kind: fc.constant('file' as const),
      ...common,
      sizeBytes: sizes,
      sha256: hashes,
      mtimeMs: fc.integer({ min: -1e12, max: 2e12 }),
      keepPrivileges: fc.constant(true as const),
      source: paths,
      package: words,
    },
    { requiredKeys: ['kind', ...common_keys, 'sizeBytes', 'sha256'], noNullPrototype: true },
  ),
);

export const manifests: fc.Arbitrary<Manifest> = fc.record(
  {
    recipe: recipes,
    packs: list(
      fc.record({ name: words, trigger: paths }, { requiredKeys: ['name'], noNullPrototype: true }),
    ),
    packages: fc.dictionary(words, words, { maxKeys: 3, noNullPrototype: true }),
    entries: fc.uniqueArray(entries, { selector: ({ path }) => path, maxLength: 8 }),
  },
  { noNullPrototype: true },
);
