// Each rule finds what it is about, where it is; and nothing is found in files that are right.

import { chmodSync, chownSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { CATALOG, type RuleId } from '../../../lib/tcpwrappers/check/catalog.ts';
import type { NameLookups } from '../../../lib/tcpwrappers/check/host-checks.ts';
import { checkHosts } from '../../../lib/tcpwrappers/check/hosts-check.ts';
import { check, DENY_ALL, makeFiles } from '../../support/tcpwrappers/checked-files.ts';

/** What is found in a hosts.allow, with a hosts.deny that refuses everybody else. */
const IN_ALLOW: readonly (readonly [text: string, ...shown: string[]])[] = [
  ['sshd: 10.0.0.1', 'allow:1:15 missing-newline'],
  ['sshd 10.0.0.1\n', 'allow:1:1 missing-separator'],
  [`sshd: ${'10.0.0.1 '.repeat(300)}\n`, 'allow:1:1 line-too-long'],
  ['sshd: 10.0.0.1\0 gone\n: allow\n', 'allow:1:1 nul-byte'],
  ['# a comment \\\nsshd: 10.0.0.1\n', 'allow:2:1 comment-continues'],
  ['sshd: 10.0.0.1 \\ \nsshd: 10.0.0.2\n', 'allow:1:16 no-continuation'],
  ['sshd: 10.0.0.1 # mine\n', 'allow:1:16 trailing-comment'],
  ['sshd: 10.0.0.1: allow # mine\n', 'allow:1:17 trailing-comment'],
  [' # sshd: 10.0.0.1\n', 'allow:1:2 trailing-comment'],
  ['sshd: [2001:db8::1\n', 'allow:1:7 unbalanced-brackets'],
  ['sshd: 2001:db8::1\n', 'allow:1:7 unbracketed-ipv6'],
  ['sshd: 10.0.0.1, ::1\n', 'allow:1:17 unbracketed-ipv6'],
  ['sshd: root@2001:db8::/32\n', 'allow:1:12 unbracketed-ipv6'],
  ['sshd:\n', 'allow:1:6 empty-list'],
  [': 10.0.0.1\n', 'allow:1:1 empty-list'],
  ['sshd: 10. EXCEPT\n', 'allow:1:6 empty-except'],
  ['sshd: EXCEPT 10.\n', 'allow:1:6 empty-list'],
  ['sshd: ALL EXCEPT 10.0.0.1 EXCEPT 10.0.0.2\n', 'allow:1:34 idle-except'],
  ['sshd: .example.org EXCEPT a.example.org EXCEPT b.example.org\n', 'allow:1:48 idle-except'],
  ['sshd: ALL EXCEPT 10. EXCEPT 10.0.0.2\n'],
  ['sshd: ALL EXCEPT .example.org EXCEPT www.example.org\n'],
  ['sshd: ALL EXCEPT 10. EXCEPT www.example.org\n'],
  ['sshd: ALL EXCEPT LOCAL EXCEPT www.example.org\n'],
  ['sshd: 10.0.0.1;10.0.0.2\n', 'allow:1:15 odd-separator'],
  ['LOCAL: 10.0.0.1\n', 'allow:1:1 reserved-word', 'allow:1:1 unknown-daemon'],
  ['sshd: ALL FAIL 10.0.0.1\n', 'allow:1:11 reserved-word'],
  ['sshd: KNOWN@10.0.0.1 LOCAL@10.0.0.2\n', 'allow:1:22 reserved-word'],
  ['/usr/sbin/sshd: 10.0.0.1\n', 'allow:1:1 odd-daemon'],
  [
    '.sshd in. @x: 10.0.0.1\n',
    'allow:1:1 odd-daemon',
    'allow:1:7 odd-daemon',
    'allow:1:11 odd-daemon',
    'allow:1:11 unknown-daemon',
  ],
  ['sshd: joe@\n', 'allow:1:7 never-matches-empty'],
  ['sshd: [x]\n', 'allow:1:7 never-matches-address'],
  ['sshd: 10/8\n', 'allow:1:7 never-matches-net'],
  ['sshd: 10.0.0.0/x\n', 'allow:1:7 never-matches-mask'],
  ['sshd: 10.0.0.1/24\n', 'allow:1:7 never-matches-host-bits'],
  ['sshd: 0.0.0.0/0\n', 'allow:1:7 never-matches-mask-length'],
  ['sshd: [2001:db8::]/129\n', 'allow:1:7 never-matches-prefix-length'],
  ['sshd: [2001:db8::]/x\n', 'allow:1:7 junk-prefix-length'],
  ['sshd: [2001:db8::1]/32\n', 'allow:1:7 ipv6-host-bits'],
  ['sshd: [::ffff:10.0.0.1] [::ffff:0:0]/96\n', 'allow:1:7 mapped-address', 'allow:1:25 mapped-address'],
  [
    'sshd: 10.0 10.0.0.256 010.0.0.1\n',
    'allow:1:7 incomplete-address',
    'allow:1:12 incomplete-address',
    'allow:1:23 incomplete-address',
  ],
  ['sshd: 10.0.0.1-10.0.0.9\n', 'allow:1:7 incomplete-address'],
  ['sshd: !10.0.0.1\n', 'allow:1:7 reserved-word'],
  ['sshd: ALL BUT 10.0.0.1\n', 'allow:1:11 reserved-word'],
  ['sshd: ALL EXCEPT ANY PARANIOD\n', 'allow:1:18 reserved-word', 'allow:1:22 reserved-word'],
  ['sshd: UNKNOWN LOCAL KNOWN PARANOID\n'],
  ['sshd: 10.0.0.1 allow\n', 'allow:1:16 reserved-word'],
  ['port 22: 10.0.0.1\n', 'allow:1:1 unknown-daemon'],
  ['22/tcp any: 10.0.0.1\n', 'allow:1:1 odd-daemon', 'allow:1:8 reserved-word', 'allow:1:8 unknown-daemon'],
  [`sshd: "10.0.0.1" '10.0.0.2'\n`, 'allow:1:7 odd-separator', 'allow:1:18 odd-separator'],
  ['sshd: 192.168.1.0 10.0.0.0 0.0.0.0\n', 'allow:1:7 network-address', 'allow:1:19 network-address'],
  ['sshd: .10.0\n', 'allow:1:7 dot-before-network'],
  ['10.0.0.0/8: sshd\n', 'allow:1:1 swapped-lists'],
  [
    '10.0.0.1 10. [::1]/64: sshd, in.ftpd\n',
    'allow:1:1 swapped-lists',
    'allow:1:10 swapped-lists',
    'allow:1:14 swapped-lists',
  ],
  ['sshd: www.example.com.\n', 'allow:1:7 dot-behind-name'],
  ['sshd: 10.*\n', 'allow:1:7 glob-matches-names'],
  ['sshd: ALL\nsshd: 10.0.0.1\n', 'allow:2:1 shadowed-rule'],
  ['sshd in.ftpd: 10.\nin.ftpd, SSHD: 10.0.0.0/8\n', 'allow:2:1 duplicate-rule'],
  ['sshd: 10.0.0.1:\n', 'allow:1:16 missing-option-name'],
  ['sshd: 10.0.0.1: spwan id\n', 'allow:1:17 no-command'],
  ['sshd: 10.0.0.1: spawn\n', 'allow:1:17 value-required'],
  ['sshd: 10.0.0.1: allow yes\n', 'allow:1:17 value-not-allowed'],
  ['sshd: 10.0.0.1: deny: nice\n', 'allow:1:17 not-at-end'],
  ['sshd: 10.0.0.1: umask 9\n', 'allow:1:17 bad-value'],
  ['sshd: 10.0.0.1: echo %c\n', 'allow:1:17 shell-command'],
  ['sshd: 10.0.0.1: echo %c\nsshd: 10.0.0.2: allow\n', 'allow:1:17 dialect-mix'],
  ['sshd: 10.0.0.1: aclexec false\n', 'allow:1:17 open-aclexec'],
  ['sshd: 10.0.0.1: user root\n', 'allow:1:17 no-effect'],
  ['sshd: 10.0.0.1: user no-such-user\n', 'allow:1:17 no-effect', 'allow:1:17 unknown-account'],
  ['sshd: 10.0.0.1: group no-such-group\n', 'allow:1:17 no-effect', 'allow:1:17 unknown-account'],
  ['sshd: 10.0.0.1: banners /no/such\n', 'allow:1:17 missing-banners'],
  ['\xef\xbb\xbfsshd: 10.0.0.1\n', 'allow:1:1 byte-order-mark', 'allow:1:1 unknown-daemon'],
  ['sshd: 10.0.0.1\r\n', 'allow:1 crlf'],
  ['sshd: /no/such/file\n', 'allow:1:7 pattern-file-missing'],
  ['sshd: /\n', 'allow:1:7 pattern-file'],
  ['in.telnet: 10.0.0.1\n', 'allow:1:1 unknown-daemon'],
];

t.test('what is wrong with a rule is found where it is', async (t) => {
  for (const [text, ...shown] of IN_ALLOW)
    t.same((await check(t, { allow: text, deny: DENY_ALL })).shown, shown, JSON.stringify(text).slice(0, 70));
});

t.test('a port behind the clients is told as one', async (t) => {
  const { findings } = await check(t, { allow: 'sshd: 10.0.0.1:22\n', deny: DENY_ALL });
  t.match(findings, [{ rule: 'no-command', remedy: 'leave it out: a rule is for all ports' }]);
});

t.test('nothing is found in files that are right', async (t) => {
  const allow = [
    '# sshd: 10.0.0.1 \\',
    '# in two lines',
    '',
    'sshd: 10.0.0.1, 10.1. 10.2.0.0/16 10.3.0.0/255.255.0.0 0.0.0.0/0.0.0.0',
    'sshd: [2001:db8::1] [2001:db8::]/32 [fe80::]/10 .example.com *.example.org LOCAL',
    'vsftpd@10.0.0.9: joe@10.9. ALL EXCEPT 10.0.0.7: spawn echo %c \\: # here it is one for the shell : allow',
    'in.ftpd 2121: \\',
    '  10.5.6.7 : severity local0.info : keepalive : rfc931 5 : deny',
    '',
  ].join('\n');
  t.same((await check(t, { allow, deny: 'ALL: ALL: twist /bin/echo no\n' })).shown, []);
  t.same((await check(t, { deny: DENY_ALL })).shown, []);
});

t.test('what is wrong with a file as a whole is found', async (t) => {
  t.same((await check(t, { allow: 'sshd: 10.\n' })).shown, ['deny default-grant']);
  t.same((await check(t, { 'allow/x': '', deny: DENY_ALL })).shown, ['allow is-a-directory']);
  const { shown } = await check(t, { allow: 'sshd: 10\n'.repeat(1100), deny: DENY_ALL });
  t.equal(shown.length, 1001);
  t.ok(shown.includes('allow too-many-findings'));
});

t.test('nobody is let in for want of a rule where what is excepted has a rule of its own', async (t) => {
  const open = async (allow: string, deny: string) =>
    (await check(t, { allow, deny })).shown.filter((one) => one.includes('default-grant'));
  for (const [allow, deny] of [
    ['ALL: LOCAL\n', 'ALL: ALL EXCEPT LOCAL\n'],
    ['ALL: LOCAL .example.com\n', 'ALL: ALL EXCEPT www.example.com, LOCAL\n'],
    ['', 'ALL: ALL EXCEPT 10.0.0.0/8\nALL: 10.\n'],
    ['sshd: ALL\n', 'ALL EXCEPT sshd: ALL\n'],
    ['sshd: ALL\nALL: LOCAL\n', 'ALL EXCEPT sshd: ALL EXCEPT LOCAL\n'],
  ] as const)
    t.same(await open(allow, deny), [], `${allow}${deny}`);
  for (const [allow, deny] of [
    ['sshd: LOCAL\n', 'ALL: ALL EXCEPT LOCAL\n'],
    ['ALL: joe@LOCAL\n', 'ALL: ALL EXCEPT LOCAL\n'],
    ['ALL: .example.com\n', 'ALL: ALL EXCEPT LOCAL\n'],
    ['sshd: 10.\n', 'ALL EXCEPT sshd: ALL\n'],
    ['ALL: LOCAL\n', 'ALL: ALL EXCEPT LOCAL EXCEPT localhost\n'],
    ['ALL: ALL EXCEPT LOCAL\n', ''],
  ] as const)
    t.same(await open(allow, deny), ['deny default-grant'], `${allow}${deny}`);
});

t.test('it is said what helps a rule that nobody comes to', async (t) => {
  const advice = async (allow: string, deny: string) =>
    (await check(t, { allow, deny })).findings
      .filter(({ rule }) => rule === 'shadowed-rule' || rule === 'duplicate-rule')
      .map(({ line, remedy }) => `${line} ${remedy.replace(/\/\S*\/uchroot-test-\w+/, '')}`);
  t.same(await advice('', 'ALL: 10.\nsshd: 10.1.\nALL: ALL\n'), ['2 remove it: it changes nothing']);
  t.same(await advice('sshd: 10.\nsshd: 10.1.: spawn id\n', DENY_ALL), [
    '2 move it in front of line 1, or remove it',
  ]);
  t.same(await advice('sshd: 10.\nsshd: 10.0.0.0/8: deny\n', DENY_ALL), [
    '2 remove one of the two: the first counts',
  ]);
  t.same(await advice('sshd: 10.\n', 'sshd: 10.1.\nALL: ALL\n'), [
    '1 remove it, or except its clients in /allow, line 1: EXCEPT',
  ]);
});

t.test('what to write for a wildcard means the same addresses', async (t) => {
  const allow = 'sshd: 1?.0.0.1 192.168.* 10.*.*.* 10.1.*.3\n';
  const { findings } = await check(t, { allow, deny: DENY_ALL });
  t.same(
    findings.map(({ remedy }) => remedy),
    ['write addresses', 'write 192.168.', 'write 10.', 'write addresses'],
  );
});

t.test('a file that others may write is found, and so is one of patterns', async (t) => {
  const directory = makeFiles(t, { allow: '', deny: DENY_ALL, hosts: '10.0.0.1 # mine\n' });
  writeFileSync(join(directory, 'allow'), `sshd: ${directory}/hosts\n`);
  chmodSync(join(directory, 'allow'), 0o646);
  chmodSync(join(directory, 'hosts'), 0o666);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(join(directory, 'deny'), 1000, 1000);
  const findings = await checkHosts({
    allow: join(directory, 'allow'),
    deny: join(directory, 'deny'),
    lookups: false,
    daemons: ['sshd'],
    root: directory,
  });
  const rules = new Set(
    findings.map(({ rule, file, line }) => `${file.slice(directory.length + 1)}:${line} ${rule}`),
  );
  t.ok(rules.has('allow:undefined world-writable'));
  t.ok(rules.has('allow:1 world-writable'));
  t.ok(rules.has('allow:1 pattern-file-comment'));
  if (isRoot) t.ok(rules.has('deny:undefined file-owner'));
});

t.test('a file that cannot be opened is found', async (t) => {
  const directory = makeFiles(t, { deny: DENY_ALL });
  symlinkSync('allow', join(directory, 'allow'));
  const files = { allow: join(directory, 'allow'), deny: join(directory, 'deny') };
  const findings = await checkHosts({ ...files, lookups: false, root: directory });
  t.same(
    findings.map(({ rule, line }) => [rule, line]),
    [['cannot-open', undefined]],
  );
});

t.test('what is no option is found where there are no commands', async (t) => {
  const allow = 'sshd: 10.0.0.1: spwan id\nsshd: 10.0.0.2: @x\nsshd: @x\n';
  const { shown, findings } = await check(t, { allow, deny: DENY_ALL }, { dialect: 'options' });
  t.same(shown, [
    'allow:1:17 bad-option-name',
    'allow:2:17 bad-option-name',
    'allow:3:7 netgroup-unsupported',
  ]);
  t.equal(findings[0]?.remedy, 'did you mean spawn?');
});

t.test('the remedy for a network with bits outside its mask is that network', async (t) => {
  const { findings } = await check(t, {
    allow: 'sshd: 192.168.1.1/255.255.255.0\nsshd: 10.0.0.1/24\n',
    deny: DENY_ALL,
  });
  t.same(
    findings.map(({ remedy }) => remedy),
    ['write 192.168.1.0/255.255.255.0', 'write 10.0.0.0/24'],
  );
});

t.test('words of a file of patterns are looked at', async (t) => {
  const directory = makeFiles(t, { deny: DENY_ALL, hosts: '10.0.0.0/8 [::1]\n10.0.0.1/8 10.0\n192.0.2.*\n' });
  writeFileSync(join(directory, 'allow'), `sshd: ${directory}/hosts\n`);
  const files = { allow: join(directory, 'allow'), deny: join(directory, 'deny') };
  const findings = await checkHosts({ ...files, lookups: false, root: directory, daemons: ['sshd'] });
  t.same(
    findings.map(({ rule, message }) => `${rule} ${/line \d, [^:]*/.exec(message)?.[0]}`),
    [
      'never-matches-host-bits line 2, 10.0.0.1/8',
      'incomplete-address line 2, 10.0',
      'glob-matches-names line 3, 192.0.2.*',
    ],
  );
});

t.test('a file that is too large is refused', async (t) => {
  const { shown } = await check(t, { allow: '#'.repeat((64 << 20) + 1), deny: DENY_ALL });
  t.same(shown, ['allow file-refused']);
});

t.test('so is a device', async (t) => {
  const directory = makeFiles(t, { deny: DENY_ALL });
  symlinkSync('/dev/zero', join(directory, 'allow'));
  const files = { allow: join(directory, 'allow'), deny: join(directory, 'deny') };
  const findings = await checkHosts({ ...files, lookups: false, root: directory });
  t.same(
    findings.map(({ rule }) => rule),
    ['not-a-file'],
  );
});

t.test('rules that grant without allow are told of if that is asked for', async (t) => {
  const allow = 'sshd: 10.0.0.1\nsshd: 10.0.0.2: allow\nsshd: 10.0.0.3: deny\n';
  t.same((await check(t, { allow, deny: DENY_ALL }, { implicitAllow: true })).shown, [
    'allow:1:15 implicit-allow',
  ]);
});

t.test('a rule that is ignored is not told of', async (t) => {
  t.same((await check(t, { allow: 'sshd: 10\n', deny: '' }, { ignore: ['default-grant'] })).shown, [
    'allow:1:7 incomplete-address',
  ]);
});

const HOSTS: Readonly<Record<string, readonly string[]>> = {
  'www.example.com': ['192.0.2.1'],
  'web.example.com': ['192.0.2.1'],
  'two.example.com': ['192.0.2.2', '192.0.2.3'],
  'bad.example.com': ['192.0.2.4'],
  'odd.example.com': ['192.0.2.5'],
};
const NAMES: Readonly<Record<string, string>> = {
  '192.0.2.1': 'web.example.com',
  '192.0.2.2': 'two.example.com',
  '192.0.2.5': 'other.example.com',
};
const LOOKUPS: NameLookups = {
  addresses: (name) => Promise.resolve(HOSTS[name] ?? Promise.reject(new Error('ENOTFOUND'))),
  nameOf: (address) => {
    const name = NAMES[address];
    return name === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(name);
  },
};

t.test('host names that no client can have are found', async (t) => {
  const allow =
    'sshd: www.example.com web.example.com two.example.com bad.example.com odd.example.com no.example.com\n';
  const { shown } = await check(t, { allow, deny: DENY_ALL }, {}, LOOKUPS);
  t.same(shown, [
    'allow:1:7 host-alias',
    'allow:1:39 host-addresses',
    'allow:1:55 host-name-mismatch',
    'allow:1:71 host-name-mismatch',
    'allow:1:87 host-not-found',
  ]);
});

t.test('every rule has a test here, or among those of services', async (t) => {
  const directory = join(import.meta.dirname, '../../../../test/tcpwrappers/check');
  const texts = ['hosts-check', 'hosts-services'].map((name) =>
    readFileSync(`${directory}/${name}.test.ts`, 'utf8'),
  );
  const untested = (Object.keys(CATALOG) as RuleId[]).filter(
    (id) => !new RegExp(`[ ']${id}'`).test(texts.join('')),
  );
  t.same(untested, []);
});
