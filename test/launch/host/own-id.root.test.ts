// USER auto: an id that no account, no process and no other launch has.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

import { ownIds } from '../../../lib/launch/request/request.ts';
import { command, makeJail, putProgram, rootTest } from '../../support/launch.ts';
import { planLaunch, runInJail } from '../../support/public-api.ts';
import { childrenOf, eventually, plainEnv, processesOf, runs, statusOf } from '../../support/service.ts';

const test = rootTest('flock', 'unshare', 'setpriv');
const jail = makeJail();
if (process.getuid?.() === 0) putProgram(`${jail}/actor`, 0o755, 'actor');
const locks = existsSync('/run/systemd/system') ? '/run/systemd/dynamic-uid' : '/run/uchroot/dynamic-uid';

interface State {
  readonly uid: readonly number[];
  readonly gid: readonly number[];
  readonly fds?: object;
}

const say = (...words: readonly string[]) =>
  spawnSync(words[0] ?? '', words.slice(1), { encoding: 'utf8', env: plainEnv() });
const stateOf = (text: string): State => JSON.parse(text) as State;
const uidOf = (text: string): number => stateOf(text).uid[0] ?? -1;
const isOwn = (uid: number): boolean => uid >= ownIds.first && uid <= ownIds.last;
const isHeld = (uid: number): boolean => say('flock', '--nonblock', `${locks}/${uid}`, 'true').status === 1;
const uidFor = (...options: readonly string[]): number =>
  uidOf(say(...command, ...options, 'auto', jail, '/probe', 'brief').stdout);

/** A program that waits until its standard input ends. */
async function hold(...options: readonly string[]): Promise<{ child: ChildProcess; uid: number }> {
  const words = [...command, ...options, 'auto', jail, '/probe', 'wait'];
  const child = spawn(words[0] ?? '', words.slice(1), {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: plainEnv(),
  });
  const [text] = (await once(child.stdout ?? child, 'data')) as [Buffer];
  return { child, uid: uidOf(text.toString()) };
}

function descendantsOf(pid: number): readonly number[] {
  const children = childrenOf(pid);
  return [...children, ...children.flatMap(descendantsOf)];
}

async function finish(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.stdin?.end();
  await ended;
}

test('the id is held while the program runs, in each kind of launch, and is free afterwards', async (t) => {
  const kinds = [
    [],
    ['--new-session'],
    ['--time', '600'],
    ['--memory', '256M'],
    ['--isolate'],
    ['--isolate', '--memory', '256M', '--time', '600'],
  ];
  for (const options of kinds) {
    const { child, uid } = await hold(...options);
    t.ok(isOwn(uid), `${options.join(' ')}: ${uid}`);
    t.ok(isHeld(uid));
    t.not(uidFor(...options), uid);
    await finish(child);
    t.notOk(isHeld(uid));
  }
  t.ok(isOwn(uidFor('--pty')));
});

test('the program gets no descriptor of the lock, and the group of the same number', async (t) => {
  const state = stateOf(say(...command, 'auto', jail, '/probe', 'state').stdout);
  t.same(Object.keys(state.fds ?? {}), ['0', '1', '2']);
  t.equal(state.gid[0], state.uid[0]);
  const other = stateOf(say(...command, 'auto:12345', jail, '/probe', 'state').stdout);
  t.same([isOwn(other.uid[0] ?? 0), other.gid[0]], [true, 12_345]);
});

test('SIGKILL for the command ends the program and frees the id', async (t) => {
  for (const options of [[], ['--isolate'], ['--isolate', '--memory', '256M', '--time', '600']]) {
    const { child, uid } = await hold(...options);
    const launch = descendantsOf(child.pid ?? 0);
    child.kill('SIGKILL');
    // Its processes of root hold the id, and end after the program.
    t.ok(await eventually(() => processesOf(uid).length === 0 && !launch.some(runs)), options.join(' '));
    t.notOk(isHeld(uid));
  }
});

test('an id with a process is given to nobody, though nobody holds it', async (t) => {
  const words = [...command, 'auto', jail, '/actor', 'daemon=60000', 'out=ready', 'sleep=60000'];
  const child = spawn(words[0] ?? '', words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const uid = Number(statusOf(childrenOf(child.pid ?? 0)[0] ?? 0, 'Uid')?.split('\t')[0]);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const left = processesOf(uid);
  t.ok(left.length > 0, 'the daemon runs on');
  for (let i = 0; i < 3; i++) t.not(uidFor(), uid);
  for (const pid of left) process.kill(pid, 'SIGKILL');
});

test('an id of an account, a group or a range of subordinate ids is given to nobody', async (t) => {
  const many = Array.from({ length: 500 }, (_, at) => ownIds.first + at);
  const files: readonly (readonly [file: string, text: string])[] = [
    ['/etc/passwd', many.map((id) => `u${id}:x:${id}:${id}::/:/bin/sh`).join('\n')],
    ['/etc/group', many.map((id) => `g${id}:x:${id}:`).join('\n')],
    ['/etc/subuid', `someone:${ownIds.first}:500`],
    ['/etc/subgid', `other:5:5\nsomeone:${ownIds.first}:500`],
  ];
  for (const [file, text] of files) {
    const script = `f=$(mktemp) && printf '%s\\n' "$TEXT" >"$f" && touch ${file} && mount --bind "$f" ${file} && rm "$f"; exec "$@"`;
    const { stdout, stderr } = spawnSync(
      'unshare',
      ['--mount', 'sh', '-c', script, 'sh', ...command, 'auto', jail, '/probe', 'brief'],
      { encoding: 'utf8', env: plainEnv({ TEXT: text }) },
    );
    t.equal(stderr, '', file);
    t.ok(uidOf(stdout) >= ownIds.first + 500, file);
  }
});

test('what stands in the way is told, with a remedy', async (t) => {
  const inside = (script: string) =>
    say('unshare', '--mount', 'sh', '-c', `${script}; exec "$@"`, 'sh', ...command, 'auto', jail, '/probe');
  const all = `f=$(mktemp) && echo x:${ownIds.first}:5000 >"$f" && touch /etc/subuid && mount --bind "$f" /etc/subuid && rm "$f"`;
  const none = inside(all);
  t.equal(none.status, 125);
  t.match(none.stderr, /no id from 61184 to 65519 is free for USER auto\nhint: .*ps -eo uid/);
  const closed = inside('mount --bind /run /run && mount -o remount,bind,ro /run');
  t.match(closed.stderr, /dynamic-uid: .*[Rr]ead-only file system/);
  const open = inside(`mount -t tmpfs none /run && mkdir -p ${locks} && chmod 777 ${locks}`);
  t.match(open.stderr, /dynamic-uid: .*\nhint: .* must be directories of root that only root can write/);
  const parent = locks.slice(0, locks.lastIndexOf('/'));
  const writable = inside(`mount -t tmpfs none /run && mkdir -p ${locks} && chmod 777 ${parent}`);
  t.match(writable.stderr, /dynamic-uid: .*\nhint: .* and the directory of it, must be directories of root/);
  const link = inside(`mount -t tmpfs none /run && mkdir -p /run/else && ln -s else ${parent}`);
  t.match(link.stderr, /dynamic-uid: Not a directory/i);
  const ordinary = say(
    'setpriv',
    '--reuid=12345',
    '--regid=12345',
    '--clear-groups',
    ...command,
    'auto',
    '/',
  );
  t.same([ordinary.status, /must be run as root/.test(ordinary.stderr)], [3, true]);
  for (const option of ['--compile', '--unit']) {
    const { status, stderr } = say(...command, option, 'systemd', 'auto', jail, '/probe');
    t.same([status, /a service has the same id at each start/.test(stderr)], [1, true]);
  }
});

test('a plan of an ordinary user takes no id', async (t) => {
  const words = ['setpriv', '--reuid=12345', '--regid=12345', '--clear-groups', ...command];
  t.match(
    say(...words, '--plan', 'auto', jail, '/probe').stdout,
    /^who: +auto, each launch an id of its own: uid 61184, /,
  );
  t.equal((await planLaunch({ user: 'auto', jail, program: '/probe' })).account.uid, ownIds.first);
});

test('programs of one service have different ids, and later ones the same again', async (t) => {
  const run = () => runInJail({ user: 'auto', jail, program: '/probe', args: ['brief'] });
  const first = await Promise.all(Array.from({ length: 20 }, run));
  const uids = new Set(first.map(({ stdout }) => uidOf(stdout)));
  t.equal(uids.size, 20);
  t.ok([...uids].every((uid) => isOwn(uid) && isHeld(uid)));
  for (let i = 0; i < 5; i++) t.ok(uids.has(uidOf((await run()).stdout)));
});
