// Limits of launches without root, in cgroups that root has left to the user, and elsewhere.
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
} from 'node:fs';

import type { Test } from 'tap';

import { readHierarchies } from '../../../lib/launch/host/cgroup-layout.ts';
import { inChild } from '../../support/child.ts';
import { rootTest, start } from '../../support/launch.ts';
import { ordinary } from '../../support/ordinary.ts';
import { compiled } from '../../support/programs.ts';
import { eventually, processesOf } from '../../support/service.ts';
import { Ranger } from '../../support/subordinate.ts';

const test = rootTest('setpriv', 'newuidmap');
// Only this file has processes of this uid.
const uid = 61_432;
const { by, command, jail } = ordinary(uid);
const words = (...options: readonly string[]): readonly string[] => [
  ...command,
  '--rootless',
  ...options,
  'root',
  jail,
];

// Of version 1 those that a launch uses: a new cgroup of cpuset takes no process.
const used = new Set(['memory', 'pids', 'cpu', 'cpuacct']);
const directories = readHierarchies(
  readFileSync('/proc/self/cgroup', 'latin1'),
  readFileSync('/proc/self/mountinfo', 'latin1'),
).flatMap(({ directory, version, controllers }) =>
  directory !== undefined && (version === 2 || controllers.some((name) => used.has(name))) ? [directory] : [],
);

const isEmpty = (cgroup: string): boolean => readFileSync(`${cgroup}/cgroup.procs`, 'latin1') === '';

/** Cgroups of the user's own; they end with the test. */
function delegated(t: Test): readonly string[] {
  const own = directories.map((directory) => `${directory}/uchroot-test-${process.pid}`);
  t.teardown(async () => {
    // the shell that removes the cgroups of a service outlives it by a moment
    await eventually(() => own.every(isEmpty));
    own.forEach((directory) => rmdirSync(directory));
  });
  for (const directory of own) {
    mkdirSync(directory);
    for (const file of ['', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads', 'tasks']) {
      const path = `${directory}/${file}`;
      if (existsSync(path)) chownSync(path, uid, uid);
    }
  }
  return own;
}

if (process.getuid?.() === 0) copyFileSync(compiled('hog'), `${jail}/hog`);

const enter = 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done; shift; exec "$@"';
const inCgroups = (cgroups: readonly string[]): readonly string[] => [
  'sh',
  '-c',
  enter,
  'sh',
  ...cgroups,
  '--',
];

/** Runs the words as the user, in these cgroups. */
function runIn(cgroups: readonly string[], argv: readonly string[], as = by) {
  return start([...inCgroups(cgroups), ...as, ...argv]);
}

const left = (cgroups: readonly string[]): readonly string[] =>
  cgroups.flatMap((directory) => readdirSync(directory).filter((name) => name.startsWith('uchroot-')));

test('memory and pids are limited in cgroups that are left to the user', async (t) => {
  const cgroups = delegated(t);
  t.match(runIn(cgroups, [...words('--memory', '64M', '--pids', '20'), '/hog', 'memory', '200']), {
    status: 137,
    stderr: /the program was ended: it needed more memory than 64M/,
  });
  t.match(runIn(cgroups, [...words('--pids', '20', '--time', '0.5'), '/hog', 'bomb']), { status: 124 });
  t.ok(await eventually(() => processesOf(uid).length === 0), 'no process is left');
  t.same(left(cgroups), [], 'no cgroup is left');
});

test('elsewhere they are refused by name, and the cgroups of others are let alone', async (t) => {
  // Launches of root, such as those of other tests, remove what a killed service of root has left beside them.
  const cgroups = directories.map((directory) => `${directory}/uchroot-test-${process.pid}-others`);
  const others = cgroups.map((directory) => `${directory}/uchroot-${namespace()}-4194303-1-1`);
  t.teardown(() => [...others, ...cgroups].forEach((directory) => rmdirSync(directory)));
  others.forEach((directory) => mkdirSync(directory, { recursive: true }));
  for (const [option, name] of [
    ['--memory', 'memory 64M'],
    ['--pids', 'pids 64'],
  ] as const) {
    const { status, stderr } = runIn(cgroups, [...words(option, name.split(' ')[1] ?? '', '--'), '/probe']);
    t.match(
      { status, stderr },
      { status: 125, stderr: new RegExp(`^uchroot: cgroup: ${name}: .*\nhint: .*systemd-run --user .*\n$`) },
    );
  }
  t.ok(others.every((directory) => existsSync(directory)));
});

function namespace(): string {
  return /[0-9]+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';
}

// The thread that launches is suspended until the launcher runs, which then waits for newuidmap.
test('limits and a range of ids go together', async (t) => {
  const cgroups = delegated(t);
  const as = new Ranger(uid).by();
  const limits = ['--map-auto', '--memory', '64M', '--pids', '20'];
  t.match(runIn(cgroups, [...words(...limits), '/hog', 'memory', '200'], as), { status: 137 });
  const ended = runIn(cgroups, [...words(...limits, '--groups', '5'), '/probe', 'state'], as);
  t.match(JSON.parse(ended.stdout), { uid: [0, 0, 0, 0], groups: [5] });
  t.same(left(cgroups), []);
});

test('limits hold for each launch of an open jail, and the service of an OOM killer’s victim goes on', async (t) => {
  const cgroups = delegated(t);
  const found = inChild(
    `
    const { openLauncher } = await load('native.js');
    const { openJail } = await load('index.js');
    openLauncher();
    native.setgroups([]); native.setgid(${uid}); native.setuid(${uid});
    const opened = await openJail(${JSON.stringify(jail)}, { user: 'root', rootless: true, memory: '64M', pids: 20, reject: false });
    const told = [];
    for (let i = 0; i < 2; i++)
      told.push(await opened.run({ program: '/hog', args: ['memory', '200'] }), await opened.run({ program: '/probe', args: ['exit', '5'] }));
    opened.close();
    tell(told.map(({ limit, exitCode, signal }) => [limit, exitCode ?? signal]));`,
    inCgroups(cgroups),
  );
  const [ended, passed] = [
    ['memory', 'SIGKILL'],
    [null, 5],
  ];
  t.same(found, [ended, passed, ended, passed]);
  t.ok(await eventually(() => left(cgroups).length === 0), 'no cgroup is left');
});
