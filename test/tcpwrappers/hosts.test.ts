import {
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';

import type { Netgroup } from '../../lib/tcpwrappers/connection/need.ts';
import { Hosts } from '../../lib/tcpwrappers/hosts.ts';
import { hostsAccess, openHosts } from '../../lib/tcpwrappers/index.ts';
import { Overload } from '../../lib/tcpwrappers/lookup/resolver.ts';
import { openFiles } from '../support/tcpwrappers/open.ts';

const client = { address: '10.0.0.1', port: 4711 };
const server = { address: '10.0.0.2', port: 22 };
const sshd = { daemon: 'sshd', client, server } as const;
const DENY = 'ALL: ALL\n';

async function verdictOf(hosts: Hosts): Promise<string> {
  return (await hosts.check(sshd)).verdict;
}

t.test('a decision has the verdict, and where its rule stands', async (t) => {
  const { hosts, path } = openFiles(t, { allow: '# \xfc\nsshd: \\\n 10.\n', deny: DENY });
  const decision = await hosts.check(sshd);
  t.match(decision, {
    verdict: 'granted',
    expected: 'granted',
    rule: { file: path('allow'), line: 3, text: 'sshd:  10.' },
    reason: undefined,
  });
  t.same(decision.lookups, []);
  t.match((await hosts.check({ ...sshd, client: { address: '10.1.0.1' } })).verdict, 'granted');
  const denied = await hosts.check({ ...sshd, daemon: 'ftpd' });
  t.match(denied, { verdict: 'denied', rule: { file: path('deny'), line: 1, text: 'ALL: ALL' } });
});

t.test('whom no rule of either file mentions is let in', async (t) => {
  const { hosts } = openFiles(t, {});
  t.match(await hosts.check(sshd), { verdict: 'granted', rule: undefined });
});

t.test('one decision is made of files that are opened for it', async (t) => {
  const { path } = openFiles(t, { allow: 'sshd: ALL: deny\n' });
  await t.rejects(hostsAccess('sshd' as never, '10.0.0.1' as never), {
    message: 'the request must be an object',
    hint: "for example {daemon: 'sshd', client: {address: '192.0.2.1'}}",
  });
  const decision = await hostsAccess(sshd, { allow: path('allow'), deny: path('deny') });
  t.equal(decision.verdict, 'denied');
});

t.test('commands and options are told, expanded, and none is run', async (t) => {
  const { hosts, path } = openFiles(t, {
    allow: 'sshd: ALL: spawn touch @/ran: severity mail.debug: keepalive: twist echo %a\\:%p\n',
  });
  const decision = await hosts.check({ ...sshd, pid: 42 });
  t.same(decision.options, [
    { kind: 'spawn', command: `touch ${path('ran')}` },
    { kind: 'severity', facility: 'mail', level: 'debug' },
    { kind: 'keepalive' },
    { kind: 'twist', command: 'echo 10.0.0.1:42' },
  ]);
  t.same(decision.commands, [
    { kind: 'spawn', command: `touch ${path('ran')}` },
    { kind: 'twist', command: 'echo 10.0.0.1:42' },
  ]);
  t.equal(decision.verdict, 'delegated');
  t.same(decision.log, [{ facility: 'mail', level: 'debug', text: 'twist 10.0.0.1 to echo 10.0.0.1:42' }]);
  await sleep(50);
  t.throws(() => statSync(path('ran')), { code: 'ENOENT' });
});

t.test('as long as a command has to decide, nobody is granted', async (t) => {
  const { hosts } = openFiles(t, { allow: 'sshd: ALL: aclexec true\n', deny: 'ALL: ALL: aclexec true\n' });
  t.match(await hosts.check(sshd), { verdict: 'undecided', expected: 'granted' });
  t.match(await hosts.check({ ...sshd, daemon: 'ftpd' }), { verdict: 'denied', expected: 'denied' });
});

t.test('what is logged says who, and what was odd', async (t) => {
  const { hosts } = openFiles(t, { allow: 'sshd: ALL: spawn echo %z\n', deny: DENY });
  t.same((await hosts.check({ ...sshd, client: { ...client, user: 'joe', name: 'h.example.com' } })).log, [
    { facility: 'daemon', level: 'err', text: 'warning: unrecognized %z' },
    { facility: 'daemon', level: 'info', text: 'connect from joe@h.example.com (10.0.0.1)' },
  ]);
  t.same((await hosts.check({ ...sshd, daemon: 'ftpd' })).log, [
    { facility: 'daemon', level: 'warning', text: 'refused connect from 10.0.0.1 (10.0.0.1)' },
  ]);
});

t.test('findings are those of the files that were looked at', async (t) => {
  const { hosts, path } = openFiles(t, { allow: 'sshd: 10.0.0.1/8\nftpd: ALL\n', deny: 'x\nALL: ALL' });
  t.same(
    (await hosts.check({ ...sshd, daemon: 'ftpd' })).findings.map(({ code }) => code),
    ['never-matches-host-bits'],
  );
  t.same((await hosts.check(sshd)).findings.length, 3);
  t.match(hosts.findings, [{ file: path('allow'), line: 1, column: 7 }, { line: 1 }, { line: 2 }]);
});

t.test('a change counts from the next decision on', async (t) => {
  const { hosts, path, write } = openFiles(t, { deny: DENY, list: '' });
  t.equal(await verdictOf(hosts), 'denied');
  write('allow', 'sshd: @/list\n');
  t.equal(await verdictOf(hosts), 'denied');
  write('list', '10.0.0.1\n');
  t.equal(await verdictOf(hosts), 'granted', 'a file of patterns');
  write('list', '@/deeper\n');
  t.equal(await verdictOf(hosts), 'denied');
  write('deeper', '10.\n');
  t.equal(await verdictOf(hosts), 'granted', 'one that was not there');
  write('allow', '');
  t.equal(await verdictOf(hosts), 'denied');
  unlinkSync(path('deny'));
  t.equal(await verdictOf(hosts), 'granted', 'a file that is gone');
});

t.test('a change counts also if size and times are what they were', async (t) => {
  const { hosts, path, write } = openFiles(t, { allow: 'sshd: 10.0.0.1\n', deny: DENY });
  // old enough for its status to be believed
  await sleep(100);
  t.equal(await verdictOf(hosts), 'granted');
  const { atime, mtime } = statSync(path('allow'));
  write('allow', 'sshd: 10.0.0.2\n');
  utimesSync(path('allow'), atime, mtime);
  t.equal(await verdictOf(hosts), 'denied');
  write('new', 'sshd: 10.0.0.1\n');
  utimesSync(path('new'), atime, mtime);
  renameSync(path('new'), path('allow'));
  t.equal(await verdictOf(hosts), 'granted', 'another file at its place');
});

t.test('changes within a tick of the clock count', async (t) => {
  const { hosts, write } = openFiles(t, { deny: DENY });
  const seen: string[] = [];
  for (let i = 0; i < 500; i++)
    for (const address of ['10.0.0.1', '10.0.0.2']) {
      write('allow', `sshd: ${address}\n`);
      seen.push(await verdictOf(hosts));
    }
  t.same(
    seen,
    seen.map((_, i) => (i % 2 === 0 ? 'granted' : 'denied')),
  );
});

t.test('a link that leads elsewhere, and a directory in the way, count', async (t) => {
  const { hosts, path, write } = openFiles(t, { 'one/allow': 'sshd: ALL\n', 'two/allow': '', deny: DENY });
  symlinkSync(path('one'), path('link'));
  const linked = openHosts({ allow: path('link/allow'), deny: path('deny') });
  t.equal(await verdictOf(linked), 'granted');
  symlinkSync(path('two'), path('other'));
  renameSync(path('other'), path('link'));
  t.equal(await verdictOf(linked), 'denied');
  t.equal(await verdictOf(hosts), 'denied');
  mkdirSync(path('allow'));
  t.equal(await verdictOf(hosts), 'denied');
  t.match(hosts.findings, [{ code: 'is-a-directory' }]);
  rmSync(path('allow'), { recursive: true });
  write('allow', 'sshd: ALL\n');
  t.equal(await verdictOf(hosts), 'granted');
});

t.test('what cannot be opened is empty, or refuses, until it can', async (t) => {
  const { hosts, path, write } = openFiles(t, { allow: 'sshd: 10.0.0.2\n' });
  symlinkSync(path('deny'), path('deny'));
  t.match(await hosts.check(sshd), { verdict: 'denied', reason: /cannot be opened: ELOOP/ });
  unlinkSync(path('deny'));
  write('deny', 'ftpd: ALL\n');
  t.equal(await verdictOf(hosts), 'granted');
});

t.test('a file of rules that is not UTF-8 is read byte by byte, and told as well as it can be', async (t) => {
  const { hosts, path } = openFiles(t, { deny: DENY });
  writeFileSync(path('allow'), Buffer.from('sshd: ALL: spawn echo \xe9\n', 'latin1'));
  t.match(await hosts.check(sshd), {
    rule: { text: 'sshd: ALL: spawn echo \ufffd' },
    options: [{ kind: 'spawn', command: 'echo \xe9' }],
  });
  writeFileSync(path('allow'), 'sshd: ALL: spawn echo é\n');
  t.match(await hosts.check(sshd), { rule: { text: 'sshd: ALL: spawn echo é' } });
});

t.test('look-ups are made when they are asked for, once, and told', async (t) => {
  const asked: unknown[] = [];
  const { hosts } = openFiles(
    t,
    {
      allow:
        'sshd: 192.168.\nsshd: .example.org\nsshd: @trusted\nsshd: joe@.example.com: spawn echo %u %n %N\n',
      deny: DENY,
    },
    {
      resolver: {
        name: async (address) => {
          asked.push(address);
          return address === server.address
            ? { value: 'unknown', problem: 'none' }
            : { value: 'h.example.com' };
        },
        user: async (connection, timeoutSeconds) => {
          asked.push([connection, timeoutSeconds]);
          return { value: 'joe' };
        },
        netgroup: async (group): Promise<{ value: Netgroup }> => {
          asked.push(group);
          return { value: ['other'] };
        },
      },
    },
  );
  const decision = await hosts.check(sshd);
  t.match(decision, {
    verdict: 'granted',
    rule: { line: 4 },
    commands: [{ command: 'echo joe h.example.com unknown' }],
  });
  t.same(asked, [client.address, 'trusted', [{ client, server }, 10], server.address]);
  t.match(decision.lookups, [
    { kind: 'name', subject: '10.0.0.1', result: 'h.example.com' },
    { kind: 'netgroup', subject: 'trusted', result: '1 hosts' },
    { kind: 'user', subject: '10.0.0.1', result: 'joe' },
    { kind: 'name', subject: '10.0.0.2', result: 'unknown', problem: 'none' },
  ]);
});

t.test('a decision waits for its own look-ups only', async (t) => {
  const pending: (() => void)[] = [];
  const { hosts } = openFiles(
    t,
    { allow: 'sshd: .example.com\n', deny: DENY },
    {
      resolver: {
        name: () =>
          new Promise((done) => {
            pending.push(() => done({ value: 'h.example.com' }));
          }),
      },
    },
  );
  const slow = hosts.check(sshd);
  t.equal((await hosts.check({ ...sshd, client: { ...client, name: 'x.example.com' } })).verdict, 'granted');
  for (const answer of pending) answer();
  t.equal((await slow).verdict, 'granted');
});

t.test('what cannot be looked up for want of means refuses', async (t) => {
  const name = (): Promise<never> => Promise.reject(new Overload('too many names are being looked up'));
  const { hosts } = openFiles(t, { deny: 'sshd: PARANOID\n' }, { resolver: { name } });
  t.match(await hosts.check(sshd), { verdict: 'denied', reason: 'too many names are being looked up' });
});

t.test('users and groups are looked up on the host', async (t) => {
  const { hosts } = openFiles(t, { allow: 'sshd: ALL: user root.root\nftpd: ALL: group no-such-group\n' });
  t.match(await hosts.check(sshd), { verdict: 'granted', options: [{ kind: 'user', user: 'root' }] });
  t.match(await hosts.check({ ...sshd, daemon: 'ftpd' }), { verdict: 'denied', reason: 'unknown group' });
});

t.test("the book's rules work as they are printed", async (t) => {
  const { hosts } = openFiles(t, {
    allow: 'sshd: ALL\nin.telnet: LOCAL\nin.telnet: 192.168.\n',
    deny: "ALL : ALL : echo '%c tried to connect to %d and was blocked' >> /var/log/tcpwrappers.log\n",
  });
  t.equal((await hosts.check(sshd)).verdict, 'granted');
  const telnet = (address: string, name: string) =>
    hosts.check({ daemon: 'in.telnet', client: { address, name } });
  t.equal((await telnet('10.0.0.1', 'neighbour')).verdict, 'granted');
  t.equal((await telnet('192.168.7.9', 'h.example.com')).verdict, 'granted');
  t.match(await telnet('10.0.0.1', 'h.example.com'), {
    verdict: 'denied',
    commands: [
      {
        kind: 'spawn',
        command:
          "echo 'h.example.com tried to connect to in.telnet and was blocked' >> /var/log/tcpwrappers.log",
      },
    ],
  });
});

t.test('a wrong option is an error that names the right one', async (t) => {
  const open = (options: object) => () => openHosts(options);
  t.throws(open({ alow: '/x' }), { name: 'UsageError', hint: "did you mean 'allow'?" });
  t.throws(open({ dialect: 'plain' }), {
    name: 'UsageError',
    message: /dialect must be one of auto, options/,
  });
  t.throws(open({ compat: 'bsd' }), { name: 'UsageError' });
  t.throws(open({ allow: '' }), { name: 'UsageError' });
  t.throws(open({ deny: '/a\0b' }), { name: 'UsageError' });
  for (const nameTimeoutMs of [0, -1, NaN, 1e9, '10'])
    t.throws(open({ nameTimeoutMs }), { name: 'UsageError', message: /milliseconds from 1 to 3600000/ });
  t.throws(open({ nameTimeoutSeconds: 10 }), {
    name: 'UsageError',
    message: "unknown key 'nameTimeoutSeconds'",
    hint: "did you mean 'nameTimeoutMs'?",
  });
  const { hosts } = openFiles(t, {});
  await t.rejects(hosts.check({ daemon: 'a\0', client: {} }), { name: 'UsageError' });
  await t.rejects(hosts.check({ daemon: 'a', client: { port: 65536 } }), { name: 'UsageError' });
});

t.test('a relative path begins at the working directory', async (t) => {
  const before = process.cwd();
  const { path } = openFiles(t, { allow: '', deny: 'ALL: ALL\n' });
  t.teardown(() => process.chdir(before));
  process.chdir(path('.'));
  const hosts = openHosts({ allow: 'allow', deny: Buffer.from('deny') });
  process.chdir('/');
  t.match(await hosts.check(sshd), { verdict: 'denied', rule: { file: path('deny') } });
});

t.test('a look-up is announced before it begins, and a decision without one is not', async (t) => {
  const told: string[] = [];
  const name = async () => {
    told.push('look-up');
    return { value: 'host.example.com' };
  };
  const { hosts } = openFiles(t, { allow: 'ftpd: 10.\nsshd: .example.com\n' }, { resolver: { name } });
  const announce = () => void told.push('announced');
  await hosts.check({ ...sshd, daemon: 'ftpd' }, announce);
  t.same(told, []);
  const decided = hosts.check(sshd, announce);
  t.equal(told[0], 'announced', 'at once');
  t.equal((await decided).verdict, 'granted');
  t.same(told, ['announced', 'look-up']);
});

t.test(
  'a file of rules that must exist, and is back before the client is decided, lets nobody in',
  async (t) => {
    const { path } = openFiles(t, { deny: 'sshd: .example.com\n' });
    const files = { allow: path('allow'), deny: path('deny') };
    const backAgain = (): Promise<{ value: string }> => {
      writeFileSync(path('allow'), 'ALL: ALL: deny\n');
      return Promise.resolve({ value: 'host.example.net' });
    };
    const hosts = new Hosts({ ...files, resolver: { name: backAgain } }, ['allow', 'deny']);
    const { verdict, reason } = await hosts.check(sshd);
    t.equal(verdict, 'denied');
    t.equal(reason, `${path('allow')} has gone, and everybody is refused`);
    rmSync(path('allow'));
    symlinkSync('allow', path('allow'));
    const named = { ...sshd, client: { ...client, name: 'host.example.net' } };
    t.match((await hosts.check(named)).reason, /allow cannot be opened: ELOOP/);
  },
);

t.test('a decision is renewed by files that have changed, without a second look-up', async (t) => {
  let count = 0;
  const name = (): Promise<{ value: string }> => Promise.resolve({ value: `host${++count}.example.com` });
  const { hosts, write } = openFiles(
    t,
    { allow: 'sshd: .example.com\n', deny: DENY },
    { resolver: { name } },
  );
  const decision = await hosts.check(sshd);
  t.equal(await decision.renew(), decision);
  write('deny', '# hosts.allow has decided\n');
  t.equal(await decision.renew(), decision);
  write('allow', 'sshd: host1.example.com: deny\nsshd: .example.com\n');
  const renewed = await decision.renew();
  t.match(renewed, { verdict: 'denied', rule: { line: 1 }, lookups: decision.lookups });
  t.equal(await renewed.renew(), renewed);
  write('allow', '');
  write('deny', '');
  t.match(await renewed.renew(), { verdict: 'granted', rule: undefined });
  t.equal(count, 1);
});
