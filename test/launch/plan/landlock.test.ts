import t from 'tap';

import { encodePlan } from '../../../lib/launch/plan/encode.ts';
import { closeTcp, landlock } from '../../../lib/launch/plan/landlock.ts';
import type { Step } from '../../../lib/launch/plan/step.ts';
import { describeStep, wordsFor } from '../../../lib/launch/plan/table.ts';
import { normalize, type LaunchRequest } from '../../../lib/launch/request/request.ts';

function stepsOf(keys: Partial<LaunchRequest>): readonly Step[] {
  return landlock(normalize({ user: 'sam', jail: '/srv/jail', ...keys }));
}

/** The steps in short: name, what it acts on, what it allows. */
function shown(keys: Partial<LaunchRequest>): readonly string[] {
  return stepsOf(keys).map((step) => {
    const { object = '', purpose } = describeStep(step);
    const allowed = /^allow [^:]*: (.*)/.exec(purpose)?.[1] ?? '';
    return [step.op, object, allowed].filter((word) => word !== '').join(' ');
  });
}

const terminals = ['/dev/tty', '/dev/ptmx', '/dev/pts'].map(
  (path) => `landlock_path ${path} ioctl, if it is there`,
);
const end = ['landlock_restrict_self', 'verify_landlock an abstract socket from before'];

t.test('without it there is no step', async (t) => {
  t.same(shown({}), []);
  t.same(shown({ landlock: false }), []);
});

t.test('alone it allows the whole jail, and ioctl on terminals', async (t) => {
  t.same(shown({ landlock: true }), [
    'landlock_ruleset ABI 6: files, abstract sockets, signals',
    'landlock_path / read, write, execute',
    ...terminals,
    ...end,
  ]);
});

t.test('with paths it allows these and nothing else', async (t) => {
  t.same(shown({ landlockRo: ['/usr', '/etc'], landlockRw: ['/tmp'] }), [
    'landlock_ruleset ABI 6: files, abstract sockets, signals',
    'landlock_path /usr read, execute',
    'landlock_path /etc read, execute',
    'landlock_path /tmp read, write',
    ...terminals,
    ...end,
  ]);
});

t.test('with readOnly it allows to write where the mounts do', async (t) => {
  const keys: Partial<LaunchRequest> = {
    isolate: true,
    readOnly: true,
    view: [
      { writable: '/var' },
      { dir: '/made' },
      { tmpfs: '/tmp' },
      { bind: '/srv', to: '/in', readOnly: true },
      { bind: '/srv', to: '/out' },
    ],
  };
  t.same(shown({ ...keys, landlock: true }).slice(1, -5), [
    'landlock_path / read, execute',
    'landlock_path /dev read, write, if it is there',
    'landlock_path /var read, write',
    'landlock_path /tmp read, write',
    'landlock_path /out read, write',
  ]);
  t.same(shown({ ...keys, landlockRo: ['/'] }).slice(1, -5), ['landlock_path / read, execute']);
});

t.test('TCP is handled as far as it is limited', async (t) => {
  const ports = (keys: Partial<LaunchRequest>): readonly string[] =>
    shown(keys).filter((line) => /^landlock_(ruleset|ports)/.test(line));
  const files = 'landlock_ruleset ABI 6: files, abstract sockets, signals';
  t.same(ports({ connectTcp: [443, 80] }), [
    `${files}, connect`,
    'landlock_ports 80,443 connect to these ports',
  ]);
  t.same(ports({ bindTcp: [] }), [`${files}, bind`]);
  t.same(ports({ bindTcp: [80] }), [`${files}, bind`, 'landlock_ports 80 bind to these ports']);
  t.same(ports({ connectTcp: [], bindTcp: [0, 8080] }), [
    `${files}, connect, bind`,
    'landlock_ports 0,8080 bind to these ports',
  ]);
});

t.test('with limited ports a filter closes the other ways to TCP, and is read back', async (t) => {
  const names = (keys: Partial<LaunchRequest>): readonly string[] =>
    closeTcp(normalize({ user: 'sam', jail: '/srv/jail', ...keys }), 'x64').map(({ op }) => op);
  for (const keys of [{ connectTcp: [] }, { bindTcp: [80] }, { connectTcp: [1], bindTcp: [2] }])
    t.same(names(keys), ['tcp_filter', 'verify_tcp_filter']);
  t.same(names({ landlock: true }), []);
});

t.test('many ports are shown in one line that can be read', async (t) => {
  const ports = (length: number) => Array.from({ length }, (_, i) => 1024 + i);
  const line = (length: number) => shown({ bindTcp: ports(length) }).join('\n');
  t.match(line(60_000), /^landlock_ports 60000 ports, 1024 to 61023 bind/m);
  t.match(line(17), /^landlock_ports 17 ports, 1024 to 1040 bind/m);
  t.match(line(16), /^landlock_ports 1024,.*,1039 bind/m);
});

t.test('an older ABI asks for nothing that came later', async (t) => {
  const ioctls = (abi: number): number =>
    shown({ landlockAbi: abi }).filter((line) => line.includes('ioctl')).length;
  t.same([1, 2, 3, 4, 5, 6].map(ioctls), [0, 0, 0, 0, 3, 3]);
  const verified = (landlockAbi: number) =>
    stepsOf({ landlockAbi }).flatMap((step) => (step.op === 'landlock_restrict_self' ? [step.verified] : []));
  t.same([1, 5, 6].flatMap(verified), [false, false, true]);
  const head = (abi: number): string | undefined => shown({ landlockAbi: abi })[0];
  t.equal(head(5), 'landlock_ruleset ABI 5: files');
  t.equal(head(6), 'landlock_ruleset ABI 6: files, abstract sockets, signals');
});

/** handled_access_fs, handled_access_net and scoped of the ruleset, and the rights of the first rule. */
function bits(keys: Partial<LaunchRequest>): readonly string[] {
  const [ruleset, rule] = stepsOf(keys).map((step) => encodePlan([[step]]).subarray(24));
  const numbers = [24, 32, 40].map((at) => ruleset?.readBigUInt64LE(at) ?? 0n);
  return [...numbers, rule?.readBigUInt64LE(8) ?? 0n].map((number) => number.toString(16));
}

t.test('the numbers are those of linux/landlock.h', async (t) => {
  // MAKE_CHAR 0x40, MAKE_BLOCK 0x800, REFER 0x2000, TRUNCATE 0x4000, IOCTL_DEV 0x8000
  t.same(bits({ landlock: true }), ['ffff', '0', '3', '77bf']);
  t.same(bits({ landlockAbi: 5 }), ['ffff', '0', '0', '77bf']);
  t.same(bits({ landlockAbi: 4 }), ['7fff', '0', '0', '77bf']);
  t.same(bits({ landlockAbi: 3 }), ['7fff', '0', '0', '77bf']);
  t.same(bits({ landlockAbi: 2 }), ['3fff', '0', '0', '37bf']);
  t.same(bits({ landlockAbi: 1 }), ['1fff', '0', '0', '17bf']);
  t.same(bits({ landlockRo: ['/'] }), ['ffff', '0', '3', 'd'], 'execute, read files, read directories');
  t.same(bits({ landlockRw: ['/'] }), ['ffff', '0', '3', '77be'], 'all but execute');
  t.same(bits({ bindTcp: [] })[1], '1');
  t.same(bits({ connectTcp: [] })[1], '2');
  t.same(bits({ connectTcp: [], bindTcp: [] })[1], '3');
});

t.test('a part asks for the whole, and contradicts its refusal', async (t) => {
  const parts: readonly Partial<LaunchRequest>[] = [
    { landlockAbi: 6 },
    { landlockRo: ['/usr'] },
    { landlockRw: [] },
    { connectTcp: [] },
    { bindTcp: [80] },
  ];
  for (const part of parts) {
    t.ok(stepsOf(part).length > 0);
    t.throws(() => stepsOf({ landlock: false, ...part }), {
      name: 'UsageError',
      message: /^landlock is false, and \w+ is a part of it: choose one$/,
    });
  }
});

t.test('what Landlock cannot take is an error that says so', async (t) => {
  const wrong: readonly (readonly [keys: Record<string, unknown>, message: RegExp])[] = [
    [{ landlockAbi: 0 }, /^landlockAbi must be a whole number from 1 to 6, not 0$/],
    [{ landlockAbi: 7 }, /^landlockAbi must be a whole number from 1 to 6, not 7$/],
    [{ landlockAbi: '6' }, /^landlockAbi must be a whole number from 1 to 6, not '6'$/],
    [{ landlockAbi: 3, connectTcp: [80] }, /ABI 3 of Landlock knows no TCP ports$/],
    [{ landlockAbi: 3, bindTcp: [] }, /ABI 3 of Landlock knows no TCP ports$/],
    [{ landlockRo: ['usr'] }, /^landlockRo\[0\] must be an absolute path, not 'usr'$/],
    [{ landlockRw: ['/a\0b'] }, /^landlockRw\[0\] must be an absolute path, not /],
    [{ landlockRw: '/tmp' }, /^landlockRw must be an array, not '\/tmp'$/],
    [{ connectTcp: [65536] }, /^connectTcp\[0\] must be a whole number from 0 to 65535, not 65536$/],
    [{ bindTcp: [-1] }, /^bindTcp\[0\] must be a whole number from 0 to 65535/],
    [{ bindTcp: ['80'] }, /^bindTcp\[0\] must be a whole number from 0 to 65535/],
  ];
  for (const [keys, message] of wrong) t.throws(() => stepsOf(keys), { name: 'UsageError', message });
});

t.test('a kernel that cannot do it is named with the remedy', async (t) => {
  const context = { detail: 4, jail: '/srv/jail', cwd: Buffer.from('/'), uid: 1001 };
  const [ruleset] = stepsOf({ landlock: true });
  if (ruleset === undefined) throw new Error('no step');
  t.same(wordsFor(ruleset, 'EPROTONOSUPPORT', context), {
    reason: 'the kernel has Landlock ABI 4, and ABI 6 is needed',
    hint: 'it came with Linux 6.12; --landlock-abi 4 does with this kernel, and confines less',
  });
  t.match(wordsFor(ruleset, 'ENOSYS', context), { reason: /no Landlock/, hint: /Linux 6\.12/ });
  t.match(wordsFor(ruleset, 'ENOTSUP', context), { reason: /switched off/, hint: /lsm=/ });
});
