// Copies that meet at a path of the jail.
import t from 'tap';

import { type BytePath, bytePath } from '../../../lib/tree/path.ts';
import type { Manifest, Recorded } from '../../../lib/jail/manifest/manifest.ts';
import { EMPTY_RECIPE, mergeRecipes, type Recipe } from '../../../lib/jail/manifest/recipe.ts';
import { type JailPlan, planJail } from '../../../lib/jail/plan/jail-plan.ts';
import { checkPlan, warningsOf } from '../../../lib/jail/plan/plan-outcome.ts';
import { memoryRoot, type Tree } from '../../support/binary/image.ts';
import { finish } from '../../support/steps.ts';
import { elfWithStrings, makeSystem } from '../../support/jail/debian.ts';

const tree: Tree = {
  '/bin': { link: 'usr/bin' },
  '/usr/bin/x': '',
  '/P/prod.env': 'prod',
  '/P/ov/env': 'dev',
  '/P/conf/c': 'c',
  '/P/cap/releases/1/app': 'app',
  '/P/cap/current': { link: 'releases/1' },
};
const directory = bytePath('/jail');

/** Each copy as FROM:TO. */
function recipeOf(copies: readonly string[]): Recipe {
  const pairs = copies.map((copy) => copy.split(':').map((path) => bytePath(path)));
  return { ...EMPTY_RECIPE, copies: pairs.map(([from, to]) => ({ from, to }) as Recipe['copies'][number]) };
}

/** The plan of a new jail, or of one to which the copies are added. */
function check(copies: readonly string[], present?: Manifest): JailPlan {
  const recipe = mergeRecipes(present?.recipe ?? EMPTY_RECIPE, recipeOf(copies));
  const plan = finish(planJail(recipe, { root: memoryRoot(tree), cpu: { hwcaps: [] }, users: [] }));
  checkPlan(plan, recipe, { directory, without: [], present });
  return plan;
}

/** The manifest of a jail with these copies, in which some paths are of other kinds than in the plan. */
function built(copies: readonly string[], kinds: Readonly<Record<string, Recorded['kind']>>): Manifest {
  const entries = Object.entries(kinds).map(([path, kind]) => ({ path, kind }) as Recorded);
  return { recipe: recipeOf(copies), packs: [], packages: {}, entries };
}

function sourceAt(plan: JailPlan, path: string): BytePath | undefined {
  const entry = plan.entries.find((one) => one.path === path);
  return entry?.kind === 'file' ? entry.source : undefined;
}

const inBothOrders = (a: string, b: string) => [
  [a, b],
  [b, a],
];

t.test('the copy with the more exact destination counts of two at a path, in any order', async (t) => {
  for (const copies of inBothOrders('/P/ov:/srv/app', '/P/prod.env:/srv/app/env'))
    t.equal(sourceAt(check(copies), '/srv/app/env'), '/P/prod.env');
  for (const copies of inBothOrders('/P/ov:/srv/app/env', '/P/cap:/srv')) {
    t.equal(sourceAt(check(copies), '/srv/app/env/env'), '/P/ov/env');
    t.equal(sourceAt(check(copies), '/srv/releases/1/app'), '/P/cap/releases/1/app');
  }
});

t.test('a file that is copied to a directory of the jail is refused, with a better path', async (t) => {
  const name = 'UsageError';
  const message = (path: string) => `${path} would be both a directory and a file`;
  for (const to of ['/etc', '/bin', '/usr/bin'])
    t.throws(() => check(['/bin/x:/bin/x', `/P/prod.env:${to}`]), {
      name,
      message: message(to),
      hint: `name another DEST, such as ${to}/prod.env`,
    });
  t.throws(() => check(['/P/prod.env:/']), { message: message('/'), hint: /such as \/prod.env$/ });
  for (const copies of inBothOrders('/P/prod.env:/srv/app', '/P/ov:/srv/app/ov'))
    t.throws(() => check(copies), { name, message: message('/srv/app') });
});

const capistrano = ['/P/cap:/srv/app', '/P/conf:/srv/app/current/conf'] as const;

t.test('a copy below a link of another copy is refused, with the place that the link leads to', async (t) => {
  for (const copies of inBothOrders(...capistrano))
    t.throws(() => check(copies), {
      name: 'UsageError',
      message: '/srv/app/current would be both a directory and a link',
      hint: 'name another DEST, such as /srv/app/releases/1',
    });
});

t.test('a jail that has a directory there already stays valid, and a warning tells it', async (t) => {
  const warnings = (plan: JailPlan) => warningsOf(plan, directory).map(({ message }) => message);
  const ignored = ['/bin/x:/bin/x', '/P/prod.env:/usr/bin'];
  const at = (path: string) => [`not copied over a directory: ${path}`];
  const old = built(ignored, { '/usr/bin': 'directory' });
  for (const added of [[], ['/P/prod.env:/etc/own']]) t.same(warnings(check(added, old)), at('/usr/bin'));
  t.throws(() => check(['/P/prod.env:/usr/bin'], old), { message: /would be both/ }, 'who asks anew is told');
  t.same(warnings(check([], built(capistrano, { '/srv/app/current': 'directory' }))), at('/srv/app/current'));
  const [cap, conf] = capistrano;
  const isBoth = { message: /^\/srv\/app\/current would be both/ };
  t.throws(() => check([conf], built([cap], { '/srv/app/current': 'link' })), isBoth);
  t.throws(() => check([cap], built([conf], { '/srv/app/current': 'directory' })), isBoth);
});

t.test(
  'a program that is copied to another path comes only there, and is the reason for what it needs',
  async (t) => {
    const script = { content: '#!/bin/sh\nawk 1\n', mode: 0o750 };
    const root = makeSystem({
      packages: {
        dash: { files: { '/usr/bin/sh': elfWithStrings() } },
        mawk: { files: { '/usr/bin/awk': elfWithStrings(), '/usr/share/awk/lib': 'x' } },
      },
      files: { '/P/ap/run': script },
    });
    const planFor = (recipe: Partial<Recipe>) =>
      finish(planJail({ ...EMPTY_RECIPE, ...recipe }, { root, cpu: { hwcaps: [] }, users: [] }));
    const { copies } = recipeOf(['/P/ap:/srv/app']);
    const plan = planFor({ copies });
    const reasons = new Map(plan.entries.map(({ path, reason }) => [String(path), reason]));
    t.match(reasons.get('/srv/app/run'), { how: 'copied' });
    t.match(reasons.get('/usr/bin/awk'), { how: 'package', by: '/srv/app/run' });
    t.notOk(reasons.has('/P/ap/run'));
    t.same(plan.secrets, []);
    const asked = planFor({ copies, programs: [bytePath('/P/ap/run')] });
    t.ok(
      asked.entries.some(({ path }) => path === '/P/ap/run'),
      'unless that one is asked for as well',
    );
  },
);
