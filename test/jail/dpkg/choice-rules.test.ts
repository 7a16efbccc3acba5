// The rules for compilers, plugins, wrappers and the like, each on the smallest system that shows it.

import t from 'tap';

import { elfWithStrings, type MadeSystem } from '../../support/jail/debian.ts';
import { base, chooseFrom, paths } from '../../support/jail/systems.ts';

const gcc: MadeSystem = {
  packages: {
    gcc: {
      control:
        'Source: gcc-defaults\nSection: devel\nProvides: c-compiler\nDepends: gcc-14\nRecommends: libc6-dev | libc-dev, less',
      files: { '/usr/bin/gcc': { link: 'gcc-14' } },
    },
    'gcc-14': {
      control: 'Source: gcc-14\nSection: devel\nDepends: cpp-14, binutils, gcc-14-base',
      files: {
        '/usr/bin/gcc-14': elfWithStrings('cc1', 'collect2', 'as'),
        '/usr/libexec/gcc/14/collect2': elfWithStrings('real-ld', 'ld returned %d'),
      },
    },
    'gcc-14-base': { control: 'Source: gcc-14' },
    'cpp-14': {
      control: 'Source: gcc-14\nSection: interpreters',
      files: { '/usr/bin/cpp-14': elfWithStrings(), '/usr/libexec/gcc/14/cc1': elfWithStrings() },
    },
    binutils: {
      control: 'Section: devel',
      files: Object.fromEntries(['as', 'ld', 'gprof'].map((name) => [`/usr/bin/${name}`, elfWithStrings()])),
    },
    'libc6-dev': {
      control: 'Source: glibc\nSection: libdevel\nProvides: libc-dev\nDepends: libc6',
      files: {
        '/usr/include/stdio.h': '',
        '/usr/lib/x86_64-linux-gnu/crt1.o': '',
        '/usr/lib/x86_64-linux-gnu/libm.so':
          '/* GNU ld script\n*/\nGROUP ( /lib/x86_64-linux-gnu/libm.so.6 AS_NEEDED ( /lib/x86_64-linux-gnu/libmvec.so.1 ) )\n',
      },
    },
    libc6: { control: 'Source: glibc', files: { '/usr/lib/x86_64-linux-gnu/libmvec.so.1': '' } },
    less: { files: { '/usr/bin/less': elfWithStrings() } },
  },
};

t.test('a compiler gets its parts, assembler, linker, and the headers of libc', async (t) => {
  t.same(paths(chooseFrom(gcc, '/usr/bin/gcc')), [
    '/lib/x86_64-linux-gnu/libm.so.6',
    '/lib/x86_64-linux-gnu/libmvec.so.1',
    '/usr/bin/as',
    '/usr/bin/gcc',
    '/usr/bin/ld',
    '/usr/include/stdio.h',
    '/usr/lib/x86_64-linux-gnu/crt1.o',
    '/usr/lib/x86_64-linux-gnu/libm.so',
    '/usr/libexec/gcc/14/cc1',
    '/usr/libexec/gcc/14/collect2',
  ]);
});

const php: MadeSystem = {
  packages: {
    'php-cli': {
      control: 'Source: php\nDepends: php-common',
      files: {
        '/usr/bin/php': elfWithStrings(),
        '/etc/php/cli/conf.d': { isDirectory: true },
        '/etc/php/secret': { mode: 0o640 },
      },
    },
    'php-common': {
      control: 'Source: php',
      files: { '/usr/lib/php/pdo.so': '', '/etc/php/mods-available': { isDirectory: true } },
    },
    'php-mysql': { control: 'Source: php\nDepends: php-common', files: { '/usr/lib/php/mysqli.so': '' } },
    'php-xml': { control: 'Source: php\nDepends: php-common', files: { '/usr/lib/php/dom.so': '' } },
    other: { control: 'Depends: php-common', files: { '/usr/lib/other/x.so': '' } },
  },
  files: {
    '/etc/php/mods-available/mysqli.ini': '; extension=dom.so\nextension=mysqli.so\n',
    '/etc/php/cli/conf.d/20-mysqli.ini': { link: '/etc/php/mods-available/mysqli.ini' },
    '/etc/php/cli/conf.d/x.ini.dpkg-old': '',
  },
};

t.test('configuration that maintainer scripts made comes along, and the plugins that it loads', async (t) => {
  const choice = chooseFrom(php, '/usr/bin/php');
  t.same(paths(choice), [
    '/etc/php/cli/conf.d/20-mysqli.ini',
    '/etc/php/mods-available/mysqli.ini',
    '/usr/bin/php',
    '/usr/lib/php/mysqli.so',
    '/usr/lib/php/pdo.so',
  ]);
});

t.test('a file that is not world-readable is withheld', async (t) => {
  t.same(
    chooseFrom(php, '/usr/bin/php').withheld.map(({ path }) => path),
    ['/etc/php/secret'],
  );
});

t.test('a program comes with its other names', async (t) => {
  t.same(paths(chooseFrom(base, '/usr/bin/mawk')), ['/usr/bin/awk', '/usr/bin/mawk', '/usr/bin/nawk']);
  const system: MadeSystem = {
    packages: {
      qemu: {
        files: {
          '/usr/bin/qemu-arm': elfWithStrings(),
          '/usr/bin/qemu-mips': elfWithStrings(),
          '/usr/libexec/qemu/arm': { link: '../../bin/qemu-arm' },
          '/usr/libexec/qemu/mips': { link: '../../bin/qemu-mips' },
        },
      },
    },
  };
  t.same(paths(chooseFrom(system, '/usr/bin/qemu-arm')), ['/usr/bin/qemu-arm', '/usr/libexec/qemu/arm']);
});

t.test('a script that a configuration file names is started', async (t) => {
  const system: MadeSystem = {
    packages: {
      ...base.packages,
      lighttpd: {
        files: {
          '/usr/sbin/lighttpd': elfWithStrings(),
          '/etc/lighttpd/lighttpd.conf': 'include_shell "/usr/share/lighttpd/mime.pl"\n',
          '/usr/share/lighttpd/mime.pl': '#!/usr/bin/perl\n',
          '/usr/share/lighttpd/other.pl': '#!/usr/bin/perl\n',
        },
      },
    },
  };
  const choice = chooseFrom(system, '/usr/sbin/lighttpd');
  const started = choice.files.filter((file) => file.started).map(({ path }) => path);
  t.same(started.toSorted(), ['/usr/bin/perl', '/usr/sbin/lighttpd', '/usr/share/lighttpd/mime.pl']);
});

t.test('the library of a program names what it starts', async (t) => {
  const system: MadeSystem = {
    packages: {
      rustc: { control: 'Depends: librustc, gcc', files: { '/usr/bin/rustc': elfWithStrings() } },
      librustc: {
        control: 'Source: rustc',
        files: { '/usr/lib/x86_64-linux-gnu/librustc.so': elfWithStrings('gcc') },
      },
      gcc: { files: { '/usr/bin/gcc': elfWithStrings() } },
    },
  };
  t.ok(paths(chooseFrom(system, '/usr/bin/rustc')).includes('/usr/bin/gcc'));
});

t.test('a wrapper gets the program that it starts', async (t) => {
  const system: MadeSystem = {
    packages: {
      'pg-common': {
        files: { '/usr/bin/psql': { link: '../share/pg/wrapper' }, '/usr/share/pg/wrapper': '#!/bin/sh\n' },
      },
      'pg-17': { control: 'Depends: pg-common', files: { '/usr/lib/pg/17/bin/psql': elfWithStrings() } },
    },
  };
  t.ok(paths(chooseFrom(system, '/usr/bin/psql')).includes('/usr/lib/pg/17/bin/psql'));
});

t.test('a script starts what is called like itself, with something behind it', async (t) => {
  const system: MadeSystem = {
    packages: {
      ...base.packages,
      valgrind: {
        files: {
          '/usr/bin/valgrind': '#!/bin/sh\nexec $0.bin "$@"\n',
          '/usr/bin/valgrind.bin': elfWithStrings(),
          '/usr/bin/valgrind-di-server': elfWithStrings(),
        },
      },
    },
  };
  t.same(
    paths(chooseFrom(system, '/usr/bin/valgrind')).filter((path) => path.includes('valgrind')),
    ['/usr/bin/valgrind', '/usr/bin/valgrind.bin'],
  );
});

t.test('modules of one interpreter are loaded by name', async (t) => {
  const module = (name: string, depends: string) => ({
    control: `Depends: ${depends}`,
    files: { [`/usr/share/nodejs/${name}/index.js`]: '', [`/usr/bin/${name}`]: '#!/usr/bin/node\n' },
  });
  const system: MadeSystem = {
    packages: {
      npm: module('npm', 'semver, make'),
      semver: module('semver', ''),
      make: { files: { '/usr/bin/make': '' } },
    },
  };
  const found = paths(chooseFrom(system, '/usr/bin/npm'));
  t.ok(found.includes('/usr/share/nodejs/semver/index.js'));
  t.notOk(found.includes('/usr/bin/make'));
});

t.test('an unknown package chooses nothing', async (t) => {
  t.same(chooseFrom(base, '/usr/bin/nothing', '/usr/bin'), {
    files: [],
    packages: [],
    withheld: [],
    suggested: [],
  });
  t.same(paths(chooseFrom({ ...base, files: { '/opt/x': elfWithStrings() } }, '/opt/x')), ['/opt/x']);
});

t.test('a small file of data names a program beside the one that was asked for', async (t) => {
  const system: MadeSystem = {
    packages: {
      'groff-base': {
        control: 'Section: text',
        files: {
          '/usr/bin/groff': elfWithStrings('devutf8'),
          '/usr/bin/grotty': elfWithStrings(),
          '/usr/bin/preconv': elfWithStrings(),
          '/usr/share/groff/font/devutf8/DESC': 'res 240\npostpro grotty\n',
          '/usr/share/groff/font/devutf8/NOTES': `${'x'.repeat(20_000)} preconv`,
        },
      },
    },
  };
  const found = paths(chooseFrom(system, '/usr/bin/groff'));
  t.ok(found.includes('/usr/bin/grotty'));
  t.notOk(found.includes('/usr/bin/preconv'), 'a large file is no settings');
});

t.test('a file that a script names by its path comes along, but nothing to be read by people', async (t) => {
  const system: MadeSystem = {
    packages: {
      lighttpd: {
        control: 'Section: httpd',
        files: {
          '/usr/sbin/lighttpd': elfWithStrings('/etc/lighttpd'),
          '/usr/share/lighttpd/mime.pl':
            '#!/usr/bin/perl\nopen(M, "</etc/mime.types"); "/usr/share/doc/media-types/copyright"',
          '/etc/lighttpd/lighttpd.conf': 'include_shell "/usr/share/lighttpd/mime.pl"\n',
        },
      },
      'media-types': {
        files: { '/etc/mime.types': 'text/plain txt\n', '/usr/share/doc/media-types/copyright': '' },
      },
      'perl-base': { control: 'Essential: yes', files: { '/usr/bin/perl': elfWithStrings() } },
    },
  };
  const found = paths(chooseFrom(system, '/usr/sbin/lighttpd'));
  t.ok(found.includes('/etc/mime.types'));
  t.notOk(found.includes('/usr/share/doc/media-types/copyright'));
});

t.test(
  'files that a maintainer script made in a directory of its package come along, caches do not',
  async (t) => {
    const system: MadeSystem = {
      packages: {
        graphviz: {
          files: { '/usr/bin/dot': elfWithStrings(), '/usr/lib/graphviz/libgvplugin.so.6': '' },
        },
        one: { files: { '/usr/share/modules/one.pm': '' } },
        other: { files: { '/usr/share/modules/other.pm': '' } },
      },
      files: {
        '/usr/lib/graphviz/config6a': 'libgvplugin.so.6 svg',
        '/usr/lib/graphviz/__pycache__/x.pyc': '',
        '/usr/share/modules/local.pm': '',
      },
    };
    t.same(paths(chooseFrom(system, '/usr/bin/dot')), [
      '/usr/bin/dot',
      '/usr/lib/graphviz/config6a',
      '/usr/lib/graphviz/libgvplugin.so.6',
    ]);
    t.same(
      paths(chooseFrom(system, 'one')),
      ['/usr/share/modules/one.pm'],
      'of a directory of many packages',
    );
  },
);

t.test('a package of nothing but data for a program is needed although it is only recommended', async (t) => {
  const system: MadeSystem = {
    packages: {
      aspell: {
        control: 'Recommends: aspell-en, extra, viewer',
        files: { '/usr/bin/aspell': elfWithStrings() },
      },
      'aspell-en': { control: 'Depends: aspell', files: { '/usr/lib/aspell/en.dat': '' } },
      extra: { files: { '/usr/share/aspell/x': '' } },
      viewer: {
        control: 'Depends: aspell',
        files: { '/usr/bin/viewer': elfWithStrings(), '/usr/share/aspell/y': '' },
      },
    },
  };
  t.same(paths(chooseFrom(system, '/usr/bin/aspell')), ['/usr/bin/aspell', '/usr/lib/aspell/en.dat']);
});
