import t from 'tap';

import type { LimitName } from '../../../lib/errors.ts';
import { limitOf, watchedLimits, whyLimited } from '../../../lib/launch/process/limit.ts';
import { normalize, type LaunchRequest } from '../../../lib/launch/request/request.ts';
import { noUsage } from '../../support/usage.ts';

interface End {
  readonly exitCode?: number;
  readonly signal?: NodeJS.Signals;
  readonly usage?: Partial<typeof noUsage>;
  readonly oomKills?: number;
  readonly refusedForks?: number;
  readonly isDiskFull?: boolean;
  readonly isOutOfInodes?: boolean;
  readonly cpuTime?: number;
  readonly stopped?: 'ETIMEDOUT' | 'ABORT_ERR';
  readonly killed?: boolean;
  readonly isCpuOver?: boolean;
}

function limit({ exitCode, signal, usage, ...rest }: End) {
  const code = exitCode ?? (signal === undefined ? 1 : null);
  const exit = { exitCode: code, signal: signal ?? null, usage: { ...noUsage, ...usage } };
  const limited = { cpuTime: undefined, stopped: undefined, killed: false, isCpuOver: false, ...rest };
  return limitOf(exit, limited, limited);
}

t.test('a limit is named if it has ended a program', async (t) => {
  const ends: readonly (readonly [end: End, limit: string | undefined])[] = [
    [{}, undefined],
    [{ oomKills: 1, signal: 'SIGKILL' }, 'memory'],
    [{ stopped: 'ETIMEDOUT', signal: 'SIGTERM', killed: true }, 'time'],
    [{ stopped: 'ABORT_ERR', signal: 'SIGTERM', killed: true, refusedForks: 1 }, undefined],
    [{ signal: 'SIGXCPU', usage: { userCpuMs: 400, systemCpuMs: 100 } }, 'cpu time'],
    [{ signal: 'SIGXCPU', usage: { userCpuMs: 400, systemCpuMs: 99 } }, undefined],
    [{ signal: 'SIGXCPU', usage: { userCpuMs: 999 }, cpuTime: 2 }, undefined],
    [{ signal: 'SIGXCPU', usage: { userCpuMs: 1000 }, cpuTime: 2 }, 'cpu time'],
    [{ isCpuOver: true, signal: 'SIGXCPU', killed: true, cpuTime: 0.3 }, 'cpu time'],
    [{ isCpuOver: true, signal: 'SIGKILL', killed: true, cpuTime: 0.3 }, 'cpu time'],
    [{ isCpuOver: true, signal: 'SIGKILL', killed: true, refusedForks: 9 }, 'pids'],
    [{ stopped: 'ETIMEDOUT', signal: 'SIGKILL', killed: true, refusedForks: 9 }, 'pids'],
    [{ signal: 'SIGXFSZ' }, 'file size'],
    [{ signal: 'SIGSYS' }, 'call'],
    [{ signal: 'SIGSYS', oomKills: 1 }, 'memory'],
    [{ refusedForks: 1 }, 'pids'],
    [{ isDiskFull: true }, 'disk'],
    [{ isOutOfInodes: true, isDiskFull: false }, 'inodes'],
    [{ isOutOfInodes: true, isDiskFull: true }, 'disk'],
    [{ isOutOfInodes: false, isDiskFull: false }, undefined],
  ];
  for (const [end, expected] of ends) t.equal(limit(end), expected, JSON.stringify(end));
});

t.test('a program that ends well has met no limit', async (t) => {
  t.equal(limit({ exitCode: 0, oomKills: 1, refusedForks: 1, isDiskFull: true }), undefined);
});

t.test('a signal of this process is the reason, whatever was refused before', async (t) => {
  t.equal(limit({ killed: true, signal: 'SIGTERM', refusedForks: 1 }), undefined);
  t.equal(limit({ killed: true, refusedForks: 1 }), 'pids', 'it has handled the signal');
});

t.test('a program that handles SIGXCPU is killed after its time', async (t) => {
  const end = { signal: 'SIGKILL', usage: { userCpuMs: 1500, systemCpuMs: 500 } } as const;
  t.equal(limit({ ...end, cpuTime: 2 }), 'cpu time');
  t.equal(limit({ ...end, cpuTime: 3 }), undefined);
  t.equal(limit({ ...end, refusedForks: 1 }), undefined, 'somebody has killed it');
  t.equal(limit({ ...end, signal: 'SIGTERM', cpuTime: 2 }), undefined);
});

t.test('a message says what the program needed more of', async (t) => {
  const why = (limit: LimitName | undefined, keys: Partial<LaunchRequest> = {}) =>
    whyLimited(limit, normalize({ user: 'sam', jail: '/srv/jail', ...keys }));
  t.equal(why('memory', { memory: '1M' }), 'it needed more memory than 1M (memory)');
  t.equal(
    why('memory', { memory: '1M', swap: '1M' }),
    'it needed more memory than 1M and 1M of swap (memory, swap)',
  );
  t.equal(why('memory', { cpu: 1 }), 'it needed more memory than its service has');
  t.equal(why('pids', { pids: 5 }), 'it needed more processes than 5 (pids)');
  t.equal(why('cpu time', { cpuTime: 3 }), 'it needed more CPU time than 3 s (cpuTime)');
  t.equal(why('cpu time'), 'it needed more CPU time than its resource limit');
  t.equal(why('disk', { isolate: true, ephemeral: true }), 'its file system in memory was full (ephemeral)');
  t.equal(
    why('inodes', { isolate: true, view: [{ tmpfs: '/tmp' }] }),
    'its file system in memory had no room for more files (tmpfs /tmp)',
  );
  t.equal(
    why('file size', { rlimits: { fsize: 5 } }),
    'it wrote a larger file than its resource limit (rlimits.fsize)',
  );
  for (const none of ['time', undefined] as const) t.equal(why(none), undefined);
});

const call = 'hit made a system call that its filter answers with SIGSYS';

const watched = (keys: Partial<LaunchRequest>) =>
  watchedLimits(normalize({ user: 'sam', jail: '/srv/jail', ...keys }));

t.test('a process waits only for a program with limits that it tells of', async (t) => {
  t.equal(watched({}), undefined);
  t.equal(watched({ rlimits: { nofile: 5 }, isolate: true }), undefined);
  t.strictSame(watched({ cpu: 1 }), {
    timeMs: 0,
    killSignal: 15,
    cpuMs: 0,
    isCpuCounted: false,
    words: [call],
  });
  t.strictSame(watched({ pty: true }), {
    timeMs: 0,
    killSignal: 15,
    cpuMs: 0,
    isCpuCounted: false,
    words: [call],
  });
  t.match(watched({ cpuTime: 0.25 }), { cpuMs: 250, isCpuCounted: true });
  t.match(watched({ time: 5, cpuTime: 2 }), { cpuMs: 2000, isCpuCounted: false });
});

t.test('each limit has the words that name its option', async (t) => {
  t.strictSame(watched({ memory: '1M', pids: 5, time: 1.5, cpuTime: 3, rlimits: { fsize: 5 } }), {
    timeMs: 1500,
    killSignal: 15,
    cpuMs: 3000,
    isCpuCounted: true,
    words: [
      'ait needed more memory than 1M (--memory)',
      'bit needed more processes than 5 (--pids)',
      'cit took longer than 1.5 s (--time)',
      'dit needed more CPU time than 3 s (--cpu-time)',
      'eit wrote a larger file than its resource limit (--rlimit fsize)',
      call,
    ],
  });
  t.same(watched({ memory: '1M', swap: '2M' })?.words, [
    'ait needed more memory than 1M and 2M of swap (--memory, --swap)',
    call,
  ]);
  t.same(watched({ memory: '1M', swap: 1 })?.words, [
    'ait needed more memory than 1M and 1 of swap (--memory, --swap)',
    call,
  ]);
  t.same(watched({ rlimits: { cpu: 5 } })?.words, [
    'dit needed more CPU time than its resource limit (--rlimit cpu)',
    call,
  ]);
});

t.test('of a full file system in memory its options are named', async (t) => {
  t.same(
    watched({ isolate: true, ephemeral: true, view: [{ tmpfs: '/tmp' }, { dev: '/dev' }, { proc: '/proc' }] })
      ?.words,
    [
      'fits file system in memory was full (--ephemeral, --tmpfs /tmp, --dev /dev)',
      'gits file system in memory had no room for more files (--ephemeral, --tmpfs /tmp, --dev /dev)',
      call,
    ],
  );
  t.equal(watched({ isolate: true, ephemeral: '/var/tmp/x' }), undefined);
  t.equal(watched({ unshare: ['mount'], view: [{ tmpfs: '/tmp' }] }), undefined, 'nobody waits for it');
});
