// What uchroot-tcpd tells, as functions.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import {
  checkHosts,
  explainHosts,
  exportHosts,
  type HostsCheckOptions,
  type HostsExportOptions,
} from '../../lib/tcpwrappers/index.ts';

const directory = t.testdir({ root: {} });
const root = join(directory, 'root');
const [allow, deny] = [join(directory, 'allow'), join(directory, 'deny')];
writeFileSync(allow, 'sshd: 10.0.0.0/8\nsshd: 192.0.2.1: severity auth.info\n');
writeFileSync(deny, 'ALL: ALL\n');
const files = { allow, deny, dialect: 'options' } as const;

t.test('a decision is explained with the rules that do not match', async (t) => {
  const told = await explainHosts({ daemon: 'sshd', client: { address: '192.0.2.1', port: 4711 } }, files);
  t.match(told, {
    verdict: 'granted',
    isCertain: true,
    doubts: [],
    daemon: 'sshd',
    client: { address: '192.0.2.1', port: 4711 },
    rule: { file: allow, line: 2 },
    options: [{ name: 'severity', value: 'auth.info' }],
    lookups: [],
  });
  t.equal(told.passed.length, 1);
  t.match(told.passed[0], { file: allow, line: 1, why: /192\.0\.2\.1/ });
  const other = await explainHosts({ daemon: 'sshd', client: { address: '192.0.2.2' } }, files);
  t.match(other, { verdict: 'denied', rule: { file: deny, line: 1 } });
});

t.test('what is wrong with the files is a list of findings', async (t) => {
  writeFileSync(join(directory, 'odd'), 'sshd 10.0.0.1\n');
  const options: HostsCheckOptions = { allow: join(directory, 'odd'), deny, root, lookups: false };
  const findings = await checkHosts(options);
  t.match(
    findings.find(({ rule }) => rule === 'missing-separator'),
    { severity: 'error', file: options.allow as string, line: 1 },
  );
  const rest = await checkHosts({ ...options, ignore: ['missing-separator'] });
  t.notOk(rest.some(({ rule }) => rule === 'missing-separator'));
});

t.test('the rules are translated for a packet filter and for units', async (t) => {
  const table = await exportHosts({
    ...files,
    to: 'nftables',
    root,
    ports: [{ daemon: 'sshd', port: 22, protocol: 'tcp' }],
  });
  t.equal(table.unusable, undefined);
  t.equal(table.files.length, 1);
  t.match(table.files[0]?.text, /tcp dport { 22 }/);
  const units = await exportHosts({
    ...files,
    to: 'systemd',
    root,
    units: [{ daemon: 'sshd', unit: 'ssh.service' }],
  });
  t.match(units.files[0]?.path, /ssh\.service\.d/);
  t.match(units.files[0]?.text, /IPAddressAllow=10\.0\.0\.0\/8/);
  writeFileSync(join(directory, 'unknown'), 'no-such-daemon: ALL\n');
  const without = await exportHosts({ ...files, deny: join(directory, 'unknown'), to: 'nftables', root });
  t.same(without.files, []);
  t.match(without.unusable, { line: 1, word: 'no-such-daemon', hint: /PORT/ });
});

t.test('ports come from inetd.conf and xinetd, and sockets of systemd are closed too', async (t) => {
  const unitsDirectory = join(directory, 'host/usr/lib/systemd/system');
  mkdirSync(unitsDirectory, { recursive: true });
  mkdirSync(join(directory, 'host/etc/xinetd.d'), { recursive: true });
  const write = (path: string, text: string): void => writeFileSync(join(directory, 'host', path), text);
  // services(5) has 7001 for udp alone
  write(
    'etc/inetd.conf',
    '7001 stream tcp nowait root /bin/one one\n127.0.0.1:7002 dgram udp6 wait root /bin/two two\n',
  );
  write(
    'etc/xinetd.d/three',
    'service odd\n{\n  type = UNLISTED\n  socket_type = stream\n  port = 7003\n  server = /bin/three\n}\n',
  );
  write('usr/lib/systemd/system/four@.service', '[Service]\nExecStart=/usr/sbin/four\n');
  write('usr/lib/systemd/system/four.socket', '[Socket]\nListenStream=7004\nAccept=yes\n');
  write('usr/lib/systemd/system/other.socket', '[Socket]\nListenStream=7005\nService=four@.service\n');
  write('usr/lib/systemd/system/five.socket', '[Socket]\nListenStream=7006\n');
  const closed = join(directory, 'closed');
  writeFileSync(closed, 'one two three four: 192.0.2.0/24\n');
  const host = join(directory, 'host');
  const options = { allow: join(directory, 'none'), deny: closed, dialect: 'options', root: host } as const;
  const ports = [{ daemon: 'four', port: 7004 }];
  const table = await exportHosts({ ...options, to: 'nftables', ports });
  t.match(table.files[0]?.text, /tcp dport { 7001, 7003-7004 } drop\n.*udp dport { 7002, 7004 } drop/);
  writeFileSync(closed, 'four: 192.0.2.0/24\n');
  const units = await exportHosts({ ...options, to: 'systemd' });
  t.same(
    units.files.map(({ path }) => path.replace('/etc/systemd/system/', '')),
    ['four@.service', 'four.socket', 'other.socket'].map((unit) => `${unit}.d/50-uchroot-tcpd.conf`),
  );
});

t.test('a wrong option is a UsageError', async (t) => {
  const usage = { name: 'UsageError', code: 'ERR_USAGE' };
  const request = { daemon: 'sshd', client: {} };
  await t.rejects(explainHosts(request, { alow: allow } as object), {
    ...usage,
    hint: "did you mean 'allow'?",
  });
  await t.rejects(explainHosts(request, { ...files, nameTimeoutMs: 0 }), usage);
  await t.rejects(explainHosts({ daemon: 'a\0', client: {} }, files), usage);
  for (const wrong of [
    { ignore: ['no-such-rule'] },
    { ignore: 'crlf' },
    { daemons: [1] },
    { lookups: 'no' },
    { inetd: '' },
    { root: '/nonexistent' },
    { allow: 5 },
  ])
    await t.rejects(checkHosts({ ...files, ...wrong } as HostsCheckOptions), usage, JSON.stringify(wrong));
  for (const wrong of [
    {},
    { to: 'iptables' },
    { to: 'nftables', ports: [{ daemon: 'sshd', port: 65_536 }] },
    { to: 'nftables', ports: [null] },
    { to: 'nftables', ports: { sshd: 22 } },
    { to: 'systemd', units: [{ daemon: 'sshd', unit: '../../ssh.service' }] },
    { to: 'systemd', root: '/nonexistent' },
  ])
    await t.rejects(exportHosts({ ...files, ...wrong } as HostsExportOptions), usage, JSON.stringify(wrong));
});
