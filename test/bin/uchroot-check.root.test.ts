import { appendFileSync, chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { buildJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import { command, rootTest, start, uchroot } from '../support/launch.ts';
import { mount, must } from '../support/template.ts';

const test = rootTest('strace', 'setcap');
const base = makeDirectory(t);
const template = `${base}/template`;
let made = 0;

async function makeJail(t: Test): Promise<string> {
  if (made++ === 0) await buildJail({ directory: template, programs: ['/usr/bin/bash', '/usr/bin/ls'] });
  const jail = `${base}/jail${made}`;
  must(['cp', '-a', template, jail]);
  t.teardown(() => void must(['rm', '-rf', '--one-file-system', jail]));
  return jail;
}

function check(jail: string, ...args: readonly string[]) {
  return uchroot(['--check', ...args, 'nobody', jail, '/usr/bin/bash', '-c', 'echo it runs']);
}

test('a program starts in a jail in which nothing is wrong', async (t) => {
  const jail = await makeJail(t);
  t.match(check(jail), { status: 0, stdout: 'it runs\n', stderr: '' });
  writeFileSync(`${jail}/tmp/x`, '#!/usr/bin/bash\n', { mode: 0o755 });
  t.match(check(jail), { status: 0, stdout: 'it runs\n', stderr: '' }, 'a warning refuses nothing');
});

const NOBODY = 65534;

const defects: readonly (readonly [rule: string, path: string, plant: (jail: string, t: Test) => void])[] = [
  ['set-user-id', '/usr/bin/bash', (jail) => chmodSync(`${jail}/usr/bin/bash`, 0o4755)],
  [
    'file-capabilities',
    '/usr/bin/bash',
    (jail) => void must(['setcap', 'cap_net_raw+ep', `${jail}/usr/bin/bash`]),
  ],
  ['changed', '/usr/bin/bash', (jail) => appendFileSync(`${jail}/usr/bin/bash`, 'x')],
  [
    'changed',
    'libc.so.6',
    (jail) => {
      const [libc = ''] = must(['find', jail, '-name', 'libc.so.6']).split('\n');
      appendFileSync(libc, 'x');
    },
  ],
  ['steering-file', '/etc/passwd', (jail) => chownSync(`${jail}/etc/passwd`, NOBODY, 0)],
  ['writable-directory', '/usr/bin', (jail) => chmodSync(`${jail}/usr/bin`, 0o1777)],
  ['preload', '/etc/ld.so.preload', (jail) => writeFileSync(`${jail}/etc/ld.so.preload`, '/tmp/x.so\n')],
  [
    'uid-zero',
    '/etc/passwd',
    (jail) => appendFileSync(`${jail}/etc/passwd`, 'toor:x:0:0::/:/usr/bin/bash\n'),
  ],
  ['device-node', '/dev/kmem', (jail) => void must(['mknod', `${jail}/dev/kmem`, 'c', '1', '2'])],
  ['manifest', '/.uchroot/manifest.json.gz', (jail) => chmodSync(`${jail}/.uchroot/manifest.json.gz`, 0o666)],
  [
    'kernel-mount',
    '/sys',
    (jail, t) => {
      mkdirSync(`${jail}/sys`);
      mount(t, '-t', 'sysfs', 'sysfs', `${jail}/sys`);
    },
  ],
];

for (const [rule, path, plant] of defects)
  test(`the program does not start: ${rule} of ${path}`, async (t) => {
    const jail = await makeJail(t);
    plant(jail, t);
    const { status, stdout, stderr } = check(jail);
    t.equal(status, 125);
    t.equal(stdout, '');
    const lines = stderr.split('\n').filter((line) => line.includes(`(${rule})`));
    t.equal(lines.length, 1, stderr);
    t.match(lines[0], new RegExp(`^uchroot: check: \\S*${path.replaceAll('.', '\\.')}: `));
    t.match(
      stderr,
      /\nuchroot: check: \d+ errors? in the jail .*: the program was not started\nhint: uchroot-jail check .*\n$/,
    );
  });

test('the path to the jail may be unsafe if that is accepted', async (t) => {
  const jail = await makeJail(t);
  chownSync(jail, NOBODY, 0);
  t.equal(check(jail).status, 125);
  const { status, stdout, stderr } = check(jail, '--insecure-path');
  t.match({ status, stdout }, { status: 0, stdout: 'it runs\n' });
  t.match(stderr, /^uchroot: warning: /);
});

test('other refusals come first and keep their statuses', async (t) => {
  const jail = await makeJail(t);
  chmodSync(`${jail}/etc`, 0o777);
  t.equal(uchroot(['--check', 'no-such-user', jail, '/usr/bin/bash']).status, 2);
  chmodSync(`${jail}/etc`, 0o755);
  t.equal(uchroot(['--check', 'nobody', jail, '/usr/bin/absent']).status, 127);
  t.equal(uchroot(['--check', 'nobody', jail, '/etc/passwd']).status, 126);
});

test('a compiled launcher has nothing to check with', async (t) => {
  const { status, stderr } = check(await makeJail(t), '--compile', `${base}/launcher`);
  t.equal(status, 1);
  t.match(stderr, /^uchroot: --compile and --check are given at once/);
});

test('the status descriptor and the plan tell of it', async (t) => {
  const jail = await makeJail(t);
  chmodSync(`${jail}/usr/bin/bash`, 0o4755);
  const { status, stdout } = check(jail, '--status-fd', '1');
  t.equal(status, 125);
  t.match(JSON.parse(stdout), { event: 'failed', step: 'check', code: 'ERR_UNSAFE_JAIL' });
  const plan = check(jail, '--plan');
  t.equal(plan.status, 125);
  t.match(plan.stdout, /^who: /);
  t.match(plan.stderr, /\(set-user-id\)/);
});

test('a jail that was made by hand is checked as far as that goes', async (t) => {
  const jail = await makeJail(t);
  must(['rm', '-r', `${jail}/.uchroot`]);
  t.match(check(jail), { status: 0, stdout: 'it runs\n' });
  must(['rm', `${jail}/dev/null`]);
  t.match(check(jail), { status: 125, stderr: /\(dev-null\)/ });
});

test('without the option nothing of it is opened', async (t) => {
  const jail = await makeJail(t);
  const trace = `${base}/trace`;
  const tracing = ['strace', '-f', '-o', trace, '-e', 'trace=open,openat,openat2'];
  const program = ['nobody', jail, '/usr/bin/bash', '-c', ':'];
  const opened = (...options: readonly string[]) => {
    t.equal(start([...tracing, ...command, ...options, ...program]).status, 0);
    return must(['cat', trace]);
  };
  t.notMatch(opened(), /bundle-(?!hot|late)\w+\.cjs|manifest\.json/);
  t.match(opened('--check'), /bundle-launch\.cjs/);
});
