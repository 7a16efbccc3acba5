// uchroot --result: what ended the program, and what it used, told right for each planted end.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';

import { runInJail } from '../../lib/index.ts';
import { command, makeJail, plainRootTest, putProgram, temporaryDirectory } from '../support/launch.ts';
import { eventually, plainEnv, processesOf } from '../support/service.ts';

const test = plainRootTest('unshare');
const jail = makeJail();
const place = process.getuid?.() === 0 ? temporaryDirectory() : '/';
if (place !== '/') for (const name of ['actor', 'exhaust', 'hog']) putProgram(`${jail}/${name}`, 0o755, name);
if (place !== '/') for (const name of ['proc', 'dev']) mkdirSync(`${jail}/${name}`);
const file = `${place}/result.json`;

interface Result {
  readonly status: string;
  readonly limit?: string;
  readonly message?: string;
  readonly exitcode?: number;
  readonly exitsig?: number;
  readonly killed?: number;
  readonly [seconds: string]: unknown;
}

const read = (): Result => JSON.parse(readFileSync(file, 'utf8')) as Result;
function run(options: readonly string[], words: readonly string[]): Result {
  const all = [...command, '--result', file, ...options, 'auto', jail, ...words];
  spawnSync(all[0] ?? '', all.slice(1), { encoding: 'utf8', env: plainEnv() });
  return read();
}

// Most of them wait for a limit.
const together = 6;

const limits = ['--isolate', '--memory', '64M', '--pids', '20', '--time', '600'];
// What a refused fork has taken counts until RCU gives it back, so that a busy machine would meet the limit of memory first.
const bomb = [...limits, '--memory', '1G'];
const tmp = ['--isolate', '--tmpfs', '/tmp:size=1M,nr_inodes=50'];
const ends: readonly (readonly [words: string, options: readonly string[], expected: Partial<Result>])[] = [
  ['/actor exit=0', [], { status: 'OK', exitcode: 0, killed: 0 }],
  ['/actor exit=7', [], { status: 'RE', exitcode: 7, killed: 0 }],
  ['/actor kill=11', [], { status: 'SG', exitsig: 11, killed: 0 }],
  ['/actor kill=9', limits, { status: 'SG', exitsig: 9, killed: 0 }],
  ['/actor sleep=60000', ['--time', '0.3'], { status: 'TO', limit: 'time', exitsig: 15, killed: 1 }],
  ['/actor ignore=15 sleep=60000', ['--time', '0.3', '--kill-signal', '9'], { limit: 'time', exitsig: 9 }],
  ['/hog spin', ['--isolate', '--time', '0.3'], { status: 'TO', limit: 'time', killed: 1 }],
  ['/hog memory', limits, { status: 'SG', limit: 'memory', exitsig: 9, killed: 1 }],
  ['/hog memory', ['--untrusted'], { limit: 'memory' }],
  ['/hog fork', limits, { status: 'RE', limit: 'pids' }],
  ['/hog bomb', [...bomb, '--time', '1'], { status: 'TO', limit: 'pids', killed: 1 }],
  ['/hog bomb', ['--untrusted', '--time', '1', '--memory', '1G'], { status: 'TO', limit: 'pids' }],
  ['/hog team', ['--cpu-time', '0.3'], { status: 'TO', limit: 'cpu time', killed: 1 }],
  ['/hog stubborn', ['--isolate', '--cpu-time', '0.3'], { status: 'TO', limit: 'cpu time', exitsig: 9 }],
  ['/hog bomb', [...bomb, '--cpu-time', '0.3'], { status: 'TO', limit: 'pids', killed: 1 }],
  ['/hog spin', ['--cpu-time', '1'], { status: 'TO', limit: 'cpu time', killed: 1 }],
  ['/hog stubborn', ['--cpu-time', '1'], { status: 'TO', limit: 'cpu time', exitsig: 9 }],
  ['/hog file', ['--rlimit', 'fsize=1000'], { status: 'SG', limit: 'file size', exitsig: 25 }],
  ['/hog file', tmp, { status: 'RE', limit: 'disk' }],
  ['/hog files', tmp, { status: 'RE', limit: 'inodes' }],
  ['/actor kill=31', limits, { status: 'SG', limit: 'call', exitsig: 31, killed: 1 }],
  ['/actor exit=124', ['--time', '600'], { status: 'RE', exitcode: 124, killed: 0 }],
  ['/actor exit=137', limits, { status: 'RE', exitcode: 137, killed: 0 }],
  ['/actor exit=152', ['--cpu-time', '5'], { status: 'RE', exitcode: 152, killed: 0 }],
  ['/actor kill=6', [], { status: 'SG', exitsig: 6, killed: 0 }],
  ['/actor kill=15', ['--isolate'], { status: 'SG', exitsig: 15, killed: 0 }],
  ['/actor kill=15', limits, { status: 'SG', exitsig: 15, killed: 0 }],
  ['/actor kill=31', [], { status: 'SG', limit: 'call', exitsig: 31, killed: 1 }],
  ['/actor sleep=60000', ['--isolate', '--time', '0.3'], { status: 'TO', limit: 'time', killed: 1 }],
  ['/actor ignore=15 sleep=60000', ['--untrusted', '--time', '0.3'], { limit: 'time', exitsig: 9 }],
  ['/hog spin', ['--untrusted', '--time', '0.3'], { status: 'TO', limit: 'time', exitsig: 9 }],
  ['/hog spin', ['--untrusted', '--cpu-time', '0.2'], { status: 'TO', limit: 'cpu time', killed: 1 }],
  ['/hog team', ['--isolate', '--cpu-time', '0.2'], { status: 'TO', limit: 'cpu time', killed: 1 }],
  ['/hog bomb', ['--pids', '20', '--cpu-time', '0.2'], { status: 'TO', limit: 'pids', killed: 1 }],
  ['/hog fork', ['--pids', '20'], { status: 'RE', limit: 'pids', killed: 0 }],
  ['/hog memory', ['--memory', '32M'], { limit: 'memory', exitsig: 9, killed: 1 }],
  ['/hog memory', ['--isolate', '--memory', '32M', '--cpu-time', '9.5'], { limit: 'memory', exitsig: 9 }],
  ['/hog file', ['--untrusted'], { status: 'RE', limit: 'disk' }],
  ['/hog liar', ['--untrusted', '--cpu-time', '5'], { status: 'SG', exitsig: 24, killed: 0 }],
  ['/hog liar', limits, { status: 'SG', exitsig: 24, killed: 0 }],
];

// Where cgroup v2 is mounted beside v1, it counts the CPU time and kills; without it v1 does.
const withoutUnified = ['unshare', '--mount', 'sh', '-c', 'umount /sys/fs/cgroup/unified; exec "$@"', 'sh'];
const hasBoth = existsSync('/sys/fs/cgroup/unified/cgroup.procs');
const needsCgroup = (options: readonly string[]): boolean =>
  options.some((one) => /^--(?:memory|pids|untrusted)$/.test(one) || /^0?\.\d/.test(one));

test('the reason is right for each planted end, on cgroup v1 and v2 and without one', async (t) => {
  const rows = [
    ...ends.map((row) => ({ before: [] as readonly string[], row })),
    ...(hasBoth ? ends.filter(([, options]) => needsCgroup(options)) : [])
      // how uchroot sees the end of a program depends on what it does and which limit it meets, not on the rest of its words
      .filter(([words, , { limit }], at, all) =>
        all.every(([other, , { limit: met }], before) => before >= at || other !== words || met !== limit),
      )
      .map((row) => ({ before: withoutUnified, row })),
  ];
  const tell = async (number: number): Promise<void> => {
    const planted = rows[number];
    if (planted === undefined) return;
    const { before, row } = planted;
    const [words, options, expected] = row;
    const own = `${place}/result-${number}.json`;
    const all = [...before, ...command, '--result', own, ...options, 'auto', jail, ...words.split(' ')];
    const child = spawn(all[0] ?? '', all.slice(1), { stdio: 'ignore', env: plainEnv() });
    await once(child, 'exit');
    const result = JSON.parse(readFileSync(own, 'utf8')) as Result;
    t.match(result, expected, `${before.length > 0 ? 'v1: ' : ''}${words} ${options.join(' ')}`);
    t.equal(result.limit, expected.limit);
    t.equal(typeof result['time-wall'], 'number');
    await tell(number + together);
  };
  await Promise.all(Array.from({ length: together }, (_, number) => tell(number)));
});

test('time and memory are those of all processes, where a cgroup counts them', async (t) => {
  const counted = run(limits, ['/hog', 'memory']);
  t.equal(counted['time-of'], 'all processes');
  t.ok(Number(counted['cg-mem']) > 60 * 1024 && Number(counted['cg-mem']) <= 64 * 1024);
  const sum = Number(counted['time-user']) + Number(counted['time-system']);
  t.ok(Math.abs(sum - Number(counted.time)) < 0.001);
  t.ok(Number(counted['time-wall']) > 0);
  const bare = run([], ['/actor', 'sleep=100']);
  t.equal(bare['time-of'], 'processes that were waited for');
  t.ok(Number(bare['time-wall']) >= 0.1);
});

test('file, line and library have the same keys', async (t) => {
  const words = ['/actor', 'daemon=60000', 'exit=3'];
  const inFile = run(limits, words);
  t.match(inFile, { status: 'RE', exitcode: 3, 'left-behind': 1, 'disk-written': 0 });
  t.ok(Number(inFile['max-rss']) > 50 && Number(inFile['max-rss']) < 20_000, String(inFile['max-rss']));
  const [node = '', ...before] = [...command, '--result', '-', ...limits, 'auto', jail, ...words];
  const { stderr } = spawnSync(node, before, { encoding: 'utf8', env: plainEnv() });
  t.match(stderr, /^uchroot: status="RE" exitcode=3 killed=0 time=[\d.]+ .* left-behind=1\n$/);
  const inLine = [...stderr.matchAll(/ ([a-z-]+)=/g)].map(([, key]) => key);
  t.same(inLine, Object.keys(inFile));
  const { account } = await runInJail({
    user: 'auto',
    jail,
    program: '/actor',
    args: words.slice(1),
    isolate: true,
    memory: '64M',
    pids: 20,
    reject: false,
  });
  t.match(account, { status: 'RE', exitcode: 3, killed: 0, 'time-of': 'all processes', 'left-behind': 1 });
  t.same(Object.keys(account), Object.keys(inFile));
});

test('the file is there before the program, for root alone, and tells that it has not ended', async (t) => {
  writeFileSync(file, 'an old one', { mode: 0o644 });
  const words = [...command, '--result', file, '--isolate', '--pty', 'auto', jail, '/probe', 'wait'];
  const child = spawn(words[0] ?? '', words.slice(1), {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: plainEnv(),
  });
  await once(child.stdout, 'data');
  t.match(read(), { status: 'XX', message: /^the program has not ended/ });
  t.equal(statSync(file).mode & 0o777, 0o600);
  child.stdin.end();
  await once(child, 'exit');
  t.match(read(), { status: 'OK' });
});

test('SIGKILL for the command leaves the status XX, and nothing beside the file', async (t) => {
  const words = [...command, '--result', file, 'auto', jail, '/probe', 'wait'];
  const child = spawn(words[0] ?? '', words.slice(1), {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: plainEnv(),
  });
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const { uid } = JSON.parse(text.toString()) as { uid: number[] };
  child.kill('SIGKILL');
  t.ok(await eventually(() => processesOf(uid[0] ?? 0).length === 0));
  t.match(read(), { status: 'XX' });
});

test('a process of its own that was killed is the reason', async (t) => {
  const words = [...command, '--result', file, '--isolate', '--time', '600', 'auto', jail, '/probe', 'wait'];
  const child = spawn(words[0] ?? '', words.slice(1), {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: plainEnv(),
  });
  await once(child.stdout, 'data');
  const { pid = 0 } = child;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  const watches = children.filter((one) =>
    readFileSync(`/proc/${one}/cmdline`, 'utf8').startsWith('uchroot\0wait'),
  );
  t.equal(watches.length, 1);
  process.kill(watches[0] ?? 0, 'SIGKILL');
  await once(child, 'exit');
  t.match(read(), {
    status: 'SG',
    limit: undefined,
    message: /^the process that watches its time .* was killed/,
  });
});

test('a program that did not run, and a file that cannot be made', async (t) => {
  t.match(run([], ['/nothing']), { status: 'XX', message: /^\/nothing: / });
  const fail = (path: string, ...options: readonly string[]) =>
    spawnSync(
      command[0] ?? '',
      [...command.slice(1), '--result', path, ...options, 'auto', jail, '/actor', `touch=/tmp/ran`],
      {
        encoding: 'utf8',
        env: plainEnv(),
      },
    );
  for (const [path, said] of [
    [`${place}/missing/x`, /^uchroot: result: .*no such file or directory\nhint: mkdir -p /],
    [place, /^uchroot: result: .*directory\nhint: give the path of a file/],
    ['/dev/stdout', /^uchroot: result: \/dev\/stdout: .*\nhint: give the path of a file/],
    ['/dev/null', /^uchroot: result: \/dev\/null: .*\nhint: give the path of a file/],
  ] as const) {
    for (const ended of [fail(path), fail(path, '--plan')]) {
      t.equal(ended.status, 125, path);
      t.match(ended.stderr, said);
    }
  }
  t.ok(statSync('/dev/null').isCharacterDevice());
  t.notOk(existsSync(`${jail}/tmp/ran`), 'nothing has run');
});

test('a full disk is told before the launch, and one that fills later takes nothing of the account', async (t) => {
  const within = (before: string) =>
    spawnSync(
      'unshare',
      [
        '--mount',
        'sh',
        '-c',
        `mount -t tmpfs -o size=64k none ${place}\n${before}\n"$@"; cat ${place}/r.json`,
        'sh',
        ...command,
        '--result',
        `${place}/r.json`,
        'auto',
        jail,
        '/actor',
        'sleep=1000',
        'exit=3',
      ],
      { encoding: 'utf8', env: plainEnv() },
    );
  const fill = `cat /dev/zero >${place}/fill 2>/dev/null`;
  t.match(within(fill).stderr, /result: .*[Nn]o space left/);
  // once the place of the account is kept
  const isKept = `[ -n "$(find ${place} -type f -size +0)" ]`;
  const later = within(`(until ${isKept}; do sleep 0.02; done; ${fill}) &`);
  t.match(JSON.parse(later.stdout), { status: 'RE', exitcode: 3 });
});
