import t from 'tap';

import type { CgroupLimits } from '../../../lib/launch/request/limit-rows.ts';
import { readHierarchies, toRecipe, type CgroupBases } from '../../../lib/launch/host/cgroup-layout.ts';

const none = { memory: undefined, swap: undefined, pids: undefined, cpu: undefined, ioWeight: undefined };

const mount = (root: string, point: string, type: string, options: string) =>
  `30 24 0:26 ${root} ${point} rw,nosuid shared:4 - ${type} ${type} ${options}`;

const bases: CgroupBases = {
  unified: '/sys/fs/cgroup/unit',
  controllers: ['cpu', 'io', 'memory', 'pids'],
  legacy: new Map(),
  hasSwap: false,
  prefix: 'uchroot-1-2-3',
};

t.test('the cgroup of this process is found in each hierarchy that is mounted', async (t) => {
  const cgroups = '9:name=systemd:/\n4:memory:/a b\n3:cpu,cpuacct:/\n2:devices:/\n0::/x\n';
  const mountinfo = [
    mount('/', '/sys/fs/cgroup/memory', 'cgroup', 'rw,memory'),
    mount('/', '/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct'),
    mount('/', '/sys/fs/cgroup/sys\\040temd', 'cgroup', 'rw,xattr,name=systemd'),
    mount('/', '/hidden', 'cgroup2', 'rw'),
    mount('/', '/sys/fs/cgroup/unified', 'cgroup2', 'rw'),
    mount('/', '/', 'ext4', 'rw,memory'),
  ].join('\n');
  t.same(
    readHierarchies(cgroups, mountinfo).map(({ version, controllers, directory }) => [
      version,
      controllers,
      directory,
    ]),
    [
      [1, ['name=systemd'], '/sys/fs/cgroup/sys temd'],
      [1, ['memory'], '/sys/fs/cgroup/memory/a b'],
      [1, ['cpu', 'cpuacct'], '/sys/fs/cgroup/cpu,cpuacct'],
      [2, [], '/sys/fs/cgroup/unified/x'],
    ],
  );
});

t.test(
  'a mount that shows only a part of a hierarchy is understood, or known not to show this process',
  async (t) => {
    const directoryOf = (path: string, root: string) =>
      readHierarchies(`0::${path}`, mount(root, '/sys/fs/cgroup', 'cgroup2', 'rw'))[0]?.directory;
    t.equal(directoryOf('/docker/1', '/docker/1'), '/sys/fs/cgroup');
    t.equal(directoryOf('/docker/1/job', '/docker/1'), '/sys/fs/cgroup/job');
    t.equal(directoryOf('/docker/12', '/docker/1'), undefined);
    t.equal(directoryOf('/../x', '/'), undefined);
    t.equal(directoryOf('/', '/../..'), undefined);
  },
);

t.test(
  'of several mounts of a hierarchy one that shows this process, and can be written, is used',
  async (t) => {
    const own = mount('/', '/sys/fs/cgroup', 'cgroup2', 'rw');
    const other = (root: string, options = 'rw') =>
      `31 24 0:26 ${root} /host/sys/fs/cgroup ${options},nosuid shared:4 - cgroup2 cgroup2 rw`;
    const seen = (...lines: readonly string[]) => readHierarchies('0::/job', lines.join('\n'))[0];
    t.match(seen(own, other('/../..')), { directory: '/sys/fs/cgroup/job' });
    t.match(seen(other('/../..'), own), { directory: '/sys/fs/cgroup/job' });
    t.match(seen(own, other('/', 'ro')), { directory: '/sys/fs/cgroup/job' });
    t.match(seen(own, other('/')), { directory: '/host/sys/fs/cgroup/job' });
    t.match(seen(other('/', 'ro')), { directory: '/host/sys/fs/cgroup/job' });
    const covering = mount('/../..', '/sys/fs/cgroup', 'cgroup2', 'rw');
    t.match(seen(own, covering), { directory: undefined, mountPoint: '/sys/fs/cgroup' });
    t.equal(seen(own, mount('/', '/sys/fs/cgroup', 'tmpfs', 'rw')), undefined, 'nothing shows it');
  },
);

t.test('cgroup v2 takes all limits in one cgroup', async (t) => {
  const limits = { memory: 64 * 2 ** 20, swap: undefined, pids: 10, cpu: 1.5, ioWeight: 50 };
  t.same(toRecipe(limits, bases), {
    lines: [
      'Nuchroot-1-2-3',
      '2/sys/fs/cgroup/unit',
      '<3cpu.stat:usage_usec',
      '<5cpu.stat:user_usec',
      '<6cpu.stat:system_usec',
      '=memory.max=67108864',
      '?memory.swap.max=0',
      '=memory.oom.group=1',
      '<0memory.events:oom_kill',
      '<2memory.peak',
      '=pids.max=10',
      '<1pids.events:max',
      '=cpu.max=150000 100000',
      '=io.weight=50',
    ],
  });
});

t.test('a host with swap must be able to limit it', async (t) => {
  const recipe = toRecipe({ ...none, memory: 4096 }, { ...bases, hasSwap: true });
  t.match(recipe, { lines: /=memory\.swap\.max=0/ });
});

t.test('controllers that share a hierarchy of cgroup v1 get one cgroup', async (t) => {
  const both = '/sys/fs/cgroup/cpu,cpuacct';
  const legacy = new Map([
    ['cpu', both],
    ['cpuacct', both],
    ['pids', '/sys/fs/cgroup/pids'],
  ]);
  const recipe = toRecipe(
    { ...none, pids: 4, cpu: 0.5 },
    { ...bases, unified: undefined, controllers: [], legacy },
  );
  t.same(recipe, {
    lines: [
      'Nuchroot-1-2-3',
      '1/sys/fs/cgroup/pids',
      '=pids.max=4',
      '<1pids.events:max',
      '!pids.max=0',
      `1${both}`,
      '=cpu.cfs_period_us=100000',
      '=cpu.cfs_quota_us=50000',
      '<4cpuacct.usage',
    ],
  });
});

t.test('limits of version 1 have its names, and its ranges', async (t) => {
  const legacy = new Map([
    ['memory', '/m'],
    ['blkio', '/b'],
  ]);
  const linesOf = (limits: Partial<CgroupLimits>) => {
    const recipe = toRecipe(
      { ...none, ...limits },
      { ...bases, unified: undefined, controllers: [], legacy },
    );
    return 'lines' in recipe ? recipe.lines.slice(1) : recipe;
  };
  const memory = (mark: string, both: number) => [
    '1/m',
    '=memory.limit_in_bytes=4096',
    `${mark}memory.memsw.limit_in_bytes=${both}`,
    '?memory.kmem.tcp.limit_in_bytes=4096',
    '<0memory.oom_control:oom_kill',
    '<2memory.max_usage_in_bytes',
  ];
  t.same(linesOf({ memory: 4096 }), memory('?', 4096));
  t.same(linesOf({ memory: 4096, swap: 8192 }), memory('?', 12_288));
  t.same(linesOf({ ioWeight: 50 }), ['1/b', '=blkio.bfq.weight=50']);
  t.same(linesOf({ ioWeight: 10_000 }), ['1/b', '=blkio.bfq.weight=1000']);
});

t.test('many processes get one part of the CPU together, if the host can do that', async (t) => {
  const legacy = new Map([
    ['pids', '/p'],
    ['cpu', '/c'],
  ]);
  const places = (pids: number, more: Partial<CgroupBases> = {}) => {
    const recipe = toRecipe({ ...none, pids }, { ...bases, controllers: [], legacy, ...more });
    return 'lines' in recipe ? recipe.lines.filter((line) => /^[12]/.test(line)) : recipe;
  };
  t.same(places(16), ['2/sys/fs/cgroup/unit', '1/p']);
  t.same(places(17), ['2/sys/fs/cgroup/unit', '1/p', '1/c']);
  t.same(places(17, { controllers: ['pids', 'cpu'] }), ['2/sys/fs/cgroup/unit']);
  t.same(places(17, { legacy: new Map([['pids', '/p']]) }), ['2/sys/fs/cgroup/unit', '1/p']);
});

t.test('a limit of CPU time needs a hierarchy that counts it', async (t) => {
  const legacy = new Map([['cpuacct', '/a']]);
  const version1 = { ...bases, unified: undefined, controllers: [], legacy };
  t.match(toRecipe({ ...none, cpuTime: 0.5 }, version1), {
    lines: ['Nuchroot-1-2-3', '1/a', '<4cpuacct.usage'],
  });
  t.match(toRecipe({ ...none, cpuTime: 0.5 }, bases), { lines: /cpu\.stat:usage_usec/ });
  t.same(toRecipe({ ...none, cpuTime: 0.5 }, { ...version1, legacy: new Map() }), { missing: 'cpuacct' });
});

t.test('a controller that is nowhere is told', async (t) => {
  t.same(toRecipe({ ...none, memory: 4096 }, { ...bases, controllers: ['pids'] }), { missing: 'memory' });
});
