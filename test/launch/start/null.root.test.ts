// The null devices that a program is given: no change of one reaches the host's.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, openSync, closeSync, statSync } from 'node:fs';
import { text } from 'node:stream/consumers';

import t, { type Test } from 'tap';

import { native } from '../../../lib/native.ts';
import { openJail, spawnInJail, type SpawnRequest } from '../../support/public-api.ts';
import { asInDocker } from '../../support/container.ts';
import { unlessBare } from '../../support/isolation.ts';
import { command, commandEnv, launchWords, temporaryDirectory } from '../../support/launch.ts';
import { compiled, makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';

const skip = unlessRoot('gcc', 'setpriv', 'unshare', 'mount');
const jail = skip === false ? makeJail(t, 'nodes') : '';
const user = '61147:61147';

interface Node {
  readonly name: string;
  readonly node: string;
  readonly path: string;
}

const { dev, ino } = statSync('/dev/null');
const hosts = `${dev}-${ino}`;
const EROFS = 30;
const kept = { open: 0, device: 0x103, touch: EROFS, acl: EROFS, bytes: 0, wrote: 1 };

const read = (lines: string): readonly Node[] =>
  lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Node);

function check(t: Test, lines: string, names: readonly string[], more: object = {}): void {
  const nodes = read(lines);
  t.same(
    nodes.map(({ name }) => name),
    names,
  );
  for (const node of nodes) {
    t.match(node, { ...kept, ...more }, node.name);
    t.not(node.node, hosts, 'it is not the one of the host');
    t.equal(node.path === '/dev/null' || node.path === '', true, 'it has the path of the host');
  }
}

async function spawned(request: Partial<SpawnRequest>, names: readonly string[]): Promise<string> {
  const child = await spawnInJail({
    user,
    jail,
    program: '/nodes',
    args: [...names],
    ...request,
  });
  const [lines] = await Promise.all([text(child.stderr as NodeJS.ReadableStream), child.exited]);
  return lines;
}

const root = { user: 'root', allowRoot: true } as const;

t.test('root inside cannot change the null device of the host, by a service', { skip }, async (t) => {
  const given = openSync('/dev/null', 'r+');
  t.teardown(() => closeSync(given));
  const names = ['0', '1'];
  // a kernel before 6.12 refuses the default, see kernel.root.test.ts
  const landlockAbi = native.landlockAbi() >= 6 ? undefined : 'any';
  for (const more of [
    root,
    {},
    { ...root, isolate: true },
    { ...root, landlock: true, landlockAbi },
    { ...root, seccomp: 'default' },
  ])
    for (const stdio of [
      ['ignore', 'ignore', 'pipe'],
      [given, given, 'pipe'],
    ] as const)
      check(t, await spawned({ ...more, stdio }, names), names, 'user' in more ? { change: EROFS } : {});
});

t.test('so it is in a jail that is kept open', { skip }, async (t) => {
  await using opened = await openJail(jail, { ...root, share: 'all', isolate: true });
  for (let i = 0; i < 2; i++) {
    const child = await opened.spawn({
      program: '/nodes',
      args: ['0', '1'],
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    check(t, await text(child.stderr), ['0', '1']);
    await child.exited;
  }
});

const asRoot = ['--allow-root', 'root', jail, '/nodes', '0', '1'];
const closed = ['sh', '-c', 'exec "$@" <&- >&-', 'sh'];
const nulls = ['sh', '-c', 'exec "$@" </dev/null >/dev/null', 'sh'];

function run(by: readonly string[], words: readonly string[]): string {
  const [file = '', ...args] = [...by, ...words];
  return spawnSync(file, args, { cwd: '/', env: commandEnv, encoding: 'utf8' }).stderr;
}

t.test('nor by the command, or a compiled launcher, whether 0 to 2 are closed or it', { skip }, async (t) => {
  for (const level of [[], ['--isolate'], ['--read-only', '--isolate'], ['--time', '60']]) {
    const words = [...level, ...asRoot];
    for (const by of [closed, nulls])
      check(t, run(by, [...command, ...words]), ['0', '1'], { change: EROFS });
  }
  for (const level of [[], ['--isolate']]) {
    const launcher = `${temporaryDirectory()}/launcher`;
    t.equal(run([], [...command, '--compile', launcher, ...level, ...asRoot]), '');
    for (const by of [closed, nulls]) check(t, run(by, [launcher]), ['0', '1'], { change: EROFS });
  }
});

t.test('a null device that the host has mounted read-only is replaced too', { skip }, (t) => {
  const mounted = 'mount --bind -o ro /dev/null /dev/null && exec "$@" </dev/null >/dev/null';
  const by = ['unshare', '--mount', 'sh', '-c', mounted, 'sh'];
  check(t, run(by, [...command, ...asRoot]), ['0', '1'], { change: EROFS });
  t.end();
});

t.test('nor by a set-user-ID program of a compiled launcher', { skip }, async (t) => {
  const program = `${jail}/set-user-id`;
  copyFileSync(compiled('nodes'), program);
  chmodSync(program, 0o4755);
  const launcher = `${temporaryDirectory()}/launcher`;
  const words = ['--allow-new-privs', user, jail, '/set-user-id', '0', '1'];
  t.equal(run([], [...command, '--compile', launcher, ...words]), '');
  for (const by of [closed, nulls]) check(t, run(by, [launcher]), ['0', '1'], { change: EROFS });
});

t.test('an ordinary user gets his own for each that is closed', { skip }, async (t) => {
  const words = [user, jail, '/nodes', '0', '1'];
  check(t, run(closed, launchWords(words)), ['0', '1']);
  const launcher = `${temporaryDirectory()}/launcher`;
  t.equal(run([], [...command, '--compile', launcher, ...words]), '');
  check(t, run(closed, [launcher]), ['0', '1']);
});

const bare = skip || unlessBare('a container without privileges has no mounts');

t.test('where the kernel makes no mount, a launch has that of the caller', { skip: bare }, async (t) => {
  const words = [...asInDocker(), ...command, user, jail, '/nodes', '0', '1'];
  for (const by of [closed, nulls])
    t.match(read(run(by, words)), [
      { node: hosts, wrote: 1 },
      { node: hosts, wrote: 1 },
    ]);
});

t.test('files of /proc are hidden by a file that belongs to nobody else', { skip }, async (t) => {
  mkdirSync(`${jail}/proc`);
  mkdirSync(`${jail}/dev`);
  copyFileSync(compiled('nodes'), `${jail}/nodes`);
  const paths = ['/proc/timer_list', '/proc/keys', '/proc/interrupts'];
  const words = ['--isolate', '--proc', '/proc', ...asRoot.slice(0, -2), ...paths];
  const nodes = read(run([], [...command, ...words]));
  t.equal(nodes.length, paths.length);
  for (const node of nodes)
    t.match(node, { open: 0, device: 0, change: EROFS, touch: EROFS, acl: EROFS, bytes: 0 }, node.name);
});
