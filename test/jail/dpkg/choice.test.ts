import t from 'tap';

import { elfWithStrings, type MadeSystem } from '../../support/jail/debian.ts';
import { base, chooseFrom, names, paths } from '../../support/jail/systems.ts';

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
  t.match(
    choice.files.find(({ path }) => path.endsWith('json/__init__.py')),
    { why: '/usr/bin/python3', started: false },
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
  t.same(paths(choice), ['/bin/sh', '/opt/s', '/usr/bin/awk', '/usr/bin/nawk', '/usr/bin/seq']);
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
