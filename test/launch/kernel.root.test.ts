// What launches ask of the kernel, all in one process: scripts/try-kernel begins with this file. Where a kernel lacks something, the
// launch is refused with that reason, or doc/isolation.md, "Kernels", says what is lost.
import { chownSync, existsSync, mkdirSync } from 'node:fs';

import t from 'tap';

import { openJail, runInJail, type RunRequest } from '../../lib/index.ts';
import { native } from '../../lib/native.ts';
import { putProgram, start } from '../support/launch.ts';
import { give, ordinary } from '../support/ordinary.ts';
import { makeJail } from '../support/programs.ts';
import { unlessRoot } from '../support/root.ts';
import type { Attempts } from '../support/threats.ts';

const skip = unlessRoot('cc', 'gcc', 'setpriv', 'setfattr');
const uid = 61_473;
const rootlessUid = 61_474;
const jail = skip === false ? makeJail(t, 'hog', 'exhaust') : '';
const base = { user: `${uid}:${uid}`, jail, reject: false } as const;
const [EIO, EPERM, EACCES] = [5, 1, 13];
// Each of these is asked without a launch.
const landlockAbi = skip === false ? native.landlockAbi() : 0;
const hasNoexec = existsSync('/proc/sys/vm/memfd_noexec'); // Linux 6.3

/** Whether an overlay without root can mark its directories: user.* attributes of tmpfs, Linux 6.6. */
function hasUserAttributes(): boolean {
  const file = `/dev/shm/uchroot-kernel-${process.pid}`;
  const script = 'touch "$1"; setfattr -n user.uchroot -v 1 "$1"; status=$?; rm "$1"; exit "$status"';
  return start(['sh', '-c', script, 'sh', file]).status === 0;
}

async function attempts(keys: Partial<RunRequest>, ...args: readonly string[]): Promise<Attempts> {
  const { stdout, stderr } = await runInJail({ ...base, program: '/exhaust', args, ...keys });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Attempts;
}

const tmpfs = { isolate: true, readOnly: true, view: [{ tmpfs: '/tmp', noexec: true }] } as const;

t.test('a limit ends the program, and is the reason', { skip }, async (t) => {
  const rows = [
    ['memory', { memory: '64M' }, 'memory'],
    ['fork', { pids: 20 }, 'pids'],
    ['spin', { cpuTime: 0.3, cpu: 0.5 }, 'cpu time'],
  ] as const;
  for (const level of [{}, { isolate: true }])
    for (const [what, keys, limit] of rows) {
      const ended = await runInJail({ ...base, ...level, ...keys, program: '/hog', args: [what] });
      t.match(ended, { limit }, `${what} ${JSON.stringify(level)}`);
    }
});

t.test('isolation holds code, handles and files in memory', { skip }, async (t) => {
  t.same(await attempts(tmpfs, 'code', '/tmp/code'), {
    execute: EACCES,
    map: EPERM,
    'make a mapping code': EACCES,
    'read into its own memory': 0,
    'file in memory': hasNoexec ? EACCES : 0,
  });
  t.same(await attempts({ isolate: true }, 'handles'), { take: EPERM, open: EPERM });
  const warm = await openJail(jail, { user: base.user, isolate: true });
  t.match(await warm.run({ program: '/exhaust', args: ['nothing'] }), { exitCode: 0 });
  warm.close();
});

t.test('a directory of an ephemeral jail is removed and made again', { skip }, async (t) => {
  mkdirSync(`${jail}/tmp/old`);
  chownSync(`${jail}/tmp/old`, uid, uid);
  const made = { remove: 0, 'make again': 0 };
  t.same(await attempts({ isolate: true, ephemeral: true }, 'remake', '/tmp/old'), made);
  const own = ordinary(rootlessUid);
  putProgram(`${own.jail}/exhaust`, 0o755, 'exhaust');
  mkdirSync(`${own.jail}/old`);
  give(own.jail, rootlessUid);
  const { stdout } = own.run(['--ephemeral', String(rootlessUid), own.jail, '/exhaust', 'remake', '/old']);
  t.same(JSON.parse(stdout), { ...made, 'make again': hasUserAttributes() ? 0 : EIO });
});

t.test('Landlock confines, or its ABI is the reason why not', { skip }, async (t) => {
  const launch = (keys: Partial<RunRequest>) =>
    runInJail({ ...base, ...keys, landlock: true, program: '/exhaust', args: ['nothing'] });
  if (landlockAbi >= 6) t.match(await launch({}), { exitCode: 0 });
  else
    await t.rejects(launch({}), {
      step: 'landlock_ruleset',
      message:
        landlockAbi === 0
          ? /has no Landlock/
          : new RegExp(`has Landlock ABI ${landlockAbi}, and ABI 6 is needed`),
    });
  t.match(await launch({ landlockAbi: 'any' }), { exitCode: 0 });
});
