// Which settings of systemd a launch gets.
import t from 'tap';

import { normalize, type LaunchRequest } from '../../../lib/launch/request/request.ts';
import { launchHardening } from '../../../lib/service/unit/launch-hardening.ts';

const isClosed = (path: string): boolean => path.startsWith('/home/sam/');
// /srv/link leads to a home, and another link beside it to a temporary directory
const wayTo = (path: string): readonly string[] => [
  ...(path.startsWith('/srv/link') ? ['/', '/srv', '/srv/link', '/home', '/home/joe'] : []),
  ...(path.startsWith('/srv/other') ? ['/srv/other', '/var/tmp/jail'] : []),
];
const requestOf = (more: Partial<LaunchRequest>, jail: string) =>
  normalize({ user: 'nobody', jail, program: '/bin/www', ...more });
const lines = (more: Partial<LaunchRequest> = {}, jail = '/srv/www'): readonly string[] =>
  launchHardening(requestOf(more, jail), jail, '/usr/local/sbin/www', isClosed, wayTo);
const withNode = (command: readonly string[], more: Partial<LaunchRequest> = {}): readonly string[] =>
  launchHardening(requestOf(more, '/srv/www'), '/srv/www', command, isClosed, wayTo);

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
  t.notOk(found.some((line) => line.includes('CAP_NET_BIND_SERVICE')));
  const calls = lines({ isolate: true, connectTo: ['api.example.org:443'] });
  t.ok(calls.some((line) => line.includes('CAP_NET_BIND_SERVICE')));
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
  const kept = lines({ isolate: true, ephemeral: '/srv/kept' });
  t.ok(kept.includes('ReadWritePaths="/srv/kept"'));
  t.notOk(lines({ unshare: ['ipc'] }).includes('RestrictNamespaces=yes'), 'one namespace is enough');
});

t.test('root searches what is closed to it, where something of the launch lies behind that', async (t) => {
  const searches = (lines: readonly string[]) =>
    lines.some((line) => line.startsWith('CapabilityBoundingSet=') && line.includes('CAP_DAC_READ_SEARCH'));
  const bind = { isolate: true, view: [{ bind: '/home/sam/data', to: '/data', readOnly: true }] };
  t.notOk(searches(lines()));
  t.notOk(searches(withNode(['/usr/bin/node', '/usr/local/bin/uchroot'])));
  t.ok(searches(withNode(['/usr/bin/node', '/usr/local/bin/uchroot', '/home/sam/uchroot/dist/bin'])));
  t.ok(searches(lines(bind)));
  t.ok(searches(lines({}, '/home/sam/jail')));
  t.ok(searches(lines({ seccomp: '/home/sam/profile.json' })));
});

t.test('what is only read stays in sight', async (t) => {
  const hidden = (lines: readonly string[]) =>
    lines.filter((line) => /^(?:ProtectHome|PrivateTmp)=/.test(line));
  const both = ['ProtectHome=yes', 'PrivateTmp=yes'];
  const view = (bind: string) => ({ isolate: true, view: [{ bind, to: '/data', readOnly: true }] });
  t.strictSame(hidden(lines(view('/srv/data'))), both);
  t.strictSame(hidden(lines(view('/home/data'))), ['PrivateTmp=yes']);
  t.strictSame(hidden(lines(view('/var/tmp/data'))), ['ProtectHome=yes']);
  t.strictSame(hidden(lines({ seccomp: '/root/profile.json' })), ['PrivateTmp=yes']);
  t.strictSame(hidden(lines(view('/srv/link/data'))), ['PrivateTmp=yes'], 'where a link leads');
  t.strictSame(hidden(lines({}, '/srv/other')), ['ProtectHome=yes']);
  t.strictSame(hidden(withNode(['/srv/link/node', '/usr/local/bin/uchroot'])), ['PrivateTmp=yes']);
  t.notOk(lines(view('/srv/data')).includes('ReadWritePaths="/srv/data"'));
});

t.test('a launch by Node bears the same, but looks into the jail; its node may lie in a home', async (t) => {
  const command = ['/usr/bin/node', '/usr/local/bin/uchroot'];
  const differ = lines().filter((line) => !withNode(command).includes(line));
  t.strictSame(differ, ['RestrictSUIDSGID=yes']);
  const own = ['/home/sam/.nvm/versions/node/v22/bin/node', '/usr/local/bin/uchroot'];
  t.notOk(withNode(own).includes('ProtectHome=yes'));
  t.ok(withNode(own).includes('PrivateTmp=yes'));
});

t.test('a launch with limits makes its cgroup', async (t) => {
  const command = ['/usr/bin/node', '/usr/local/bin/uchroot'];
  const limited = withNode(command, { memory: '64M' });
  const differ = withNode(command).filter((line) => !limited.includes(line));
  t.strictSame(differ, ['ProtectControlGroups=yes', 'RestrictNamespaces=yes']);
});

t.test('what a capability is for is not taken away again', async (t) => {
  const plain = lines();
  const differ = (...caps: string[]) => {
    const found = lines({ caps });
    return [plain.filter((line) => !found.includes(line)), found.filter((line) => !plain.includes(line))].map(
      (side) => side.filter((line) => !line.startsWith('CapabilityBoundingSet=')),
    );
  };
  const calls = plain.findLast((line) => line.startsWith('SystemCallFilter=')) ?? '';
  t.strictSame(differ('net_bind_service'), [[], []]);
  t.strictSame(differ('sys_time'), [['ProtectClock=yes', calls], [`${calls} @clock`]]);
  t.strictSame(differ('mknod'), [['PrivateDevices=yes'], []]);
  t.strictSame(differ('net_raw'), [
    ['RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK'],
    ['RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET'],
  ]);
});

t.test('root inside cannot write the records of uchroot-jail', async (t) => {
  const records = 'ReadOnlyPaths="-/srv/www/.uchroot"';
  t.same(
    [{}, { allowRoot: true }, { caps: ['fowner'] }].map((keys) => lines(keys).includes(records)),
    [false, true, true],
  );
});

t.test('a path may have a quote, a backslash and a %', async (t) => {
  const found = lines({ isolate: true, view: [{ bind: '/srv/a"b\\c%d', to: '/data' }] });
  t.ok(found.includes(String.raw`ReadWritePaths="/srv/a\"b\\c%%d"`));
});
