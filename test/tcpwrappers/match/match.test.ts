import t from 'tap';

import { makeRequest } from '../../../lib/tcpwrappers/connection/request-info.ts';
import { findRule } from '../../../lib/tcpwrappers/match/match.ts';
import { readOne } from '../../support/tcpwrappers/hosts.ts';

// Clients are `address=name`, and without `=name` their name is unknown. There is the interface lo.
const words: readonly (readonly [list: string, matching: string, others: string])[] = [
  ['ALL', '10.0.0.1 unknown', ''],
  ['KNOWN', '10.0.0.1=h ::1=h', 'unknown=h 10.0.0.1=unknown 10.0.0.1=paranoid'],
  ['UNKNOWN', 'unknown=h 10.0.0.1', '10.0.0.1=h 10.0.0.1=paranoid'],
  ['LOCAL', '10.0.0.1=h', '10.0.0.1=h.x 10.0.0.1=unknown 10.0.0.1=paranoid'],
  ['.b', '10.0.0.1=a.b 10.0.0.1=a..b 10.0.0.1=..b', '10.0.0.1=.b 10.0.0.1=b 10.0.0.1=ab 10.0.0.1=a.b.c'],
  ['10.', '10.0.0.1 10.=h', '110.0.0.1 1.10.0.1'],
  ['a..', '9.0.0.1=a..b', '9.0.0.1=a.b'],
  ['ALL EXCEPT 10. except 10.0.0.1', '9.0.0.1 10.0.0.1', '10.0.0.2'],
  ['host*', '10.0.0.1=host 10.0.0.1=host1', '10.0.0.1=hos 10.0.0.1=ahost'],
  ['host**', '10.0.0.1=host1', '10.0.0.1=host 10.0.0.1=hos'],
  ['h?st', '10.0.0.1=host', '10.0.0.1=hst 10.0.0.1=xost 10.0.0.1=hosts'],
  ['hos?', '10.0.0.1=host', '10.0.0.1=hos'],
  ['a?*', '10.0.0.1=ab 10.0.0.1=abc', '10.0.0.1=a 10.0.0.1=b'],
  ['a*b*c', '10.0.0.1=abc 10.0.0.1=abbxbcc', '10.0.0.1=ac 10.0.0.1=acb 10.0.0.1=abcd'],
  ['192.168.0.0/16', '192.168.7.9', '192.169.0.1 10.0.0.1 ::1'],
  ['10.0.0.1/255.0.255.255', '10.7.0.1', '10.7.0.2'],
  ['10.0.0.1/32', '10.0.0.1', '10.0.0.2'],
  ['128.0.0.0/1', '128.0.0.1 255.0.0.1', '127.0.0.1'],
  ['10.0.0.0/33', '', '10.0.0.0'],
  ['0.0.0.0/0', '', '10.0.0.1'],
  ['[x', '10.0.0.1=[x', '10.0.0.1=x'],
  ['[bad]', '', '10.0.0.1=bad 10.0.0.1=[bad] ::1'],
  ['[::1]x/64', '', '::1'],
  ['[::1]/128', '::1', '::2'],
  ['[::]/0', '::1 fe80::2', '10.0.0.1'],
  ['[fe80::1]', 'fe80::1 fe80:0::1%lo', 'fe80::1%none fe80::2'],
  ['[fe80::1%lo]', 'fe80::1 fe80::1%lo', 'fe80::1%none'],
  ['[fe80::1%none]', '', 'fe80::1 fe80::1%lo'],
  ['[fe80::%lo]/64', 'fe80::1 fe80::2%lo', 'fe80:0:0:1::1 fe80::1%none'],
  ['[fe80::%none]/64', '', 'fe80::1'],
  ['[dead::]/x', '::1', '10.0.0.1 unknown'],
  ['[fe80::%none]/x', '', '::1'],
  ['[fe80::%none]/x [fe80::%lo]/x', '::1', '10.0.0.1'],
];
for (const [list, matching, others] of words)
  t.test(`the clients ${list} are ${matching || 'none'}`, async (t) => {
    const { rules } = readOne('deny', { deny: `sshd: ${list}\n` });
    for (const [clients, isMatch] of [
      [matching, true],
      [others, false],
    ] as const)
      for (const client of clients.split(' ').filter((text) => text !== '')) {
        const [address, name = 'unknown'] = client.split('=');
        const request = makeRequest({ daemon: 'sshd', client: { address, name } }, (one) => one === 'lo');
        t.equal(findRule(rules, request), isMatch ? rules[0] : undefined, client);
      }
  });

t.test('a daemon is a name, or a number from 0 to 65535 for a port of the server', async (t) => {
  for (const [word, daemon, port, isMatch] of [
    ['22', 'sshd', 22, true],
    ['022', 'sshd', 22, true],
    ['22', '22', 23, false],
    ['65535', 'sshd', 65_535, true],
    ['65536', '65536', 22, true],
    ['sshd', 'sshd', 22, true],
    ['KNOWN', 'sshd', 22, true],
    ['KNOWN', 'unknown', 22, false],
  ] as const) {
    const { rules } = readOne('deny', { deny: `${word}: ALL\n` });
    t.equal(
      findRule(rules, makeRequest({ daemon, client: {}, server: { port } })) !== undefined,
      isMatch,
      word,
    );
  }
});

t.test('the interface of a client may have capitals in its name', async (t) => {
  for (const word of ['[fe80::1]', '[fe80::1%Ext0]']) {
    const { rules } = readOne('deny', { deny: `sshd: ${word}\n` });
    const client = { address: 'fe80::1%Ext0', name: 'unknown' };
    const request = makeRequest({ daemon: 'sshd', client }, (one) => one === 'Ext0');
    t.not(findRule(rules, request), undefined, word);
  }
});

t.test('a word that cannot be trusted lets nobody in', async (t) => {
  const { rules } = readOne('allow', { allow: 'sshd: [dead::]/x\n' });
  t.equal(findRule(rules, makeRequest({ daemon: 'sshd', client: { address: '::1' } })), undefined);
});

t.test('the zone of a daemon that is called as an address counts too', async (t) => {
  const { rules } = readOne('deny', { deny: '[fe80::1%none]: ALL\n' });
  t.equal(findRule(rules, makeRequest({ daemon: 'fe80::1', client: {} })), undefined);
});

t.test('rules with the same list of daemons are asked once, whatever stands between them', async (t) => {
  const deny = 'sshd: 10.\nsshd: 11.\nftpd: 12.\nsshd: 12.: allow\nsshd: 12.\n[fe80::1%lo]: ALL\n';
  const { rules } = readOne('deny', { deny });
  const find = (daemon: string, address: string) =>
    findRule(rules, makeRequest({ daemon, client: { address, name: 'unknown' } }));
  t.match(find('sshd', '11.0.0.1'), { line: 2 });
  t.match(find('ftpd', '12.0.0.1'), { line: 3 });
  t.match(find('sshd', '12.0.0.1'), { line: 4 });
  t.equal(find('smtpd', '10.0.0.1'), undefined);
});
