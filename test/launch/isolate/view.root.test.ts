// Views that once gave the program more than the host allows, or other things than were asked for.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chownSync,
  copyFileSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import t, { type Test } from 'tap';

import { runInJail } from '../../../lib/index.ts';
import { uchrootJail } from '../../support/builder.ts';
import { bothWays, launchWords, start, temporaryDirectory, uchroot } from '../../support/launch.ts';
import { unlessRoot } from '../../support/root.ts';

const test = bothWays('mount', 'mknod');
const [user, uid] = ['backup', 34];
const place = process.getuid?.() === 0 ? temporaryDirectory() : '/';
const jail = `${place}/jail`;

t.before(() => {
  if (process.getuid?.() !== 0) return;
  const built = uchrootJail(['build', jail, 'bash', 'cat', 'ls', 'stat']);
  if (built.status !== 0) throw new Error(built.stderr);
  for (const name of ['mnt', 'var/ref', 'proc', 'dev']) mkdirSync(`${jail}/${name}`, { recursive: true });
  for (const name of ['var', 'var/ref']) chownSync(`${jail}/${name}`, uid, uid);
});

function run(options: readonly string[], script: string) {
  return uchroot(['--isolate', ...options, user, jail, '/bin/bash', '-c', script]);
}

// Mounts something on a directory of the jail for one test.
function mountFor(t: Test, directory: string, ...words: readonly string[]): void {
  execFileSync('mount', [...words, directory]);
  t.teardown(() => execFileSync('umount', [directory]));
}

// A directory of this owner.
function makeDirectory(name: string, owner: number): string {
  const directory = `${place}/${name}`;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  chownSync(directory, owner, owner);
  return directory;
}

test('a link in the directory of --ephemeral-dir shows nothing of the host', async (t) => {
  const secret = makeDirectory('secret', 0);
  writeFileSync(`${secret}/of-the-host`, '');
  const links = (store: string) => {
    symlinkSync(secret, `${store}/upper`);
    symlinkSync(makeDirectory('work', 0), `${store}/work`);
    return store;
  };
  const theirs = run(['--ephemeral-dir', links(makeDirectory('theirs', uid))], 'ls /');
  t.match(theirs, { status: 125, stdout: '', stderr: /^uchroot: ephemeral: .*theirs is owned by uid 34/ });
  const accepted = run(['--insecure-path', '--ephemeral-dir', `${place}/theirs`], 'ls /');
  t.match(accepted, {
    status: 125,
    stdout: '',
    stderr: /pivot_root: an overlay on the jail: not a directory/,
  });
  t.same(readdirSync(`${place}/work`), [], 'nothing is made where a link leads');
  await t.rejects(runInJail({ user, jail, isolate: true, ephemeral: `${place}/theirs` }), {
    code: 'ERR_INSECURE_PATH',
  });
  const own = makeDirectory('own', 0);
  t.equal(run(['--ephemeral-dir', own], 'echo kept > /var/kept').status, 0);
  t.equal(run(['--ephemeral-dir', own], 'cat /var/kept').stdout, 'kept\n');
  t.notOk(existsSync(`${jail}/var/kept`));
});

test('--writable makes nothing writable that the host has mounted read-only', async (t) => {
  const shown = makeDirectory('shown', uid);
  mountFor(t, `${jail}/var/ref`, '--bind', shown);
  execFileSync('mount', ['-o', 'remount,ro,bind', `${jail}/var/ref`]);
  const write = 'echo > /var/own && echo own; echo > /var/ref/file && echo written';
  t.equal(run(['--read-only', '--writable', '/var'], write).stdout, 'own\n');
  t.equal(run(['--read-only', '--writable', '/var/ref'], write).stdout, '', 'named itself');
  t.same(readdirSync(shown), []);
});

test('--writable above a --ro-bind does not make it writable', async (t) => {
  const shown = makeDirectory('shown', uid);
  const options = ['--read-only', '--ro-bind', `${shown}:/var/ref`, '--writable', '/var'];
  t.equal(run(options, 'echo > /var/own && echo own; echo > /var/ref/file').stdout, 'own\n');
  t.same(readdirSync(shown), []);
});

test('devices of a file system that the host has mounted nodev do not work', async (t) => {
  const read = 'read -rN 1 x < /dev/disk && echo read';
  mountFor(t, `${jail}/dev`, '-t', 'tmpfs', '-o', 'nodev,mode=755', 'tmpfs');
  execFileSync('mknod', ['-m', '666', `${jail}/dev/disk`, 'c', '1', '9']);
  const refused = run([], read);
  t.match(refused, { stdout: '', stderr: /Permission denied/ });
  execFileSync('mount', ['-o', 'remount,bind,dev', `${jail}/dev`]);
  t.equal(run([], read).stdout, 'read\n');
});

test('what the host mounts an ephemeral jail without, devices or execution, it does not have', async (t) => {
  mountFor(t, jail, '--bind', jail);
  execFileSync('mount', ['-o', 'remount,bind,nodev', jail]);
  execFileSync('mknod', ['-m', '666', `${jail}/dev/disk`, 'c', '1', '9']);
  t.teardown(() => rmSync(`${jail}/dev/disk`));
  const read = 'read -rN 1 x < /dev/disk && echo read';
  const ways = [['--ephemeral'], ['--ephemeral-dir', makeDirectory('own', 0)]];
  for (const options of ways) t.match(run(options, read), { stdout: '', stderr: /Permission denied/ });
  execFileSync('mount', ['-o', 'remount,bind,dev,noexec', jail]);
  for (const options of ways) t.match(run(options, read), { status: 126, stdout: '' });
  execFileSync('mount', ['-o', 'remount,bind,exec', jail]);
  for (const options of ways) t.equal(run(options, read).stdout, 'read\n');
});

test('a source that is unbindable is refused with the remedy', async (t) => {
  const source = makeDirectory('alone', 0);
  mountFor(t, source, '--bind', source);
  execFileSync('mount', ['--make-unbindable', source]);
  const refused = run(['--bind', `${source}:/mnt`], 'exit 0');
  t.match(refused, { status: 125, stderr: /unbindable.*\nhint: mount --make-private / });
  execFileSync('mount', ['--make-private', source]);
  t.equal(run(['--bind', `${source}:/mnt`], 'exit 0').status, 0);
});

test('noexec of the file system of --ephemeral-dir does not count in the jail', async (t) => {
  const store = makeDirectory('store', 0);
  mountFor(t, store, '--bind', store);
  execFileSync('mount', ['-o', 'remount,bind,noexec', store]);
  // as an earlier launch has written it
  mkdirSync(`${store}/upper/mnt`, { recursive: true });
  copyFileSync(`${jail}/bin/cat`, `${store}/upper/mnt/own`);
  t.throws(() => execFileSync(`${store}/upper/mnt/own`, ['/dev/null']), { code: 'EACCES' });
  t.match(run(['--ephemeral-dir', store], '/mnt/own < /dev/null && echo executed'), {
    stdout: 'executed\n',
  });
});

test('--read-only holds for the devices of the jail too, which work', async (t) => {
  mkdirSync(`${jail}/dev/shm`);
  chownSync(`${jail}/dev/shm`, uid, uid);
  execFileSync('mknod', ['-m', '666', `${jail}/dev/nothing`, 'c', '1', '3']);
  t.teardown(() => ['shm', 'nothing'].forEach((name) => rmSync(`${jail}/dev/${name}`, { recursive: true })));
  const write = 'echo > /dev/nothing && echo device; echo > /dev/shm/file && echo file';
  t.match(run(['--read-only'], write), { stdout: 'device\n', stderr: /Read-only file system/ });
  t.same(readdirSync(`${jail}/dev/shm`), []);
  t.equal(run(['--read-only', '--writable', '/dev/shm'], write).stdout, 'device\nfile\n');
});

test('a link of the user moves no mount onto what set-user-ID programs trust', async (t) => {
  mkdirSync(`${jail}/etc`, { recursive: true });
  symlinkSync('/etc', `${jail}/var/link`);
  symlinkSync('/', `${jail}/var/top`);
  t.teardown(() => ['link', 'top'].forEach((name) => rmSync(`${jail}/var/${name}`)));
  for (const mount of [
    ['--tmpfs', '/var/link'],
    ['--bind', `${place}:/var/link`],
    ['--ro-bind', `${place}:/var/link/../mnt`],
  ]) {
    const { status, stderr } = run(['--allow-new-privs', ...mount], 'exit 0');
    t.equal(status, 125, mount.join(' '));
    t.match(stderr, /leads through a link, .*\nhint: name the directory or file/);
    t.equal(run(mount, 'exit 0').status, 0, 'without --allow-new-privs no program trusts it');
  }
  const plain = ['--allow-new-privs', '--tmpfs', '/var/ref', '--bind', `${place}:/mnt`, '--dev', '/dev'];
  t.match(run([...plain, '--proc', '/proc'], 'exit 0'), { status: 0, stderr: '' });
  for (const mount of [
    ['--tmpfs', '/var/top'],
    ['--bind', `${place}:/var/top`],
  ])
    t.match(run(mount, 'exit 0').stderr, /hint: see that \/var\/top in the jail is no link to \/,/);
});

test('a mount point that is missing is made in an ephemeral jail and in a tmpfs, and nowhere else', async (t) => {
  const host = makeDirectory('host', 0);
  writeFileSync(`${host}/file`, 'of the host');
  const before = readdirSync(jail);
  const binds = ['--ro-bind', `${host}:/a/b`, '--ro-bind', `${host}/file:/a/c`];
  const script = 'cat /a/b/file /a/c && stat -c "%a %u" /a';
  const mounted = 'of the hostof the host755 0\n';
  const store = makeDirectory('made', 0);
  for (const ephemeral of [['--ephemeral'], ['--ephemeral-dir', store], ['--ephemeral-dir', store]]) {
    t.match(run([...ephemeral, ...binds], script), { stdout: mounted, stderr: '' }, ephemeral.join(' '));
    const own = run(
      [...ephemeral, '--tmpfs', '/scratch', '--dev', '/d', '--proc', '/p'],
      'ls /d/null; ls -d /p/1',
    );
    t.equal(own.stdout, '/d/null\n/p/1\n', own.stderr);
  }
  const inTmpfs = [
    '--read-only',
    '--tmpfs',
    '/mnt//:mode=755',
    '--ro-bind',
    `${host}:/mnt/a/b`,
    '--proc',
    '/mnt/proc',
  ];
  const ended = run(inTmpfs, 'cat /mnt/a/b/file; ls -d /mnt/proc/1');
  t.equal(ended.stdout, 'of the host/mnt/proc/1\n', ended.stderr);
  for (const options of [
    ['--ephemeral', '--bind', `${host}:/mnt`, '--tmpfs', '/mnt/new'],
    ['--tmpfs', '/mnt', '--bind', `${host}:/mnt/host`, '--tmpfs', '/mnt/host/new'],
    ['--tmpfs', '/new'],
  ]) {
    const { status, stderr } = run(options, 'echo started');
    t.match(stderr, /\/new is not in the jail\nhint: mkdir -p /, options.join(' '));
    t.equal(status, 125);
  }
  t.same(readdirSync(host), ['file']);
  t.same(readdirSync(jail), before);
});

test('--dir makes the directories above it', async (t) => {
  t.teardown(() => rmSync(`${jail}/all`, { recursive: true }));
  const stat = 'stat -c "%a %u" /all /all/of /all/of/it';
  const ended = run(['--dir', '/all/of/it'], stat);
  t.equal(ended.stdout, '755 0\n755 0\n755 0\n', ended.stderr);
  t.equal(run(['--dir', '/all/of/it'], stat).stdout, ended.stdout, 'they are there by then');
});

test('by a link of its user nothing is made in a jail', async (t) => {
  t.teardown(() => ['link', 'of-root'].forEach((name) => rmSync(`${jail}/var/${name}`)));
  t.teardown(() => rmSync(`${jail}/etc/made`, { recursive: true, force: true }));
  for (const name of ['link', 'of-root']) symlinkSync('/etc', `${jail}/var/${name}`);
  lchownSync(`${jail}/var/link`, uid, uid);
  for (const option of [
    ['--dir', '/var/link/made/here'],
    ['--dir', '/var/link/made'],
    ['--ephemeral', '--tmpfs', '/var/link/made'],
  ]) {
    const { status, stderr } = run(option, 'echo started');
    t.match(
      stderr,
      /leads through a link of another user than root, by which nothing is made\nhint: name the dir/,
    );
    t.equal(status, 125);
  }
  t.notOk(existsSync(`${jail}/etc/made`));
  t.equal(run(['--dir', '/var/of-root/made/here'], 'ls /etc/made').stdout, 'here\n', 'as /bin is one');
});

test('a link that takes the place of a judged directory makes nothing elsewhere in a jail', async (t) => {
  // a name of its own: the last mv(1) of the other way to launch may not have ended
  const host = makeDirectory(`swapped-${Date.now()}`, uid);
  mkdirSync(`${host}/d`);
  symlinkSync('/etc', `${host}/l`);
  chownSync(`${host}/d`, uid, uid);
  lchownSync(`${host}/l`, uid, uid);
  const exchange = ['mv', '--exchange', '--no-target-directory', `${host}/d`, `${host}/l`];
  const [command = '', ...words] = exchange;
  const skip = unlessRoot('strace') || (spawnSync(command, words).status !== 0 && 'needs mv --exchange');
  if (skip !== false) {
    t.skip(skip, () => undefined);
    return;
  }
  const swapping = spawn('sh', ['-c', 'while "$@"; do :; done', 'sh', ...exchange]);
  t.teardown(() => swapping.kill());
  // the time between the judgement and the use becomes longer
  const by = ['strace', '-f', '-o', '/dev/null', '-e', 'inject=openat2:delay_enter=30000'];
  for (let i = 0; i < 6; i++) {
    const words = ['--isolate', '--bind', `${host}:/mnt`, '--dir', `/mnt/d/made-${i}`, user, jail, '/bin/ls'];
    const { status, stderr } = uchroot(words, { by });
    t.match(stderr, status === 0 ? /^$/ : /leads through a link of another user than root/);
  }
  t.same(
    readdirSync(`${jail}/etc`).filter((name) => name.startsWith('made-')),
    [],
  );
});

test('one jail does not take the terminals of all others', async (t) => {
  const script = 'for ((i = 0; i < 400; i++)); do exec {fd}<>/dev/ptmx 2>&1 || break; done; echo $i';
  t.match(run(['--dev', '/dev'], script).stdout, /^.*No space left on device\n256\n$/);
});

test('--dir has mode 0755 whatever the umask', async (t) => {
  t.teardown(() => rmSync(`${jail}/made`, { recursive: true }));
  const words = launchWords(['--isolate', '--dir', '/made', user, jail, '/bin/stat', '-c', '%a %u', '/made']);
  t.equal(start(['/bin/sh', '-c', 'umask 077; exec "$@"', 'sh', ...words]).stdout, '755 0\n');
  t.equal(lstatSync(`${jail}/made`).mode & 0o7777, 0o755);
});

test('what could not be mounted, or would be no limit, is refused with its reason', async (t) => {
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [
      ['--read-only', '--writable', '/'],
      /--writable must be a path below \/, where the jail itself is, not '\/'/,
    ],
    [['--tmpfs', '/./..//'], /--tmpfs must be a path below \/, where the jail itself is, not /],
    [
      ['--tmpfs', '/mnt:size=0'],
      /--tmpfs must be DEST.* size and nr_inodes from 1 on, not '\/mnt:size=0'\nhint: for example --tmpfs /,
    ],
    [
      ['--tmpfs', '/mnt:nr_inodes=0'],
      /--tmpfs must be DEST.* size and nr_inodes from 1 on, not '\/mnt:nr_inodes=0'\n/,
    ],
    [
      [...Array.from({ length: 62 }, () => ['--ro-bind', `${place}:/mnt`]).flat(), '--proc', '/proc'],
      /at most 62 of bind, proc and writable/,
    ],
    [['--bind', `${jail}/bin/cat:/mnt`], /one of source and \/mnt is a directory, and the other is none/],
    [
      ['--ephemeral', '--dir', '/bin/bash/place'],
      /is there and is no directory\nhint: name another directory\n/,
    ],
    [['--tmpfs', '/no/such'], /\/no\/such is not in the jail\nhint: mkdir -p \S+\/jail\/no\/such\n/],
    [
      ['--ephemeral', '--bind', `${place}:/mnt`, '--tmpfs', '/mnt/such'],
      new RegExp(`/mnt/such is not in the jail\\nhint: mkdir -p ${place}/such\\n`),
    ],
    [['--read-only', '--writable', '/nope'], /\/nope of the jail .*: it is not in the jail/],
  ];
  for (const [options, message] of refused) {
    const ended = run(options, 'echo started');
    t.equal(ended.stdout, '', options.join(' '));
    t.match(ended.stderr, message);
  }
});
