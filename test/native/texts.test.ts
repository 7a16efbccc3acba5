// openTexts, openLines, openFileLines, readInRoot: searches of many texts, and reads of many files, in one call.
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import * as fc from 'fast-check';
import t from 'tap';

import { native } from '../../lib/native.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

function openPaths(): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // that of this listing
    }
  });
}

t.test('a search refuses what is no search', async (t) => {
  t.throws(() => native.openTexts(bytes('no NUL at the end')), TypeError);
  const find = native.openTexts(bytes('ls\0'));
  t.same(find('words', bytes('ls')), [0]);
  t.throws(() => find('words', 'ls' as never), TypeError);
  t.throws(() => find('lines' as never, bytes('ls')), TypeError);
});

t.test('a line is found in each text that has it, and only as a whole', async (t) => {
  const line = fc.string({ unit: fc.constantFrom('/', 'a', 'b', '\0', '\xff'), maxLength: 3 });
  const text = fc.array(line, { maxLength: 5 });
  fc.assert(
    fc.property(fc.array(text, { maxLength: 5 }), line, (texts, wanted) => {
      const { find, aside } = native.openLines(
        texts.map((lines) => bytes(lines.map((one) => `${one}\n`).join(''))),
      );
      const expected = [...texts.keys()].filter((index) => texts[index]?.includes(wanted));
      return aside.length === 0 && [...new Set(find(bytes(wanted)))].join() === expected.join();
    }),
  );
  t.throws(() => native.openLines(['a\n' as never]), TypeError);
  t.throws(() => native.openLines([]).find('a' as never), TypeError);
  t.same(native.openLines([]).find(bytes('')), []);
});

t.test('a text with an odd path or a special line is set aside', async (t) => {
  const plain = '/.\n/usr\n/usr/bin\n/usr/bin/x..y\n/etc/a.b\n/var/lib/dpkg\n/opt/x\n';
  const odd = [
    '/bin/sh',
    '/lib/x',
    '/usr//x',
    '/usr/./x',
    '/usr/../x',
    '/usr/',
    '/usr/.x',
    'usr',
    '',
    '/var/run/x',
  ];
  const texts = [plain, '', ...odd.map((line) => `${plain}${line}\n`), `${plain}/usr/moved\n`, '/usr/cut'];
  const { find, aside } = native.openLines(texts.map(bytes), [bytes('/usr/moved')]);
  t.same(aside, [...texts.keys()].slice(2));
  t.same(find(bytes('/usr/bin')), [0]);
  t.same(find(bytes('/usr/moved')), []);
});

t.test(
  'lines of files are found as those of texts, and a file that cannot be read is set aside',
  async (t) => {
    const texts = {
      one: '/usr/a\n/usr/b\n',
      two: '/usr/b\n',
      cut: '/usr/b',
      moved: '/usr/b\n/usr/moved\n',
      empty: '',
    };
    const directory = t.testdir({ ...texts, below: {} });
    symlinkSync('/two', `${directory}/link`);
    const root = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    const names = [...Object.keys(texts), 'link', 'below', 'none'];
    const wait = native.openFileLines(
      root,
      names.map((name) => `/${name}`),
      ['/usr/moved'],
    );
    closeSync(root); // the thread has a descriptor of its own
    const { find, aside } = wait();
    t.notOk(openPaths().includes(directory), 'and closes it');
    t.same(
      aside.map((index) => names[index]),
      ['cut', 'moved', 'below', 'none'],
    );
    t.same(
      find(bytes('/usr/b')).map((index) => names[index]),
      ['one', 'two', 'link'],
    );
    t.same(find(bytes('/usr/moved')), []);
    t.equal(wait(), undefined, 'only the first call gets them');
    t.throws(() => native.openFileLines(root, ['/a\0b'], []), TypeError);
    t.throws(() => native.openFileLines(root, '/a' as never, []), TypeError);
    t.throws(() => native.openFileLines(root, [], undefined as never), TypeError);
    t.throws(() => native.openFileLines(2 ** 31 - 1, [], []), { code: 'EBADF' });
  },
);

t.test('the heads of files: links are followed, and what is no file is undefined', async (t) => {
  const directory = t.testdir({ file: 'content', empty: '', below: {} });
  symlinkSync('/file', `${directory}/link`);
  writeFileSync(`${directory}/\xff`, 'latin');
  const root = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  t.teardown(() => closeSync(root));
  const paths = ['/file', '/empty', '/below', '/link', '/none', '/\xff', '/../../file'];
  const heads = native.readInRoot(root, paths, 4).map((head) => head?.toString());
  t.same(heads, ['cont', '', undefined, 'cont', undefined, 'lati', 'cont']);
  t.throws(() => native.readInRoot(root, ['/a\0b'], 4), TypeError);
});

t.test('the stamp of paths tells any change of a file, and only a status of a directory', async (t) => {
  const directory = t.testdir({ file: 'content', below: {} });
  const root = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  t.teardown(() => closeSync(root));
  const stamp = (looked: string, read = '') =>
    native.stampPaths(root, bytes(looked), bytes(read)).hash.toString('hex');
  const [file, looked, read] = [stamp('/file\0'), stamp('/below\0'), stamp('', '/below\0')];
  const absent = stamp('/below/new\0');
  t.equal(stamp('/file\0'), file);
  writeFileSync(`${directory}/file`, 'CONTENT');
  writeFileSync(`${directory}/below/new`, '');
  t.not(stamp('/file\0'), file);
  t.equal(stamp('/below\0'), looked);
  t.not(stamp('', '/below\0'), read);
  t.not(stamp('/below/new\0'), absent);
  t.equal(native.stampPaths(root, bytes('/none\0'), bytes('')).newestMs, 0);
  const proc = openSync('/proc', constants.O_RDONLY | constants.O_DIRECTORY);
  t.teardown(() => closeSync(proc));
  t.equal(
    native.stampPaths(proc, bytes('/version\0'), bytes('')).newestMs,
    Infinity,
    'times that mean nothing',
  );
});
