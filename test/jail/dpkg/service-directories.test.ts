import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { choose } from '../../../lib/jail/dpkg/choice.ts';
import { openPackages } from '../../../lib/jail/dpkg/database.ts';
import { openReading } from '../../../lib/jail/dpkg/choice-state.ts';
import { finish } from '../../support/steps.ts';
import { stateOf } from '../../../lib/jail/dpkg/service-directories.ts';
import { elfWithStrings, makeSystem } from '../../support/jail/debian.ts';

const root = makeSystem({
  packages: {
    redis: {
      files: {
        '/usr/bin/redis': elfWithStrings(),
        '/var/log/redis': { isDirectory: true, mode: 0o2750, uid: 102, gid: 4 },
        '/usr/lib/tmpfiles.d/redis.conf': 'd /run/lock/redis 0711 root adm\nd /tmp/redis 0700\n',
      },
      listed: ['/lib/systemd/system/redis.service'],
    },
    libselinux1: { files: { '/usr/lib/tmpfiles.d/x.conf': 'd /run/setrans 0755\n' } },
    other: { files: { '/var/lib/other': { isDirectory: true } } },
  },
  files: {
    '/usr/lib/systemd/system/redis.service':
      '[Service]\nUser=redis\nRuntimeDirectory=redis\nReadWritePaths=-/var/lib/redis\nReadWritePaths=-/etc/redis\n',
    '/var/lib/redis': { isDirectory: true, mode: 0o750, uid: 102, gid: 105 },
    '/etc/passwd': 'root:x:0:0:::\nredis:x:102:105::/var/lib/redis:/bin/false\n',
    '/etc/group': 'root:x:0:\nadm:x:4:\n',
  },
});

t.test('a service gets the directories that its unit, its package and the system make for it', async (t) => {
  const packages = openPackages(root);
  if (packages === undefined) throw new Error('no database');
  const choice = finish(
    choose(openReading(root, packages), {
      programs: [bytePath('/usr/bin/redis')],
      packages: [],
    }),
  );
  const found = stateOf(root, packages, choice);
  t.same(
    found.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    [
      { path: '/run/lock/redis', package: packages.find('redis'), mode: 0o711, uid: 0, gid: 4 },
      {
        path: '/run/redis',
        package: packages.find('redis'),
        mode: 0o755,
        user: 'redis',
        uid: 102,
        gid: 105,
        isService: true,
      },
      {
        path: '/var/lib/redis',
        package: packages.find('redis'),
        mode: 0o750,
        user: 'redis',
        uid: 102,
        gid: 105,
        isService: true,
      },
      { path: '/var/log/redis', package: packages.find('redis'), mode: 0o2750, uid: 102, gid: 4 },
    ],
  );
});

t.test('a library has no service, and what is not chosen has none either', async (t) => {
  const packages = openPackages(root);
  const library = packages?.find('libselinux1');
  if (packages === undefined || library === undefined) throw new Error('no database');
  const choice = finish(choose(openReading(root, packages), { programs: [], packages: [library] }));
  t.same(stateOf(root, packages, choice), []);
});
