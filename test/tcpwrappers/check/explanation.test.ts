// The verdicts of Debian's tcpdmatch(8): all of its output that is left is its access line.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { explain } from '../../../lib/tcpwrappers/check/explanation.ts';
import { openHosts } from '../../../lib/tcpwrappers/hosts.ts';
import { makeDirectory } from '../../support/directory.ts';
import { unlessInstalled } from '../../support/root.ts';

const skip = unlessInstalled('tcpdmatch');

/**
 * hosts.allow, hosts.deny, and requests as tcpdmatch takes them. It does not look up the name of an address that it is
 * given, as a daemon would.
 */
const CASES: readonly (readonly [allow: string, deny: string, ...requests: string[]])[] = [
  ['', '', 'sshd 10.0.0.1'],
  ['', 'ALL: ALL\n', 'sshd 10.0.0.1', 'sshd 2001:db8::1'],
  ['sshd: 10.\n', 'ALL: ALL\n', 'sshd 10.0.0.1', 'sshd 11.0.0.1', 'in.ftpd 10.0.0.1', 'SSHD 10.0.0.1'],
  [
    'sshd: 10.0.0.0/8 [2001:db8::]/32\n',
    'ALL: ALL\n',
    'sshd 10.9.9.9',
    'sshd 2001:db8::5',
    'sshd 2001:db9::5',
  ],
  ['sshd: 10.0.0.1/8 10.0.0.0/0\n', 'ALL: ALL\n', 'sshd 10.0.0.1'],
  [
    'ALL EXCEPT in.ftpd: ALL EXCEPT 10. EXCEPT 10.1.\n',
    'ALL: ALL\n',
    'sshd 10.1.0.1',
    'sshd 10.2.0.1',
    'in.ftpd 11.0.0.1',
  ],
  ['sshd: joe@10.\n', 'ALL: ALL\n', 'sshd joe@10.0.0.1', 'sshd jim@10.0.0.1', 'sshd 10.0.0.1'],
  ['sshd: UNKNOWN@10.\n', 'ALL: ALL\n', 'sshd 10.0.0.1', 'sshd joe@10.0.0.1'],
  [
    'sshd@127.0.0.1: 10.\n',
    'ALL: ALL\n',
    'sshd@127.0.0.1 10.0.0.1',
    'sshd@127.0.0.2 10.0.0.1',
    'sshd 10.0.0.1',
  ],
  ['sshd: 10.: deny\nALL: ALL: allow\n', 'ALL: ALL\n', 'sshd 10.0.0.1', 'in.ftpd 10.0.0.1'],
  ['', 'sshd: 10.: allow\nALL: ALL\n', 'sshd 10.0.0.1', 'sshd 11.0.0.1'],
  [
    'sshd: 10.: spawn id: severity local0.info: keepalive: linger 3: nice: umask 022: setenv A b\n',
    'ALL: ALL\n',
    'sshd 10.0.0.1',
  ],
  ['sshd: 10.: twist /bin/echo no\n', '', 'sshd 10.0.0.1', 'sshd 11.0.0.1'],
  ['sshd: 10.: aclexec /bin/false\n', 'ALL: ALL\n', 'sshd 10.0.0.1'],
  [
    'sshd: 10.: spwan id\nsshd: 11.: allow yes\nsshd: 12.:\n',
    '',
    'sshd 10.0.0.1',
    'sshd 11.0.0.1',
    'sshd 12.0.0.1',
  ],
  ['sshd: ss?d s*: ALL\n', '', 'sshd 10.0.0.1'],
  ['ss*: 10.?.0.*\n', 'ALL: ALL\n', 'sshd 10.1.0.1', 'sshd 10.11.0.1', 'in.ftpd 10.1.0.1'],
  [
    'sshd: localhost\nin.ftpd: LOCAL\nin.telnetd: KNOWN\n',
    'ALL: ALL\n',
    'sshd localhost',
    'in.ftpd localhost',
    'in.telnetd localhost',
  ],
  ['sshd: PARANOID\n', 'ALL: ALL\n', 'sshd localhost'],
  ['sshd: /hosts\n', 'ALL: ALL\n', 'sshd 10.0.0.1'],
  ['sshd 10.\n: ALL\nsshd:\n', 'ALL: ALL\n', 'sshd 10.0.0.1'],
  ['sshd: 10.', 'ALL: ALL\n', 'sshd 10.0.0.1'],
  ['22: 10.\n', 'ALL: ALL\n', 'sshd 10.0.0.1', '22 10.0.0.1'],
  ['sshd: [::1]\n', 'ALL: ALL\n', 'sshd ::1', 'sshd 0:0::1'],
  ['sshd: 2001:db8::1\n', 'ALL: ALL\n', 'sshd 2001:db8::1'],
];

t.test('the verdicts are those of tcpdmatch', { skip }, async (t) => {
  const directory = makeDirectory(t);
  for (const [allow, deny, ...requests] of CASES) {
    writeFileSync(join(directory, 'hosts.allow'), allow);
    writeFileSync(join(directory, 'hosts.deny'), deny);
    const { tables } = openHosts({
      allow: join(directory, 'hosts.allow'),
      deny: join(directory, 'hosts.deny'),
      dialect: 'options',
      compat: 'libwrap',
    });
    for (const request of requests) {
      const [server = '', peer = ''] = request.split(' ');
      const theirs = spawnSync('tcpdmatch', ['-d', server, peer], { cwd: directory, encoding: 'utf8' });
      const access = /^access: {3}(\w+)$/m.exec(theirs.stdout)?.[1];
      const [daemon = '', address] = server.split('@');
      const [user, client = peer] = peer.includes('@') ? peer.split('@') : [undefined, peer];
      const { verdict } = await explain(
        tables,
        {
          daemon,
          client: {
            address: client === 'localhost' ? '127.0.0.1' : client,
            ...(user !== undefined && { user }),
          },
          server: address === undefined ? {} : { address },
        },
        10_000,
      );
      t.equal(verdict, access, JSON.stringify({ allow, deny, request }));
    }
  }
});
