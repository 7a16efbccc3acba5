// What the host has made of a workspace: links and settings that lead elsewhere, groups, places that others can write, ordinary users.
import { execFileSync } from 'node:child_process';
import fs, {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

import { commitWorkspace, discardWorkspace, workspaceChanges } from '../../lib/index.ts';
import { workspacePlace } from '../../lib/launch/host/workspace.ts';
import { native } from '../../lib/native.ts';
import { bytePath } from '../../lib/tree/path.ts';
import { openFileRoot } from '../../lib/tree/root.ts';
import { applyDifference } from '../../lib/workspace/apply-difference.ts';
import type { Difference } from '../../lib/workspace/changes.ts';
import { uchrootJail } from '../support/builder.ts';
import { give } from '../support/ordinary.ts';
import { publicCommand, start, temporaryDirectory, uchroot, type Ended } from '../support/launch.ts';
import { jailDirectory, makeProject, owner, test, top } from '../support/workspace.ts';

const executed = async (directory: string) =>
  (await workspaceChanges({ directory })).filter((one) => one.executed === true).map(({ path }) => path);

test('what links of the host lead to is executed, also if it is not there yet', async (t) => {
  const { directory, run } = makeProject(t);
  for (const name of ['.git', 'tools', 'x', 'sub', 'src/.vscode']) mkdirSync(`${directory}/${name}`);
  const links = {
    '.git/hooks': '../x',
    'package.json': 'gen/pkg.json',
    'sub/.git': `${directory}/tools/git`,
    '.husky': 'way',
    way: 'src/deep',
    '.envrc': '/etc/passwd',
    plain: 'tools/plain',
  };
  for (const [path, target] of Object.entries(links)) symlinkSync(target, `${directory}/${path}`);
  give(directory, owner);
  await run(`echo n > x/y; mkdir -p gen tools/git/hooks tools/git/objects
    for name in x/pre-commit src/deep/h src/n gen/pkg.json tools/git/hooks/h tools/git/objects/o tools/plain; do echo n > $name; done`);
  t.same(await executed(directory), [
    'gen',
    'src/deep/h',
    'tools/git/hooks',
    'tools/git/hooks/h',
    'x/pre-commit',
    'x/y',
  ]);
  await t.rejects(commitWorkspace({ directory, paths: ['x'] }), { code: 'EEXIST', path: 'x/pre-commit' });
  await discardWorkspace({ directory });
  await run('rm -rf x tools; ln -s evil x; ln -s evil tools; rm way; ln -s evil way');
  t.same(await executed(directory), ['tools', 'way', 'x']);
  const own = await workspaceChanges({ directory, executed: ['nothing'] });
  t.notOk(own.some((one) => one.executed));
});

test('what the settings of git on the host name is executed, in a worktree and with included files too', async (t) => {
  const { directory, run } = makeProject(t);
  const common = temporaryDirectory();
  mkdirSync(`${common}/worktrees/w`, { recursive: true });
  writeFileSync(`${common}/worktrees/w/commondir`, '../..\n');
  writeFileSync(
    `${common}/config`,
    '[core]\n\thooksPath = tools/hooks\n\tfsmonitor = "node src/watch.js"\n[remote "o"]\n\turl = ../b\n[include]\n\tpath = more\n',
  );
  writeFileSync(`${common}/more`, '[filter "x"]\n  clean = sh src/clean.sh\n');
  writeFileSync(`${directory}/.git`, `gitdir: ${common}/worktrees/w\n`);
  mkdirSync(`${directory}/meta`);
  mkdirSync(`${directory}/sub`);
  writeFileSync(`${directory}/meta/config`, '[alias]\n e = !./a\n');
  writeFileSync(`${directory}/sub/.git`, 'gitdir: ../meta\n');
  give(directory, owner);
  await run(
    'mkdir -p tools/hooks meta/hooks; for name in tools/hooks/h meta/hooks/h meta/x src/watch.js src/clean.sh src/n b sub/a; do echo n > $name; done',
  );
  t.same(await executed(directory), [
    'meta/hooks',
    'meta/hooks/h',
    'src/clean.sh',
    'src/watch.js',
    'sub/a',
    'tools',
    'tools/hooks',
    'tools/hooks/h',
  ]);
});

test('homes, settings on one line, and repositories without .git', async (t) => {
  const { directory, run } = makeProject(t);
  const [name] = directory.split('/').slice(-1);
  for (const path of ['.git', 'sub/.git', 'bare/objects', 'bare/refs'])
    mkdirSync(`${directory}/${path}`, { recursive: true });
  writeFileSync(
    `${directory}/.git/config`,
    `[core]\n hooksPath = ~/${name}/tools\n[include] path = ~sam/more\n`,
  );
  writeFileSync(`${directory}/more`, '[filter "x"] clean = sh src/clean.sh\n');
  writeFileSync(`${directory}/sub/.git/config`, '[core]hooksPath = tools\n');
  writeFileSync(`${directory}/bare/HEAD`, 'ref: refs/heads/main\n');
  writeFileSync(`${directory}/bare/config`, '[core] hooksPath = other\n');
  give(directory, owner);
  await run(
    'mkdir tools sub/tools bare/hooks bare/other; for name in tools sub/tools bare/hooks bare/other; do echo n > $name/h; done; echo n > src/clean.sh; echo n > bare/new',
  );
  t.same(await executed(directory), [
    'bare/hooks',
    'bare/hooks/h',
    'bare/other',
    'bare/other/h',
    'src/clean.sh',
    'sub/tools',
    'sub/tools/h',
    'tools',
    'tools/h',
  ]);
});

test('a link in the place of the workspace, put there at the last moment, is not followed', async (t) => {
  const { directory, run } = makeProject(t);
  const victim = temporaryDirectory();
  await run('echo bad > new');
  const { openSync } = fs;
  t.teardown(() => {
    fs.openSync = openSync;
    syncBuiltinESMExports();
    rmSync(directory);
    renameSync(`${directory}.moved`, directory);
  });
  fs.openSync = (...given) => {
    if (!existsSync(`${directory}.moved`)) {
      renameSync(directory, `${directory}.moved`);
      symlinkSync(victim, directory);
    }
    return openSync(...given);
  };
  syncBuiltinESMExports();
  await t.rejects(commitWorkspace({ directory }), { code: 'ENOENT', message: /is no workspace/ });
  t.same(readdirSync(victim), []);
});

test('another file in the place of one that was judged keeps its owner and permissions', async (t) => {
  const { directory } = makeProject(t);
  const root = openFileRoot(directory);
  t.teardown(() => root.close());
  const path = bytePath('/a');
  const before = root.lstat(path);
  renameSync(`${directory}/a`, `${directory}/old`);
  writeFileSync(`${directory}/a`, 'of root\n', { mode: 0o600 });
  const one: Difference = { path, kind: 'mode', before, now: before && { ...before, mode: 0o777 } };
  t.throws(() => applyDifference({ host: root, upper: root }, one), { code: 'ESTALE' });
  t.match(statSync(`${directory}/a`), { uid: 0, mode: 0o100600 });
});

test('new files get the group of a set-group-ID directory, and no such bit comes from the program', async (t) => {
  const { directory, run, changes } = makeProject(t);
  const group = 61_709;
  chownSync(`${directory}/src`, owner, group);
  chmodSync(`${directory}/src`, 0o2775);
  chmodSync(`${directory}/src/deep`, 0o1777);
  const text = `echo n > src/n; mkdir -p src/new/er plain; echo n > src/new/er/f; echo n > n; echo p >> src/c
    chmod g+s plain; chmod 700 src/new; chmod 2750 src; chmod 755 src/deep`;
  t.match(await run(text, `${owner}:${owner}`), { stderr: '', exitCode: 0 });
  await commitWorkspace({ directory });
  const seen = (name: string): string => {
    const { mode, uid, gid } = lstatSync(`${directory}/${name}`);
    return `${(mode & 0o7777).toString(8)} ${uid} ${gid}`;
  };
  for (const [name, what] of Object.entries({
    src: `2750 ${owner} ${group}`,
    'src/n': `644 ${owner} ${group}`,
    'src/new': `2700 ${owner} ${group}`,
    'src/new/er': `2755 ${owner} ${group}`,
    'src/new/er/f': `644 ${owner} ${group}`,
    'src/c': `644 ${owner} ${owner}`,
    'src/deep': `1755 ${owner} ${owner}`,
    plain: `755 ${owner} ${owner}`,
    n: `644 ${owner} ${owner}`,
  }))
    t.equal(seen(name), what, name);
  t.same(await changes(), []);
});

test('discard takes back permissions of a directory, and what is never committed', async (t) => {
  const { directory, run, changes } = makeProject(t);
  await run(
    'chmod 700 src; echo p >> src/c; mkdir -p n/.uchroot-commit.new/x; mkfifo p; echo > n/.uchroot-commit.new/x/y',
  );
  await discardWorkspace({ directory, paths: ['n/.uchroot-commit.new', 'p'] });
  t.same(await changes(), ['added n directory', 'mode src directory', 'changed src/c file']);
  const left = `${directory}/src/.uchroot-commit.new`;
  writeFileSync(left, 'of a commit that was killed');
  await discardWorkspace({ directory, paths: ['n'] });
  t.notOk(existsSync(left));
  t.equal((await run('ls -ld src')).stdout.toString().slice(0, 10), 'drwx------');
});

/** Runs the commands as an ordinary user with a home of his own. */
function person(uid: number): {
  readonly home: string;
  readonly project: string;
  readonly as: (words: readonly string[], env?: Readonly<Record<string, string>>) => Ended;
  readonly run: (text: string, env?: Readonly<Record<string, string>>) => Ended;
} {
  const home = temporaryDirectory();
  const project = `${home}/project`;
  execFileSync('cp', ['-a', jailDirectory, `${home}/jail`]);
  for (const name of ['src', `../jail${project}`]) mkdirSync(`${project}/${name}`, { recursive: true });
  writeFileSync(`${project}/src/c`, 'c\n');
  execFileSync('chown', ['-hR', `${uid}:${uid}`, home]);
  const by = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  const as = (words: readonly string[], env = {}) =>
    start([...by, ...words], { env: { PATH: '/usr/bin:/bin', HOME: home, ...env } });
  const command = publicCommand();
  const run = (text: string, env = {}) =>
    as(
      [
        ...command,
        '--rootless',
        '--workspace',
        project,
        String(uid),
        `${home}/jail`,
        '/bin/bash',
        '-c',
        text,
      ],
      env,
    );
  return { home, project, as, run };
}

test('an ordinary user: read-only and closed directories, and directories of the host that he may not write', async (t) => {
  const { project, as, run, home } = person(61_705);
  const jail = publicCommand('uchroot-jail');
  const verb = (name: string, ...paths: readonly string[]) => as([...jail, name, project, ...paths]);
  t.match(
    run(
      'mkdir ro closed; echo x > ro/x; echo y > ro/y; chmod 555 ro; echo p >> src/c; chmod 0 closed; echo secret > s; chmod 0 s',
    ),
    { status: 0, stderr: '' },
  );
  t.equal(
    verb('changes').stdout,
    'left    closed (directory)\nadded   ro (directory)\nadded   ro/x (2 bytes)\nadded   ro/y (2 bytes)\nadded   s (7 bytes)\nchanged src/c (4 bytes)\n',
  );
  t.match(verb('changes', '--diff'), {
    status: 0,
    stderr: '',
    stdout: /\+y\nFiles \/dev\/null and b\/s differ\n/,
  });
  t.match(verb('commit'), { status: 1, stderr: /^uchroot-jail: its owner may not read it: s\n/ });
  t.match(verb('commit', 'ro/x'), {
    status: 0,
    stderr: '',
    stdout: 'added   ro (directory)\nadded   ro/x (2 bytes)\n',
  });
  t.equal(lstatSync(`${project}/ro`).mode & 0o777, 0o555);
  t.match(verb('commit', 'ro/y'), { status: 1, stderr: /may not write to the directory .*: ro\/y\nhint:/ });
  t.match(verb('discard', 'ro', 's'), { status: 0, stderr: '' });
  t.equal(verb('changes').stdout, 'left    closed (directory)\nchanged src/c (4 bytes)\n');
  t.match(verb('commit'), { status: 0 });
  t.match(verb('discard'), { status: 0, stderr: '', stdout: 'left    closed (directory)\n' });
  t.same(readdirSync(`${home}/.local/state/uchroot/workspaces`), []);
});

test('a place that others can write is refused, by launches and commands', async (t) => {
  const { project, as, run, home } = person(61_706);
  const jail = publicCommand('uchroot-jail');
  const elsewhere = temporaryDirectory();
  chmodSync(elsewhere, 0o777);
  const open = { XDG_STATE_HOME: elsewhere };
  const refusal =
    /^uchroot: workspace: .* can be written by everybody \(mode 0777\), and the changes are kept below\nhint: /;
  t.match(run('true', open), { status: 125, stderr: refusal });
  t.match(as([...jail, 'changes', project], open), { status: 1, stderr: /can be written by everybody/ });
  // of root, who gives it to nobody
  t.match(run('true', { XDG_STATE_HOME: '/proc' }), {
    status: 125,
    stderr: /^uchroot: workspace: \/proc\/uchroot/,
  });
  t.match(run('true', { XDG_STATE_HOME: 'relative' }), { status: 0 });
  t.match(run('true', { XDG_STATE_HOME: `${project}/state` }), {
    status: 125,
    stderr:
      /^uchroot: workspace: .* has .*\/state\/uchroot\/workspaces in it, where the changes are kept\nhint: name/,
  });
  const place = `${home}/.local/state/uchroot/workspaces`;
  chmodSync(place, 0o755);
  t.match(run('true'), {
    status: 125,
    stderr: `uchroot: workspace: ${place} can be entered by others (mode 0755), and the changes are kept there\nhint: chmod 0700 ${place}\n`,
  });
  chmodSync(place, 0o700);
  chownSync(place, 61_707, 61_707);
  t.match(run('true'), { status: 125, stderr: /uchroot: workspace: .* is owned by uid 61707/ });
  // a home that leads elsewhere
  const other = person(61_708);
  symlinkSync(elsewhere, `${other.home}/.local`);
  t.match(other.run('true'), { status: 125, stderr: /can be written by everybody/ });
});

test('words about a directory that is none', async (t) => {
  const { directory } = makeProject(t);
  const launch = (path: string) =>
    uchroot(['--isolate', '--workspace', path, 'auto', jailDirectory, '/bin/bash']);
  t.match(launch(`${directory}/a`), {
    status: 125,
    stderr: /\/a: not a directory\nhint: a workspace is a directory: name the one that holds the file\n/,
  });
  t.match(launch(`${top}/none`), {
    status: 125,
    stderr: /\/none: no such file or directory\nhint: name a directory of the host that is there\n/,
  });
  t.match(uchrootJail(['changes', `${top}/none`]), {
    status: 1,
    stderr: /\/none: no such file or directory\n/,
  });
  t.equal(readFileSync(`${directory}/a`, 'utf8'), 'a\n');
});

test('what a launch or a removal that was killed has left is completed, or goes with the next command', async (t) => {
  const { directory, run, changes } = makeProject(t);
  const place = workspacePlace(bytePath(directory));
  // a launch, while it made the place
  mkdirSync(`${place}/layers/upper`, { recursive: true, mode: 0o700 });
  t.match(await run('cat a; echo n > n'), { stdout: 'a\n', stderr: '' });
  // a discard, after it gave the place its other name; and another one, which is still at work
  const [rest, busy] = ['0123456789ab', 'ba9876543210'].map((end) => `${place}.gone-${end}`);
  for (const path of [rest, busy]) mkdirSync(`${path}/layers/upper/src`, { recursive: true });
  const lock = openSync(`${busy}/layers`, 'r');
  t.ok(native.lockFile(lock));
  t.same(await changes(), ['added n file']);
  t.same([existsSync(`${rest}`), existsSync(`${busy}`)], [false, true]);
  closeSync(lock);
  // a project with such a name is no rest
  const named = makeProject(t, owner, undefined, 'x-0123456789abcdef.gone');
  await named.run('echo n > n');
  t.same(await changes(), ['added n file']);
  t.same(await named.changes(), ['added n file']);
  t.notOk(existsSync(`${busy}`));
  t.equal(readFileSync(`${directory}/a`, 'utf8'), 'a\n');
});

test('on an overlay, the owner of the workspace is the user', async (t) => {
  const layers = temporaryDirectory();
  const { directory, run, changes } = makeProject(t, owner, (at) => {
    for (const name of ['lower', 'upper', 'work']) mkdirSync(`${layers}/${name}`);
    const options = `lowerdir=${layers}/lower,upperdir=${layers}/upper,workdir=${layers}/work`;
    execFileSync('mount', ['-t', 'overlay', '-o', options, 'overlay', at]);
  });
  await t.rejects(run('true'), { code: 'EINVAL', hint: /^let USER be the owner/ });
  await run('echo p >> a; rm -rf src; mkdir src; echo n > src/n', `${owner}:${owner}`);
  t.same(await changes(), [
    'changed a file',
    'added src/n file',
    'deleted src/c file',
    'deleted src/deep directory',
  ]);
  await commitWorkspace({ directory });
  t.same(readdirSync(`${directory}/src`), ['n']);
});
