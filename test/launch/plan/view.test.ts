// The steps that make the view of an isolated program.
import t from 'tap';

import { makeView, openTrees, watchedSpaces } from '../../../lib/launch/plan/view.ts';
import { namespacesOf } from '../../../lib/launch/request/isolation-value.ts';
import { normalize, type LaunchRequest } from '../../../lib/launch/request/request.ts';

/** The steps that make the view: each with its keys, modes in octal. */
function viewOf(keys: Partial<LaunchRequest>): readonly string[] {
  const request = normalize({ user: 'sam', jail: '/jail', isolate: true, view: [], ...keys });
  const shown = (key: string, value: unknown): string => {
    if (key === 'mode') return Number(value).toString(8);
    if (Buffer.isBuffer(value)) return String(value);
    return typeof value === 'string' ? value : JSON.stringify(value);
  };
  return [openTrees, makeView]
    .flatMap((make) => make(request, namespacesOf(request)))
    .map(({ op, ...rest }) =>
      [op, ...Object.entries(rest).map(([key, value]) => `${key}=${shown(key, value)}`)].join(' '),
    );
}

t.test('an entry of each kind is made by these steps', async (t) => {
  const steps = viewOf({
    view: [{ dev: '/dev' }, { proc: '/proc' }, { tmpfs: '/tmp' }, { dir: '/d' }, { bind: '/srv', to: '/in' }],
  });
  t.same(
    // what hides files of /proc has a test of its own
    steps.filter((step) => !/^(open_tree|bind_if_there)/.test(step)),
    [
      'pivot_root slot=0',
      'move_mount slot=1 target=/dev ifThere=true',
      'mount type=tmpfs target=/dev flags=["nosuid","noexec"] options=size=64k,nr_inodes=64,mode=755 enters=true',
      'mknod path=/dev/null mode=20666 major=1 minor=3 within=/dev',
      'mknod path=/dev/zero mode=20666 major=1 minor=5 within=/dev',
      'mknod path=/dev/full mode=20666 major=1 minor=7 within=/dev',
      'mknod path=/dev/random mode=20666 major=1 minor=8 within=/dev',
      'mknod path=/dev/urandom mode=20666 major=1 minor=9 within=/dev',
      'mknod path=/dev/tty mode=20666 major=5 minor=0 within=/dev',
      'symlink target=/proc/self/fd path=/dev/fd within=/dev',
      'symlink target=/proc/self/fd/0 path=/dev/stdin within=/dev',
      'symlink target=/proc/self/fd/1 path=/dev/stdout within=/dev',
      'symlink target=/proc/self/fd/2 path=/dev/stderr within=/dev',
      'symlink target=pts/ptmx path=/dev/ptmx within=/dev',
      'mkdir path=/dev/pts mode=755 within=/dev',
      'mount type=devpts target=/dev/pts flags=["nosuid","noexec"] options=max=256,ptmxmode=0666,mode=0620,gid=5 within=/dev',
      'mkdir path=/dev/shm mode=755 within=/dev',
      'mount type=tmpfs target=/dev/shm flags=["nosuid","nodev","noexec"] options=size=64m,nr_inodes=1024,mode=1777 within=/dev',
      'mount type=tmpfs target=/proc flags=["nosuid","nodev","noexec"] options=size=4k,nr_inodes=2,mode=755 enters=true',
      'mkfile path=/proc/timer_list within=/proc',
      'mount type=proc target=/proc flags=["nosuid","nodev","noexec"] options= enters=true',
      'move_mount slot=0 target=/proc/timer_list within=/proc',
      'mount type=tmpfs target=/tmp flags=["nosuid","nodev"] options=size=67108864,nr_inodes=8192,mode=1777',
      'mkdir path=/d mode=755',
      'move_mount slot=2 target=/in',
    ],
  );
});

t.test('the jail, its devices and a directory for what is written are opened first', async (t) => {
  const devices = 'slot=1 source=/dev isInJail=true ifThere=true flags=["nosuid","noexec"]';
  t.same(viewOf({}).slice(0, 2), ['open_tree slot=0 flags=["nosuid","nodev"]', `open_tree ${devices}`]);
  t.same(viewOf({ ephemeral: '/store' }).slice(0, 2), [
    'open_tree slot=0 flags=["nosuid","nodev"]',
    'open_tree slot=1 source=/store isDirectory=true noLinks=true flags=["nosuid","nodev","noexec"]',
  ]);
});

t.test(
  'an ephemeral jail takes 256 MiB, and the manifest of any other is read-only for whom it belongs to',
  async (t) => {
    const overlay = '{"size":268435456,"inodes":65536,"flags":["nosuid","nodev"]}';
    t.ok(viewOf({ ephemeral: true }).includes(`pivot_root slot=0 overlay=${overlay}`));
    const kept =
      'bind_if_there source=/.uchroot target=/.uchroot set=["nosuid","nodev","noexec","ro"] clear=[]';
    const isKept = (keys: Partial<LaunchRequest>) => viewOf(keys).at(-1) === kept;
    const keys = [
      {},
      { ephemeral: true },
      { rootless: true },
      { rootless: true, ephemeral: true },
      { allowRoot: true },
      { caps: ['net_bind_service'] },
      { caps: ['fowner'] },
    ];
    t.same(keys.map(isKept), [false, false, true, false, true, false, true]);
  },
);

t.test('without root a /proc is entered too', async (t) => {
  const proc = viewOf({ rootless: true, view: [{ proc: '/p' }] }).findLast((step) => step.includes('enters'));
  t.equal(proc, 'move_mount slot=2 target=/p enters=true');
});

t.test('sixteen spaces are watched', async (t) => {
  const view = Array.from({ length: 20 }, (_, i) => ({ tmpfs: `/${i}` }));
  const request = normalize({ user: 'sam', jail: '/jail', isolate: true, view });
  t.equal(watchedSpaces(request).length, 16);
});
