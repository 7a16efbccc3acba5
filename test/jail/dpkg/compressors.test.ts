// The compressors that a program starts by the suffix of a file.

import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { compressorsIn } from '../../../lib/jail/dpkg/named-commands.ts';
import { makeProgram } from '../../support/jail/jail.ts';
import { memoryRoot } from '../../support/binary/image.ts';
import { elfWithStrings, type MadeSystem } from '../../support/jail/debian.ts';
import { chooseFrom, paths } from '../../support/jail/systems.ts';

function systemWith(program: Buffer): MadeSystem {
  const tools = ['bzip2', 'xz', 'zstd', 'lz4', 'brotli'].map(
    (name) => [name, { files: { [`/usr/bin/${name}`]: elfWithStrings() } }] as const,
  );
  return {
    packages: {
      p: { files: { '/usr/bin/p': program } },
      gzip: { control: 'Essential: yes', files: { '/usr/bin/gzip': elfWithStrings() } },
      ...Object.fromEntries(tools),
    },
  };
}

function chosenFor(program: Buffer) {
  const choice = chooseFrom(systemWith(program), '/usr/bin/p');
  return { files: paths(choice), suggested: choice.suggested.map(({ path }) => path as string).toSorted() };
}

const started = (...texts: readonly string[]) => makeProgram({ imports: ['execvp'], texts });

t.test('tar gets gzip, and the other compressors that it starts are suggested', async (t) => {
  t.same(chosenFor(started('ungzip', 'lbzip2', 'txz', '--zstd', '--lzop')), {
    files: ['/usr/bin/gzip', '/usr/bin/p'],
    suggested: ['/usr/bin/bzip2', '/usr/bin/xz', '/usr/bin/zstd'],
  });
});

t.test('a program in Rust names them too, although its strings have no end', async (t) => {
  const text = '*.xz*.gzgzip*.tgz*.bz2bzip2*.tbz2xz*.txz*.lz4lz4*.lzma--format=lzmabrotli*.zst-q*.zstd';
  const namesIn = (one: string) =>
    compressorsIn(memoryRoot({}), bytePath('/p'), { parts: [Buffer.from(one)], unseparated: true });
  t.same(namesIn(text), ['gzip', 'bzip2', 'xz', 'lzma', 'lz4', 'zstd']);
  t.same(namesIn('gzip, br, zstd, deflate'), []);
});

t.test('encodings of HTTP, and formats of a program that looks up no other, are no programs', async (t) => {
  const none = { files: ['/usr/bin/p'], suggested: [] };
  t.same(chosenFor(started('gunzip', 'br', 'zstd', 'deflate')).suggested, none.suggested);
  const texts = ['gzip', 'bzip2', 'lzma', 'zstd'];
  t.same(chosenFor(makeProgram({ imports: ['execvp'], needed: ['libbz2.so.1'], texts })).suggested, []);
  t.same(chosenFor(makeProgram({ imports: ['execv'], texts })), none);
});
