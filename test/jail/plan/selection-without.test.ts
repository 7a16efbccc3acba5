// Files that are left out of a jail on request, or because they are large and a program can do without.

import t from 'tap';

import { EMPTY_RECIPE } from '../../../lib/jail/manifest/recipe.ts';
import { planJail } from '../../../lib/jail/plan/jail-plan.ts';
import { elfWithStrings, makeSystem } from '../../support/jail/debian.ts';
import { finish } from '../../support/steps.ts';
import { bytePath } from '../../../lib/tree/path.ts';
import { makeLibrary, makeProgram, pathsIn, planOf } from '../../support/jail/jail.ts';

const paths = (...names: readonly string[]) => names.map(bytePath);

t.test(
  'a path that is to be left out is not in the plan, nor what lies below it or what it alone needs',
  async (t) => {
    const tree = {
      '/opt/p/bin/p': makeProgram(),
      '/opt/p/plugins/large.so': makeLibrary(),
      '/opt/p/data': 'x',
    };
    const plan = planOf(tree, ['/opt/p/bin/p'], { without: paths('/opt/p/plugins') });
    t.ok(pathsIn(plan).has('/opt/p/data'));
    t.same(
      [...pathsIn(plan)].filter((path) => path.startsWith('/opt/p/plugins')),
      [],
    );
    t.same(plan.unused, []);
  },
);

t.test('a link that is to be left out takes along what it leads to', async (t) => {
  const tree = {
    '/opt/p/bin/p': makeProgram(),
    '/opt/p/current': { link: 'v2' },
    '/opt/p/v2/data': 'x',
  };
  const plan = planOf(tree, ['/opt/p/bin/p'], { without: paths('/opt/p/current') });
  t.notOk(pathsIn(plan).has('/opt/p/current'));
  t.notOk(pathsIn(plan).has('/opt/p/v2/data'));
});

t.test('a copy to a place that the host does not have loses only what is named', async (t) => {
  const copies = [{ from: bytePath('/opt/app'), to: bytePath('/srv/own/app') }];
  const tree = { '/bin/p': makeProgram(), '/opt/app/f': 'x', '/opt/app/cache/g': 'y' };
  const plan = planOf(tree, ['/bin/p'], { copies, without: paths('/srv/own/app/cache') });
  t.ok(pathsIn(plan).has('/srv/own/app/f'));
  t.notOk(pathsIn(plan).has('/srv/own/app/cache/g'));
  t.same(plan.unused, []);
});

t.test('a copy below a path that is left out comes alone', async (t) => {
  const tree = {
    '/usr/local/bin/p': makeProgram(),
    '/etc/p': { link: '/srv/p' },
    '/srv/p/host.conf': 'x',
    '/srv/p/deep/host.conf': 'x',
    '/home/own.conf': 'y',
    '/home/own/own.conf': 'y',
  };
  const copies = [
    { from: bytePath('/home/own.conf'), to: bytePath('/etc/p/own.conf') },
    { from: bytePath('/home/own'), to: bytePath('/etc/p/deep') },
  ];
  for (const without of ['/etc/p', '/srv/p', '/srv']) {
    const plan = planOf(tree, ['/usr/local/bin/p'], { copies, without: paths(without) });
    const found = [...pathsIn(plan)].filter((path) => /^\/(?:etc\/p$|srv\/)/.test(path));
    const expected = ['/etc/p', '/srv/p', '/srv/p/deep', '/srv/p/deep/own.conf', '/srv/p/own.conf'];
    t.same(found.toSorted(), expected, without);
    t.same(plan.absent, []);
    t.same(plan.unused, []);
    const parents = plan.entries.findIndex(({ path }) => path === '/srv/p/deep');
    t.ok(parents < plan.entries.findIndex(({ path }) => path === '/srv/p/deep/own.conf'));
  }
});

t.test('a copy to a path that is left out is refused', async (t) => {
  const copies = [{ from: bytePath('/home/own'), to: bytePath('/etc/p') }];
  const tree = { '/bin/p': makeProgram(), '/home/own/x': 'y' };
  t.same(planOf(tree, ['/bin/p'], { copies, without: paths('/etc/p') }).absent, ['/home/own']);
});

t.test('a path of which nothing would come along is told', async (t) => {
  const plan = planOf({ '/bin/p': makeProgram() }, ['/bin/p'], { without: paths('/usr/lib/nothing') });
  t.same(plan.unused, ['/usr/lib/nothing']);
});

t.test('drivers of graphics and jmods stay out of a jail, unless their package is asked for', async (t) => {
  const gbm = '/usr/lib/x86_64-linux-gnu/gbm/dri_gbm.so';
  const jmod = '/usr/lib/jvm/java-21/jmods/java.base.jmod';
  const root = makeSystem({
    packages: {
      p: {
        control: 'Depends: libgbm1',
        files: { '/usr/bin/p': elfWithStrings(), [jmod]: 'x' },
      },
      libgbm1: { files: { [gbm]: elfWithStrings(), '/usr/share/gbm/conf': '' } },
    },
  });
  const planFor = (packages: readonly string[]) =>
    finish(
      planJail(
        { ...EMPTY_RECIPE, programs: paths('/usr/bin/p'), packages },
        { root, cpu: { hwcaps: [] }, users: [] },
      ),
    );
  const plan = planFor([]);
  t.ok(pathsIn(plan).has('/usr/share/gbm/conf'));
  t.notOk(pathsIn(plan).has(gbm));
  t.notOk(pathsIn(plan).has(jmod));
  t.same([...plan.optional].toSorted(), ['/usr/lib/jvm/java-21/jmods', '/usr/lib/x86_64-linux-gnu/gbm']);
  const asked = planFor(['libgbm1']);
  t.ok(pathsIn(asked).has(gbm));
  t.same(asked.optional, ['/usr/lib/jvm/java-21/jmods']);
});
