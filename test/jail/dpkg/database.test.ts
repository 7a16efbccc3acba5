import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { type FileRoot, openFileRoot } from '../../../lib/tree/root.ts';
import { openPackages, type Packages } from '../../../lib/jail/dpkg/database.ts';
import { readList } from '../../../lib/jail/dpkg/file-lists.ts';
import { memoryRoot } from '../../support/binary/image.ts';
import { makeSystem, type MadeSystem } from '../../support/jail/debian.ts';

const open = (system: MadeSystem): Packages => {
  const packages = openPackages(makeSystem(system));
  if (packages === undefined) throw new Error('no database');
  return packages;
};

const system = open({
  packages: {
    dpkg: {},
    bash: { control: 'Essential: yes', listed: ['/bin/bash'], files: { '/usr/bin/rbash': { link: 'bash' } } },
    'vim-tiny': {
      control: 'Source: vim',
      files: { '/usr/bin/vim.tiny': '', '/usr/share/vim/vim91/help.txt': '' },
    },
    'vim-runtime': { control: 'Source: vim', files: { '/usr/share/vim/vim91/syntax.vim': '' } },
    libfoo: { control: 'Multi-Arch: same\nProvides: foo (= 2), bar', listed: ['/usr/share/foo/data'] },
    nginx: { control: 'Provides: httpd', listed: ['/usr/sbin/nginx', '/var/run/nginx'] },
    apache2: { control: 'Provides: httpd, foo' },
    gone: { status: 'deinstall ok config-files', control: 'Provides: lost' },
  },
  files: { '/usr/bin/bash': '', '/var/run': { link: '/run' } },
  diversions: [
    '/usr/share/vim/vim91/help.txt\n/usr/share/vim/vim91/help.txt.vim-tiny\nvim-runtime',
    '/usr/sbin/nginx\n/usr/sbin/nginx.real\n:',
    '',
  ].join('\n'),
});
const owner = (path: string) => system.owner(bytePath(path))?.name;

t.test('there is no database where there is no status file', async (t) => {
  t.equal(openPackages(memoryRoot({ '/etc/passwd': '' })), undefined);
});

t.test('a file is found by each of its names on a system with merged /usr', async (t) => {
  t.equal(owner('/bin/bash'), 'bash');
  t.equal(owner('/usr/bin/bash'), 'bash');
  t.equal(owner('/bin/rbash'), 'bash');
  t.ok(system.isListed(bytePath('/bin/bash')));
});

t.test('a directory of several packages has no owner, but may be of one source', async (t) => {
  t.equal(owner('/usr/bin'), undefined);
  t.equal(system.source(bytePath('/usr/bin')), undefined);
  t.equal(owner('/usr/share/vim/vim91'), undefined);
  t.equal(system.source(bytePath('/usr/share/vim/vim91')), 'vim');
  t.equal(owner('/usr/share/foo'), 'libfoo');
  t.equal(owner('/nowhere'), undefined);
});

t.test('a diverted file is where it went, and the one that took its name is there', async (t) => {
  const tiny = system.find('vim-tiny');
  const files = tiny === undefined ? [] : system.files(tiny);
  t.ok(files.includes(bytePath('/usr/share/vim/vim91/help.txt.vim-tiny')));
  t.notOk(files.includes(bytePath('/usr/share/vim/vim91/help.txt')));
  t.equal(owner('/usr/share/vim/vim91/help.txt.vim-tiny'), 'vim-tiny');
  t.equal(owner('/usr/sbin/nginx.real'), 'nginx', 'by the administrator');
});

t.test('/var/run is /run', async (t) => {
  t.equal(owner('/run/nginx'), 'nginx');
  t.equal(owner('/var/run/nginx'), 'nginx');
});

t.test('only installed packages are found', async (t) => {
  t.equal(system.find('gone'), undefined);
  t.equal(system.satisfy(['lost']), undefined);
  t.equal(system.find('bash:amd64')?.name, 'bash');
  t.equal(system.find('bash:any')?.name, 'bash');
  t.equal(system.find('bash:i386'), undefined);
});

t.test('an entry of Depends is satisfied by the first alternative that will do', async (t) => {
  const satisfy = (...alternatives: Parameters<Packages['satisfy']>[0]) => system.satisfy(alternatives)?.name;
  t.equal(satisfy('none', 'bash'), 'bash');
  t.equal(satisfy('httpd'), 'nginx', 'provided');
  t.equal(satisfy('foo'), 'libfoo', 'provided with a version');
});

t.test('a name means the architecture of dpkg, and dependencies stay within theirs', async (t) => {
  const status = ['dpkg amd64', 'libx i386', 'libx amd64', 'wine i386']
    .map((line) => line.split(' '))
    .map(
      ([name, arch]) =>
        `Package: ${name}\nArchitecture: ${arch}\nStatus: install ok installed\nVersion: 1\nMulti-Arch: same\n`,
    );
  const packages = openPackages(
    memoryRoot({
      '/var/lib/dpkg/status': status.join('\n'),
      '/var/lib/dpkg/info/libx:i386.list': '/usr/lib/i386-linux-gnu/libx.so\n/usr/share/libx/data\n',
      '/var/lib/dpkg/info/libx:amd64.list': '/usr/lib/x86_64-linux-gnu/libx.so\n/usr/share/libx/data\n',
    }),
  );
  t.equal(packages?.find('libx')?.architecture, 'amd64');
  t.equal(packages?.find('libx:i386')?.architecture, 'i386');
  t.equal(packages?.satisfy(['libx'], 'i386')?.architecture, 'i386');
  t.equal(packages?.owner(bytePath('/usr/lib/i386-linux-gnu/libx.so'))?.architecture, 'i386');
  t.equal(packages?.owner(bytePath('/usr/share/libx/data'))?.name, 'libx', 'the file that both have');
});

t.test('paths in a list that would lead elsewhere are passed over', async (t) => {
  const packages = openPackages(
    memoryRoot({
      '/var/lib/dpkg/status': 'Package: p\nStatus: install ok installed\n',
      '/var/lib/dpkg/info/p.list':
        '/.\n/../etc/shadow\n/a/./b\n/a//b\nrelative\n/a\0b\n/a/\n\n/usr/..hidden\n',
    }),
  );
  const [p] = packages?.all ?? [];
  t.same(p && packages?.files(p), ['/usr/..hidden']);
});

t.test('without merged /usr a path has one name', async (t) => {
  const packages = openPackages(
    memoryRoot({
      '/var/lib/dpkg/status': 'Package: p\nStatus: install ok installed\n',
      '/var/lib/dpkg/info/p.list': '/bin/p\n',
      '/bin/p': '',
    }),
  );
  t.equal(packages?.owner(bytePath('/bin/p'))?.name, 'p');
  t.equal(packages?.owner(bytePath('/usr/bin/p')), undefined);
});

/** Those of the paths that a package with this list owns. */
function ownedOf(list: string, ...paths: string[]): string[] {
  const packages = openPackages(
    memoryRoot({
      '/var/lib/dpkg/status': 'Package: p\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n',
      '/var/lib/dpkg/info/p.list': list,
    }),
  );
  return paths.filter((path) => packages?.isListed(bytePath(path)));
}

t.test('lines of a list that are no plain paths are passed over, wherever they stand', (t) => {
  const odd = [
    '//usr/x',
    '/usr//x',
    '/usr/x/',
    '/usr/./x',
    '/usr/../x',
    '/usr/.',
    '/usr/..',
    'usr/x',
    '',
    '/',
    '/usr/\0x',
  ];
  for (const line of odd)
    for (const lines of [
      ['/.', line, '/usr/a'],
      [line, '/usr/a'],
      ['/.', '/usr/a', line],
    ])
      for (const end of ['\n', '']) {
        const listed = readList(Buffer.from(lines.join('\n') + end), 'p', new Map(), (path) => path);
        t.same(listed, ['/usr/a'], JSON.stringify(lines.join('\n') + end));
        t.same(ownedOf(lines.join('\n') + end, ...odd, '/usr/a'), ['/usr/a'], JSON.stringify(lines));
      }
  const hidden = readList(Buffer.from('/.\n/usr/.x\n/usr/..y\n'), 'p', new Map(), (path) => path);
  t.same(hidden, ['/usr/.x', '/usr/..y']);
  t.same(ownedOf('/.\n/usr/.x\n/usr/..y\n', '/usr/.x', '/usr/..y', '/usr/..'), ['/usr/.x', '/usr/..y']);
  t.end();
});

t.test('the owners of files are the same if the lists are read in the background', async (t) => {
  const listed = ['/.', '/bin/one', '/usr/share/one', '/usr/share/moved', ''].join('\n');
  const control = (name: string, more = '') =>
    `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n${more}\n`;
  const directory = t.testdir({
    bin: t.fixture('symlink', 'usr/bin'),
    var: {
      lib: {
        dpkg: {
          status:
            ['one', 'two', 'mad', 'lost'].map((name) => control(name)).join('') +
            control('same', 'Multi-Arch: same\n'),
          diversions: '/usr/share/moved\n/usr/share/there\n:\n',
          info: {
            'one.list': listed,
            'two.list': '/.\n/usr/share\n/usr/share/two\n',
            'same:amd64.list': '/.\n/usr/share/same\n',
            'mad.list': '/.\n/usr/share/mad\n',
          },
        },
        ucf: { registry: 'mad /etc/mad.conf\n' },
      },
    },
  });
  const root = openFileRoot(directory);
  t.teardown(() => root.close());
  const plain: FileRoot = {
    lstat: (path) => root.lstat(path),
    list: (path) => root.list(path),
    open: (path) => root.open(path),
  };
  const paths = [
    '/bin/one',
    '/usr/bin/one',
    '/usr/share/one',
    '/usr/share/moved',
    '/usr/share/there',
    '/usr/share/two',
    '/usr/share/same',
    '/usr/share/mad',
    '/etc/mad.conf',
    '/usr/share',
    '/none',
  ];
  const ownersIn = (from: FileRoot) => {
    const packages = openPackages(from);
    packages?.readAhead();
    return paths.map((path) => packages?.owner(bytePath(path))?.name);
  };
  t.same(ownersIn(root), [
    'one',
    'one',
    'one',
    undefined,
    'one',
    'two',
    'same',
    'mad',
    'mad',
    'two',
    undefined,
  ]);
  t.same(ownersIn(plain), ownersIn(root));
});
