import { readFileSync } from 'node:fs';

import t from 'tap';

import { normalize, type LaunchRequest } from '../../../lib/launch/request/request.ts';
import { threatAnswers, threatsAsText, type ThreatAnswer } from '../../../lib/launch/tell/threats.ts';
import { packageDirectory } from '../../support/launch.ts';
import { levelColumns, pageRows, triedThreats, type LevelColumn } from '../../support/threats.ts';

const proc = { view: [{ proc: '/proc' }] };
const levels: Readonly<Record<LevelColumn, Partial<LaunchRequest>>> = {
  bare: {},
  landlock: { landlock: true },
  isolate: { isolate: true, ...proc },
  both: { isolate: true, landlock: true, ...proc },
  'root inside': { isolate: true, allowRoot: true, user: 'root', ...proc },
  rootless: { rootless: true, ...proc },
};

function answers(keys: Partial<LaunchRequest>): ReadonlyMap<string, ThreatAnswer> {
  const request = normalize({ user: 'sam', jail: '/srv/jail', ...keys });
  const account = { uid: keys.user === 'root' ? 0 : 1001 };
  return new Map(threatAnswers({ request, account }).map((answer) => [answer.threat, answer]));
}

t.test('--plan and doc/isolation.md give the same answers', async (t) => {
  const rows = pageRows();
  t.same(
    rows.map(({ threat }) => threat),
    [...answers({}).keys()],
  );
  for (const [i, column] of levelColumns.entries()) {
    for (const { threat, cells } of rows) {
      // A threat by a capability counts for a program that has it.
      const [, capability] = /\(`(\w+)`\)$/.exec(threat) ?? [];
      const caps = capability === undefined ? [] : [capability];
      const found = answers({ ...levels[column], caps });
      t.equal(cells[i], found.get(threat)?.stopped === true ? 'yes' : 'no', `${column}: ${threat}`);
    }
  }
});

t.test('each row that no attempt measures names a test that there is, or none can be', async (t) => {
  const others = pageRows().filter(({ threat }) => !triedThreats.includes(threat));
  t.ok(others.length > 5);
  for (const { threat, rest } of others) {
    const shown = rest.at(-1) ?? '';
    const [, name = '', file = ''] = /^"(.+)" \((test\/\S+\.ts)\)$/.exec(shown) ?? [];
    if (shown === '–') t.equal(threat, "use a bug of the kernel's");
    else t.match(readFileSync(`${packageDirectory}/${file}`, 'utf8'), name, threat);
  }
});

const calls = 'use system calls that no ordinary program needs, and make user namespaces';
const handles = 'open files of the host by their handles (`dac_read_search`)';
const write = 'execute a file that it has written, or map it as code';

t.test('what is not stopped has the option that stops it, and that option does', async (t) => {
  const remedied: readonly (readonly [threat: string, keys: Partial<LaunchRequest>, by: string])[] = [
    ['send signals to processes of the same user', { landlock: true }, 'Landlock'],
    ['send signals to processes of the same user', { unshare: ['pid'] }, 'pid namespace'],
    ['connect to TCP ports of the host', { connectTcp: [80] }, '--connect-tcp, but for its ports'],
    [write, { isolate: true, readOnly: true }, 'read-only, and noexec where it can be written'],
    [
      write,
      {
        isolate: true,
        readOnly: true,
        view: [
          { bind: '/srv/data', to: '/data', readOnly: true },
          { tmpfs: '/tmp', noexec: true },
          { writable: '/w' },
        ],
      },
      'read-only, and noexec where it can be written',
    ],
    [
      'fill a disk, by many small files too',
      { isolate: true, ephemeral: true },
      'nothing is written to a disk',
    ],
    [
      'leave changes in the jail',
      {
        isolate: true,
        readOnly: true,
        view: [{ tmpfs: '/tmp' }, { bind: '/srv/data', to: '/data', readOnly: true }],
      },
      'nothing is written to a disk',
    ],
    ['use memory without end', { memory: '64M' }, '--memory'],
    ['start processes without end', { pids: 8 }, '--pids'],
    ['open files without end', { rlimits: { nofile: 64 } }, 'resource limit nofile'],
    ['run without end', { time: 5 }, '--time'],
    [calls, { seccomp: 'default' }, 'filter of system calls'],
    [calls, { seccomp: '/etc/profile.json' }, 'profile of system calls'],
  ];
  const bare = answers({});
  for (const [threat, keys, by] of remedied) {
    t.match(bare.get(threat), { stopped: false, remedies: /^/ }, threat);
    const subject = bare.get(threat)?.subject;
    t.same(answers(keys).get(threat), { threat, subject, stopped: true, by: [by], remedies: [] });
  }
});

t.test('a part that is given back or left out is no wall', async (t) => {
  const weakened: readonly (readonly [threat: string, keys: Partial<LaunchRequest>])[] = [
    ['send signals to processes of the same user', { landlockAbi: 5 }],
    ['connect to TCP ports of the host', { ...levels.isolate, net: 'host' }],
    ['trace them, read their memory, take their descriptors', { ...levels.isolate, allow: ['ptrace'] }],
    ['trace them, read their memory, take their descriptors', { ...levels.isolate, allow: ['debug'] }],
    ['mount a file system (`sys_admin`)', { ...levels.isolate, allow: ['mount'] }],
    ['mount a file system (`sys_admin`)', { caps: ['sys_admin'] }],
    ['reach files of theirs through /proc', { isolate: true }],
    ['change the host through /proc as root', { user: 'root', allowRoot: true }],
    [handles, { caps: ['dac_read_search'] }],
    [handles, { isolate: true, caps: ['dac_read_search'], allow: ['handles'] }],
    ['send UDP to the host', { landlock: true, connectTcp: [80] }],
    [calls, { isolate: true, allow: ['unshare'] }],
    [calls, { isolate: true, seccomp: 'log' }],
    [calls, { isolate: true, seccomp: 'log:/etc/profile.json' }],
    [write, { isolate: true, readOnly: true, view: [{ tmpfs: '/tmp' }] }],
    [write, { isolate: true, readOnly: true, view: [{ bind: '/srv/data', to: '/data' }] }],
    ['leave changes in the jail', { isolate: true, ephemeral: '/srv/kept' }],
    [
      'leave changes in the jail',
      { isolate: true, readOnly: true, view: [{ bind: '/srv/data', to: '/data' }] },
    ],
    [
      'fill a disk, by many small files too',
      { isolate: true, readOnly: true, view: [{ writable: '/data' }] },
    ],
    ['open files without end', { isolate: true, rlimits: { nofile: Infinity } }],
  ];
  for (const [threat, keys] of weakened)
    t.match(answers(keys).get(threat), { stopped: false, by: [] }, threat);
});

const sockets = 'connect to abstract unix sockets of the host';

t.test(
  "--plan does not advise --isolate to a launch that is isolated, with the host's network",
  async (t) => {
    const host = { ...levels.isolate, net: 'host' } as const;
    const request = normalize({ user: 'sam', jail: '/srv/jail', ...host });
    const answer = (landlockAbi: number | undefined, asked = request) =>
      threatAnswers({
        request: asked,
        account: { uid: 1001 },
        ...(landlockAbi !== undefined && { landlockAbi }),
      }).find(({ threat }) => threat === sockets);
    const scoped = { stopped: true, by: ['Landlock (Linux 6.12)'] };
    t.match(answer(7), scoped);
    t.match(answer(undefined), scoped, 'a compiled launcher runs on another kernel');
    for (const abi of [0, 5])
      t.match(answer(abi), { stopped: false, by: [], remedies: ['--net none'] }, `ABI ${abi}`);
    t.match(answer(7, normalize({ user: 'sam', jail: '/srv/jail', ...host, landlock: true })), {
      by: ['Landlock'],
    });
    t.same(answers(host).get('connect to TCP ports of the host')?.remedies, ['--net none', '--connect-tcp']);
  },
);

t.test('files in memory are executed where the kernel has no vm.memfd_noexec', async (t) => {
  const answer = (keys: Partial<LaunchRequest>, hasMemfdNoexec: boolean) =>
    threatAnswers({
      request: normalize({ user: 'sam', jail: '/srv/jail', ...keys }),
      account: { uid: 1001 },
      hasMemfdNoexec,
    }).find(({ threat }) => threat === 'execute a file in memory (memfd_create)');
  const { threat, subject } = answer({}, true) ?? {};
  const open = { threat, subject, stopped: false, by: [], remedies: [] };
  const shut = { ...open, stopped: true, by: ['vm.memfd_noexec (Linux 6.3)'] };
  t.same(answer(levels.isolate, true), shut);
  t.same(answer(levels.isolate, false), open);
  t.same(answer({}, true), { ...open, remedies: ['--isolate'] });
  t.same(answer({}, false), open);
});

t.test('no remedy is an option that is given', async (t) => {
  const proc = 'reach files of theirs through /proc';
  const trace = 'trace them, read their memory, take their descriptors';
  const mount = 'mount a file system (`sys_admin`)';
  const signals = 'send signals to processes of the same user';
  for (const [threat, keys, remedies] of [
    [proc, { isolate: true }, ['--landlock', '--proc /proc']],
    [proc, {}, ['--landlock', '--isolate --proc /proc']],
    [trace, { isolate: true, allow: ['debug'] }, ['--landlock', 'no --allow debug']],
    [trace, { isolate: true, seccomp: 'log' }, ['--landlock', '--seccomp=default']],
    [mount, { isolate: true, allow: ['mount'] }, ['--landlock', 'no --allow mount', 'no --cap sys_admin']],
    [signals, { landlockAbi: 5 }, ['--landlock-abi 6', '--isolate']],
    [calls, { isolate: true, seccomp: 'log' }, ['--seccomp=default', '--seccomp=FILE']],
  ] as const)
    t.same(answers(keys).get(threat)?.remedies, remedies, threat);
});

t.test('each ABI of Landlock stops what it covers', async (t) => {
  const stopped = (landlockAbi: number) =>
    [...answers({ landlockAbi }).values()].filter(({ by }) => by.includes('Landlock')).length;
  // files of the host came with 3, ioctl with 5, signals and abstract sockets with 6 (landlock(7), VERSIONS)
  t.same([1, 2, 3, 4, 5, 6].map(stopped), [6, 6, 7, 7, 8, 10]);
});

t.test('the text has a line for each threat', async (t) => {
  const request = normalize({ user: 'sam', jail: '/srv/jail', landlock: true });
  const [head, ...lines] = threatsAsText({ request, account: { uid: 1001 } })
    .trimEnd()
    .split('\n');
  t.equal(head, 'does it stop a program that tries to (doc/isolation.md):');
  t.equal(lines.length, answers({}).size);
  t.ok(lines.includes('  yes  send signals to processes of the same user: by Landlock'));
  t.ok(lines.includes('  no   leave processes behind: --isolate would'));
  t.ok(lines.includes("  no   use a bug of the kernel's: no option does"));
});
