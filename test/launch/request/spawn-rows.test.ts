// What a request says about a program beside this process.
import { closeSync, constants, openSync } from 'node:fs';

import t from 'tap';

import {
  normalizeSpawn,
  spawnRows,
  startOptions,
  type SpawnOptions,
  type SpawnRequest,
} from '../../../lib/launch/request/spawn-rows.ts';
import { ignored, piped, ptyStdio } from '../../../lib/launch/request/stdio.ts';

type Keys = Readonly<Record<string, unknown>>;

/** The options without the time of the request. */
function timeless({ requestedAt, ...options }: SpawnOptions) {
  t.type(requestedAt, 'number');
  return options;
}
const read = (keys: Keys) => timeless(normalizeSpawn({ user: 'sam', jail: '/srv/jail', ...keys })[1]);

const usual = {
  stdio: [piped, piped, piped],
  streams: [],
  listenFds: [],
  timeoutMs: undefined,
  signal: undefined,
  killSignal: 15,
  forceKillAfterMs: undefined,
  newGroup: true,
  leaveDescendants: false,
  onConnect: undefined,
};

t.test('without keys of its own a program has three pipes, and nothing ends it', async (t) => {
  t.strictSame(read({}), usual);
  t.strictSame(read({ pty: false, timeoutMs: 0 }), usual);
});

t.test('each key is taken as it is given', async (t) => {
  const { signal } = new AbortController();
  t.strictSame(
    read({
      stdio: ['ignore', 'inherit', 'pipe'],
      timeoutMs: 1.5,
      signal,
      killSignal: 'SIGKILL',
      forceKillAfterMs: 10,
      newGroup: false,
      leaveDescendants: true,
    }),
    {
      ...usual,
      stdio: [ignored, 1, piped],
      timeoutMs: 1.5,
      signal,
      killSignal: 9,
      forceKillAfterMs: 10,
      newGroup: false,
      leaveDescendants: true,
    },
  );
  t.throws(() => read({ newGroup: 5 }), { message: 'newGroup must be true or false' });
});

t.test('a terminal takes the place of stdio', async (t) => {
  t.strictSame(read({ pty: true }), { ...usual, stdio: [...ptyStdio] });
  t.throws(() => read({ pty: true, stdio: 'pipe' }), {
    name: 'UsageError',
    message: 'stdio and pty are given at once: a terminal takes the place of all three',
  });
  t.strictSame(read({ pty: false, stdio: 'ignore' }).stdio, [ignored, ignored, ignored]);
});

t.test('a program that has a terminal of the caller stays in its group', async (t) => {
  const terminal = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  t.teardown(() => closeSync(terminal));
  for (const fd of [0, 1, 2]) {
    const stdio = ['ignore', 'ignore', 'ignore'].with(fd, terminal as never);
    t.equal(read({ stdio }).newGroup, false);
    t.equal(read({ stdio, newGroup: true }).newGroup, true);
  }
});

t.test('milliseconds are what setTimeout takes', async (t) => {
  for (const key of ['timeoutMs', 'forceKillAfterMs'] as const) {
    t.equal(read({ [key]: 2 ** 31 - 1 })[key], 2 ** 31 - 1);
    for (const value of [2 ** 31, -1, NaN, Infinity, null, '500', '5s'])
      t.throws(() => read({ [key]: value }), {
        message: new RegExp(`^${key} must be milliseconds from 0 to 2147483647, not `),
        hint: `for example ${key}: 5000`,
      });
  }
  t.equal(read({ forceKillAfterMs: 0 }).forceKillAfterMs, 0);
});

t.test('time is the same limit in seconds', async (t) => {
  t.equal(read({ time: 1.5 }).timeoutMs, 1500);
  t.equal(read({ time: 1.5, timeoutMs: 0 }).timeoutMs, 1500);
  t.throws(() => read({ time: 1.5, timeoutMs: 5 }), {
    message: 'time and timeoutMs are given at once: choose one',
  });
});

t.test('a start of a checked request has its options, or those of this start', async (t) => {
  const { signal } = new AbortController();
  const given = {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeoutMs: 100,
    signal,
    killSignal: 2,
    forceKillAfterMs: 3,
  };
  const kept = normalizeSpawn({ user: 'sam', jail: '/srv/jail', ...given } as unknown as SpawnRequest)[1];
  const start = (more: Keys, own: Keys) =>
    timeless(
      startOptions(kept, { ...given, ...more } as unknown as SpawnRequest, own, spawnRows.stdio.normal),
    );
  t.strictSame(start({}, {}), timeless(kept));
  const other = new AbortController().signal;
  t.strictSame(start({}, { stdio: 'ignore', timeoutMs: 5, signal: other }), {
    ...timeless(kept),
    stdio: [ignored, ignored, ignored],
    timeoutMs: 5,
    signal: other,
  });
  t.equal(start({}, { timeoutMs: 0 }).timeoutMs, undefined);
  t.equal(start({ newGroup: false }, {}).newGroup, false);
  t.throws(() => start({ time: 1 }, { timeoutMs: 5 }), { message: /given at once/ });
  t.throws(() => start({}, { signal: 'SIGTERM' }), { message: /^signal must be an AbortSignal/ });
});
