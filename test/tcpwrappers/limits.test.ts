// Files made to be slow or large: bounded, and nobody is let in by them.
import t from 'tap';

import { MAX_FILE_BYTES } from '../../lib/tcpwrappers/parse/file-text.ts';
import { decideOn, readOne } from './hosts.ts';

t.setTimeout(120_000);

const sshd = { daemon: 'sshd', client: { address: '10.0.0.1', name: 'host.example.com' } } as const;
const deny = 'ALL: ALL\n';

t.test('a file of 100 MB refuses everybody', async (t) => {
  const allow = 'sshd: ALL\n'.repeat(10_000_000);
  t.ok(allow.length > MAX_FILE_BYTES);
  t.match(decideOn({ allow }, sshd), { verdict: 'denied', reason: /everybody is refused/ });
});

t.test('a million rules are read, and the last one is found', async (t) => {
  const rules = Array.from(
    { length: 999_999 },
    (_, i) => `sshd: 11.${i >> 16}.${(i >> 8) & 255}.${i & 255}\n`,
  );
  const allow = `${rules.join('')}sshd: 10.0.0.1\n`;
  t.match(decideOn({ allow, deny }, sshd), { verdict: 'granted', rule: { line: 1_000_000 } });
});

t.test('too many words refuse everybody', async (t) => {
  const allow = 'a:b\n'.repeat(16_000_000);
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
  const many = { '/list': 'a '.repeat(5_000_000) };
  t.equal(decideOn({ allow: 'sshd: /list\n', files: many }, sshd).verdict, 'denied');
});

const slow: readonly (readonly [what: string, text: string])[] = [
  ['brackets', `a:${'['.repeat(60_000_000)}\n`],
  ['blanks', `a:b:${' '.repeat(60_000_000)}x\n`],
  ['colons', `a:b:${':'.repeat(60_000_000)}\n`],
  ['options', `a:b:${'nice:'.repeat(12_000_000)}\n`],
  ['NUL bytes', '\0'.repeat(60_000_000)],
  ['joined lines', 'a:b\\\n'.repeat(10_000_000)],
  ['joined lines of nothing', '\\\n'.repeat(30_000_000)],
  ['lines that are no rules', 'x\n'.repeat(30_000_000)],
  ['wrong rules', 'sshd: 10.0.0.1/24 [::]/x: foo\n'.repeat(500_000)],
];
for (const [what, text] of slow)
  t.test(`60 MB of ${what} are read in time, and not told one by one`, async (t) => {
    const begin = performance.now();
    const table = readOne('allow', { allow: text });
    t.ok(performance.now() - begin < 20_000);
    t.ok(table.findings.length <= 1001);
  });

t.test('wildcards made to be slow are not', async (t) => {
  const allow = `sshd: ${'*a'.repeat(900)}b\n`;
  const begin = performance.now();
  t.equal(
    decideOn({ allow, deny }, { daemon: 'sshd', client: { address: 'a'.repeat(127), name: 'a'.repeat(127) } })
      .verdict,
    'denied',
  );
  t.ok(performance.now() - begin < 1000);
});
