import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { JailError } from '../../../lib/errors.ts';
import { absolute } from '../../../lib/jail/host/given-path.ts';
import { EMPTY_RECIPE } from '../../../lib/jail/manifest/recipe.ts';
import {
  checkRequest,
  type JailRequest,
  toGivenRecipe,
  toRecipe,
} from '../../../lib/jail/request/jail-request.ts';
import { memoryRoot, type Tree } from '../../support/binary/image.ts';

const asIs = (request: object): JailRequest => request as JailRequest;
const good = { directory: '/srv/jail', programs: ['bash'] };

t.test('a request that says what it wants is taken', async (t) => {
  for (const request of [
    good,
    { directory: Buffer.from('/srv/\xff', 'latin1'), programs: [Buffer.from('/bin/\xff', 'latin1')] },
    { directory: 'jail', packages: ['nginx'] },
    { directory: 'jail', packs: ['base'] },
    { directory: 'jail', copies: ['/etc/x', Buffer.from('/etc/y'), { from: '/a', to: '/b/./c/' }] },
    { directory: 'jail', copies: [{ from: 'skeleton', to: '/' }] },
    { directory: 'jail', learn: ['nginx -t'], users: ['www'] },
    { directory: 'jail', recipe: {} },
    {
      ...good,
      withoutPacks: ['base'],
      keepPrivileges: ['/bin/su'],
      from: '/srv/root',
      plan: true,
      path: '/bin',
    },
    { ...good, signal: new AbortController().signal, onProgress: () => {} },
    { ...good, signal: undefined, packs: undefined, plan: undefined, from: undefined },
  ])
    t.doesNotThrow(() => checkRequest(asIs(request)));
});

t.test('each wrong value is a UsageError that names it', async (t) => {
  const wrong: readonly [request: unknown, message: RegExp][] = [
    [undefined, /must be an object/],
    [null, /must be an object/],
    ['bash', /must be an object/],
    [{ programs: ['bash'] }, /^directory is missing: it must be a path$/],
    [{ ...good, directory: '' }, /^directory must be a path, not ''/],
    [{ ...good, directory: 17 }, /^directory must be a path, not 17/],
    [{ ...good, directory: '/srv/\0' }, /^directory must be a path/],
    [{ ...good, program: 'bash' }, /unknown key 'program'/],
    [{ directory: 'jail' }, /no program, package, pack or file is named/],
    [{ directory: 'jail', programs: [] }, /no program/],
    [{ ...good, programs: 'bash' }, /programs must be an array/],
    [{ ...good, programs: { length: 1 } }, /programs must be an array/],
    [{ ...good, programs: [''] }, /^programs\[0\] must be a path, not ''/],
    [{ ...good, programs: [7] }, /^programs\[0\] must be a path/],
    [{ ...good, programs: ['a\0'] }, /^programs\[0\] must be a path/],
    [{ ...good, packages: [Buffer.from('nginx')] }, /^packages\[0\] must be a name/],
    [{ ...good, packages: [''] }, /^packages\[0\] must be a name/],
    [{ ...good, packs: [1] }, /^packs\[0\] must be a name/],
    [{ ...good, packs: ['no-such-pack'] }, /there is no pack no-such-pack/],
    [{ ...good, withoutPacks: ['no-such-pack'] }, /there is no pack no-such-pack/],
    [{ ...good, learn: [['nginx', '-t']] }, /^learn\[0\] must be a command/],
    [{ ...good, users: [0] }, /^users\[0\] must be a name/],
    [{ ...good, users: 'sam' }, /users must be an array/],
    [{ ...good, copies: [null] }, /^copies\[0\] must be a path, or/],
    [{ ...good, copies: [{}] }, /^copies\[0\] must be a path, or/],
    [{ ...good, copies: [['/a', '/b']] }, /^copies\[0\] must be a path, or/],
    [{ ...good, copies: [{ from: '/a' }] }, /^copies is missing: it must be a path of the jail/],
    [{ ...good, copies: [{ from: '/a', to: '/b', mode: 7 }] }, /^copies\[0\] must be a path, or/],
    [{ ...good, copies: [{ from: '/a', to: 'b' }] }, /^copies must be a path of the jail .*, not 'b'/],
    [{ ...good, copies: [{ from: '/a', to: '/b/../..' }] }, /^copies must be a path of the jail/],
    [{ ...good, copies: [{ from: '/a', to: '/.uchroot/x' }] }, /^copies must be a path of the jail/],
    [{ ...good, without: ['/'] }, /^without\[0\] must be an absolute path of something in the jail/],
    [{ ...good, replace: ['x'] }, /^replace\[0\] must be an absolute path of the jail, not 'x'/],
    [{ ...good, keepPrivileges: [null] }, /^keepPrivileges\[0\] must be a path/],
    [{ ...good, from: '' }, /^from must be a path, not ''/],
    [{ ...good, from: {} }, /^from must be a path/],
    [{ ...good, path: ['/bin'] }, /^path must be directories/],
    [{ ...good, plan: 'yes' }, /plan must be true or false/],
    [{ ...good, plan: 1 }, /plan must be true or false/],
    [{ ...good, signal: {} }, /signal must be an AbortSignal/],
    [{ ...good, onProgress: 'log' }, /onProgress must be a function/],
  ];
  for (const [request, message] of wrong)
    t.throws(() => checkRequest(asIs(request as object)), { name: 'UsageError', code: 'ERR_USAGE', message });
});

t.test('a misspelt key or pack is told with what was meant', async (t) => {
  t.throws(() => checkRequest(asIs({ ...good, package: [] })), {
    message: "unknown key 'package'",
    hint: "did you mean 'packages'?",
  });
  t.throws(() => checkRequest(asIs({ ...good, packs: ['bsae'] })), {
    message: 'there is no pack bsae',
    hint: 'did you mean base?',
  });
  t.throws(() => checkRequest(asIs({ ...good, zzzzzzzzzzzz: 1 })), {
    message: "unknown key 'zzzzzzzzzzzz'",
    hint: /the keys are directory, /,
  });
});

t.test('a path is made absolute as text, but .. is left to the kernel', async (t) => {
  t.equal(absolute('/a//b/./c/'), '/a/b/c');
  t.equal(absolute('/a/../b'), '/a/../b');
  t.equal(absolute('x'), `${process.cwd()}/x`);
  t.equal(absolute('x', true), '/x', 'in another root it begins at its top');
  t.equal(absolute('.'), process.cwd());
});

const tree: Tree = {
  '/bin': { link: 'usr/bin' },
  '/usr/bin/tool': 'x',
  '/usr/local/bin/tool': { link: '/usr/bin/tool' },
  '/usr/bin/dir/x': '',
  '/loop': { link: 'loop' },
  '/etc/x': '',
};

function recipeOf(request: Partial<JailRequest>): ReturnType<typeof toRecipe> {
  const whole = { directory: '/jail', path: '/none:/usr/local/bin:/bin', ...request };
  return toRecipe(whole, { root: memoryRoot(tree), isForeign: true }, []);
}

t.test('a name is looked up in PATH, the first executable file being taken', async (t) => {
  t.same(recipeOf({ programs: ['tool'] }).programs, ['/usr/local/bin/tool']);
  t.same(recipeOf({ programs: ['tool'], path: '/bin' }).programs, ['/bin/tool']);
  t.throws(() => recipeOf({ programs: ['dir'] }), {
    message: /dir is in none of the directories of PATH/,
    hint: /install it/,
  });
  t.throws(() => recipeOf({ programs: ['tolo'] }), { message: /tolo/, hint: 'did you mean tool?' });
});

t.test('the whole host is not copied, and the whole of another system is', async (t) => {
  const copies = ['/'];
  t.throws(() => toRecipe({ directory: '/jail', copies }, { root: memoryRoot(tree), isForeign: false }, []), {
    message: 'copy /: it is the whole system',
    hint: 'name what is needed, such as /etc/ssl',
  });
  t.same(recipeOf({ copies }).copies, [{ from: '/', to: '/' }]);
});

t.test('a name that cannot be a program is told with the reason', async (t) => {
  const refused = (program: string, message: RegExp, hint = /./) =>
    t.throws(() => recipeOf({ programs: [program] }), { name: 'UsageError', message, hint });
  refused('/usr/bin/none', /it is not there/);
  refused('/usr/bin/dir', /not a regular file/, /^a directory is copied by: --copy \/usr\/bin\/dir$/);
  refused('/usr/bin/tool/x', /a part of its path is not a directory/);
  refused('/loop', /lead in a circle/);
});

t.test('a thing named twice is meant once', async (t) => {
  t.match(recipeOf({ programs: ['tool', 'tool'], users: ['sam', 'sam'] }), {
    programs: ['/usr/local/bin/tool'],
    users: ['sam'],
  });
});

t.test('a copy keeps its place unless another is given', async (t) => {
  t.same(recipeOf({ copies: ['/etc/x', { from: 'etc/x', to: '/a/./b/' }] }).copies, [
    { from: '/etc/x', to: '/etc/x' },
    { from: '/etc/x', to: '/a/b' },
  ]);
  t.same(recipeOf({ copies: ['/etc/../etc/x'] }).copies, [{ from: '/etc/x', to: '/etc/x' }]);
  t.throws(() => recipeOf({ copies: ['/etc/none'] }), { name: 'UsageError', message: /^copy \/etc\/none: / });
});

t.test('privileges are kept for the file itself, links resolved', async (t) => {
  t.same(recipeOf({ programs: ['tool'], keepPrivileges: ['/usr/local/bin/tool'] }).keepPrivileges, [
    '/usr/bin/tool',
  ]);
});

t.test('a recipe may be handed in by itself, or in what holds it', async (t) => {
  const recipe = { programs: ['/bin/tool'] };
  t.same(toGivenRecipe(recipe), { ...EMPTY_RECIPE, programs: [bytePath('/bin/tool')] });
  t.same(toGivenRecipe({ files: [], recipe, packs: [] }), toGivenRecipe(recipe));
  for (const value of [null, 'x', 3, [], { files: [] }, { recipe: null }])
    t.throws(() => toGivenRecipe(value), JailError);
  t.throws(() => toGivenRecipe({ recipes: [] }), { code: 'ERR_RECIPE' });
});

t.test('a request adds to the recipe that it brings', async (t) => {
  const recipe = { programs: ['/etc/x'], packs: ['base'] };
  t.match(recipeOf({ recipe, programs: ['tool'], withoutPacks: ['base'] }), {
    programs: ['/etc/x', '/usr/local/bin/tool'],
    packs: [],
    withoutPacks: ['base'],
  });
});

t.test('the shim of a version manager, which could not run in a jail, is refused', async (t) => {
  const pyenv = '#!/usr/bin/env bash\nset -e\nexec "/home/sam/.pyenv/libexec/pyenv" exec "$program" "$@"\n';
  const asdf = '#!/usr/bin/env bash\n# asdf-plugin: ruby 3.3.0\nexec asdf exec "ruby" "$@"\n';
  const root = memoryRoot({
    '/home/sam/.pyenv/shims/python3': pyenv,
    '/home/sam/.asdf/shims/ruby': asdf,
    '/home/sam/.volta/bin/node': { link: 'volta-shim' },
    '/home/sam/.volta/bin/volta-shim': '\x7fELF',
    '/usr/bin/own': '#!/bin/sh\n# pyenv exec\nexec "$APP" exec "$@"\n',
  });
  const asked = (name: string, path: string) => () =>
    toRecipe({ directory: '/srv/jail', programs: [name], path }, { root, isForeign: false }, []);
  t.throws(asked('python3', '/home/sam/.pyenv/shims:/usr/bin'), {
    message: 'program /home/sam/.pyenv/shims/python3 is a shim of pyenv, which a jail does not have',
    hint: 'name the program that this prints: pyenv which python3',
  });
  t.throws(asked('/home/sam/.asdf/shims/ruby', ''), {
    message: /shim of asdf/,
    hint: 'name the program that this prints: asdf which ruby',
  });
  t.throws(asked('node', '/home/sam/.volta/bin'), {
    message: /shim of volta/,
    hint: 'name the program that this prints: volta which node',
  });
  t.doesNotThrow(asked('own', '/usr/bin'));
});
