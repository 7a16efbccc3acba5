// Parts of a file of rules: whatever changes, they are what the whole file is.

import { array, assert, constant, constantFrom, nat, oneof, property, record } from 'fast-check';
import t from 'tap';

import { makeRequest } from '../../../lib/tcpwrappers/connection/request-info.ts';
import { cutText, type Parts, readParts } from '../../../lib/tcpwrappers/file/table-parts.ts';
import { matchWords, walkTable } from '../../../lib/tcpwrappers/match/match.ts';
import { openPatternFiles } from '../../../lib/tcpwrappers/parse/pattern-file.ts';
import { type ParseOptions, readTable } from '../../../lib/tcpwrappers/parse/rule-file.ts';
import { complete } from '../../../lib/tcpwrappers/rule/slices.ts';

const MOST_LINES = 8;

function optionsOf(list: string, compat?: 'libwrap'): ParseOptions {
  const files = openPatternFiles(function* read() {
    yield;
    return { kind: 'text', text: list };
  });
  return { file: '/etc/hosts.deny', role: 'deny', files, ...(compat && { compat }) };
}

function next(text: string, before: Parts | undefined, options: ParseOptions): Parts {
  const cut = complete(cutText(text, before?.parts ?? [], MOST_LINES));
  return complete(readParts(cut, options, MOST_LINES));
}

const plain = nat(40).map((i) => `sshd: 10.0.0.${i} host.example.com\n`);
const odd = constantFrom(
  '# a comment\n',
  '\n',
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
const lines = array(oneof({ weight: 12, arbitrary: plain }, { weight: 1, arbitrary: odd }), {
  maxLength: 60,
});
const edits = array(
  record({
    at: nat(80),
    removed: nat(20),
    added: oneof(lines, constant([])),
    list: constantFrom('10.0.0.1', '10.0.0.2'),
  }),
  { maxLength: 6 },
);

t.test('after any change the parts of a file are the same rules as the whole file', async (t) => {
  const run = (
    first: readonly string[],
    changes: readonly { at: number; removed: number; added: readonly string[]; list: string }[],
    compat: 'libwrap' | undefined,
  ): void => {
    let all = [...first];
    let parts: Parts | undefined;
    for (const change of [{ at: 0, removed: 0, added: [], list: '10.0.0.1' }, ...changes]) {
      all = all.toSpliced(change.at, change.removed, ...change.added);
      const text = all.join('');
      parts = next(text, parts, optionsOf(change.list, compat));
      const whole = complete(readTable({ kind: 'text', text }, optionsOf(change.list, compat)));
      const { table, find } = parts.search;
      const { file, role, rules, findings, unread, refused } = table;
      t.same(
        { file, role, rules, findings, unread, refused },
        { unread: undefined, refused: undefined, ...whole },
      );
      for (const address of ['10.0.0.1', '10.0.0.2', '10.0.1.1', '10.9.9.9']) {
        const request = () => makeRequest({ daemon: 'sshd', client: { address, name: 'h' } });
        const found = find(request());
        t.same(found, walkTable(whole, matchWords).find(request()));
        if (found !== undefined && !('kind' in found))
          t.ok(rules.includes(found), 'and it is one of the rules');
      }
    }
  };
  assert(property(lines, edits, constantFrom(undefined, 'libwrap' as const), run), { numRuns: 150 });
});

t.test('what stands in both versions is not read again, wherever it stands', async (t) => {
  const options = optionsOf('');
  const rules = Array.from({ length: 80 }, (_, i) => `sshd: 10.0.0.${i} host.example.com\n`);
  const kept = (text: string, before: Parts): number => {
    const { parts } = next(text, before, options);
    return parts.filter((part) => before.parts.includes(part)).length;
  };
  const before = next(rules.join(''), undefined, options);
  t.equal(before.parts.length, 10);
  t.equal(kept([...rules, 'sshd: 10.1.1.1\n'].join(''), before), 10, 'an append');
  t.equal(kept(['sshd: 10.1.1.1\n', ...rules].join(''), before), 10, 'a line in front');
  t.equal(kept(rules.toSpliced(0, 1).join(''), before), 9, 'the first line is removed');
  t.equal(kept([...rules.slice(1), 'sshd: 10.1.1.1\n'].join(''), before), 9, 'both ends');
  t.equal(kept(rules.toSpliced(33, 3, 'x: y\n').join(''), before), 9, 'in the middle');
  t.equal(kept([...rules.slice(40), ...rules.slice(0, 40)].join(''), before), 10, 'moved');
  t.equal(kept('', before), 0);
});

t.test('an append reads little again where all lines begin alike, are long, or are the same', async (t) => {
  const options = optionsOf('');
  const daemons = 'sshd sftpd vsftpd proftpd dovecot postfix imapd pop3d in.telnetd smbd nmbd';
  const addresses = Array.from({ length: 60 }, (_, i) => `10.0.0.${i}`).join(' ');
  const alike = Array.from({ length: 80 }, (_, i) => `${daemons}: 10.0.0.${i}\n`);
  const long = Array.from({ length: 40 }, (_, i) => `sshd: ${addresses} 10.1.0.${i}\n`);
  const same = Array.from({ length: 80 }, () => 'sshd: 10.0.0.1 host.example.com\n');
  for (const rules of [alike, long, same]) {
    const before = next(rules.join(''), undefined, options);
    t.ok(before.parts.length >= 10);
    const text = [...rules, 'sshd: 10.9.9.9\n'].join('');
    const { parts, search } = next(text, before, options);
    t.equal(parts.filter((part) => !before.parts.includes(part)).length, 1);
    t.same(search.table.rules, complete(readTable({ kind: 'text', text }, optionsOf(''))).rules);
  }
});

t.test('a part that is everywhere begun and nowhere whole is given up, and the rest is read', async (t) => {
  const options = optionsOf('');
  const line = 'sshd: 10.0.0.1 host.example.com\n';
  const before = next(`${line.repeat(7)}sshd: 10.0.0.2\n`, undefined, options);
  const text = line.repeat(600);
  const { table } = next(text, before, options).search;
  t.equal(table.rules.length, 600);
  t.equal(table.rules.at(-1)?.line, 600);
});

t.test('many appends leave few parts', async (t) => {
  const options = optionsOf('');
  let text = '';
  let parts: Parts | undefined;
  for (let i = 0; i < 400; i++) {
    text += `sshd: 10.0.${i >> 8}.${i & 255} host.example.com\n`;
    parts = next(text, parts, options);
  }
  t.equal(parts?.search.table.rules.length, 400);
  t.ok((parts?.parts.length ?? 1000) <= 101, `${parts?.parts.length}`);
});

t.test('a last line without a newline is read again when it goes on', async (t) => {
  const options = optionsOf('');
  const rules = Array.from({ length: 7 }, (_, i) => `sshd: 10.0.0.${i} host.example.com\n`).join('');
  const before = next(`${rules}sshd: 10.`, undefined, options);
  const { table } = next(`${rules}sshd: 10.1.\nftpd: ALL\n`, before, options).search;
  t.match(table.rules.slice(-2), [
    { text: 'sshd: 10.1.', line: 8 },
    { text: 'ftpd: ALL', line: 9 },
  ]);
});

t.test(
  'a line that is begun by a NUL or a backslash and has no character yet goes on behind it',
  async (t) => {
    const options = optionsOf('');
    const rules = Array.from({ length: 7 }, (_, i) => `sshd: 10.0.0.${i} host.example.com\n`).join('');
    for (const [begun, hidden] of [
      ['\0', true],
      ['\\\n\0\n', false],
      ['\\\n', false],
    ] as const) {
      const before = next(`${rules}${begun}`, undefined, options);
      const text = `${rules}${begun}ALL: ALL\n`;
      const now = next(text, before, options).search.table.rules;
      t.equal(now.length, hidden ? 7 : 8, 'the NUL hides the rest of its line, also what was appended');
      const whole = complete(readTable({ kind: 'text', text }, optionsOf(''))).rules;
      t.equal(now.at(-1)?.line, whole.at(-1)?.line, 'and its lines are counted');
    }
  },
);
