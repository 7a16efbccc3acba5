// Files made to be slow or large: bounded, and nobody is let in by them.

import t from 'tap';

import { MAX_FILE_BYTES } from '../../lib/tcpwrappers/parse/logical-line.ts';
import { decideOn, readOne } from '../support/tcpwrappers/hosts.ts';

const sshd = { daemon: 'sshd', client: { address: '10.0.0.1', name: 'host.example.com' } } as const;
const deny = 'ALL: ALL\n';

t.test('a file of 100 MB refuses everybody', async (t) => {
  const allow = 'sshd: ALL\n'.repeat(10_000_000);
  t.ok(allow.length > MAX_FILE_BYTES);
  t.match(decideOn({ allow }, sshd), { verdict: 'denied', reason: /everybody is refused/ });
});

t.test('hundreds of thousands of rules are read, and the last one is found', async (t) => {
  const rules = Array.from(
    { length: 199_999 },
    (_, i) => `sshd: 11.${i >> 16}.${(i >> 8) & 255}.${i & 255}\n`,
  );
  const allow = `${rules.join('')}sshd: 10.0.0.1\n`;
  t.match(decideOn({ allow, deny }, sshd), { verdict: 'granted', rule: { line: 200_000 } });
});

t.test('too many words refuse everybody', async (t) => {
  const allow = `a:${' b'.repeat(900)}\n`.repeat(4500);
  t.match(decideOn({ allow }, sshd), { verdict: 'denied', reason: /too many words/ });
});

t.test('ten thousand EXCEPTs are more than a line may have: nobody is let in', async (t) => {
  const list = `ALL${' EXCEPT ALL'.repeat(10_000)}`;
  t.match(decideOn({ allow: `sshd: ${list}\n`, deny }, sshd), { verdict: 'denied', rule: { line: 1 } });
  t.equal(decideOn({ allow: `sshd: ${list}: deny\n` }, sshd).verdict, 'denied');
  t.equal(decideOn({ deny: `sshd: ${list}\n` }, sshd).verdict, 'denied');
});

t.test('as many EXCEPTs as a line may have are right', async (t) => {
  const even = `sshd: ALL${' EXCEPT ALL'.repeat(180)}\n`;
  const odd = `sshd: ALL${' EXCEPT ALL'.repeat(181)}\n`;
  t.equal(decideOn({ allow: even, deny }, sshd).verdict, 'granted');
  t.equal(decideOn({ allow: odd, deny }, sshd).verdict, 'denied');
});

t.test('files of patterns that name each other are bounded, and refuse where they lead back', async (t) => {
  const itself = { '/list': '/list 10.0.0.1' };
  t.match(decideOn({ allow: 'sshd: /list\n', files: itself }, sshd), {
    verdict: 'denied',
    reason: '/list leads back to itself',
  });
  t.equal(
    decideOn({ allow: 'sshd: /list\n', files: { '/list': '10.0.0.1 /list' } }, sshd).verdict,
    'granted',
  );
  const chain = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`/${i}`, `/${i + 1}`]));
  t.match(decideOn({ allow: 'sshd: /0\n', files: chain }, sshd), { verdict: 'denied', reason: /too deep/ });
  const twice = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`/${i}`, `/${i + 1} /${i + 1}`]));
  t.equal(
    decideOn({ allow: 'sshd: /0\n', deny, files: { ...twice, '/100': '10.' } }, sshd).verdict,
    'granted',
  );
});

t.test('a file of patterns with too long a word, too many or too much refuses behind it', async (t) => {
  const long = { '/list': `10.0.0.1 ${'x'.repeat(8192)} 10.0.0.2` };
  t.equal(decideOn({ allow: 'sshd: /list\n', files: long }, sshd).verdict, 'granted');
  const other = { daemon: 'sshd', client: { address: '10.0.0.2', name: 'h' } };
  t.equal(decideOn({ allow: 'sshd: /list\n', files: long }, other).verdict, 'denied');
  t.equal(
    decideOn({ allow: 'sshd: /list\n', files: { '/list': { kind: 'large' } } }, sshd).verdict,
    'denied',
  );
  const many = { '/list': 'a '.repeat(4_000_100) };
  t.equal(decideOn({ allow: 'sshd: /list\n', files: many }, sshd).verdict, 'denied');
});

/** How much of the processor a call takes: what else runs on the machine does not count. */
function cost(call: () => void): number {
  const before = process.cpuUsage();
  call();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

const MORE = 8;

const slow: readonly (readonly [what: string, make: (millions: number) => string])[] = [
  ['brackets', (n) => `a:${'['.repeat(n * 1e6)}\n`],
  ['blanks', (n) => `a:b:${' '.repeat(n * 1e6)}x\n`],
  ['colons', (n) => `a:b:${':'.repeat(n * 1e6)}\n`],
  ['options', (n) => `a:b:${'nice:'.repeat(n * 2e5)}\n`],
  ['NUL bytes', (n) => '\0'.repeat(n * 1e6)],
  ['joined lines', (n) => 'a:b\\\n'.repeat(n * 2e5)],
  ['joined lines of nothing', (n) => '\\\n'.repeat(n * 5e5)],
  ['lines that are no rules', (n) => 'x\n'.repeat(n * 2e5)],
  ['wrong rules', (n) => 'sshd: 10.0.0.1/24 [::]/x: foo\n'.repeat(n * 10_000)],
];
for (const [what, make] of slow)
  t.test(`${what} take as much longer as there are more of them, and are not told one by one`, async (t) => {
    const [few, many] = [make(0.5), make(0.5 * MORE)];
    const read = (text: string): number =>
      cost(() => t.ok(readOne('allow', { allow: text }).findings.length <= 1001));
    read(few); // compiles
    // the square would be eight times as much again
    t.ok(read(many) < Math.max(read(few), read(few), 20_000) * MORE * 4);
  });

t.test('wildcards made to be slow come to an end', async (t) => {
  const allow = `sshd: ${'*a'.repeat(900)}b\n`;
  const address = 'a'.repeat(127);
  const decision = decideOn({ allow, deny }, { daemon: 'sshd', client: { address, name: address } });
  t.equal(decision.verdict, 'denied');
});
