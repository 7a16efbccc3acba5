import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';

import { withAccounts } from '../support/accounts.ts';
import { makeJail, putFile, rootTest, temporaryDirectory, uchroot } from '../support/launch.ts';
import { decode, readState } from '../support/probe.ts';

const test = rootTest('unshare');
const jail = makeJail();
const by = withAccounts();

test('JAIL/etc/passwd saying sam:x:0:0 changes nothing (chroot --userspec, setpriv, bwrap, nspawn)', async (t) => {
  mkdirSync(`${jail}/etc`, { recursive: true });
  putFile(`${jail}/etc/passwd`, 'root:x:0:0::/:/bin/sh\nsam:x:0:0::/:/bin/sh\n1001:x:0:0::/:/bin/sh\n');
  putFile(`${jail}/etc/group`, 'root:x:0:sam\nsam:x:0:\naudio:x:0:sam\n');
  for (const user of ['sam', 'sam:audio', '1001', '1001:1001']) {
    const state = readState(uchroot([user, jail, '/probe'], { by }));
    t.same(state.uid, [1001, 1001, 1001, 1001], user);
    t.notOk(state.gid.includes(0) || state.groups.includes(0), user);
  }
  rmSync(`${jail}/etc`, { recursive: true });
});

test("an NSS module that the jail's nsswitch.conf names is not loaded (CVE-2025-32463, CVE-2019-14271)", async (t) => {
  const source = `${temporaryDirectory()}/nss.c`;
  putFile(
    source,
    `#include <fcntl.h>
__attribute__((constructor)) static void loaded(void) { creat("/tmp/nss-loaded", 0600); }`,
  );
  mkdirSync(`${jail}/etc`, { recursive: true });
  putFile(`${jail}/etc/nsswitch.conf`, 'passwd: evil\ngroup: evil\ninitgroups: evil\n');
  for (const directory of [
    'lib',
    'lib64',
    'usr/lib',
    `lib/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu`,
  ]) {
    mkdirSync(`${jail}/${directory}`, { recursive: true });
    const module = `${jail}/${directory}/libnss_evil.so.2`;
    t.equal(spawnSync('gcc', ['-shared', '-fPIC', '-o', module, source]).status, 0);
  }
  t.equal(uchroot(['sam:audio', jail, '/probe'], { by }).status, 0);
  t.equal(uchroot(['sam', jail, '/nothing'], { by }).status, 127);
  t.notOk(existsSync(`${jail}/tmp/nss-loaded`));
});

const unknown: readonly (readonly [user: string, why: string])[] = [
  ['4294967296', '2^32, which wraps to uid 0'],
  ['4294967295', '(uid_t)-1, which set*id(2) takes for "unchanged"'],
  ['18446744073709551616', '2^64'],
  ['4294967296:100', '2^32 with a group'],
  ['', 'empty'],
  [' ', 'a blank'],
  [' 0', 'a leading blank'],
  ['\t0', 'a leading tab'],
  ['0 ', 'a trailing blank'],
  ['-1', 'negative'],
  ['-0', 'minus nought'],
  ['00', 'two noughts'],
  ['+00', 'plus two noughts'],
  ['++0', 'two pluses'],
  ['0x0', 'hexadecimal'],
  ['0:', 'an empty group'],
  [':0', 'an empty user'],
  [':', 'nothing on either side'],
  ['1e3', 'an exponent'],
  ['01001', 'a leading nought'],
  ['nosuchuser', 'a name that nobody has'],
  ['sam\n', 'a newline'],
  ['SAM', 'another case'],
  ['sam.audio', 'a dot for a colon'],
  ['7777', 'a number without an account, and so without a group'],
  ['sam:audio:0', 'two colons'],
];

for (const [user, why] of unknown) {
  test(`a user '${JSON.stringify(user).slice(1, -1)}' (${why}) starts nothing`, async (t) => {
    const ended = uchroot(['--allow-root', '--', user, jail, '/probe'], { by });
    t.ok([1, 2, 125].includes(ended.status ?? -1), `status ${ended.status}`);
    t.equal(ended.status, expected(user));
    t.equal(ended.stdout, '');
    t.match(ended.stderr, /^uchroot: [^\n]+\n/);
  });
}

function expected(user: string): number {
  if (/^[^:]*:$|^:$/.test(user)) return 1; // an empty group is a usage error
  return user === 'sam:audio:0' ? 125 : 2;
}

for (const group of ['4294967296', '4294967295', ' 0', '00', '+00', '-0', 'nosuchgroup', 'ROOT']) {
  test(`a group '${group}' is unknown, not gid 0`, async (t) => {
    for (const words of [[`sam:${group}`], ['--groups', `audio,${group}`, 'sam']]) {
      const ended = uchroot(['--allow-root', ...words, jail, '/probe'], { by });
      t.equal(ended.status, 125);
      t.equal(ended.stdout, '');
      t.match(ended.stderr, /^uchroot: Unknown group [^\n]+\nhint: [^\n]+\n$/);
    }
  });
}

test("without a program the user's shell starts if the jail has it, else /bin/sh", async (t) => {
  const own = uchroot(['lonely', jail], { by });
  t.same(
    readState(own).argv,
    ['/probe', '-i'].map((word) => Buffer.from(word).toString('hex')),
  );
  const shell = uchroot(['sam', jail], { by });
  t.equal(shell.status, 127);
  t.match(shell.stderr, /^uchroot: execve: \/bin\/sh: /);
});

// The environment variables that name the account, for a caller that still has root's variables.
function identityOf(user: string): readonly string[] {
  const env = { HOME: '/root', USER: 'root', LOGNAME: 'root', SHELL: '/evil' };
  return readState(uchroot([user, jail, '/probe'], { by, env }))
    .env.map(decode)
    .filter((entry) => !entry.startsWith('PATH='))
    .toSorted();
}

test('HOME, USER, LOGNAME and SHELL are those of the account', async (t) => {
  t.same(identityOf('sam'), ['HOME=/home/sam', 'LOGNAME=sam', 'SHELL=/bin/sh', 'USER=sam']);
  t.same(identityOf('noshell'), ['HOME=/', 'LOGNAME=noshell', 'SHELL=/bin/sh', 'USER=noshell']);
  t.same(identityOf('7777:7777'), ['HOME=/', 'SHELL=/bin/sh'], 'a uid without an account has no name');
});
