import t from 'tap';

import type { Tree } from '../../support/binary/image.ts';
import { makeProgram, pathsIn, planOf } from '../../support/jail/jail.ts';

const ZONE = '/usr/share/zoneinfo/Asia/Tokyo';
const zones: Tree = { [ZONE]: 'TZif', '/var/lib/dpkg/status': '' };

const hasZones = (tree: Tree, ...programs: readonly string[]) =>
  pathsIn(planOf({ ...zones, ...tree }, programs)).has(ZONE);

t.test('a program in Go that looks up a time zone by name has all of them', async (t) => {
  const withNames = (...texts: readonly string[]) => ({ '/bin/go': makeProgram({ texts }) });
  const path = '/usr/share/zoneinfo/Local';
  t.ok(hasZones(withNames(path, 'time.LoadLocation'), '/bin/go'));
  t.notOk(hasZones(withNames(path, 'time.LoadLocationFromTZData'), '/bin/go'), 'most programs contain that');
});

t.test('date has all time zones if it was asked for, or a script of no package starts it', async (t) => {
  const tree: Tree = {
    '/usr/bin/date': makeProgram(),
    '/bin/sh': makeProgram(),
    '/srv/report': '#!/bin/sh\nTZ=Asia/Tokyo date\n',
    '/usr/bin/tool': '#!/bin/sh\ndate\n',
    '/var/lib/dpkg/status':
      'Package: tool\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nDepends: coreutils\n\n' +
      'Package: coreutils\nEssential: yes\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n',
    '/var/lib/dpkg/info/tool.list': '/usr/bin/tool\n',
    '/var/lib/dpkg/info/coreutils.list': '/usr/bin/date\n',
  };
  t.ok(hasZones(tree, '/usr/bin/date'));
  t.ok(hasZones(tree, '/srv/report'));
  t.ok(pathsIn(planOf(tree, ['/usr/bin/tool'])).has('/usr/bin/date'));
  t.notOk(hasZones(tree, '/usr/bin/tool'));
});
