// Launches with --rootless --map-auto: the caller's ranges of /etc/subuid and /etc/subgid are the other ids in the jail.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';

import t from 'tap';

import { uchrootJail } from '../../support/builder.ts';
import { inChild } from '../../support/child.ts';
import {
  commandEnv,
  publicCommand,
  packageDirectory,
  rootTest,
  start,
  temporaryDirectory,
  type Ended,
} from '../../support/launch.ts';
import { give } from '../../support/ordinary.ts';
import { unlessPublic, unlessRoot } from '../../support/root.ts';
import { eventually, outputAtSigterm, processesOf } from '../../support/service.ts';
import { Ranger, subordinate } from '../../support/subordinate.ts';

const test = rootTest('setpriv', 'unshare', 'newuidmap', 'strace');
// Only this file has processes of this uid.
const uid = 61_433;
const ranger = new Ranger(uid);
const isRoot = process.getuid?.() === 0;
const place = isRoot ? temporaryDirectory() : '/';
const jail = `${place}/jail`;
const command = isRoot ? publicCommand() : [];
const mapped = ['--rootless', '--map-auto'];
const caps = ['--cap', 'setuid,setgid,chown'];

t.before(() => {
  if (!isRoot) return;
  const built = uchrootJail(['build', jail, 'bash', 'cat', 'id', 'chown', 'setpriv', 'sleep', 'stat']);
  if (built.status !== 0) throw new Error(built.stderr);
  for (const name of ['proc', 'dev', 'tmp', 'mnt']) mkdirSync(`${jail}/${name}`, { recursive: true });
  give(jail, uid);
  chmodSync(`${jail}/tmp`, 0o1777);
});

const bash = (script: string): readonly string[] => ['/bin/bash', '-c', script];

function run(words: readonly string[], by = ranger.by()): Ended {
  return start([...by, ...command, ...mapped, ...words]);
}

// The lines of a map, with the numbers of each.
function linesOf(text: string): readonly (readonly number[])[] {
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/ +/).map(Number));
}

const showMaps = bash(
  'cat /proc/self/uid_map; echo; cat /proc/self/gid_map; echo; cat /proc/self/setgroups; id',
);

test('the caller is USER, and his ranges are the other ids, as unshare --map-auto has them', async (t) => {
  const { count } = subordinate;
  for (const [who, inside] of [
    ['root', 0],
    ['5:5', 5],
    ['ranger', uid],
    [`${count + 7}:${count + 7}`, count + 7],
  ] as const) {
    const ended = run(['--proc', '/proc', '--clear-groups', who, jail, ...showMaps]);
    t.equal(ended.stderr, '');
    const [uids = '', gids = '', rest = ''] = ended.stdout.split('\n\n');
    t.match(rest, new RegExp(`^allow\nuid=${inside}\\b.* gid=${inside}\\b`), 'setgroups is allowed');
    for (const [map, first] of [
      [uids, subordinate.uid],
      [gids, subordinate.gid],
    ] as const) {
      const under = Math.min(inside, count);
      const wanted = [
        [0, first, under],
        [inside, uid, 1],
        [inside + 1, first + under, count - under],
      ].filter(([, , many]) => many !== 0);
      t.same(
        linesOf(map).toSorted(([a = 0], [b = 0]) => a - b),
        wanted,
        who,
      );
    }
    if (inside > count) continue;
    const other = start([
      ...ranger.by(),
      'unshare',
      '--map-auto',
      `--map-user=${inside}`,
      'cat',
      '/proc/self/uid_map',
    ]);
    // unshare leaves out the last id of the range
    const theirs = linesOf(other.stdout).toSorted(([a = 0], [b = 0]) => a - b);
    const last = theirs.at(-1) ?? [];
    t.same(
      [...theirs.slice(0, -1), [last[0], last[1], (last[2] ?? 0) + 1]],
      linesOf(uids).toSorted(([a = 0], [b = 0]) => a - b),
    );
  }
});

test('a program that becomes another user writes files of that user, which are of a subordinate id outside', async (t) => {
  const script = `
    setpriv --reuid=33 --regid=34 --clear-groups bash -c 'id -u; umask 77; echo 33 > /tmp/of-33'
    setpriv --reuid=41 --regid=42 --groups=7 bash -c 'id -G; cat /tmp/of-33 || echo refused; echo 41 > /tmp/of-41'
    echo own > /tmp/own; chown 9:9 /tmp/own; stat -c %u:%g /tmp/of-33 /tmp/of-41 /tmp/own`;
  const ended = run([...caps, 'root', jail, ...bash(script)]);
  t.equal(ended.stdout, '33\n42 7\nrefused\n33:34\n41:42\n9:9\n', ended.stderr);
  const ids = (name: string): readonly number[] => {
    const { uid, gid } = statSync(`${jail}/tmp/${name}`);
    return [uid - subordinate.uid, gid - subordinate.gid];
  };
  t.same(
    [ids('of-33'), ids('of-41'), ids('own')],
    [
      [32, 33],
      [40, 41],
      [8, 8],
    ],
  );
});

test('without --cap the program can become nobody else, and a set-user-ID file counts with --allow-new-privs alone', async (t) => {
  const ended = run(['root', jail, ...bash('setpriv --reuid=33 id -u; chown 33 /tmp || echo refused')]);
  t.equal(ended.stdout, 'refused\n');
  copyFileSync(`${jail}/bin/id`, `${jail}/as-33`);
  chownSync(`${jail}/as-33`, subordinate.uid + 32, subordinate.gid + 32);
  chmodSync(`${jail}/as-33`, 0o4755);
  t.equal(run(['root', jail, '/as-33', '-u']).stdout, '0\n');
  t.equal(run(['--allow-new-privs', 'root', jail, '/as-33', '-u']).stdout, '33\n');
});

test("the groups are those of USER, or those that are given, and none of the caller's", async (t) => {
  const host = temporaryDirectory();
  writeFileSync(`${host}/of-group-20`, 'x', { mode: 0o640 });
  chownSync(`${host}/of-group-20`, 0, 20);
  const by = ranger.by(undefined, [20, 1000]);
  const groups = (...options: readonly string[]): readonly string[] => [
    ...options,
    '--ro-bind',
    `${host}:/mnt`,
    'ranger',
    jail,
    ...bash('id -G; cat /mnt/of-group-20'),
  ];
  t.match(run(groups(), by), { stdout: `${uid} 44\n`, stderr: /Permission denied/ });
  t.match(run(groups('--groups', '20,30'), by), { stdout: `${uid} 20 30\n`, stderr: /Permission denied/ });
  t.equal(run(groups('--clear-groups'), by).stdout, `${uid}\n`);
  const without = start([...by, ...command, '--rootless', ...groups()]);
  t.equal(without.stdout, `${uid} 65534\nx`, "without a range the caller's stay");
});

test('a jail whose directory belongs to a subordinate id can be written, without a warning', async (t) => {
  const other = `${place}/other`;
  mkdirSync(other);
  start(['cp', '-a', `${jail}/.`, other]);
  // root inside, if USER is somebody else
  chownSync(other, subordinate.uid, subordinate.gid);
  const ended = run(['ranger', other, ...bash('echo x > /tmp/x && cat /tmp/x')]);
  t.match(ended, { stdout: 'x\n', stderr: '' });
  const alone = start([
    ...ranger.by(),
    ...command,
    '--rootless',
    'ranger',
    other,
    ...bash('echo x > /tmp/y'),
  ]);
  t.match(alone.stderr, /Read-only file system/, 'without a range it is that of somebody else');
});

test('newuidmap and newgidmap get no environment, by their absolute paths', async (t) => {
  const trace = `${place}/trace`;
  const tracing = ['strace', '-f', '-qq', '-o', trace, '-e', 'trace=execve,execveat'];
  const [unshare = '', ...others] = ranger.by();
  const at = others.indexOf('setpriv');
  const words = [unshare, ...others.slice(0, at), ...tracing, ...others.slice(at)];
  const options = { env: { PATH: `${place}:/usr/bin:/bin` } };
  const ended = start([...words, ...command, ...mapped, 'root', jail, '/bin/id', '-u'], options);
  t.equal(ended.stdout, '0\n', ended.stderr);
  const starts = readFileSync(trace, 'utf8').match(/execve.*new[ug]idmap.*/g) ?? [];
  t.equal(starts.length, 2);
  for (const [i, name] of ['newuidmap', 'newgidmap'].entries())
    t.match(
      starts[i],
      new RegExp(
        `execveat\\(\\d+, "", \\["/usr/bin/${name}", "\\d+", "0", .* /\\* 0 vars \\*/, AT_EMPTY_PATH\\) = 0`,
      ),
    );
});

test('a signal reaches a program that has become another user', async (t) => {
  const script = `trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done`;
  for (const who of ['root', '5:5']) {
    const launch = [...ranger.by(), ...command, ...mapped, ...caps, '--clear-groups', who, jail];
    const other = ['/usr/bin/setpriv', '--reuid=33', '--regid=33', '--clear-groups'];
    const output = await outputAtSigterm([...launch, ...other, ...bash(script)], commandEnv);
    t.equal(output, 'ready\ncaught\n', who);
  }
});

const line = /^uchroot: [^\n]+\nhint: [^\n]+\n$/;
// The lines of a shell that take a file away: a layer on its directory in which it is gone.
const without = (path: string): string => {
  const [directory, layer] = [path.slice(0, path.lastIndexOf('/')), `${place}/layer`];
  return `mkdir -p ${layer} && mount -t tmpfs none ${layer} && mkdir ${layer}/upper ${layer}/work &&
    mount -t overlay -o lowerdir=${directory},upperdir=${layer}/upper,workdir=${layer}/work none ${directory} && rm ${path}`;
};
const over = (path: string): string => `mount --bind ${path} /usr/bin/newuidmap`;

test('each reason why it cannot work is named, with the remedy', async (t) => {
  const others = `printf 'somebody:100000:65536\\n' > /etc/subgid`;
  const cases: readonly (readonly [what: string, set: string, message: RegExp])[] = [
    [
      'no line',
      others,
      /^uchroot: map_ids: \/etc\/subgid gives no ids to ranger\nhint: sudo usermod --add-subuids (\d+)-\d+ --add-subgids \1-\d+ ranger\n/,
    ],
    ['no account', 'mount --bind /dev/null /etc/passwd', /uid 61433 has no account on this host/],
    [
      'not installed',
      without('/usr/bin/newuidmap'),
      /\/usr\/bin\/newuidmap is not installed\nhint: apt-get install uidmap/,
    ],
    [
      'another program',
      over(ranger.copyOf('/usr/bin/newuidmap', 0o4775)),
      /does not belong to root, or others can write it\nhint: chown root/,
    ],
    [
      'no set-user-ID bit',
      over(ranger.copyOf('/usr/bin/newuidmap', 0o755)),
      /newuidmap 0 .*: .*Operation not permitted\nhint: it needs the set-user-ID bit/,
    ],
    [
      'no root there',
      'mount -o remount,bind,nosuid /usr/bin 2>/dev/null || mount --bind /usr/bin /usr/bin && mount -o remount,bind,nosuid /usr/bin',
      /Operation not permitted\nhint: .* on a file system without nosuid/,
    ],
    ...[350, 250].map(
      (count) =>
        [
          `${count} ranges`,
          `i=0; while [ $i -lt ${count} ]; do echo ranger:$((1630000000 + i * 10)):5; i=$((i + 1)); done > /etc/subuid`,
          /Invalid argument\nhint: the kernel takes at most 340 ranges of ids, in 4095 bytes of text/,
        ] as const,
    ),
  ];
  for (const [what, set, message] of cases) {
    const ended = run(['0:0', jail, '/bin/id'], ranger.by(set));
    t.equal(ended.status, 125, what);
    t.match(ended.stderr, message, what);
    t.match(ended.stderr, line, what);
    const planned = run(['--plan', '0:0', jail, '/bin/id'], ranger.by(set));
    t.ok(planned.stderr.endsWith(ended.stderr), `--plan says the same: ${what}`);
    t.equal(planned.status, 125, what);
    ranger.give(`ranger:${subordinate.uid}:65536`, `ranger:${subordinate.gid}:65536`);
  }
  const bound = run(['root', jail, '/bin/id'], ranger.by(undefined, [], '--no-new-privs'));
  t.match(bound.stderr, /^uchroot: map_ids: no_new_privs is set/);
  t.match(bound.stderr, line);
  const far = run(['--groups', '70000', 'root', jail, '/bin/id']);
  t.match(far.stderr, /^uchroot: map_ids: group 70000 of the program is beyond the 65537 ids/);
  t.match(far.stderr, line);
  const [unshare = '', ...rest] = ranger.by();
  const otherGroup = [unshare, ...rest.map((word) => (word.startsWith('--regid') ? '--regid=20' : word))];
  const grouped = run(['--clear-groups', 'root', jail, '/bin/id'], otherGroup);
  t.match(
    grouped.stderr,
    /owned by a different user[^\n]*\nhint: the caller's gid is not that of his account/,
  );
  t.match(grouped.stderr, line);
});

test('the command says where the option has no meaning', async (t) => {
  for (const [words, message] of [
    [['--map-auto', 'root'], /--map-auto needs --rootless\nhint: give --rootless too/],
    [['--isolate', '--map-auto', 'root'], /--map-auto needs --rootless/],
    [[...mapped, '--unit', 'systemd', 'root'], /--rootless: a service of the system is started as root/],
    [[...mapped, '--compile', `${place}/x`, 'root'], /--compile and --rootless are given at once/],
  ] as const) {
    const ended = start([...command, ...words, jail, '/bin/id']);
    t.match([ended.status, ended.stderr], [1, message]);
  }
  const asRoot = start([...command, ...mapped, 'root', jail, '/bin/id']);
  t.match(asRoot.stderr, /must be run by an ordinary user/);
});

test('--plan shows the maps, and --doctor whether they can be made', async (t) => {
  const ended = run(['--plan=steps', 'root', jail, '/bin/id']);
  t.equal(ended.status, 0, ended.stderr);
  t.match(ended.stdout, `/usr/bin/newuidmap 0 ${uid} 1 1 1630000000 65536`);
  t.match(ended.stdout, `uid 0 is ${uid}, 1 to 65536 are 1630000000 to 1630065535 of the host`);
  t.match(ended.stdout, `gid 0 is ${uid}, 1 to 65536 are 1640000000 to 1640065535 of the host`);
  const doctor = (by: readonly string[]): string => start([...by, ...command, '--doctor']).stdout;
  t.match(doctor(ranger.by()), /\nids {7}yes {2}--rootless --map-auto\n/);
  t.match(
    doctor(ranger.by(without('/usr/bin/newgidmap'))),
    /\nids {7}no {3}--rootless --map-auto\n.*newgidmap is not installed\n +hint: sudo apt-get install uidmap/,
  );
});

// newuidmap in its place sleeps for longer than a test.
const hanging = over(ranger.copyOf('/usr/bin/sleep'));

test('SIGKILL of the command at any moment leaves no process', async (t) => {
  const kill = async (ms: number): Promise<void> => {
    const [file, ...args] = [...ranger.by(), ...command, ...mapped, ...caps, 'root', jail];
    const script = 'setpriv --reuid=33 sleep 60 & exec sleep 61';
    const child = spawn(file, [...args, ...bash(script)], { env: commandEnv, stdio: 'ignore' });
    await new Promise((resolve) => setTimeout(resolve, ms));
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  const left = (): readonly number[] => [...processesOf(uid), ...processesOf(subordinate.uid + 32)];
  for (let i = 0; i < 10; i++) {
    await kill(10 + Math.random() * 200);
    if (!(await eventually(() => left().length === 0))) t.fail(left().join(' '));
  }
  t.same(left(), []);
});

test('a service maps ids off its event loop, and ends a launch that waits for it', async (t) => {
  const found = inChild(
    `
    const { openLauncher } = await load('native.js');
    const { runInJail, openJail } = await load('index.js');
    openLauncher();
    native.setgroups([]);
    native.setgid(${uid});
    native.setuid(${uid});
    const common = { user: 'root', jail: ${JSON.stringify(jail)}, rootless: true, mapAuto: true };
    const bash = (script) => ({ program: '/bin/bash', args: ['-c', script] });
    const maps = async () => (await runInJail({ ...common, view: [{ proc: '/proc' }], ...bash('cat /proc/self/uid_map') })).stdout;
    const opened = await openJail(common.jail, { ...common, jail: undefined, view: [{ proc: '/proc' }] });
    const warm = (await opened.run(bash('cat /proc/self/uid_map'))).stdout;
    const own = (await opened.run({ ...bash('cat /proc/self/uid_map'), mapAuto: false })).stdout;
    const [first, second] = [await maps(), await maps()];
    opened.close();
    tell({ warm, own, first, second });`,
    ranger.sees(),
  ) as Record<string, string>;
  const wanted = [
    [0, uid, 1],
    [1, subordinate.uid, subordinate.count],
  ];
  for (const name of ['warm', 'first', 'second']) t.same(linesOf(found[name] ?? ''), wanted, name);
  t.same(linesOf(found.own ?? ''), [[0, uid, 1]]);
});

test('a launch that waits for newuidmap is called off by timeout and abort, and the loop is free meanwhile', async (t) => {
  const found = inChild(
    `
    const { openLauncher } = await load('native.js');
    const { runInJail } = await load('index.js');
    openLauncher();
    native.setgroups([]);
    native.setgid(${uid});
    native.setuid(${uid});
    const request = { user: 'root', jail: ${JSON.stringify(jail)}, rootless: true, mapAuto: true, program: '/bin/id' };
    const codeOf = (promise) => promise.then(() => 'ran', ({ name, code }) => [name, code]);
    const late = await codeOf(runInJail({ ...request, timeoutMs: 200 }));
    const abort = new AbortController();
    const launched = codeOf(runInJail({ ...request, signal: abort.signal }));
    const seen = () => readdirSync('/proc').some((pid) => {
      try { return readFileSync('/proc/' + pid + '/cmdline', 'latin1').startsWith('/usr/bin/newuidmap\\0'); } catch { return false; }
    });
    while (!seen()) await new Promise((resolve) => setTimeout(resolve, 5));
    abort.abort();
    const aborted = await launched;
    tell({ late, aborted, seen: seen() });`,
    ranger.sees(hanging),
  );
  t.same(found, { late: ['LaunchError', 'ETIMEDOUT'], aborted: ['AbortError', 'ABORT_ERR'], seen: false });
  t.ok(await eventually(() => processesOf(uid).length === 0));
});

const asRanger = `
    const { openLauncher } = await load('native.js');
    const { runInJail, openJail } = await load('index.js');
    openLauncher();
    native.setgroups([]);
    native.setgid(${uid});
    native.setuid(${uid});
    const common = { user: 'root', rootless: true, mapAuto: true, view: [{ proc: '/proc' }] };
    const bash = (script) => ({ program: '/bin/bash', args: ['-c', script] });
    const opened = await openJail(${JSON.stringify(jail)}, common);
    const codeOf = (promise) => promise.then(({ stdout }) => stdout, ({ name, step, code }) => [name, step, code]);`;

// Programs of this name and of this user.
const mappers = (): readonly number[] =>
  processesOf(uid).filter((pid) => readText(`/proc/${pid}/cmdline`).startsWith('/usr/bin/newuidmap\0'));

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // it has ended
  }
}

test('the command ends at SIGTERM while newuidmap hangs, and newuidmap with it', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const [file = '', ...args] = ranger.by(hanging);
    const child = spawn(file, [...args, ...command, ...mapped, 'root', jail, '/bin/id'], {
      env: commandEnv,
      stdio: 'ignore',
    });
    const exit = once(child, 'exit');
    t.ok(await eventually(() => mappers().length === 1), signal);
    child.kill(signal);
    t.same(await exit, [null, signal], signal);
    t.ok(await eventually(() => processesOf(uid).length === 0), signal);
  }
});

test('process.exit() of a service leaves no newuidmap that hangs', async (t) => {
  for (const launch of [
    `runInJail({ jail: ${JSON.stringify(jail)}, ...common, program: '/bin/id' })`,
    "opened.run({ program: '/bin/id' })",
  ]) {
    const found = inChild(
      `
      ${asRanger}
      void ${launch};
      const seen = () => readdirSync('/proc').some((pid) => {
        try { return readFileSync('/proc/' + pid + '/cmdline', 'latin1').startsWith('/usr/bin/newuidmap\\0'); } catch { return false; }
      });
      while (!seen()) await new Promise((resolve) => setTimeout(resolve, 5));
      tell({ seen: true });
      process.exit();`,
      ranger.sees(hanging),
    );
    t.same(found, { seen: true });
    t.ok(await eventually(() => processesOf(uid).length === 0), launch);
  }
});

test('an open jail maps the ids once, for all its launches', async (t) => {
  // the helper stays root, and takes the privilege from newuidmap
  const found = inChild(
    `
    const { spawn } = await import('node:child_process');
    const helper = spawn('sh', ['-c', 'read -r line; chmod 755 /usr/bin/newuidmap; echo done'], { stdio: ['pipe', 'pipe', 'inherit'] });
    ${asRanger}
    const look = bash('cat /proc/self/uid_map; id -G; exec setpriv --reuid=33 --regid=34 --clear-groups id -u');
    const launch = () => codeOf(opened.run({ ...look, groups: [5, 6], caps: ['setuid', 'setgid'] }));
    const first = await launch();
    helper.stdin.write('\\n');
    await new Promise((resolve) => helper.stdout.once('data', resolve));
    const more = [await launch(), await launch()];
    const cold = await codeOf(runInJail({ jail: ${JSON.stringify(jail)}, ...common, ...look }));
    const other = await codeOf(opened.run({ ...look, clearGroups: true }));
    opened.close();
    tell({ first, more, cold, other });`,
    ranger.sees(over(ranger.copyOf('/usr/bin/newuidmap', 0o4711))),
  ) as { first: string; more: readonly string[] };
  const [maps, rest] = [found.first.split('\n').slice(0, 2), found.first.split('\n').slice(2)];
  t.same(linesOf(maps.join('\n')), [
    [0, uid, 1],
    [1, subordinate.uid, subordinate.count],
  ]);
  t.same(rest, ['0 5 6', '33', '']);
  t.same(found.more, [found.first, found.first]);
  const refused = ['LaunchError', 'map_ids', 'EPERM'];
  t.match(
    found,
    { cold: refused, other: refused },
    'newuidmap works no more, and other groups are another map',
  );
});

test('launches that wait for the ids of an open jail end one by one, and newuidmap with the last', async (t) => {
  const found = inChild(
    `
    ${asRanger}
    const count = () => readdirSync('/proc').filter((pid) => {
      try { return readFileSync('/proc/' + pid + '/cmdline', 'latin1').startsWith('/usr/bin/newuidmap\\0'); } catch { return false; }
    }).length;
    const gone = async () => {
      for (let i = 0; i < 500 && count() > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
      return count();
    };
    const aborts = [new AbortController(), new AbortController()];
    const launched = aborts.map(({ signal }) => codeOf(opened.run({ program: '/bin/id', signal })));
    while (count() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    aborts[0].abort();
    const first = await launched[0];
    const between = count();
    aborts[1].abort();
    const second = await launched[1];
    const after = await gone();
    const late = await codeOf(opened.run({ program: '/bin/id', timeoutMs: 200 }));
    const last = await gone();
    opened.close();
    tell({ first, between, second, after, late, last });`,
    ranger.sees(hanging),
  );
  t.match(found, {
    first: ['AbortError'],
    between: 1,
    second: ['AbortError'],
    after: 0,
    late: ['LaunchError', 'launch', 'ETIMEDOUT'],
    last: 0,
  });
  t.ok(await eventually(() => processesOf(uid).length === 0));
});

const skip = unlessPublic(packageDirectory);
const title = 'a worker that is terminated while it waits for newuidmap ends, and newuidmap with it';
t.test(title, { skip: skip || unlessRoot('newuidmap') }, async (t) => {
  const found = inChild(
    `
    const { Worker } = await import('node:worker_threads');
    const { openLauncher } = await load('native.js');
    openLauncher();
    native.setgroups([]);
    native.setgid(${uid});
    native.setuid(${uid});
    const request = { user: 'root', jail: ${JSON.stringify(jail)}, rootless: true, mapAuto: true, program: '/bin/id' };
    const fixture = new URL(${JSON.stringify(new URL('../../support/fixture/worker.js', import.meta.url).href)});
    const worker = new Worker(fixture, { workerData: { kind: 'run', request }, execArgv: [] });
    const seen = () => readdirSync('/proc').some((pid) => {
      try { return readFileSync('/proc/' + pid + '/cmdline', 'latin1').startsWith('/usr/bin/newuidmap\\0'); } catch { return false; }
    });
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    while (!seen()) await pause(5);
    const ended = await Promise.race([worker.terminate().then(() => true), pause(10_000).then(() => false)]);
    tell({ ended, seen: seen() });
    process.exit(); // else a worker that has not ended would hold it`,
    ranger.sees(hanging),
  );
  t.same(found, { ended: true, seen: false });
  t.ok(await eventually(() => processesOf(uid).length === 0));
});
