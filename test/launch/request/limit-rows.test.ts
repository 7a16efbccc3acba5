// The limits of a launch as they are asked for, shown, and waited for.
import t from 'tap';

import { launchOptions } from '../../../lib/bin/uchroot-options.ts';
import {
  needsCgroup,
  needsWaiter,
  showCgroupLimits,
  type WaitLimits,
} from '../../../lib/launch/request/limit-rows.ts';
import { normalize, type LaunchRequest } from '../../../lib/launch/request/request.ts';
import { keysOfWords } from '../../support/launch/command-words.ts';

const read = (keys: Partial<LaunchRequest>) => normalize({ user: 'sam', jail: '/srv/jail', ...keys });

const none: WaitLimits = {
  user: {},
  resultFile: undefined,
  memory: undefined,
  swap: undefined,
  pids: undefined,
  cpu: undefined,
  ioWeight: undefined,
  time: undefined,
  pty: undefined,
  reportDenials: false,
};

t.test('each limit but that of time needs a cgroup, and each needs a process that waits', async (t) => {
  t.notOk(needsCgroup(none));
  t.notOk(needsWaiter(none));
  for (const key of ['memory', 'pids', 'cpu', 'ioWeight'] as const) {
    t.ok(needsCgroup({ ...none, [key]: 1 }), key);
    t.ok(needsWaiter({ ...none, [key]: 1 }), key);
  }
  for (const key of ['time', 'pty'] as const) {
    t.notOk(needsCgroup({ ...none, [key]: 1 }), key);
    t.ok(needsWaiter({ ...none, [key]: key === 'time' ? 1 : {} }), key);
  }
});

t.test('a fraction of CPU time needs a cgroup, whole seconds do not', async (t) => {
  t.notOk(needsCgroup({ ...none, cpuTime: 2 }));
  t.ok(needsCgroup({ ...none, cpuTime: 1.5 }));
  t.equal(showCgroupLimits({ ...none, pids: 5, cpuTime: 2 }), 'pids 5, cpuTime 2');
});

t.test('the limits of a cgroup are shown as they are asked for', async (t) => {
  t.equal(showCgroupLimits(none), '');
  t.equal(
    showCgroupLimits({ ...none, memory: 64 * 2 ** 20, swap: 0, cpu: 1.5 }),
    'memory 64M, swap 0, cpu 1.5',
  );
  t.equal(showCgroupLimits({ ...none, pids: 10, ioWeight: 50 }), 'pids 10, ioWeight 50');
});

t.test('the processor time has one limit', async (t) => {
  const message = 'cpuTime and rlimits.cpu are given at once: choose one';
  t.throws(() => read({ cpuTime: 5, rlimits: { nofile: 5, cpu: 5 } }), { name: 'UsageError', message });
  t.equal(read({ cpuTime: 5, rlimits: { nofile: 5 } }).cpuTime, 5);
  t.same(read({ rlimits: { cpu: 5 } }).rlimits, [['cpu', { soft: 5, hard: 5 }]]);
});

t.test('one CPU is enough to run on', async (t) => {
  t.same(read({ affinity: [5] }).affinity, [5]);
  t.throws(() => read({ affinity: [] }), { message: /at least 1$/ });
  t.same(keysOfWords('--cpu', '1.5', '--pids', '10', '--affinity', '0,2-3'), {
    cpu: 1.5,
    pids: 10,
    affinity: [0, 2, 3],
  });
});

t.test(
  'what needs a cgroup or a process that waits cannot be compiled, and a unit has the same',
  async (t) => {
    const directives = launchOptions()
      .filter(({ group }) => group === 'Limits')
      .map(({ name, notCompiled }) => [name, notCompiled?.hint.split(' ')[0]]);
    t.same(Object.fromEntries(directives), {
      memory: 'MemoryMax=',
      swap: 'MemorySwapMax=',
      pids: 'TasksMax=',
      cpu: 'CPUQuota=',
      'io-weight': 'IOWeight=',
      time: 'RuntimeMaxSec=',
      'kill-signal': 'KillSignal=',
      'cpu-time': undefined,
      nice: undefined,
      affinity: undefined,
      'oom-score-adj': undefined,
    });
  },
);
