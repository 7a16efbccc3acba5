import t from 'tap';

import { bytePath } from '../../../lib/binary/path.ts';
import { type Choice, packageChain } from '../../../lib/jail/dpkg/choice.ts';
import { choose } from '../../../lib/jail/dpkg/choose.ts';
import { openPackages } from '../../../lib/jail/dpkg/database.ts';
import { elfWithStrings, makeSystem, type MadeSystem } from './debian.ts';

function chooseFrom(system: MadeSystem, ...asked: readonly string[]): Choice {
  const root = makeSystem(system);
  const packages = openPackages(root);
  if (packages === undefined) throw new Error('no database');
  return choose(root, packages, {
    programs: asked.filter((name) => name.startsWith('/')).map((path) => bytePath(path)),
    packages: asked.filter((name) => !name.startsWith('/')).flatMap((name) => packages.find(name) ?? []),
  });
}

const paths = ({ files }: Choice) => files.map(({ path }) => path as string).toSorted();
const names = ({ packages }: Choice) => packages.map((entry) => entry.package.name).toSorted();

const python: MadeSystem = {
  packages: {
    'python3-minimal': {
      control: 'Source: python3-defaults\nSection: python\nPre-Depends: python3.13-minimal',
      files: { '/usr/bin/python3': { link: 'python3.13' }, '/usr/bin/py3compile': '#!/usr/bin/python3\n' },
    },
    python3: {
      control:
        'Source: python3-defaults\nSection: python\nPre-Depends: python3-minimal\nDepends: libpython3-stdlib',
      files: { '/usr/bin/pydoc3': '#!/usr/bin/python3\n' },
    },
    'libpython3-stdlib': { control: 'Source: python3-defaults\nDepends: libpython3.13-stdlib' },
    'python3.13-minimal': {
      control: 'Source: python3.13\nSection: python\nDepends: libc6',
      files: { '/usr/bin/python3.13': elfWithStrings('x') },
    },
    'libpython3.13-stdlib': {
      control: 'Source: python3.13\nDepends: media-types | mime-support, debconf',
      files: {
        '/usr/lib/python3.13/json/__init__.py': '',
        '/usr/lib/python3.13/pdb.py': '#! /usr/bin/python3.13\n',
        '/usr/share/doc/python3.13/x': '',
      },
    },
    'mime-support': { files: { '/etc/mime.types': '' } },
    debconf: { files: { '/usr/share/perl5/Debconf.pm': '' } },
    libc6: { files: { '/usr/lib/x86_64-linux-gnu/gconv/X.so': '' } },
    dash: {
      control: 'Essential: yes',
      files: { '/usr/bin/dash': elfWithStrings(), '/usr/bin/sh': { link: 'dash' } },
    },
  },
};

t.test('python3 gets its standard library, although its package is the smallest part', async (t) => {
  const choice = chooseFrom(python, '/usr/bin/python3');
  t.same(paths(choice), [
    '/etc/mime.types',
    '/usr/bin/python3',
    '/usr/lib/python3.13/json/__init__.py',
    '/usr/lib/python3.13/pdb.py',
  ]);
  t.notOk(names(choice).includes('debconf'), 'what only maintainer scripts need is not followed');
  t.notOk(names(choice).includes('libc6'));
});

t.test('the chain of packages says why a file is there', async (t) => {
  const choice = chooseFrom(python, '/bin/python3');
  const stdlib = choice.packages.find((entry) => entry.package.name === 'libpython3.13-stdlib');
  t.same(
    stdlib && packageChain(choice, stdlib.package).map((entry) => [entry.package.name, entry.reason.how]),
    [
      ['libpython3.13-stdlib', 'Depends'],
      ['libpython3-stdlib', 'Depends'],
      ['python3', 'whole'],
      ['python3-minimal', 'asked'],
    ],
  );
  t.match(
    choice.files.find(({ path }) => path.endsWith('json/__init__.py')),
    { why: '/bin/python3', started: false },
  );
});

t.test('a script gets what its interpreter needs, whoever it belongs to', async (t) => {
  for (const line of ['#!/usr/bin/python3', '#!/usr/bin/env python3', '#!/usr/bin/env -S python3 -I']) {
    const choice = chooseFrom({ ...python, files: { '/opt/s': `${line}\n` } }, '/opt/s');
    t.ok(paths(choice).includes('/usr/lib/python3.13/json/__init__.py'), line);
  }
});

t.test('modules that a script loads come along with their packages', async (t) => {
  const system: MadeSystem = {
    packages: {
      ...python.packages,
      'python3-yaml': {
        control: 'Depends: libyaml',
        files: { '/usr/lib/python3/dist-packages/yaml/__init__.py': '' },
      },
      libyaml: { files: { '/usr/lib/libyaml.so.0': '' } },
      'python3-other': { files: { '/usr/lib/python3/dist-packages/other.py': '' } },
    },
    files: { '/opt/s': '#!/usr/bin/python3\nimport sys\nfrom yaml import load\nprint("import other")\n' },
  };
  const choice = chooseFrom(system, '/opt/s');
  t.ok(paths(choice).includes('/usr/lib/python3/dist-packages/yaml/__init__.py'));
  t.ok(paths(choice).includes('/usr/lib/libyaml.so.0'), 'a library that only a script can ask for');
  t.notOk(names(choice).includes('python3-other'));
});

const base: MadeSystem = {
  packages: {
    coreutils: {
      control: 'Essential: yes\nPre-Depends: libselinux1',
      files: {
        '/usr/bin/ls': elfWithStrings('dir', '/usr/share/locale'),
        '/usr/bin/dir': elfWithStrings(),
        '/usr/bin/stdbuf': elfWithStrings('/usr/libexec/coreutils'),
        '/usr/libexec/coreutils/libstdbuf.so': '',
        '/usr/bin/test': elfWithStrings(),
        '/usr/bin/seq': elfWithStrings(),
      },
    },
    libselinux1: { files: { '/usr/share/selinux/x': '' } },
    bash: {
      control: 'Essential: yes\nDepends: debianutils',
      files: { '/usr/bin/bash': elfWithStrings('ls'), '/etc/bash.bashrc': '', '/etc/skel/.bashrc': '' },
    },
    debianutils: { control: 'Essential: yes', files: { '/usr/bin/which': '#!/bin/sh\n' } },
    'perl-base': {
      control: 'Essential: yes\nSource: perl',
      files: {
        '/usr/bin/perl': elfWithStrings('/usr/lib/x86_64-linux-gnu/perl-base'),
        '/usr/lib/x86_64-linux-gnu/perl-base/List/Util.pm': '',
        '/usr/lib/x86_64-linux-gnu/libother.so': '',
      },
    },
    dash: { control: 'Essential: yes', files: { '/usr/bin/sh': elfWithStrings() } },
    gzip: {
      control: 'Essential: yes',
      files: { '/usr/bin/gzip': elfWithStrings(), '/usr/bin/zcat': '#!/bin/sh\nexec gzip -cd "$@"\n' },
    },
    mawk: { control: 'Provides: awk', files: { '/usr/bin/mawk': elfWithStrings() } },
  },
  files: {
    '/var/lib/dpkg/alternatives/awk': 'auto\n/usr/bin/awk\nnawk\n/usr/bin/nawk\n\n/usr/bin/mawk\n5\n\n',
    '/etc/alternatives/awk': { link: '/usr/bin/mawk' },
    '/etc/alternatives/nawk': { link: '/usr/bin/mawk' },
    '/usr/bin/awk': { link: '/etc/alternatives/awk' },
    '/usr/bin/nawk': { link: '/etc/alternatives/nawk' },
  },
};

t.test('programs of Essential packages bring nothing but the data that they name', async (t) => {
  t.same(paths(chooseFrom(base, '/bin/bash', '/usr/bin/ls')), ['/bin/bash', '/usr/bin/ls']);
  t.same(paths(chooseFrom(base, '/usr/bin/stdbuf')), [
    '/usr/bin/stdbuf',
    '/usr/libexec/coreutils/libstdbuf.so',
  ]);
  t.same(paths(chooseFrom(base, '/usr/bin/perl')), [
    '/usr/bin/perl',
    '/usr/lib/x86_64-linux-gnu/perl-base/List/Util.pm',
  ]);
});

t.test('a shell script brings the commands that it calls, and no builtins', async (t) => {
  t.same(paths(chooseFrom(base, '/usr/bin/zcat')), ['/bin/sh', '/usr/bin/gzip', '/usr/bin/zcat']);
  const script = '#!/bin/sh\nif test -n "$1"; then seq 3 | awk 1; fi\n';
  const choice = chooseFrom({ ...base, files: { ...base.files, '/opt/s': script } }, '/opt/s');
  t.same(paths(choice), ['/bin/sh', '/opt/s', '/usr/bin/awk', '/usr/bin/seq']);
});

const git: MadeSystem = {
  packages: {
    ...base.packages,
    git: {
      control: 'Depends: liberror, perl, iproute2, ssh-client',
      files: {
        '/usr/bin/git': elfWithStrings('git-upload-pack', 'get ip hash', 'ssh'),
        '/usr/bin/git-upload-pack': { link: 'git' },
        '/usr/bin/scalar': elfWithStrings(),
        '/usr/lib/git-core/git-remote-http': elfWithStrings(),
        '/usr/lib/git-core/git-submodule': '#!/bin/sh\n. git-sh-setup\n',
        '/usr/lib/git-core/git-sh-setup': 'x=$(seq 1)\n',
        '/usr/share/git-core/templates/hooks/x.sample': '#!/usr/bin/perl\n',
        '/usr/share/git-core/contrib/x': '#!/usr/bin/perl\n',
        '/usr/share/man/man1/git.1.gz': '',
        '/usr/share/locale/de/LC_MESSAGES/git.mo': '',
      },
    },
    liberror: { files: { '/usr/share/perl5/Error.pm': '' } },
    perl: {
      control: 'Source: perl\nDepends: perl-base',
      files: { '/usr/bin/prove': '#!/usr/bin/perl\n', '/usr/share/perl/x.pm': '' },
    },
    iproute2: { files: { '/usr/bin/ip': elfWithStrings(), '/usr/share/iproute2/x': '' } },
    'openssh-client': {
      control: 'Provides: ssh-client\nSource: openssh',
      files: {
        '/usr/bin/ssh': elfWithStrings(),
        '/usr/bin/scp': elfWithStrings(),
        '/etc/ssh/ssh_config': '',
      },
    },
  },
  files: base.files ?? {},
};

t.test('a program comes with its helpers, and with its siblings that it names', async (t) => {
  const choice = chooseFrom(git, '/usr/bin/git');
  const found = paths(choice);
  for (const path of [
    '/usr/bin/git-upload-pack',
    '/usr/lib/git-core/git-remote-http',
    '/usr/lib/git-core/git-submodule',
    '/usr/share/git-core/templates/hooks/x.sample',
    '/usr/share/perl5/Error.pm',
  ])
    t.ok(found.includes(path), path);
  for (const path of ['/usr/bin/scalar', '/usr/share/man/man1/git.1.gz', '/usr/share/git-core/contrib/x'])
    t.notOk(found.includes(path), path);
  t.ok(found.includes('/usr/bin/seq'), 'a command of what a helper reads in');
});

t.test('a dependency with programs is used only if one of them is named', async (t) => {
  const found = paths(chooseFrom(git, '/usr/bin/git'));
  t.ok(found.includes('/usr/bin/ssh'));
  t.ok(found.includes('/etc/ssh/ssh_config'));
  t.notOk(found.includes('/usr/bin/scp'));
  t.notOk(found.includes('/usr/bin/ip'));
  t.notOk(found.includes('/usr/share/perl/x.pm'));
});

t.test('a script that nothing starts needs no interpreter', async (t) => {
  const choice = chooseFrom(git, '/usr/bin/git');
  const started = (path: string) => choice.files.find((file) => file.path === path)?.started;
  t.equal(started('/usr/share/git-core/templates/hooks/x.sample'), false);
  t.equal(started('/usr/lib/git-core/git-submodule'), true);
  t.notOk(names(choice).includes('perl-base'));
});

t.test('a package that is asked for by name comes whole', async (t) => {
  const found = paths(chooseFrom(git, 'git'));
  t.ok(found.includes('/usr/bin/scalar'));
  t.notOk(found.includes('/usr/share/man/man1/git.1.gz'));
  t.notOk(found.includes('/usr/bin/ip'));
  t.same(chooseFrom(git, 'git').files.find(({ path }) => path === '/usr/bin/git')?.why, undefined);
});

t.test('a package without programs hands on what is asked for', async (t) => {
  const system: MadeSystem = {
    packages: {
      meta: { control: 'Depends: tool (>= 1) | other' },
      tool: { files: { '/usr/bin/tool': elfWithStrings(), '/usr/bin/tool-2': elfWithStrings() } },
    },
  };
  t.same(paths(chooseFrom(system, 'meta')), ['/usr/bin/tool', '/usr/bin/tool-2']);
});

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
  t.match(
    choice.packages.find((entry) => entry.package.name === 'php-mysql'),
    { reason: { how: 'plugin', from: { name: 'php-common' } } },
  );
});

t.test('what not everybody may read is withheld', async (t) => {
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

t.test('what is unknown chooses nothing', async (t) => {
  t.same(chooseFrom(base, '/usr/bin/nothing', '/usr/bin'), { files: [], packages: [], withheld: [] });
  t.same(paths(chooseFrom({ ...base, files: { '/opt/x': elfWithStrings() } }, '/opt/x')), ['/opt/x']);
});
