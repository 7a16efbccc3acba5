import { isDeepStrictEqual } from 'node:util';

import { array, assert, constantFrom, nat, oneof, property, record } from 'fast-check';
import t from 'tap';

import { openPatternFiles } from '../../../lib/tcpwrappers/parse/pattern-file.ts';
import { type Reading, readRules } from '../../../lib/tcpwrappers/parse/rule-file.ts';
import type { PatternFile } from '../../../lib/tcpwrappers/rule/pattern.ts';
import { decideOn, found, readOne, showFindings, type Texts } from '../../support/tcpwrappers/hosts.ts';

const sshd = { daemon: 'sshd', client: { address: '10.0.0.1', name: 'host.example.com' } } as const;

t.test('the first rule that matches decides, hosts.allow before hosts.deny', async (t) => {
  const texts = { allow: 'sshd: 10.\n', deny: 'ALL: ALL\n' };
  t.match(decideOn(texts, sshd), {
    verdict: 'granted',
    rule: { file: '/etc/hosts.allow', line: 1, text: 'sshd: 10.' },
  });
  t.match(decideOn(texts, { ...sshd, daemon: 'ftpd' }), {
    verdict: 'denied',
    rule: { file: '/etc/hosts.deny' },
  });
});

t.test('files that are not there are empty, and who is not mentioned is let in', async (t) => {
  t.match(decideOn({}, sshd), { verdict: 'granted', rule: undefined, effects: [], needs: [] });
});

t.test("the book's examples work as they are printed", async (t) => {
  const texts = {
    allow: 'sshd: ALL\nin.telnet: LOCAL\nin.telnet: 192.168.\n',
    deny: "ALL : ALL : echo '%c tried to connect to %d and was blocked' >> /var/log/tcpwrappers.log\n",
  };
  t.equal(decideOn(texts, sshd).verdict, 'granted');
  t.equal(
    decideOn(texts, { daemon: 'in.telnet', client: { address: '192.168.7.9', name: 'unknown' } }).verdict,
    'granted',
  );
  t.equal(
    decideOn(texts, { daemon: 'in.telnet', client: { address: '10.0.0.1', name: 'host' } }).verdict,
    'granted',
  );
  t.match(
    decideOn(texts, { daemon: 'in.telnet', client: { address: '10.0.0.1', name: 'host.example.com' } }),
    {
      verdict: 'denied',
      effects: [
        {
          kind: 'spawn',
          command:
            "echo 'host.example.com tried to connect to in.telnet and was blocked' >> /var/log/tcpwrappers.log",
        },
      ],
    },
  );
});

t.test('a last line without a newline counts, with a warning', async (t) => {
  const texts = { allow: 'x: y\nsshd: ALL', deny: 'ALL: ALL\n' };
  t.equal(decideOn(texts, sshd).verdict, 'granted');
  t.same(showFindings(readOne('allow', texts)), ['hosts.allow:2:10 warning missing-newline']);
});

t.test(
  'with compat libwrap a last line without a newline is as there: lost in hosts.allow, refusing in hosts.deny',
  async (t) => {
    const compat = { compat: 'libwrap' } as const;
    t.equal(decideOn({ allow: 'sshd: ALL', deny: 'ALL: ALL\n' }, sshd, undefined, compat).verdict, 'denied');
    t.equal(decideOn({ allow: 'sshd: ALL: deny' }, sshd, undefined, compat).verdict, 'granted');
    t.equal(decideOn({ deny: '# nobody' }, sshd, undefined, compat).verdict, 'denied');
    t.same(showFindings(readOne('deny', { deny: '# nobody' }, compat)), [
      'hosts.deny:1:9 error missing-newline',
    ]);
  },
);

t.test('findings say where they are, in joined lines too', async (t) => {
  const allow = [
    'no separator',
    'sshd: 10.0.0.1/24 [::1]/129',
    'sshd, x@[bad]: \\',
    '  10.0.0.0/33, [dead::]/x',
    'sshd: @group: severty info',
    'sshd: ALL: umask 999',
  ];
  t.same(showFindings(readOne('allow', { allow: `${allow.join('\n')}\n` })), [
    'hosts.allow:1:1 error missing-separator',
    'hosts.allow:2:7 warning never-matches-host-bits',
    'hosts.allow:2:19 warning never-matches-prefix-length',
    'hosts.allow:3:7 warning never-matches-address',
    'hosts.allow:4:3 warning never-matches-mask-length',
    'hosts.allow:4:16 error junk-prefix-length',
    'hosts.allow:5:7 warning netgroup-unsupported',
    'hosts.allow:5:15 error no-command',
    'hosts.allow:6:12 error bad-value',
  ]);
});

t.test(
  'a NUL and a line that is too long are told where their line begins, and what can be done',
  async (t) => {
    const long = readOne('allow', { allow: `a\0b\nc: d\n${'x'.repeat(2047)}\n` });
    t.same(showFindings(long), ['hosts.allow:1:1 error nul-byte', 'hosts.allow:3:1 error line-too-long']);
    t.match(long.findings[1]?.hint, /^split the rule/);
    t.same(Object.keys(readOne('allow', { allow: 'x\n: y\n' }).findings[0] ?? {}).includes('hint'), false);
    t.same(showFindings(readOne('allow', { allow: ': x\n' })), []);
  },
);

t.test('rules that are not read refuse only if one of them may', async (t) => {
  const long = `#${'x'.repeat(2047)}`;
  for (const [rest, isUnread] of [
    ['a: b', false],
    ['a:b:allow', false],
    ['a:b:umask 022', false],
    ['#a: b: deny', false],
    ['nothing', false],
    ['a: b: deny', true],
    ['a::deny', true],
    [':b:deny', true],
    ['a: b: spawn x: twist y', true],
    ['a: b:', true],
    ['a: b: user x: allow', true],
    ['x'.repeat(70_000), true],
  ] as const) {
    const { unread } = readOne('allow', { allow: `${long}\nc: d\n${rest}\n` });
    t.equal(unread !== undefined, isUnread, rest.slice(0, 40));
  }
  t.ok(readOne('deny', { deny: `${long}\n` }).unread);
});

t.test('a word that cannot be trusted counts where the rule refuses', async (t) => {
  for (const [option, inAllow, inDeny] of [
    ['', false, true],
    [':allow', false, false],
    [':deny', true, true],
    [':twist x', true, true],
    [':nonsense', true, true],
    [':spawn x:deny', true, true],
    [':spawn x', false, true],
    [':user x:allow', 'broken', 'broken'],
    [':group x', 'broken', true],
    [':aclexec x', 'broken', true],
    [':setenv x', 'broken', true],
  ] as const) {
    const doubtIn = (role: 'allow' | 'deny') => {
      const [rule] = readOne(role, { [role]: `a: b${option}\n` }).rules;
      return typeof rule?.doubt === 'object' ? rule.doubt.kind : rule?.doubt;
    };
    t.same([doubtIn('allow'), doubtIn('deny')], [inAllow, inDeny], option);
  }
});

t.test('the option that was meant is named', async (t) => {
  for (const dialect of ['auto', 'options'] as const) {
    const table = readOne('allow', { allow: 'sshd: ALL: severty info\n' }, { dialect });
    t.equal(table.findings[0]?.hint, 'did you mean severity?');
  }
});

t.test('comments, blank lines and CRLF are as in libwrap', async (t) => {
  const allow = '# sshd: ALL\r\n\r\n \t\r\nsshd: 10.0.0.1\r\n';
  t.match(decideOn({ allow, deny: 'ALL: ALL\n' }, sshd), { verdict: 'granted', rule: { line: 4 } });
  t.match(
    decideOn({ allow: ' # sshd: ALL\n', deny: 'ALL: ALL\n' }, sshd),
    { verdict: 'granted' },
    'no comment',
  );
});

t.test('a file that is too large refuses everybody', async (t) => {
  t.match(decideOn({ allow: { kind: 'large' } }, sshd), { verdict: 'denied', rule: undefined });
  t.match(decideOn({ allow: 'sshd: ALL\n', deny: { kind: 'large' } }, sshd), { verdict: 'granted' });
  t.match(decideOn({ allow: 'x: ALL\n', deny: { kind: 'large' } }, sshd), { verdict: 'denied' });
});

t.test('a file that cannot be opened refuses as hosts.deny and is empty as hosts.allow', async (t) => {
  const loop = { kind: 'unreadable', code: 'ELOOP' } as const;
  t.match(decideOn({ deny: loop }, sshd), {
    verdict: 'denied',
    reason: '/etc/hosts.deny cannot be opened: ELOOP',
  });
  t.equal(decideOn({ allow: loop }, sshd).verdict, 'granted');
  t.same(showFindings(readOne('allow', { allow: loop })), ['hosts.allow:: error cannot-open']);
});

t.test('unreadable files of patterns are told where they are named', async (t) => {
  const texts = {
    allow: 'sshd: /gone, /loop\n',
    files: { '/loop': { kind: 'unreadable', code: 'ELOOP' } as const },
  };
  t.same(showFindings(readOne('allow', texts)), ['hosts.allow:1:14 warning pattern-file']);
});

function openPatterns(files: Texts['files'] = {}, maxWords?: number): PatternFile {
  return openPatternFiles((path) => found(files[path]), maxWords)('/a');
}

// The words of /a, and its end.
const patternFiles: readonly (readonly [
  what: string,
  files: Texts['files'],
  words: readonly string[],
  end?: Partial<PatternFile>,
])[] = [
  ['are separated by white space, and end at a NUL', { '/a': ' 10.\vh,i\fx\0y \n' }, ['10.', 'h,i', 'x']],
  ['are those of a file that is named too', { '/a': 'x /b y', '/b': 'z' }, ['x', 'z', 'y']],
  ['of a file count once', { '/a': '/b x /b', '/b': 'z' }, ['z', 'x']],
  [
    'end where a file leads back to itself',
    { '/a': 'x /b y', '/b': 'z /a' },
    ['x', 'z'],
    { broken: '/a leads back to itself' },
  ],
  [
    'end at a file that is too large',
    { '/a': 'x /b y', '/b': { kind: 'large' } },
    ['x'],
    { broken: '/b is too large' },
  ],
  ['of a directory are none', { '/a': { kind: 'directory' } }, [], { unreadable: '/a is a directory' }],
  ['may have 8191 bytes', { '/a': `${'x'.repeat(8191)} y` }, ['x'.repeat(8191), 'y']],
  [
    'may not have 8192 bytes',
    { '/a': `x ${'x'.repeat(8192)} y` },
    ['x'],
    { broken: '/a has a word of more than 8191 bytes' },
  ],
  ['that are not trusted are told', { '/a': '[::]/x' }, ['doubtful'], { doubtful: '"[::]/x" in /a' }],
];
for (const [what, files, words, end] of patternFiles)
  t.test(`the words of a file of patterns ${what}`, async (t) => {
    const { patterns, ...rest } = openPatterns(files);
    const shown = patterns.map((pattern) =>
      pattern.kind === 'text' && 'text' in pattern.text ? pattern.text.text : pattern.kind,
    );
    t.same(shown, words);
    t.same(rest, { path: '/a', broken: undefined, doubtful: undefined, unreadable: undefined, ...end });
  });

t.test('files of patterns may name each other 500 deep, and have so many words together', async (t) => {
  const chain = (length: number) =>
    Object.fromEntries(Array.from({ length }, (_, i) => [`/${i || 'a'}`, `/${i + 1}`]));
  t.equal(openPatterns(chain(499)).broken, undefined);
  t.equal(openPatterns(chain(500)).broken, '/500 is named too deep');
  const files = { '/a': 'x y /b', '/b': 'z' };
  t.equal(openPatterns(files, 4).broken, undefined);
  t.equal(openPatterns(files, 3).broken, '/b has too many words');
});

const plain = record({ count: nat(150), net: nat(3) }).map(({ count, net }) =>
  Array.from({ length: count }, (_, i) => `sshd: 10.0.${net}.${i} host.example.com\n`).join(''),
);
const odd = constantFrom(
  '# a comment\n',
  'no rule\n',
  'sshd: 10.0.0.1/24\n',
  'ALL: 10.0.1. \\\n10.0.2.\n',
  '# joined \\\n',
  '\\\n',
  '\0hidden',
  'sshd: /list\n',
  'sshd: 10.0.\0\n',
  `sshd: ${'x '.repeat(1100)}\n`,
  'sshd: 10.0.3.1: deny: x\n',
  'ftpd: ALL',
);
const edits = array(
  record({
    at: nat(6),
    removed: nat(2),
    added: array(oneof(plain, odd), { maxLength: 3 }),
    list: constantFrom('10.0.0.1', '10.0.0.2'),
  }),
  { minLength: 2, maxLength: 6 },
);

t.test('after any change the rules are those of the whole file', async (t) => {
  let kept = 0;
  assert(
    property(edits, constantFrom(undefined, 'libwrap' as const), (changes, compat) => {
      let parts: readonly string[] = [];
      let before: Reading | undefined;
      for (const { at, removed, added, list } of changes) {
        parts = parts.toSpliced(at, removed, ...added);
        const text = { kind: 'text', text: parts.join('') } as const;
        const openFile = openPatternFiles(() => found(list));
        const options = { file: 'f', role: 'deny', openFile, compat } as const;
        const now = readRules(text, options, before);
        // t.same() writes both out, which takes ten times as long
        if (!isDeepStrictEqual(now.table, readRules(text, options).table))
          t.same(now.table, readRules(text, options).table);
        kept += now.table.rules.findLastIndex((rule) => before?.table.rules.includes(rule)) + 1;
        before = now;
      }
    }),
    { numRuns: 150 },
  );
  t.ok(kept > 1000, `${kept} rules were kept`);
});

t.test('what stands in front of a change is not read again', async (t) => {
  const rules = Array.from({ length: 300 }, (_, i) => `sshd: 10.0.${i >> 8}.${i & 255}\n`);
  const options = { file: 'f', role: 'deny', openFile: openPatternFiles(() => found('')) } as const;
  const read = (lines: readonly string[], before?: Reading) =>
    readRules({ kind: 'text', text: lines.join('') }, options, before);
  const before = read(rules);
  const kept = (lines: readonly string[]): number =>
    read(lines, before).table.rules.filter((rule) => before.table.rules.includes(rule)).length;
  t.equal(kept([...rules, 'sshd: 11.0.0.1\n']), 256, 'an append');
  t.equal(kept(rules.toSpliced(200, 1)), 192);
  t.equal(kept(rules.toSpliced(0, 1)), 0);
});
