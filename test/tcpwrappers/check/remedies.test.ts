// The remedies of findings, followed: after the change that a remedy names, the rule means something, and nothing is found.
import t from 'tap';

import { check, DENY_ALL } from '../../support/tcpwrappers/checked-files.ts';

/** A line of hosts.allow as people write it who know other programs; its finding and remedy; and the line that follows the remedy. */
const rows: readonly (readonly [line: string, rule: string, remedy: string, right: string])[] = [
  ['sshd: 10.0.0.5/8', 'never-matches-host-bits', 'write 10.0.0.0/8', 'sshd: 10.0.0.0/8'],
  ['sshd: 192.168.1', 'incomplete-address', 'write 192.168.1.', 'sshd: 192.168.1.'],
  ['sshd: 192.168.1.0', 'network-address', 'write 192.168.1.', 'sshd: 192.168.1.'],
  ["sshd: '10.0.0.1'", 'odd-separator', 'write 10.0.0.1', 'sshd: 10.0.0.1'],
  ['sshd: 10.0.0.1 allow', 'reserved-word', 'write a colon before it: ": allow"', 'sshd: 10.0.0.1 : allow'],
  ['sshd: any', 'reserved-word', 'write ALL', 'sshd: ALL'],
  ['sshd: UNKNWON', 'reserved-word', 'did you mean UNKNOWN?', 'sshd: UNKNOWN'],
  ['sshd:22: 10.', 'odd-separator', 'write sshd: 10.', 'sshd: 10.'],
  ['22/tcp: 10.0.0.1', 'odd-daemon', 'write 22', '22: 10.0.0.1'],
  [
    'sshd: 10.0.0.1 : severity auth',
    'bad-value',
    'for example severity auth.info',
    'sshd: 10.0.0.1 : severity auth.info',
  ],
  [
    'sshd: 10.0.0.1 : rfc931 10s',
    'bad-value',
    'for example rfc931 10, in seconds',
    'sshd: 10.0.0.1 : rfc931 10',
  ],
  ['allow from 10.0.0.0/8 to sshd', 'missing-separator', 'write DAEMONS: CLIENTS', 'sshd: 10.0.0.0/8'],
  ['sshd = 10.', 'missing-separator', 'write DAEMONS: CLIENTS', 'sshd: 10.'],
  ['sshd 10.0.0.1', 'missing-separator', 'write DAEMONS: CLIENTS', 'sshd: 10.0.0.1'],
  ['sshd: 10.0.0.1 : log', 'no-command', 'did you mean severity?', 'sshd: 10.0.0.1 : severity auth.info'],
  ['sshd: 10.0.0.1 : accept', 'no-command', 'did you mean allow?', 'sshd: 10.0.0.1 : allow'],
  ['sshd: 10.0.0.1 : DROP', 'no-command', 'did you mean deny?', 'sshd: 10.0.0.1 : deny'],
  ['sshd: 10.0.0.1 : banner', 'no-command', 'did you mean banners?', 'sshd: 10.0.0.1 : banners /etc'],
  ['/usr/sbin/sshd: 10.', 'odd-daemon', 'write sshd', 'sshd: 10.'],
  ['sshd:vsftpd: 10.', 'odd-separator', 'write sshd vsftpd: 10.', 'sshd vsftpd: 10.'],
  ['sshd: 192.168. and 10.', 'reserved-word', 'leave it out: blanks separate words', 'sshd: 192.168. 10.'],
  [
    'sshd: ALL: spawn /bin/echo from: %h: allow',
    'bad-option-name',
    String.raw`write \: for a colon in the option before`,
    String.raw`sshd: ALL: spawn /bin/echo from\: %h: allow`,
  ],
];

for (const [line, rule, remedy, right] of rows)
  t.test(`${line}: the remedy is "${remedy}"`, async (t) => {
    const found = await check(
      t,
      { allow: `${line}\n`, deny: DENY_ALL },
      { daemons: ['sshd', 'vsftpd', '22'] },
    );
    t.match(
      found.findings.map((one) => [one.rule, one.remedy]),
      [[rule, remedy]],
    );
    t.same(
      (await check(t, { allow: `${right}\n`, deny: DENY_ALL }, { daemons: ['sshd', 'vsftpd', '22'] })).shown,
      [],
    );
  });
