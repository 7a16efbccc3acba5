import * as fc from 'fast-check';
import t from 'tap';

import { readTmpfiles, readUnit } from '../../../lib/jail/dpkg/service-directories.ts';

t.test('the directories of a service are read', async (t) => {
  const unit = `[Unit]
User=nobody
[Service]
User=redis
Group=adm
RuntimeDirectory=redis  redis/sub:link
RuntimeDirectoryMode=2755
StateDirectory=ignored
StateDirectory=
StateDirectory=a \\
  b
LogsDirectory=%p
ReadWritePaths=-/var/lib/redis /etc/redis
PIDFile=/run/redis/redis.pid
# CacheDirectory=x
[Install]
CacheDirectory=y
`;
  const owner = { user: 'redis', group: 'adm' };
  t.same(readUnit(Buffer.from(unit)), [
    { path: '/run/redis', mode: 0o2755, ...owner },
    { path: '/run/redis/sub', mode: 0o2755, ...owner },
    { path: '/var/lib/a', mode: 0o755, ...owner },
    { path: '/var/lib/b', mode: 0o755, ...owner },
    { path: '/var/lib/redis', mode: 0o755, ...owner },
    { path: '/etc/redis', mode: 0o755, ...owner },
    { path: '/run/redis', mode: 0o755, ...owner },
  ]);
});

t.test('a service of root has no user', async (t) => {
  t.same(readUnit(Buffer.from('[Service]\nPIDFile=/run/nginx.pid\n')), [
    { path: '/run', mode: 0o755, user: undefined, group: undefined },
  ]);
});

t.test('directories of tmpfiles.d are read, and nothing else', async (t) => {
  const lines = `# d /run/no 0755
d /run/postgresql 2775 postgres postgres - -
d! /run/boot - - -
D "/run/quoted" :0700 root root
f /run/file 0644
L /run/link - - - - /x
d /run/%v 0755
d ../x 0755
`;
  t.match(readTmpfiles(Buffer.from(lines)), [
    { path: '/run/postgresql', mode: 0o2775, user: 'postgres', group: 'postgres' },
    { path: '/run/boot', mode: 0o755, user: undefined },
    { path: '/run/quoted', mode: 0o700, user: undefined },
  ]);
});

t.test('no path leads out of where it should be', async (t) => {
  const word = fc.constantFrom('/', '..', '.', 'a', '%i', '\0', '-', '//', ' ');
  const path = fc.array(word, { maxLength: 6 }).map((words) => words.join('/'));
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(path, (path) => {
        const unit = readUnit(
          Buffer.from(`[Service]\nStateDirectory=${path}\nReadWritePaths=${path}\nPIDFile=${path}\n`),
        );
        const lines = readTmpfiles(Buffer.from(`d ${path} 0755\n`));
        return [...unit, ...lines].every(
          ({ path }) => path.startsWith('/') && !/\/\.\.?(\/|$)|\0/.test(path),
        );
      }),
    ),
  );
});
