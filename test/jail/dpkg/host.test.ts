// The packages of this machine, if it is a Debian system: what each program cannot do without.

import t from 'tap';

import { type BytePath, bytePath } from '../../../lib/tree/path.ts';
import { openFileRoot } from '../../../lib/tree/root.ts';
import { rememberStatus } from '../../../lib/tree/remembered-root.ts';
import { walk } from '../../../lib/tree/walk.ts';
import { type Choice, choose } from '../../../lib/jail/dpkg/choice.ts';
import { openPackages } from '../../../lib/jail/dpkg/database.ts';
import { openReading } from '../../../lib/jail/dpkg/choice-state.ts';
import { finish } from '../../support/steps.ts';
import { stateOf } from '../../../lib/jail/dpkg/service-directories.ts';

const host = openFileRoot('/');
t.teardown(() => host.close());
const root = rememberStatus(host);
const packages = openPackages(root);

interface Expectation {
  readonly program: string;
  readonly needs: readonly RegExp[];
  readonly never?: readonly RegExp[];
  readonly maxBytes: number;
}

const MB = 1e6;
const EXPECTATIONS: readonly Expectation[] = [
  { program: '/usr/bin/bash', needs: [], maxBytes: 0 },
  { program: '/usr/bin/ls', needs: [], maxBytes: 0 },
  { program: '/usr/bin/id', needs: [], maxBytes: 0 },
  {
    program: '/usr/bin/python3',
    needs: [
      /\/json\/__init__\.py$/,
      /\/encodings\/utf_8\.py$/,
      /\/lib-dynload\/_sqlite3\..*so$/,
      /\/ctypes\//,
    ],
    never: [/__pycache__/, /dist-packages\/apt/],
    maxBytes: 40 * MB,
  },
  {
    program: '/usr/bin/perl',
    needs: [/\/List\/Util\.pm$/, /\/POSIX\.pm$/, /\/JSON\/PP\.pm$/, /\/auto\/.*\.so$/, /\/perl\/5[.\d]*$/],
    maxBytes: 60 * MB,
  },
  {
    program: '/usr/bin/git',
    needs: [
      /\/git-core\/git-remote-https?$/,
      /\/git-core\/templates\//,
      /\/bin\/git-upload-pack$/,
      /\/bin\/uname$/,
    ],
    never: [/\/contrib\//, /\/perl\/5/],
    maxBytes: 80 * MB,
  },
  { program: '/usr/bin/curl', needs: [], never: [/\/bin\/(?!curl$)/], maxBytes: 5 * MB },
  { program: '/usr/bin/sqlite3', needs: [], maxBytes: 1 * MB },
  {
    program: '/usr/bin/vim.tiny',
    needs: [/^\/etc\/vim\/vimrc$/, /^\/etc\/vim\/vimrc\.tiny$/, /\/debian\.vim$/],
    never: [/vim\.basic$/, /\/syntax\//],
    maxBytes: 2 * MB,
  },
  {
    program: '/usr/sbin/nginx',
    needs: [/^\/etc\/nginx\/nginx\.conf$/, /^\/etc\/nginx\/mime\.types$/, /^\/usr\/share\/nginx\/html\//],
    never: [/\/ip$/, /init\.d/, /systemd/, /\/share\/vim\//],
    maxBytes: 3 * MB,
  },
  { program: '/usr/bin/redis-server', needs: [/redis-check-rdb$/], maxBytes: 12 * MB },
  { program: '/usr/lib/openssh/sftp-server', needs: [], never: [/\/bin\//, /keysign/], maxBytes: 1 * MB },
  {
    program: '/usr/bin/gcc',
    needs: [
      /\/cc1$/,
      /\/collect2$/,
      /\/bin\/as$/,
      /\/bin\/ld$/,
      /\/crt1\.o$/,
      /\/crtbeginS?\.o$/,
      /\/include\/stdio\.h$/,
      /\/libm(?:vec)?\.so\.\d/,
    ],
    never: [/\/lto-dump/, /\/cc1plus$/],
    maxBytes: 250 * MB,
  },
  { program: '/usr/bin/tclsh', needs: [/\/init\.tcl$/], maxBytes: 10 * MB },
];

function sizeOf({ files }: Choice, program: BytePath): number {
  const ends = new Map<BytePath, number>();
  for (const { path } of files) {
    const way = walk(root, path);
    if (way.kind === 'found' && way.status.kind === 'file') ends.set(way.path, way.status.sizeBytes);
  }
  ends.delete(walk(root, program).path);
  return [...ends.values()].reduce((sum, size) => sum + size, 0);
}

for (const { program, needs, never = [], maxBytes } of EXPECTATIONS) {
  const path = bytePath(program);
  const skip =
    packages === undefined
      ? 'no Debian system'
      : walk(root, path).kind === 'found' && packages.owner(walk(root, path).path) !== undefined
        ? false
        : `${program} is not installed as a package`;
  t.test(`${program} gets what it cannot do without`, { skip }, async (t) => {
    if (packages === undefined) return;
    const choice = finish(choose(openReading(root, packages), { programs: [path], packages: [] }));
    const paths = choice.files.map((file) => file.path);
    for (const pattern of needs)
      t.ok(
        paths.some((path) => pattern.test(path)),
        `needs ${pattern}`,
      );
    for (const pattern of [...never, /^\/usr\/share\/(?:doc|man|locale)\//, /^\/var\/lib\/dpkg\//])
      t.same(
        paths.filter((path) => pattern.test(path)),
        [],
        `never ${pattern}`,
      );
    const size = sizeOf(choice, path);
    t.ok(size <= maxBytes, `${choice.files.length} files, ${(size / MB).toFixed(2)} MB`);
  });
}

t.test(
  'files of packages are found by both names of a merged /usr',
  { skip: packages === undefined && 'no Debian system' },
  async (t) => {
    for (const path of ['/bin/bash', '/usr/bin/bash'])
      t.equal(packages?.owner(bytePath(path))?.name, 'bash', path);
    t.equal(packages?.owner(bytePath('/usr/bin')), undefined);
    t.equal(packages?.owner(bytePath('/etc/passwd')), undefined, 'made by a maintainer script');
  },
);

t.test(
  'directories of a daemon are found',
  { skip: packages?.find('redis-server') === undefined && 'redis-server is not installed' },
  async (t) => {
    if (packages === undefined) return;
    const choice = finish(
      choose(openReading(root, packages), {
        programs: [bytePath('/usr/bin/redis-server')],
        packages: [],
      }),
    );
    const state = stateOf(root, packages, choice);
    t.match(
      state.find(({ path }) => path === '/run/redis'),
      { mode: 0o2755, user: 'redis' },
    );
    t.ok(state.some(({ path }) => path === '/var/lib/redis'));
  },
);

t.test(
  'every list of the machine is read in well under a second',
  { skip: packages === undefined && 'no Debian system' },
  async (t) => {
    const start = performance.now();
    const fresh = openPackages(root);
    fresh?.owner(bytePath('/usr/bin/bash'));
    const ms = performance.now() - start;
    // a bound for a busy machine; 0.1 s is usual for 800 packages
    t.ok(ms < 3000, `${fresh?.all.length} packages in ${ms.toFixed(0)} ms`);
  },
);
