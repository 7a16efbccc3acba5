// Where the installed libwrap lets in what it could not read, believes what is none, or ends: there we refuse. These
// are all; doc/tcpwrappers.md has them with their reasons.

import t from 'tap';

import { apply } from '../../../lib/tcpwrappers/apply/applied.ts';
import type { Found, Need } from '../../../lib/tcpwrappers/connection/need.ts';
import { openOracle, type TestFile, unlessLibwrap } from '../../support/tcpwrappers-oracle.ts';
import { decideOn } from '../../support/tcpwrappers/hosts.ts';

interface Row {
  readonly name: string;
  readonly allow?: string;
  readonly deny?: string;
  readonly isDenyDirectory?: true;
  /** A file of patterns, which rules and it itself call @. */
  readonly list?: string;
  readonly daemon?: string;
  readonly address?: string;
  readonly theirs: 'granted' | 'denied' | 'exited' | 'crashed';
  /** `denied` unless it is said. */
  readonly ours?: 'granted';
}

const LIMITS = { commandTimeoutMs: 10_000, twistTimeoutMs: 10_000 };
const REFUSE = 'ALL: ALL\n';
const V6 = { address: '2001:db8::1' };
const long = 'x'.repeat(2047);
const longDaemon = 'd'.repeat(127);

const rows: readonly Row[] = [
  // hosts_options(5): the connection is refused; libwrap goes on, and forgets the rule of hosts.deny that matches next
  { name: 'aclexec fails in hosts.allow', allow: 'sshd: ALL: aclexec false\n', theirs: 'granted' },
  {
    name: 'aclexec fails in hosts.allow, and hosts.deny has a rule with options',
    allow: 'sshd: ALL: aclexec false\n',
    deny: 'ALL: ALL: spawn true\n',
    theirs: 'granted',
  },
  { name: 'aclexec fails in hosts.deny', deny: 'ALL: ALL: aclexec false\n', theirs: 'granted' },
  {
    name: 'aclexec fails before allow',
    allow: 'sshd: ALL: aclexec false: allow\n',
    deny: REFUSE,
    theirs: 'granted',
  },
  { name: 'hosts.deny is a directory', isDenyDirectory: true, theirs: 'granted' },
  // whatever is no number is 0 to atoi(3), and [net]/0 is every IPv6 address
  ...['', 'x', '0x40', '/64', '4294967296', '0/'].map((length): Row => ({
    name: `a rule that grants has [net]/${length}`,
    allow: `sshd: [dead::]/${length}\n`,
    deny: REFUSE,
    address: V6.address,
    theirs: 'granted',
  })),
  {
    name: 'a rule that refuses excepts [net]/x',
    deny: 'sshd: ALL EXCEPT [dead::]/x\n',
    ...V6,
    theirs: 'granted',
  },
  {
    name: 'a file of patterns has [net]/x',
    allow: 'sshd: @\n',
    list: '[dead::]/x',
    deny: REFUSE,
    ...V6,
    theirs: 'granted',
  },
  {
    name: '[net]/x in a rule that may grant',
    allow: 'sshd: [dead::]/x: user root\n',
    ...V6,
    theirs: 'granted',
  },
  { name: 'a file of patterns names itself', allow: 'sshd: @\n', list: '@', theirs: 'crashed' },
  {
    name: 'a file of patterns has too long a word',
    allow: 'sshd: @\n',
    list: 'x'.repeat(9000),
    theirs: 'crashed',
  },
  {
    name: 'an expansion has 8191 bytes',
    allow: `ALL: ALL: spawn ${'%d'.repeat(64)}${'x'.repeat(8191 - 64 * 127)}\n`,
    daemon: longDaemon,
    theirs: 'exited',
  },
  {
    name: 'a line of hosts.allow is too long, and hides a rule that refuses',
    allow: `#${long}\nsshd: ALL: deny\n`,
    theirs: 'granted',
  },
  {
    name: 'a rule of hosts.allow is too long, and refuses',
    allow: `sshd: ALL ${long}: deny\n`,
    theirs: 'granted',
  },
];

// The same places where nothing is open: the answers are the same.
const equal: readonly Row[] = [
  {
    name: 'aclexec succeeds',
    allow: 'sshd: ALL: aclexec true\n',
    deny: REFUSE,
    theirs: 'granted',
    ours: 'granted',
  },
  { name: 'aclexec succeeds in hosts.deny', deny: 'ALL: ALL: aclexec true\n', theirs: 'denied' },
  { name: 'a rule that refuses has [net]/x', deny: 'sshd: [dead::]/x\n', ...V6, theirs: 'denied' },
  { name: 'hosts.allow refuses [net]/x', allow: 'sshd: [dead::]/x: deny\n', ...V6, theirs: 'denied' },
  {
    name: 'a word behind [net]/x means the client',
    allow: 'sshd: [dead::]/x [2001:db8::]/32\n',
    deny: REFUSE,
    ...V6,
    theirs: 'granted',
    ours: 'granted',
  },
  {
    name: '[net]/0 is every IPv6 address',
    allow: 'sshd: [::]/0\n',
    deny: REFUSE,
    ...V6,
    theirs: 'granted',
    ours: 'granted',
  },
  {
    name: 'a word before the file itself means the client',
    allow: 'sshd: @\n',
    list: '10.0.0.1 @',
    theirs: 'granted',
    ours: 'granted',
  },
  {
    name: 'an expansion has 8190 bytes',
    allow: `ALL: ALL: spawn ${'%d'.repeat(64)}${'x'.repeat(8190 - 64 * 127)}\n`,
    daemon: longDaemon,
    theirs: 'granted',
    ours: 'granted',
  },
  {
    name: 'a line of hosts.allow is too long, and hides no rule that refuses',
    allow: `#${long}\nsshd: 10.\n`,
    theirs: 'granted',
    ours: 'granted',
  },
  { name: 'a line of hosts.deny is too long', deny: `#${long}\n`, theirs: 'denied' },
];

const others = {
  name: 'host.example.com',
  user: 'joe',
  serverAddress: '10.0.0.2',
  serverName: 'www.example.com',
};

// What the accounts of the host would say.
function answer(need: Need): Found {
  return need.kind === 'account' ? need.name === 'root' : others.name;
}

for (const [what, row] of [
  ...rows.map((row) => ['refused', row] as const),
  ...equal.map((row) => ['alike', row] as const),
])
  t.test(`${what}: ${row.name}`, { skip: unlessLibwrap() }, async (t) => {
    const oracle = openOracle(t);
    const place = (text = '') => text.replace(/(?<=^|\s)@/g, `${oracle.directory}/list`);
    const deny: TestFile = row.isDenyDirectory === true ? 'directory' : { text: place(row.deny) };
    const [allow, list] = [place(row.allow), place(row.list)];
    const { daemon = 'sshd', address = '10.0.0.1' } = row;
    const files = { 'hosts.allow': { text: allow }, 'hosts.deny': deny, list: { text: list } };
    const [theirs] = await oracle.ask([{ files, requests: [{ ...others, daemon, address }] }]);
    t.equal(theirs?.verdict, row.theirs, 'libwrap');
    const texts = {
      allow,
      deny: row.isDenyDirectory === true ? ({ kind: 'directory' } as const) : place(row.deny),
      files: { [`${oracle.directory}/list`]: list },
    };
    const request = { daemon, client: { address }, server: { address: others.serverAddress } };
    const ours = decideOn(texts, request, answer, { dialect: 'options', compat: 'libwrap' });
    const applied = await apply(ours, ours.request, { fd: -1 }, LIMITS);
    t.equal(applied.verdict, row.ours ?? 'denied', 'we');
  });
