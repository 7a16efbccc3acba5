// The compressors that a program starts by the suffix of a file.

import t from 'tap';

import { makeProgram } from '../../support/jail/jail.ts';
import { elfWithStrings, type MadeSystem, rustWithStrings } from '../../support/jail/debian.ts';
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

t.test('tar gets gzip, and the other compressors that it starts are suggested', async (t) => {
  t.same(chosenFor(elfWithStrings('ungzip', 'lbzip2', 'txz', '--zstd', '--lzop')), {
    files: ['/usr/bin/gzip', '/usr/bin/p'],
    suggested: ['/usr/bin/bzip2', '/usr/bin/xz', '/usr/bin/zstd'],
  });
});

t.test('so does a program in Rust, whose strings have no end', async (t) => {
  const text = '*.xz*.gzgzip*.tgz*.bz2bzip2*.tbz2xz*.txz*.lz4lz4*.lzma--format=lzmabrotli*.zst-q*.zstd';
  t.same(chosenFor(rustWithStrings(text)), {
    files: ['/usr/bin/gzip', '/usr/bin/p'],
    suggested: ['bzip2', 'lz4', 'xz', 'zstd'].map((name) => `/usr/bin/${name}`),
  });
});

t.test('encodings of HTTP, and formats that a library of the program reads, are no programs', async (t) => {
  const none = { files: ['/usr/bin/p'], suggested: [] };
  t.same(chosenFor(elfWithStrings('gzip', 'br', 'zstd', 'deflate')), none);
  t.same(chosenFor(rustWithStrings('gzip, br, zstd, deflate')), none);
  const texts = ['gzip', 'bzip2', 'lzma', 'zstd'];
  t.same(chosenFor(makeProgram({ needed: ['libbz2.so.1'], texts })), none);
  t.same(chosenFor(makeProgram({ needed: ['libz2.so.1'], texts })).suggested.length, 3);
});
