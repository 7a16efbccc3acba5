import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { openFileRoot } from '../../../lib/tree/root.ts';
import { EMPTY_RECIPE } from '../../../lib/jail/manifest/recipe.ts';
import { packOf } from '../../../lib/jail/packs/index.ts';
import { planJail } from '../../../lib/jail/plan/jail-plan.ts';
import type { Tree } from '../../support/binary/image.ts';
import { finish } from '../../support/steps.ts';
import { makeLibrary, makeProgram, pathsIn, planOf } from '../../support/jail/jail.ts';

const namesOf = ({ packs }: ReturnType<typeof planOf>) => packs.map(({ name }) => name);
const terminal: Tree = { '/lib/sys/libtinfo.so.6': makeLibrary(), '/usr/share/terminfo/x/xterm': '' };

t.test('an unknown pack is an error that names the one that is meant', async (t) => {
  t.throws(() => packOf('terminf'), { name: 'UsageError', hint: /terminfo/ });
  t.throws(() => planOf({ '/bin/p': makeProgram() }, ['/bin/p'], { withoutPacks: ['nope'] }), {
    name: 'UsageError',
  });
});

t.test('a file that only a shell could make use of brings no pack', async (t) => {
  const shell = makeProgram({
    needed: ['libtinfo.so.6'],
    imports: ['getaddrinfo'],
    texts: ['/etc/ssl/certs'],
  });
  t.same(namesOf(planOf({ ...terminal, '/bin/bash': shell }, ['/bin/bash'])), ['base']);
  const both = planOf({ ...terminal, '/bin/bash': shell, '/bin/p': shell }, ['/bin/bash', '/bin/p']);
  t.ok(namesOf(both).includes('terminfo'));
});

t.test('ls, id and bash need nothing but what every jail has, and the time zone', async (t) => {
  const host = openFileRoot('/');
  t.teardown(() => host.close());
  const programs = ['/bin/ls', '/usr/bin/id', '/bin/bash'].map((path) => bytePath(path));
  const plan = finish(
    planJail({ ...EMPTY_RECIPE, programs }, { root: host, cpu: { hwcaps: [] }, users: [] }),
  );
  t.same(
    namesOf(plan).filter((name) => name !== 'timezone'),
    ['base'],
  );
});

t.test('a pack of which the host has nothing is not added, and is if it was asked for', async (t) => {
  const tree = {
    '/bin/p': makeProgram({ needed: ['libmagic.so.1'] }),
    '/lib/sys/libmagic.so.1': makeLibrary(),
  };
  t.same(namesOf(planOf(tree, ['/bin/p'])), ['base']);
  const asked = planOf(tree, ['/bin/p'], { packs: ['magic', 'shm'] });
  t.same(namesOf(asked), ['base', 'shm', 'magic']);
  t.same(asked.barren, ['magic']);
});

t.test('a pack that another one makes necessary is added', async (t) => {
  const tree: Tree = {
    ...terminal,
    '/usr/bin/python3.13': makeProgram(),
    '/usr/lib/python3.13/os.py': '',
    '/usr/lib/locale/C.utf8/LC_CTYPE': '',
  };
  const { packs } = planOf(tree, ['/usr/bin/python3.13']);
  t.match(
    packs.filter(({ name }) => name === 'locale' || name === 'terminfo'),
    [{ trigger: '/usr/bin/python3.13' }, { trigger: '/usr/bin/python3.13' }],
  );
});

t.test('a program that a pack brings is looked into like any other', async (t) => {
  const tree: Tree = {
    ...terminal,
    '/bin/p': makeProgram({ imports: ['system'] }),
    '/bin/sh': makeProgram({ needed: ['libx.so'] }),
    '/lib/sys/libx.so': makeLibrary(),
  };
  t.ok(pathsIn(planOf(tree, ['/bin/p'])).has('/lib/sys/libx.so'));
});

t.test('a pack is asked again when more has come into the jail', async (t) => {
  const tree: Tree = {
    '/usr/bin/python3.13': makeProgram({ texts: ['/bin/sh'] }),
    '/usr/lib/python3.13/os.py': '',
    // comes only after the first look at python
    '/bin/sh': '#!/usr/bin/python3.12\n',
    '/usr/bin/python3.12': makeProgram(),
    '/usr/lib/python3.12/os.py': '',
  };
  const paths = pathsIn(planOf(tree, ['/usr/bin/python3.13']));
  t.ok(paths.has('/usr/lib/python3.13/os.py'));
  t.ok(paths.has('/usr/lib/python3.12/os.py'));
});

t.test('a statically linked program shows by its texts what it opens', async (t) => {
  const program = makeProgram({
    isStatic: true,
    texts: ['x/etc/ssl/certs/ca-certificates.crty', '/etc/resolv.conf'],
  });
  const tree = { '/bin/p': program, '/etc/ssl/certs/a.pem': '', '/etc/resolv.conf': '' };
  t.same(planOf(tree, ['/bin/p']).packs, [
    { name: 'base' },
    { name: 'dns', trigger: '/bin/p' },
    { name: 'tls', trigger: '/bin/p' },
  ]);
});

t.test('a part may have a reason of its own', async (t) => {
  const tree: Tree = {
    '/bin/p': makeProgram(),
    '/opt/x/bin/x': makeProgram(),
    '/opt/x/data': '',
    '/opt/y/bin/y': makeProgram(),
    '/opt/y/data': '',
  };
  const { entries } = planOf(tree, ['/bin/p', '/opt/x/bin/x', '/opt/y/bin/y']);
  t.same(entries.find(({ path }) => path === '/opt/y/data')?.reason, {
    how: 'pack',
    as: 'local',
    by: '/opt/y/bin/y',
  });
});

t.test('a directory of a user that lies behind a link is made where it leads', async (t) => {
  const accounts = [
    { name: 'sam', uid: 1000, gid: 100, gecos: '', home: '/home/sam', shell: '/bin/sh', groups: [] },
  ];
  const tree: Tree = { '/bin/p': makeProgram(), '/home': { link: '/srv/home' }, '/srv/home/sam/x': '' };
  const { entries } = planOf(tree, ['/bin/p'], {}, accounts);
  t.match(
    entries.find(({ path }) => path === '/srv/home/sam'),
    { kind: 'directory', mode: 0o700, uid: 1000, gid: 100 },
  );
  t.match(
    entries.find(({ path }) => path === '/home'),
    { kind: 'link', target: '/srv/home' },
  );
  t.notOk(entries.some(({ path }) => path === '/srv/home/sam/x'));
});
