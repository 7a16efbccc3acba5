import * as fc from 'fast-check';
import t from 'tap';

import { readRelations, readStatus } from '../../../lib/jail/dpkg/package-status.ts';
import { patientMs } from '../../support/patience.ts';

const read = (text: string) => readStatus(Buffer.from(text, 'latin1'));

const VIM = `Package: vim-tiny
Essential: no
Status: install ok installed
Priority: important
Section: non-free/editors
Architecture: amd64
Multi-Arch: foreign
Source: vim (2:9.1)
Version: 2:9.1-2
Provides: editor, vi (= 9)
Depends: vim-common (= 2:9.1-2), libc6 (>= 2.34) | musl,
 libtinfo6:any
Conffiles:
 /etc/vim/vimrc.tiny bdc39e4d0aee0b0c7b4d4e2a4c0d4a1e
 /etc/vim/old bdc39e4d0aee0b0c7b4d4e2a4c0d4a1e obsolete
Description: text editor
 Depends: none of it
`;

t.test('a paragraph of the status file is read', async (t) => {
  const [vim, ...others] = read(VIM);
  t.same(others, []);
  t.match(vim, {
    name: 'vim-tiny',
    architecture: 'amd64',
    version: '2:9.1-2',
    source: 'vim',
    multiArch: 'foreign',
    essential: false,
    section: 'editors',
    preDepends: [],
    recommends: [],
    provides: ['editor', 'vi'],
  });
  t.same(vim?.depends, [['vim-common'], ['libc6', 'musl'], ['libtinfo6']]);
});

t.test(
  'a field needs no blank behind its colon, and a comment of one character ends no package',
  async (t) => {
    t.match(read('Package:p\n#\nStatus:install ok installed\nVersion:1\n'), [{ name: 'p', version: '1' }]);
  },
);

t.test('a package is there only if it is installed, whether its triggers have run or not', async (t) => {
  const withStatus = (status: string) => read(`Package: p\nStatus: ${status}\nVersion: 1\n`).length;
  t.equal(withStatus('install ok installed'), 1);
  t.equal(withStatus('hold ok installed'), 1);
  for (const word of ['awaited', 'pending']) t.equal(withStatus(`install ok triggers-${word}`), 1);
  for (const status of [
    'deinstall ok config-files',
    'install ok unpacked',
    'install reinstreq installed',
    'install ok half-installed',
    '',
  ])
    t.equal(withStatus(status), 0, status);
});

t.test('odd lines are passed over, and the rest is read', async (t) => {
  const text = [
    '\n\n# a comment\nno colon\n continued from nothing',
    'Package: a\nSTATUS: install ok installed\r\n\r',
    'Package: ../b\nStatus: install ok installed\n',
    'Package: c\nStatus: install ok installed',
  ].join('\n');
  t.same(
    read(text).map(({ name }) => name),
    ['a', 'c'],
  );
});

t.test('relations of all shapes are read', async (t) => {
  for (const [text, expected] of [
    ['', []],
    [' , ,', []],
    ['a(>=1)', [['a']]],
    ['a (<1)', [['a']]],
    ['a:native|b [amd64]', [['a', 'b']]],
    ['(>= 1), $x', []],
  ] as const)
    t.same(readRelations(text), expected, text);
});

t.test('no bytes are too odd to be read', async (t) => {
  const line = fc.oneof(
    fc.constantFrom('Package: a', 'Status: install ok installed', 'Depends: a |, (b', '', ' x', 'Conffiles:'),
    fc.string({ unit: 'binary', maxLength: 20 }),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      for (const { name } of read(lines.join('\n'))) if (name.includes('/')) return false;
      return true;
    }),
  );
  t.pass();
});

t.test('a long line takes no longer than its length', async (t) => {
  const start = performance.now();
  read(
    `Package: a\nStatus: install ok installed\nDepends: ${'a '.repeat(500_000)}\nConffiles:\n /${' a'.repeat(500_000)}\n`,
  );
  t.ok(performance.now() - start < patientMs(5000));
});
