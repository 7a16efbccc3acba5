// A workspace: what a program writes is kept aside until somebody commits it (doc/untrusted.md, doc/library.md).
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  commitWorkspace,
  discardWorkspace,
  openJail,
  workspaceChanges,
  workspaceDiff,
} from '../../lib/index.ts';
import { layersOf, workspacePlace } from '../../lib/launch/host/workspace.ts';
import { bytePath } from '../../lib/tree/path.ts';
import { uchrootJail } from '../support/builder.ts';
import { commandEnv, packageDirectory, temporaryDirectory, uchroot } from '../support/launch.ts';
import { jailDirectory, makeProject, owner, test, top } from '../support/workspace.ts';

const script = ['/bin/bash', '-c'] as const;

const listing = "find . -mindepth 1 -printf '%P %y %m %l %s\\n'";

/** Names, kinds, modes, links and contents. */
const stateOf = (directory: string): string =>
  spawnSync(
    'sh',
    [
      '-c',
      `${listing.replace("'%P", "! -type d -printf '%P")} | sort; find . -type d -printf '%P %m\\n' | sort; find . -type f | sort | xargs -r sha256sum`,
    ],
    {
      cwd: directory,
      encoding: 'utf8',
    },
  ).stdout;

test('the program sees its changes, the host does not, and the next program sees them too', async (t) => {
  const { directory, run, changes } = makeProject(t);
  const first = await run('pwd; echo new > n; echo more >> a; rm b; rm -rf src/deep; cat a');
  t.match(first, { stdout: `${directory}\na\nmore\n`, stderr: '' });
  t.equal(readFileSync(`${directory}/a`, 'utf8'), 'a\n');
  t.ok(existsSync(`${directory}/b`));
  t.notOk(existsSync(`${directory}/n`));
  t.match(await run('cat n; [ ! -e b ] && echo gone', '61701:61701'), { stdout: 'new\ngone\n' });
  t.same(await changes(), ['changed a file', 'deleted b file', 'added n file', 'deleted src/deep directory']);
});

test('a commit makes the host what the program saw; owners stay, and new files are the owner’s', async (t) => {
  const { directory, run, changes } = makeProject(t);
  const text = `
    echo more >> a; rm b; mv src/c moved; rm -rf src; mkdir -p src/x/y; echo z > src/x/y/z; echo late > src/c
    ln -s moved link; ln -s /etc/passwd out; chmod 700 moved; mkdir -m 751 dir; touch 'a b
c' -- -n; chmod u+s a; mkfifo pipe`;
  t.match(await run(text), { stderr: '', exitCode: 0 });
  const { stdout } = await run(
    `cd ${directory}; ${listing.replace('-mindepth 1', '-mindepth 1 ! -type d ! -name pipe')}`,
  );
  t.ok((await changes()).includes('left pipe other'));
  const done = await commitWorkspace({ directory });
  t.notOk(done.some(({ path }) => path === 'pipe'));
  const now = spawnSync('sh', ['-c', listing.replace('-mindepth 1', '! -type d')], {
    cwd: directory,
    encoding: 'utf8',
  });
  const sorted = (lines: string) => lines.replace('a f 4644', 'a f 644').split('\n').toSorted();
  t.same(sorted(now.stdout), sorted(stdout as string));
  t.equal(lstatSync(`${directory}/dir`).mode & 0o7777, 0o751);
  for (const name of ['a', 'moved', 'link', 'src/x/y/z', 'dir'])
    t.equal(lstatSync(`${directory}/${name}`).uid, owner, name);
  t.same(await changes(), ['left pipe other']);
  t.match(await run('cat a src/c'), { stdout: 'a\nmore\nlate\n' });
});

test('what the host has changed meanwhile is refused, and nothing is written', async (t) => {
  const { directory, run, changes } = makeProject(t);
  await run('echo p >> a; echo p > n; rm b');
  await sleep(20);
  for (const name of ['a', 'b', 'n']) writeFileSync(`${directory}/${name}`, 'host\n');
  t.same(await changes(), ['changed a file conflict', 'deleted b file conflict', 'changed n file conflict']);
  const before = stateOf(directory);
  await t.rejects(commitWorkspace({ directory }), {
    name: 'JailError',
    code: 'EEXIST',
    message: 'the host has changed it too: a, b, n',
  });
  t.equal(stateOf(directory), before);
  await commitWorkspace({ directory, paths: ['a'], overwrite: true });
  t.equal(readFileSync(`${directory}/a`, 'utf8'), 'a\np\n');
  await run('echo again >> a');
  t.same(
    await changes(),
    ['changed a file', 'deleted b file conflict', 'changed n file conflict'],
    'its own commit is no conflict',
  );
  await discardWorkspace({ directory, paths: ['b', 'n'] });
  t.same(await changes(), ['changed a file']);
});

test('what the host has deleted meanwhile does not come back unasked', async (t) => {
  const { directory, run, changes } = makeProject(t);
  await run('echo p >> a; echo p >> src/c; mv b moved; echo n > n');
  await sleep(20);
  rmSync(`${directory}/a`);
  rmSync(`${directory}/src`, { recursive: true });
  const [a, ...others] = [
    'added a file conflict',
    'deleted b file',
    'added moved file',
    'added n file',
    'added src directory conflict',
    'added src/c file conflict',
  ];
  t.same(await changes(), [a, ...others]);
  await t.rejects(commitWorkspace({ directory }), {
    code: 'EEXIST',
    message: 'the host has changed it too: a, src, src/c',
  });
  await commitWorkspace({ directory, paths: ['moved', 'b'] });
  await commitWorkspace({ directory, paths: ['a'], overwrite: true });
  t.equal(readFileSync(`${directory}/a`, 'utf8'), 'a\np\n');
  t.same(await changes(), others.slice(2));
  await discardWorkspace({ directory });
  await run('ln a b; mv a c; echo p >> c');
  await commitWorkspace({ directory, paths: ['b'] });
  t.same(
    await changes(),
    ['deleted a file', 'added c file'],
    'what a commit puts into a directory is no change of the host',
  );
});

test('files that the host executes come out by name only', async (t) => {
  const { directory, run, changes } = makeProject(t);
  await run(
    'mkdir -p .git/hooks sub; echo x > .git/hooks/pre-commit; echo "{}" > sub/package.json; echo 1 > plain; echo 2 > package.jsonx',
  );
  t.same(await changes(), [
    'added .git directory',
    'added .git/hooks directory executed',
    'added .git/hooks/pre-commit file executed',
    'added package.jsonx file',
    'added plain file',
    'added sub directory',
    'added sub/package.json file executed',
  ]);
  await t.rejects(commitWorkspace({ directory }), {
    code: 'EEXIST',
    message: /^programs of the host execute it: .git\/hooks, /,
  });
  await t.rejects(commitWorkspace({ directory, paths: ['sub'] }), { code: 'EEXIST' });
  t.notOk(existsSync(`${directory}/plain`), 'nothing was written');
  await commitWorkspace({ directory, paths: ['plain', 'sub/package.json'] });
  t.ok(existsSync(`${directory}/sub/package.json`));
  t.notOk(existsSync(`${directory}/.git`));
  await commitWorkspace({ directory, executed: ['*.never'] });
  t.same(await changes(), []);
});

test('links of the host are not followed by a commit', async (t) => {
  const { directory, run } = makeProject(t);
  const outside = temporaryDirectory();
  writeFileSync(`${outside}/c`, 'outside\n');
  await run('echo p > src/c; echo p > src/new; echo p > a');
  // meanwhile the owner puts links there
  rmSync(`${directory}/src`, { recursive: true });
  execFileSync('ln', ['-s', outside, `${directory}/src`]);
  rmSync(`${directory}/a`);
  execFileSync('ln', ['-s', `${outside}/c`, `${directory}/a`]);
  await t.rejects(commitWorkspace({ directory }), { code: 'EEXIST' });
  await commitWorkspace({ directory, overwrite: true });
  t.equal(readFileSync(`${outside}/c`, 'utf8'), 'outside\n');
  t.notOk(existsSync(`${outside}/new`));
  t.ok(lstatSync(`${directory}/src`).isDirectory());
  t.ok(lstatSync(`${directory}/a`).isFile());
});

test('a directory that goes, in which the host has changed something, is refused', async (t) => {
  const { directory, run, changes } = makeProject(t);
  await run('rm -rf src; echo n > src');
  await sleep(20);
  writeFileSync(`${directory}/src/deep/new`, 'host\n');
  t.same(await changes(), ['changed src file conflict']);
  await t.rejects(commitWorkspace({ directory }), { code: 'EEXIST', path: 'src' });
  t.equal(readFileSync(`${directory}/src/deep/new`, 'utf8'), 'host\n');
});

test('a commit that was interrupted by a full disk leaves no rest, and still refuses what the host changes after it', async (t) => {
  const { directory, run, changes } = makeProject(t, owner, (at) =>
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k,mode=755', 'none', at]),
  );
  await run('echo p >> a; echo p >> b; mkfifo c; head -c 200000 /dev/zero > y; echo p > z');
  await t.rejects(commitWorkspace({ directory }), {
    name: 'JailError',
    code: 'ENOSPC',
    path: 'y',
    hint: /^the commit has stopped here/,
  });
  t.same(readdirSync(directory), ['a', 'b', 'src']);
  t.equal(readFileSync(`${directory}/a`, 'utf8'), 'a\np\n');
  await sleep(20);
  writeFileSync(`${directory}/b`, 'host\n');
  await t.rejects(commitWorkspace({ directory }), { code: 'EEXIST', path: 'b' });
  t.equal(readFileSync(`${directory}/b`, 'utf8'), 'host\n');
  execFileSync('mount', ['-o', 'remount,size=1m', directory]);
  await commitWorkspace({ directory, overwrite: true });
  t.equal(readFileSync(`${directory}/b`, 'utf8'), 'b\np\n');
  t.equal(lstatSync(`${directory}/y`).size, 200_000);
  t.same(await changes(), ['left c other']);
});

test('what the host has mounted in a workspace stays as it is, and nothing is written before that is known', async (t) => {
  const { directory, run } = makeProject(t);
  mkdirSync(`${directory}/src/mounted`);
  execFileSync('chown', [`${owner}:${owner}`, `${directory}/src/mounted`]);
  const elsewhere = temporaryDirectory();
  chmodSync(elsewhere, 0o755);
  execFileSync('mount', ['--bind', elsewhere, `${directory}/src/mounted`]);
  try {
    for (const work of ['echo p > src/mounted/m', 'rm -rf src', 'chmod 700 src/mounted']) {
      await run(`echo p >> a; ${work}`);
      await t.rejects(commitWorkspace({ directory }), { name: 'JailError', code: 'EXDEV' }, work);
      t.equal(readFileSync(`${directory}/a`, 'utf8'), 'a\n');
      t.same([readdirSync(elsewhere), lstatSync(elsewhere).mode & 0o777], [[], 0o755]);
      await discardWorkspace({ directory });
    }
    await run('echo p > src/mounted/m; echo p > src/n');
    await commitWorkspace({ directory, paths: ['src/n'] });
  } finally {
    execFileSync('umount', [`${directory}/src/mounted`]);
  }
  await commitWorkspace({ directory });
  t.equal(readFileSync(`${directory}/src/mounted/m`, 'utf8'), 'p\n');
});

test('a commit that was interrupted while it emptied the layer deletes nothing later', async (t) => {
  const { directory, run, changes } = makeProject(t);
  await run('rm -rf src; mkdir -p src/sub; echo z > src/z');
  const sub = `${workspacePlace(bytePath(directory))}/layers/upper/src/sub`;
  execFileSync('mount', ['--bind', sub, sub]);
  try {
    await t.rejects(commitWorkspace({ directory }), { name: 'JailError', code: 'EBUSY' });
  } finally {
    const workspaces = '/var/lib/uchroot/workspaces';
    const gone = readdirSync(workspaces).find((name) =>
      name.startsWith(basename(sub.split('/layers/')[0] ?? '') + '.gone-'),
    );
    execFileSync('umount', [sub.replace(/[^/]*\/layers\//, `${gone}/layers/`)]);
  }
  t.same(await changes(), []);
  await commitWorkspace({ directory });
  t.equal(readFileSync(`${directory}/src/z`, 'utf8'), 'z\n');
});

test('files that the host executes are found in any case, and behind a link or a file', async (t) => {
  const { directory, run, changes } = makeProject(t);
  const names = ['makefile', '.GIT/hooks/x', 'x/.git/commondir', '.git/modules/a/b/config', '.config/fish/c'];
  names.push(
    'bare/HEAD',
    '.git/worktrees/w/rebase-merge/git-rebase-todo',
    '.hg/hgrc',
    '.Rprofile',
    'compose.yml',
  );
  // the Kelvin sign, the long s, and a character that nobody sees
  names.push('ma\u212aefile', '.hu\u017fky/x', '.g\u200cit/hooks/x');
  await run(`mkdir -p ${names.slice(1).join(' ')} evil/hooks y z .git/refs; rmdir ${names.slice(1).join(' ')}
    echo x > .git/HEAD; echo x > .git/refs/HEAD
    for name in ${names.join(' ')}; do echo x > "$name"; done
    ln -s ../evil y/.git; echo 'gitdir: ../evil' > z/.git; ln -s evil .husky; ln -s evil .github`);
  const executed = (await changes()).filter((line) => line.endsWith('executed'));
  for (const name of [...names, 'y/.git', 'z/.git', '.husky', '.github'])
    t.ok(
      executed.some((line) => line.includes(` ${name.replace('\u200c', '\\u200c')} `)),
      name,
    );
  t.notOk(executed.some((line) => line.includes(' y directory') || line.includes(' .git/HEAD ')));
  t.notOk(executed.some((line) => line.includes(' .git/refs/HEAD ')));
  await t.rejects(commitWorkspace({ directory, paths: ['y'] }), { code: 'EEXIST', path: 'y/.git' });
  const own = await workspaceChanges({ directory, executed: ['fish/c.*', 'evil/**'] });
  t.same(
    own.filter((one) => one.executed === true).map(({ path }) => path),
    ['evil', 'evil/hooks'],
  );
});

test('an attribute of the program does not hide what the host has', async (t) => {
  const { directory, run, changes } = makeProject(t);
  await run('setfattr -n user.overlay.opaque -v y src; echo n > src/n');
  t.same(await changes(), ['added src/n file']);
  await commitWorkspace({ directory });
  t.equal(readFileSync(`${directory}/src/c`, 'utf8'), 'src/c\n');
});

test('names of a commit, deep directories, and a path whose directory was a file', async (t) => {
  const { directory, run, changes } = makeProject(t);
  await run(`mkdir -p d/.uchroot-commit.new; echo t > d/.uchroot-commit.new/t; echo z > d/z; rm a; mkdir a; echo n > a/n
    name=$(printf '%0200d' 1); for i in {1..40}; do mkdir $name; cd $name; done; echo x > x`);
  const left = (await changes()).filter((line) => line.startsWith('left'));
  t.equal(left.length, 2);
  t.ok(left.includes('left d/.uchroot-commit.new directory'));
  await commitWorkspace({ directory, paths: ['a/n', 'd'] });
  t.equal(readFileSync(`${directory}/a/n`, 'utf8'), 'n\n');
  t.equal(readFileSync(`${directory}/d/z`, 'utf8'), 'z\n');
  t.match(await run('cat d/.uchroot-commit.new/t'), { stdout: 't\n' });
  await discardWorkspace({ directory });
  t.notOk(existsSync(workspacePlace(bytePath(directory))));
  t.notOk(
    readdirSync(dirname(workspacePlace(bytePath(directory)))).some((name) =>
      name.includes(`${basename(directory)}-`),
    ),
  );
});

test('what lies beneath the overlay is read-only, and directories of the host’s settings are refused', async (t) => {
  const { directory, run } = makeProject(t);
  const jail = await openJail(jailDirectory, {
    user: 'auto',
    isolate: true,
    workspace: directory,
    view: [{ proc: '/proc' }],
  });
  const { stdout } = await jail.run({
    program: script[0],
    args: [
      '-c',
      'while read -r line; do case $line in */lower*) echo "$line";; esac; done < /proc/self/mountinfo',
    ],
  });
  jail.close();
  t.match(stdout, /\/lower ro,/);
  t.match(await run('echo x'), { stdout: 'x\n' });
  await t.rejects(
    openJail(jailDirectory, { user: 'auto', isolate: true, workspace: '/etc' }).then((one) =>
      one.run({ program: script[0] }).finally(() => one.close()),
    ),
    {
      name: 'LaunchError',
      code: 'ERR_INSECURE_PATH',
      message: /^workspace: \/etc .*, and a commit would write there/,
    },
  );
});

test('one launch at a time, and no commit meanwhile', async (t) => {
  const { directory, run } = makeProject(t);
  const jail = await openJail(jailDirectory, { user: 'auto', isolate: true, workspace: directory });
  const child = await jail.spawn({ program: script[0], args: ['-c', 'echo ready; read -r x'] });
  await once(child.stdout, 'data');
  await t.rejects(run('true'), { name: 'LaunchError', code: 'EBUSY', hint: /^wait until it has ended/ });
  for (const work of [workspaceChanges, commitWorkspace, discardWorkspace])
    await t.rejects(work({ directory }), { name: 'JailError', code: 'EBUSY' });
  child.kill('SIGKILL');
  await child.exited;
  jail.close();
  t.match(await run('echo free'), { stdout: 'free\n' });
});

test('discard shows the host again, one path or all', async (t) => {
  const { directory, run, changes } = makeProject(t);
  await run('rm -rf src; mkdir src; echo s > src/s; echo p >> a');
  t.same(await changes(), [
    'changed a file',
    'added src/s file',
    'deleted src/c file',
    'deleted src/deep directory',
  ]);
  await discardWorkspace({ directory, paths: ['src/c'] });
  t.match(await run('cat src/c; [ -e src/deep ] || echo hidden'), { stdout: 'src/c\nhidden\n' });
  await discardWorkspace({ directory });
  t.notOk(existsSync(workspacePlace(bytePath(directory))));
  await t.rejects(workspaceChanges({ directory }), { name: 'JailError', code: 'ENOENT' });
  t.match(await run('cat a'), { stdout: 'a\n' });
});

test('a directory of root, and one without a map', async (t) => {
  for (const uid of [0, owner]) {
    const { directory, run, changes } = makeProject(t, uid);
    t.match(await run('echo p >> a; rm b; mkdir d', uid === 0 ? 'auto' : `${owner}:${owner}`), {
      stderr: '',
      exitCode: 0,
    });
    t.same(await changes(), ['changed a file', 'deleted b file', 'added d directory']);
    await commitWorkspace({ directory });
    t.equal(lstatSync(`${directory}/d`).uid, uid);
  }
});

test('random work: the host becomes what the program saw, also after SIGKILLs', async (t) => {
  const { directory, run, changes } = makeProject(t);
  let seed = 7;
  const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff) % below;
  const names = ['a', 'b', 'src', 'src/c', 'src/deep', 'src/deep/d', 'x', 'x/y', 'x/y/z', 'a/n'];
  const work = (one: string, other: string): string =>
    [
      `rm -rf ${one}`,
      `mkdir -p ${one}`,
      `echo ${random(1e6)} > ${one}`,
      `mv ${one} ${other}`,
      `ln -sfn ${other} ${one}`,
      `chmod ${['600', '644', '755', '711'][random(4)]} ${one}`,
      `cp -r ${one} ${other}`,
    ][random(7)] ?? '';
  for (let round = 0; round < 12; round++) {
    const steps = Array.from({ length: 25 }, () => work(names[random(10)] ?? '', names[random(10)] ?? ''));
    await run(`exec 2>&-; chmod -R u+rwX .; ${steps.join('; ')}; chmod -R u+rX .`);
    const { stdout } = await run(`cd ${directory}; ${listing}`);
    if ((await changes()).length === 0) continue;
    if (round % 3 === 0)
      for (let kill = 0; kill < 4; kill++) {
        const words = [`${packageDirectory}/dist/bin/uchroot-jail.cjs`, 'commit', directory];
        const child = spawn(process.execPath, words, { env: commandEnv, stdio: 'ignore' });
        await sleep(60 + random(120));
        child.kill('SIGKILL');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      }
    if ((await changes()).length > 0) await commitWorkspace({ directory });
    const now = spawnSync('sh', ['-c', listing], { cwd: directory, encoding: 'utf8' }).stdout;
    const lines = (text: string) =>
      text
        .replace(/ d (\d+)  \d+$/gm, ' d $1')
        .split('\n')
        .toSorted();
    t.same(lines(now), lines(stdout as string), `round ${round}`);
    t.same(await changes(), []);
  }
});

test('the command: a relative path, the working directory, and the three verbs', async (t) => {
  const { directory } = makeProject(t);
  const ran = uchroot(
    [
      '--isolate',
      '--workspace',
      '.',
      'auto',
      jailDirectory,
      ...script,
      'pwd; echo p >> a; echo n > package.json',
    ],
    { cwd: directory },
  );
  t.match(ran, { status: 0, stdout: `${directory}\n` });
  t.match(uchrootJail(['changes', directory]), {
    status: 0,
    stdout: 'changed a (4 bytes)\nadded   package.json (2 bytes, the host executes it)\n',
  });
  const json = JSON.parse(uchrootJail(['changes', directory, '--format', 'json']).stdout) as {
    changes: unknown[];
  };
  t.match(json.changes, [{ path: 'a', change: 'changed', kind: 'file', sizeBytes: 4 }, { executed: true }]);
  t.match(uchrootJail(['commit', directory]), {
    status: 1,
    stderr: /programs of the host execute it: package.json\nhint: look at it/,
  });
  t.match(uchrootJail(['commit', directory, 'a']), { status: 0, stdout: 'changed a (4 bytes)\n' });
  t.match(uchrootJail(['commit', directory, '../elsewhere']), {
    status: 1,
    stderr: /is not in the workspace/,
  });
  t.match(uchrootJail(['discard', directory]), { status: 0, stdout: 'added   package.json (2 bytes)\n' });
  t.equal(readFileSync(`${directory}/a`, 'utf8'), 'a\np\n');
});

test('the list has modes, links, sizes and moves; the diff makes the host what the program saw', async (t) => {
  const { directory, run } = makeProject(t);
  writeFileSync(`${directory}/bytes`, Buffer.from([0, 1, 2]));
  await run(`echo p >> a; chmod 711 b; ln -s a link; mv src/c moved; mv src/deep deeper; rm -f bytes; printf 'x\\0y' > n.bin
    printf '\\033[2J' > esc; chmod 700 src; ln -s /etc/hostname secret; mkfifo pipe`);
  t.equal(
    uchrootJail(['changes', directory]).stdout,
    `changed a (4 bytes)
mode    b (0644 to 0711, 2 bytes)
deleted bytes
added   deeper (directory)
added   deeper/d (11 bytes, moved from src/deep/d)
added   esc (4 bytes)
added   link -> a
added   moved (6 bytes, moved from src/c)
added   n.bin (3 bytes)
left    pipe
added   secret -> /etc/hostname
mode    src (directory, 0755 to 0700)
deleted src/c
deleted src/deep (directory)
`,
  );
  const { status, stdout } = uchrootJail(['changes', directory, '--diff', 'a', 'src', 'moved', 'bytes']);
  t.equal(status, 0);
  t.equal(
    stdout,
    `--- a/a
+++ b/a
@@ -1 +1,2 @@
 a
+p
Binary files a/bytes and /dev/null differ
--- /dev/null
+++ b/moved
@@ -0,0 +1 @@
+src/c
--- a/src/c
+++ /dev/null
@@ -1 +0,0 @@
-src/c
--- a/src/deep/d
+++ /dev/null
@@ -1 +0,0 @@
-src/deep/d
`,
  );
  const whole = (await workspaceDiff({ directory })).toString();
  t.match(whole, /^Binary files \/dev\/null and b\/n.bin differ$/m);
  t.notMatch(whole, /hostname/);
  t.match(uchrootJail(['changes', directory, '--diff', '--format', 'json']), {
    status: 1,
    stderr: /given at once/,
  });
  t.match(uchrootJail(['changes', directory, '--diff'], { env: { ...commandEnv, PATH: '/nowhere' } }), {
    status: 1,
    stderr: /diff\(1\) is not on this host\nhint: install the package diffutils/,
  });
  const failing = temporaryDirectory();
  writeFileSync(`${failing}/diff`, '#!/bin/sh\necho gone >&2; exit 2\n', { mode: 0o755 });
  t.match(
    uchrootJail(['changes', directory, '--diff'], {
      env: { ...commandEnv, PATH: `${failing}:${process.env.PATH}` },
    }),
    { status: 1, stderr: /diff\(1\) has failed for [ab]/ },
  );
});

test('a file keeps its access control list, and gets none of its directory', async (t) => {
  const { directory, run } = makeProject(t);
  // user::rw-, another user rw-, group::---, mask::rw-, other::--- (linux/posix_acl_xattr.h)
  const list =
    'system.posix_acl_access=0x0200000001000600ffffffff02000600f0f0000004000000ffffffff10000600ffffffff20000000ffffffff';
  const inherited = list.replace('access', 'default');
  for (const [text, path] of [
    [list, 'a'],
    [inherited, 'src'],
  ] as const) {
    const [name = '', value = ''] = text.split('=');
    execFileSync('setfattr', ['-n', name, '-v', value, `${directory}/${path}`]);
  }
  chmodSync(`${directory}/src/c`, 0o600);
  t.equal((await run('echo more >> a; echo more >> src/c', `${owner}:${owner}`)).exitCode, 0);
  await commitWorkspace({ directory });
  const listOf = (path: string) =>
    spawnSync(
      'getfattr',
      ['--absolute-names', '-e', 'hex', '-n', 'system.posix_acl_access', `${directory}/${path}`],
      {
        encoding: 'utf8',
      },
    );
  t.match(listOf('a').stdout, list);
  t.match(listOf('src/c'), { status: 1, stdout: '' });
  t.equal(lstatSync(`${directory}/src/c`).mode & 0o777, 0o600);
  t.equal(readFileSync(`${directory}/a`, 'utf8'), 'a\nmore\n');
});

test('the diff says of a file with a great hole that it differs, and does not read it', async (t) => {
  const { directory, run } = makeProject(t);
  await run('echo text > big');
  truncateSync(`${layersOf(workspacePlace(bytePath(directory)))}/upper/big`, 2 ** 42);
  t.equal((await workspaceDiff({ directory })).toString(), 'Files /dev/null and b/big differ\n');
});

test('wrong requests are refused before anything happens', async (t) => {
  const { directory, run } = makeProject(t);
  const launch = (more: object) => openJail(jailDirectory, { user: 'auto', workspace: directory, ...more });
  await t.rejects(launch({}), { name: 'UsageError', message: /^workspace needs a pid namespace/ });
  await t.rejects(launch({ isolate: true, ephemeral: '/var/lib/x' }), { name: 'UsageError' });
  await t.rejects(launch({ isolate: true, workspace: 'project' }), { name: 'UsageError', key: 'workspace' });
  const none = await launch({ isolate: true, workspace: `${directory}/a` });
  await t.rejects(none.run({ program: '/bin/bash' }), {
    name: 'LaunchError',
    code: 'ENOTDIR',
    hint: /^a workspace is a directory/,
  });
  none.close();
  await t.rejects(workspaceChanges({ directory: `${top}/none` }), { name: 'JailError', code: 'ENOENT' });
  await run('echo n > n');
  await t.rejects(commitWorkspace({ directory, paths: ['m'] }), {
    name: 'UsageError',
    message: /nothing has changed there/,
  });
  chmodSync(directory, 0o755);
});
