// Rules about the services of a host: that daemons are there, and ask libwrap.
import { chmodSync, copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { packageDirectory } from '../../support/launch.ts';
import { unlessThere } from '../../support/root.ts';
import { check, DENY_ALL, makeFiles } from '../../support/tcpwrappers/checked-files.ts';

t.test('services that are not there, and faults of inetd.conf, are found', async (t) => {
  const root = makeFiles(t, {
    'usr/sbin/in.ftpd': '#!/bin/sh\n',
    'usr/sbin/tcpd': '#!/bin/sh\n',
    'usr/sbin/rexd': '#!/bin/sh\n',
    'usr/sbin/plain': '#!/bin/sh\n',
    'etc/inetd.conf': [
      'ftp stream tcp nowait root /usr/sbin/tcpd in.ftpd -l',
      'short stream tcp nowait',
      'gone stream tcp nowait root /usr/sbin/tcpd in.goned',
      'gone2 stream tcp nowait root /usr/sbin/gone2 gone2',
      'plain stream tcp nowait root /usr/sbin/plain plain',
      'self stream tcp nowait root /usr/sbin/tcpd tcpd in.ftpd',
      'rex stream rpc/tcp nowait root /usr/sbin/tcpd rexd',
      'echo stream tcp nowait root internal',
      '# off stream tcp',
      '',
    ].join('\n'),
  });
  for (const name of ['in.ftpd', 'tcpd', 'rexd']) chmodSync(join(root, 'usr/sbin', name), 0o755);
  chmodSync(join(root, 'usr/sbin/in.ftpd'), 0o6757);
  const { shown } = await check(
    t,
    { allow: 'in.ftpd in.ftp: 10.0.0.1\n', deny: DENY_ALL },
    { root, daemons: [] },
  );
  t.same(shown, [
    'allow:1:9 unknown-daemon',
    '/etc/inetd.conf:1 inetd-set-id',
    '/etc/inetd.conf:1 world-writable',
    '/etc/inetd.conf:2 inetd-incomplete',
    '/etc/inetd.conf:3 inetd-missing',
    '/etc/inetd.conf:4 inetd-missing',
    '/etc/inetd.conf:5 inetd-not-executable',
    '/etc/inetd.conf:6 inetd-recursive',
    '/etc/inetd.conf:7 inetd-insecure',
    '/etc/inetd.conf:7 inetd-rpc',
  ]);
});

t.test('a client of a daemon that is not installed is told the name of the daemon', async (t) => {
  const root = t.testdir({ usr: { bin: {}, sbin: {} } });
  // a static program: the root has no libraries
  copyFileSync(join(packageDirectory, 'build/Release/uchroot-launcher'), `${root}/usr/bin/ssh`);
  chmodSync(`${root}/usr/bin/ssh`, 0o755);
  const { findings } = await check(t, { allow: 'ssh: 10.0.0.1\n', deny: DENY_ALL }, { daemons: [], root });
  t.match(findings, [{ rule: 'not-wrapped', remedy: 'did you mean sshd?' }]);
});

t.test('a daemon that does not use libwrap is found by its ELF file, as ldd would tell', async (t) => {
  const skip = unlessThere('/usr/sbin/tcpd');
  const allow = 'true: 10.0.0.1\ntcpd: 10.0.0.1\nsshd: 10.0.0.1\n';
  const { findings } = await check(t, { allow, deny: DENY_ALL }, { daemons: [], root: '/' });
  const found = findings.filter(({ file }) => file.endsWith('/allow'));
  t.same(
    found.filter(({ line }) => line === 1).map(({ rule }) => rule),
    ['not-wrapped'],
  );
  t.match(found[0]?.message, /\/bin\/true does not use libwrap/);
  t.same(
    found.filter(({ line }) => line === 2),
    [],
    'tcpd has it',
    { skip },
  );
  // Debian's sshd does not link it: the sshd-session that it starts does
  t.same(
    found.filter(({ line }) => line === 3),
    [],
    'sshd starts what has it',
    { skip: existsSync('/usr/lib/openssh/sshd-session') ? false : 'needs openssh-server' },
  );
});

t.test('services of xinetd and systemd are there, and a wrapper makes them ask', async (t) => {
  const root = makeFiles(t, {
    'usr/lib/x/one': '#!/bin/sh\n',
    'etc/xinetd.d/one': 'service ftp\n{\n  disable = no\n  server = /usr/lib/x/one\n}\n',
    'etc/xinetd.d/off': 'service pop3\n{\n  disable = yes\n  server = /usr/lib/x/off\n}\n',
    'usr/lib/systemd/system/two@.service': '[Service]\nExecStart=-@/usr/sbin/tcpd /usr/lib/x/two --inetd\n',
    'etc/systemd/system/three@.service':
      '[Service]\nExecStart=@/usr/bin/uchroot-tcpd uchroot-tcpd run --jail joe:/srv/jail --keep-env --isolate /bin/three -x\n',
    'usr/lib/systemd/system/three@.service': '[Service]\nExecStart=/usr/lib/x/hidden\n',
  });
  const allow = 'one: 10.0.0.1\noff: 10.0.0.1\ntwo: 10.0.0.1\nthree: 10.0.0.1\nhidden: 10.0.0.1\n';
  const { shown } = await check(t, { allow, deny: DENY_ALL }, { root, daemons: [] });
  t.same(shown, ['allow:2:1 unknown-daemon', 'allow:5:1 unknown-daemon']);
});

t.test('services of xinetd are asked about by the name that it gives them', async (t) => {
  const wrapper = 'server = /usr/bin/uchroot-tcpd\n  server_args = run in.ftpd -l\n';
  const root = makeFiles(t, {
    'etc/xinetd.d/asks': `# ftp\nservice ftp\n{\n  ${wrapper}}\n`,
    'etc/xinetd.d/once': `service ftp\n{\n  flags = IPv4 NOLIBWRAP\n  ${wrapper}}\n`,
    'etc/xinetd.d/named': `service ftp\n{\n  libwrap = in.ftpd\n  ${wrapper}}\n`,
    'etc/xinetd.d/args':
      'service ftp\n{\n  flags = NAMEINARGS\n  server = /usr/sbin/tcpd\n  server_args = /x/in.ftpd -l\n}\n',
    'etc/xinetd.d/cut': 'service cut\n{\n  server\n}\n',
    'etc/xinetd.d/cut~': 'x',
    'etc/xinetd.d/alone': 'service pop3\n{\n  server = /x/popd\n  libwrap = pop\n}\n',
    'etc/xinetd.d/never': 'service imap\n{\n  server = /bin/true\n  flags = NOLIBWRAP\n}\n',
  });
  const allow = 'in.ftpd: 10.0.0.1\npop: 10.0.0.1\npopd: 10.0.0.1\n';
  const { shown } = await check(t, { allow, deny: DENY_ALL }, { root, daemons: [] });
  t.same(shown, [
    'allow:3:1 unknown-daemon',
    '/etc/xinetd.d/asks:2 xinetd-asks',
    '/etc/xinetd.d/cut:3 inetd-incomplete',
  ]);
});
