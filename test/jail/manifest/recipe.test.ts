import { deepStrictEqual } from 'node:assert';

import * as fc from 'fast-check';
import t from 'tap';

import { type BytePath, bytePath } from '../../../lib/tree/path.ts';
import { JailError } from '../../../lib/errors.ts';
import {
  EMPTY_RECIPE,
  isDestination,
  mergeRecipes,
  type Recipe,
  recipeFromJson,
  recipeToJson,
  takesBack,
} from '../../../lib/jail/manifest/recipe.ts';
import { recipes } from '../../support/jail/arbitrary.ts';

const path = (text: string): BytePath => bytePath(text);
const recipe = (some: Partial<Recipe>): Recipe => ({ ...EMPTY_RECIPE, ...some });
const toJsonText = (value: Recipe) => JSON.stringify(recipeToJson(value));

t.test('a recipe is the same after it was JSON', async (t) => {
  fc.assert(
    fc.property(recipes, (value) =>
      deepStrictEqual(recipeFromJson(JSON.parse(toJsonText(value)), 'it'), value),
    ),
    { numRuns: 300 },
  );
  t.pass();
});

t.test('the same recipe is the same text, in whatever order its keys were made', async (t) => {
  const reversed = (value: object) => Object.fromEntries(Object.entries(value).toReversed());
  fc.assert(fc.property(recipes, (value) => toJsonText(reversed(value) as never) === toJsonText(value)));
  t.pass();
});

t.test('a field that is left out of a recipe is empty', async (t) => {
  t.same(recipeFromJson({}, 'it'), EMPTY_RECIPE);
  t.same(recipeFromJson({ programs: ['/bin/sh'] }, 'it'), recipe({ programs: [path('/bin/sh')] }));
});

t.test('additions come after what was there, each thing once', async (t) => {
  const old = recipe({
    programs: [path('/bin/a'), path('/bin/b')],
    packages: ['x'],
    users: ['sam'],
    learned: [{ command: 'c', files: [path('/old')], directories: [] }],
  });
  const added = recipe({
    programs: [path('/bin/b'), path('/bin/c')],
    packages: ['x', 'y'],
    users: ['bob', 'sam'],
    learned: [{ command: 'c', files: [path('/new')], directories: [] }],
  });
  t.match(mergeRecipes(old, added), {
    programs: ['/bin/a', '/bin/b', '/bin/c'],
    packages: ['x', 'y'],
    users: ['sam', 'bob'],
    learned: [{ command: 'c', files: ['/new'] }],
  });
});

t.test('merging a recipe with itself, or with none, changes nothing', async (t) => {
  fc.assert(
    fc.property(recipes, (value) => {
      const once = mergeRecipes(EMPTY_RECIPE, value);
      deepStrictEqual(mergeRecipes(once, once), once);
      deepStrictEqual(mergeRecipes(once, EMPTY_RECIPE), once);
    }),
  );
  t.pass();
});

t.test('the last word about a pack counts', async (t) => {
  const without = recipe({ withoutPacks: ['tls', 'dns'] });
  t.match(mergeRecipes(without, recipe({ packs: ['tls'] })), { packs: ['tls'], withoutPacks: ['dns'] });
  t.match(mergeRecipes(recipe({ packs: ['tls', 'dns'] }), recipe({ withoutPacks: ['tls'] })), {
    packs: ['dns'],
    withoutPacks: ['tls'],
  });
});

t.test('a copy takes the place of an older one at the same place', async (t) => {
  const at = (from: string) => recipe({ copies: [{ from: path(from), to: path('/etc/x') }] });
  t.same(mergeRecipes(at('/a'), at('/b')).copies, at('/b').copies);
});

t.test('the root to build from stays, unless another is named', async (t) => {
  const from = recipe({ from: path('/srv/one') });
  t.equal(mergeRecipes(from, EMPTY_RECIPE).from, '/srv/one');
  t.equal(mergeRecipes(from, recipe({ from: path('/srv/two') })).from, '/srv/two');
  t.notOk('from' in mergeRecipes(EMPTY_RECIPE, EMPTY_RECIPE));
});

t.test('a value that is no recipe is a JailError ERR_RECIPE that names the place', async (t) => {
  const wrong: readonly [value: unknown, message: RegExp][] = [
    [null, /^it: an object/],
    [undefined, /an object/],
    ['text', /an object/],
    [17, /an object/],
    [[], /an object/],
    [{ program: [] }, /unknown key 'program'/],
    [{ programs: 'bash' }, /programs: a list/],
    [{ programs: {} }, /programs: a list/],
    [{ programs: null }, /programs: a list/],
    [{ programs: [1] }, /programs: a text/],
    [{ programs: [''] }, /programs: a text/],
    [{ programs: ['/a\0b'] }, /programs: a text/],
    [{ programs: ['bash'] }, /programs: bash is no absolute path/],
    [{ packages: [null] }, /packages: a text/],
    [{ users: [['sam']] }, /users: a text/],
    [{ copies: ['/etc/x'] }, /copies: an object/],
    [{ copies: [null] }, /copies: an object/],
    [{ copies: [{ from: '/a' }] }, /to: a text/],
    [{ copies: [{ to: '/a' }] }, /from: a text/],
    [{ copies: [{ from: 'a', to: '/a' }] }, /a is no absolute path/],
    [{ copies: [{ from: '/a', to: '/../etc' }] }, /no place for a copy/],
    [{ copies: [{ from: '/a', to: '/.uchroot/manifest.json.gz' }] }, /no place for a copy/],
    [{ learned: [{ command: 'c', files: '/a' }] }, /files: a list/],
    [{ learned: [{ files: [] }] }, /command: a text/],
    [{ learned: [{ command: 'c', directories: [true] }] }, /directories: a text/],
    [{ keepPrivileges: ['su'] }, /su is no absolute path/],
    [{ from: 1 }, /from: a text/],
    [{ from: '../x' }, /no absolute path/],
    [JSON.parse('{"__proto__": {}}'), /unknown key '__proto__'/],
  ];
  for (const [value, message] of wrong)
    t.throws(() => recipeFromJson(value, 'it'), { name: 'JailError', code: 'ERR_RECIPE', message });
});

t.test(
  'a thing left out later is not asked for any more, and one asked for later is not left out',
  async (t) => {
    const copy = { from: path('/home/data'), to: path('/srv/data') };
    const old = recipe({ programs: [path('/bin/a'), path('/opt/b')], copies: [copy] });
    const out = mergeRecipes(old, recipe({ without: [path('/srv'), path('/opt/b')] }));
    t.match(out, { programs: ['/bin/a'], copies: [], without: ['/srv', '/opt/b'] });
    const again = mergeRecipes(out, recipe({ copies: [copy] }));
    t.match(again, { copies: [copy], without: ['/srv', '/opt/b'] }, 'a copy comes alone');
    const whole = { from: copy.from, to: path('/srv') };
    t.match(mergeRecipes(out, recipe({ copies: [whole] })), { copies: [whole], without: ['/opt/b'] });
    const program = mergeRecipes(out, recipe({ programs: [path('/srv/bin/c')] }));
    t.match(program, { without: ['/opt/b'] }, 'a program needs what lies around it');
    const part = mergeRecipes(old, recipe({ without: [path('/srv/data/large')] }));
    t.match(mergeRecipes(part, old), { copies: [copy], without: ['/srv/data/large'] }, 'a part stays out');
    const both = { programs: [path('/bin/c')], without: [path('/bin')] };
    t.match(mergeRecipes(EMPTY_RECIPE, recipe(both)), both, 'both at once are an error of the plan');
  },
);

t.test('any JSON gives a recipe or a JailError', async (t) => {
  const keys = fc.constantFrom(...Object.keys(EMPTY_RECIPE), 'from');
  const json = fc.jsonValue().filter((value) => value !== undefined);
  fc.assert(
    fc.property(fc.oneof(json, fc.dictionary(keys, json)), (value) => {
      try {
        recipeFromJson(value, 'it');
        return true;
      } catch (error) {
        return error instanceof JailError && error.code === 'ERR_RECIPE';
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

t.test('a copy can lie anywhere in a jail but in the place of the builder', async (t) => {
  for (const good of ['/', '/a', '/a/b', '/a/...', '/.uchrootx', '/a/.uchroot'])
    t.ok(isDestination(path(good)), good);
  for (const bad of ['', 'a', 'a/b', '/a/', '//a', '/a/../b', '/.', '/..', '/.uchroot', '/.uchroot/new'])
    t.notOk(isDestination(path(bad)), bad);
});

t.test('a path takes back what lies below it', async (t) => {
  const old = recipe({
    programs: [path('/bin/sh'), path('/bin/ls')],
    copies: [{ from: path('/bin/x'), to: path('/etc/x') }],
  });
  for (const [out, isBack] of [
    ['/bin', true],
    ['/bin/ls', true],
    ['/etc/x', true],
    ['/bin/x', false],
    ['/usr', false],
  ] as const)
    t.equal(takesBack(old, path(out)), isBack, out);
});
