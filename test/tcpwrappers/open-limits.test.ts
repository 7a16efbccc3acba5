// The limits of limits.test.ts where the files are real ones, opened.

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, symlinkSync, unlinkSync, writeSync } from 'node:fs';
import t from 'tap';

import { formatLog } from '../../lib/tcpwrappers/apply/log-entries.ts';
import type { Hosts } from '../../lib/tcpwrappers/hosts.ts';
import { openFiles } from '../support/tcpwrappers/open.ts';

const sshd = { daemon: 'sshd', client: { address: '10.0.0.1', name: 'host.example.com' } } as const;
const DENY = 'ALL: ALL\n';

/** The CPU time of a call in microseconds: other work on the machine does not count. */
async function timeOf(call: () => Promise<unknown>): Promise<number> {
  const begin = process.cpuUsage();
  await call();
  const { user, system } = process.cpuUsage(begin);
  return user + system;
}

async function checkOften(hosts: Hosts): Promise<void> {
  for (let i = 0; i < 1000; i++) await hosts.check(sshd);
}

t.test('a file of 100 MB refuses everybody, and costs no time again', async (t) => {
  const { hosts, path } = openFiles(t, { deny: '' });
  const fd = openSync(path('allow'), 'w');
  const part = Buffer.from('sshd: ALL\n'.repeat(1_000_000));
  for (let i = 0; i < 10; i++) writeSync(fd, part);
  closeSync(fd);
  t.match(await hosts.check(sshd), { verdict: 'denied', reason: /everybody is refused/ });
  const small = openFiles(t, { deny: DENY }).hosts;
  await timeOf(() => checkOften(small)); // compiles
  const cheap = await timeOf(() => checkOften(small));
  t.ok((await timeOf(() => checkOften(hosts))) < cheap * 20);
  unlinkSync(path('allow'));
  t.equal((await hosts.check(sshd)).verdict, 'granted');
});

t.test(
  'of many rules the last is found, and a change of the other file does not read them again',
  async (t) => {
    const rules = Array.from(
      { length: 199_999 },
      (_, i) => `sshd: 11.${i >> 16}.${(i >> 8) & 255}.${i & 255}\n`,
    ).join('');
    const { hosts, write } = openFiles(t, { allow: `${rules}sshd: 10.0.0.1\n`, deny: DENY });
    t.match(await hosts.check(sshd), { verdict: 'granted', rule: { line: 200_000 } });
    const other = { daemon: 'sshd', client: { address: '10.0.0.2', name: 'h' } };
    const toOther = async () => t.match(await hosts.check(other), { verdict: 'granted', rule: undefined });
    write('deny', 'ftpd: ALL\n');
    const change = await timeOf(toOther);
    write('allow', `sshd: 10.0.0.3\n${rules}`);
    t.ok(change < (await timeOf(toOther)) / 5);
  },
);

t.test('a file of patterns that names itself, by whatever way, refuses whoever gets there', async (t) => {
  const { hosts, path, write } = openFiles(t, { allow: 'sshd: @/list\n', list: '10.0.0.1 @/list' });
  t.equal((await hosts.check(sshd)).verdict, 'granted');
  const other = { ...sshd, client: { address: '10.0.0.2', name: 'h' } };
  t.match(await hosts.check(other), { verdict: 'denied', reason: /leads back to itself/ });
  // by another name it is another file, again and again
  symlinkSync(path('.'), path('d'));
  write('list', `@/${'d/'.repeat(20)}list`);
  t.match(await hosts.check(sshd), { verdict: 'denied', reason: /leads back to itself/ });
  write('list', '10.0.0.2');
  t.equal((await hosts.check(other)).verdict, 'granted');
});

const places = ['allow', 'deny'] as const;

t.test('a pipe or a device keeps nobody waiting, and lets nobody in', async (t) => {
  for (const place of places)
    for (const make of [
      (path: string) => void execFileSync('mkfifo', [path]),
      (path: string) => symlinkSync('/dev/zero', path),
    ]) {
      const { hosts, path, write } = openFiles(t, {});
      make(path(place));
      const reason = /is not used, and everybody is refused: it is not a regular file/;
      t.match(await hosts.check(sshd), { verdict: 'denied', reason });
      t.match(hosts.findings, [{ code: 'not-a-file' }]);
      const begin = process.cpuUsage();
      for (let i = 0; i < 100; i++) await hosts.check(sshd);
      const { user, system } = process.cpuUsage(begin);
      t.ok(user + system < 100_000, `${user + system} µs for a hundred decisions`);
      unlinkSync(path(place));
      write(place, '');
      t.equal((await hosts.check(sshd)).verdict, 'granted');
    }
});

t.test('a directory lets nobody in whom no rule is about', async (t) => {
  for (const place of places) {
    const { hosts } = openFiles(t, { [`${place}/x`]: '' });
    t.match(await hosts.check(sshd), { verdict: 'denied', reason: /is a directory/ });
  }
});

t.test('names with control characters are names, and make no other line of a log', async (t) => {
  const name = 'a\n\x1b[2J\x7f\x01.example.com';
  const { hosts } = openFiles(t, { allow: 'sshd: .example.com: spawn echo %n\n', deny: DENY });
  const decision = await hosts.check({ daemon: 'sshd', client: { address: '10.0.0.1', name } });
  t.match(decision, { verdict: 'granted', commands: [{ command: 'echo a___2J__.example.com' }] });
  const other = await hosts.check({ daemon: 'ftpd', client: { address: '10.0.0.1', name } });
  const [entry] = other.log;
  if (entry === undefined) throw new Error('nothing is logged');
  t.notMatch(formatLog(entry, 'ftpd', 1, new Date()), /[\0-\x1f\x7f]/);
});

t.test('a rule file that is written while it is read is read again', async (t) => {
  const { hosts, path } = openFiles(t, { allow: '', deny: DENY });
  t.equal((await hosts.check(sshd)).verdict, 'denied');
  const fd = openSync(path('allow'), 'a');
  writeSync(fd, 'sshd: 10.');
  t.equal((await hosts.check(sshd)).verdict, 'granted', 'a prefix');
  writeSync(fd, '1.\n');
  t.equal((await hosts.check(sshd)).verdict, 'denied');
  closeSync(fd);
});
