import t from 'tap';

import type { UsageError } from '../../../lib/errors.ts';
import { normalizeDefaults } from '../../../lib/launch/request/jail-rows.ts';
import { normalize, type LaunchRequest } from '../../../lib/launch/request/request.ts';
import { parseUntrusted } from '../../../lib/launch/request/untrusted.ts';
import { normalizeSpawn } from '../../../lib/launch/request/spawn-rows.ts';

const where = { user: 'sam', jail: '/srv/jail' };
const read = (keys: Partial<LaunchRequest>) => normalize({ ...where, untrusted: true, ...keys });

t.test('untrusted is a set of ordinary keys', async (t) => {
  const tmp = { tmpfs: '/tmp', size: 2 ** 24, noexec: true };
  const written = normalize({
    ...where,
    isolate: true,
    readOnly: true,
    view: [tmp, { proc: '/proc' }, { dev: '/dev' }],
    newSession: true,
    dieWithParent: true,
    landlockAbi: 'any',
    noSetId: true,
    memory: '256M',
    pids: 64,
    cpu: 1,
    time: 10,
    killSignal: 'SIGKILL',
    rlimits: { core: 0, nofile: 256 },
  });
  const { untrusted, ...set } = read({});
  t.same({ ...set, untrusted: undefined }, written);
  t.same(untrusted?.changed, []);
  t.equal(read({ untrusted: false }).isolate, false);
  t.equal(read({ untrusted: false }).untrusted, undefined);
});

t.test('a key that is written holds', async (t) => {
  const changes: readonly (readonly [keys: Partial<LaunchRequest>, expected: object, changed: string])[] = [
    [{ memory: '1M' }, { memory: 2 ** 20 }, '--memory 256M'],
    [{ pids: 5 }, { pids: 5 }, '--pids 64'],
    [{ cpu: 2 }, { cpu: 2 }, '--cpu 1'],
    [{ time: 2 }, { time: 2 }, '--time 10'],
    [{ killSignal: 'SIGINT' }, { killSignal: 2 }, '--kill-signal SIGKILL'],
    [{ ephemeral: true }, { ephemeral: true, readOnly: false }, '--read-only'],
    [{ pty: true }, { newSession: true }, '--new-session'],
    [{ landlock: true }, { landlock: true, landlockAbi: 6 }, '--landlock-abi any'],
    [{ landlock: false }, { landlock: false }, '--landlock-abi any'],
    [{ connectTcp: [80] }, { landlock: true, landlockAbi: 6 }, '--landlock-abi any'],
    [{ noSetId: false }, { noSetId: false }, '--no-set-id'],
    [{ isolate: false, unshare: ['mount'] }, { isolate: false }, '--isolate'],
    [
      { rlimits: { nofile: 9 } },
      {
        rlimits: [
          ['core', { soft: 0, hard: 0 }],
          ['nofile', { soft: 9, hard: 9 }],
        ],
      },
      '--rlimit nofile=256',
    ],
  ];
  for (const [keys, expected, changed] of changes) {
    const normal = read(keys);
    t.match(normal, expected, changed);
    t.same(normal.untrusted?.changed, [changed]);
  }
});

t.test('mounts add up, and one at the same place holds', async (t) => {
  const kinds = (keys: Partial<LaunchRequest>) =>
    read(keys).view.map((entry) => `${entry.kind} ${entry.target.toString()}`);
  t.same(kinds({}), ['tmpfs /tmp', 'proc /proc', 'dev /dev']);
  t.same(kinds({ view: [{ bind: '/srv', to: '/data' }] }), [
    'tmpfs /tmp',
    'proc /proc',
    'dev /dev',
    'bind /data',
  ]);
  t.same(kinds({ view: [{ bind: '/srv', to: '/tmp' }] }), ['proc /proc', 'dev /dev', 'bind /tmp']);
  t.same(kinds({ view: [{ tmpfs: Buffer.from('/tmp') }] }), ['proc /proc', 'dev /dev', 'tmpfs /tmp']);
  t.throws(() => read({ view: 'x' as never }), { message: /^view must be an array/ });
  t.throws(() => read({ rlimits: 5 as never }), { message: /^rlimits must be an object/ });
});

t.test('beside a service it has a user and a timeout, and shares nothing', async (t) => {
  const [normal, options, { share }] = normalizeDefaults({ jail: '/srv/jail', untrusted: true } as never);
  t.match(normal.user, { isAuto: true });
  t.match(options, { timeoutMs: 10_000, killSignal: 9 });
  t.equal(share, 'none');
  const [, own] = normalizeSpawn({ ...where, untrusted: true, timeoutMs: 50 });
  t.equal(own.timeoutMs, 50);
});

t.test('rootless is asked for by name', async (t) => {
  t.match(read({ untrusted: 'rootless' }), { rootless: true, isolate: true, memory: 2 ** 28 });
  t.match(read({ untrusted: 'rootless', user: 'auto' }).user, { id: 61_184 });
  const refused = (untrusted: unknown) => () => read({ untrusted: untrusted as true });
  t.throws(refused('root'), { message: "untrusted must be true, false or 'rootless', not 'root'" });
  t.throws(refused(1), { name: 'UsageError' } satisfies Partial<UsageError>);
});

t.test('any ABI of Landlock does not go together with what needs one', async (t) => {
  const message = /^landlockAbi: 'any' can be no Landlock at all, and connectTcp needs it$/;
  t.throws(() => normalize({ ...where, landlockAbi: 'any', connectTcp: [] }), { message });
});

t.test('a word after --untrusted= is rootless, or the error says what to write', async (t) => {
  t.same([parseUntrusted(''), parseUntrusted('rootless')], [true, 'rootless']);
  t.throws(() => parseUntrusted('false'), {
    name: 'UsageError',
    message: "--untrusted must be given alone or with 'rootless', not 'false'",
    hint: /leave it out/,
  });
});
