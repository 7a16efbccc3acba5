// Which settings of systemd a compiled launch gets.
import t from 'tap';

import { normalize, type LaunchRequest } from '../../../lib/launch/request/request.ts';
import { launchHardening } from '../../../lib/service/unit/launch-hardening.ts';

const lines = (more: Partial<LaunchRequest> = {}, jail = '/srv/www'): readonly string[] =>
  launchHardening(normalize({ user: 'nobody', jail, program: '/bin/www', ...more }), jail);

t.test('a bare launch bears nearly everything, and writes in its jail alone', async (t) => {
  const found = lines({ caps: ['net_bind_service'] });
  for (const line of [
    'RestrictNamespaces=yes',
    'ProtectSystem=strict',
    'ProtectHome=yes',
    'ReadWritePaths="/srv/www"',
  ])
    t.ok(found.includes(line), line);
  t.ok(
    found.includes(
      'CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYS_CHROOT',
    ),
  );
  t.notOk(found.some((line) => line.startsWith('MemoryDenyWriteExecute')));
});

t.test('an isolated launch may make namespaces and mounts, and devices if it has its own', async (t) => {
  const found = lines({ isolate: true, view: [{ dev: '/dev' }] });
  for (const name of ['RestrictNamespaces', 'RestrictSUIDSGID', 'ProtectKernelTunables', 'PrivateDevices'])
    t.notOk(
      found.some((line) => line.startsWith(`${name}=`)),
      name,
    );
  t.ok(found.some((line) => line.includes('CAP_MKNOD') && line.includes('CAP_SYS_ADMIN')));
  t.ok(found.some((line) => line.startsWith('SystemCallFilter=') && line.includes('pivot_root')));
});

t.test('what the launch itself opens up stays open', async (t) => {
  t.notOk(lines({ allowNewPrivs: true }).includes('NoNewPrivileges=yes'));
  t.notOk(lines({ allow: ['debug'] }).some((line) => line.startsWith('SystemCallFilter')));
  t.notOk(lines({}, '/home/sam/jail').includes('ProtectHome=yes'));
  t.notOk(lines({}, '/tmp/jail').includes('PrivateTmp=yes'));
  const bound = lines({ isolate: true, view: [{ bind: '/srv/data', to: '/data' }], pidFile: '/run/www.pid' });
  t.ok(bound.includes('ReadWritePaths="/srv/data"'));
  t.ok(bound.includes('ReadWritePaths="/run"'));
});
