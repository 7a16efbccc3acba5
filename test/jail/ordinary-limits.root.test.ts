// Things that an ordinary user cannot have, and harm that cannot come to him.

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';

import { uchrootJail } from '../support/builder.ts';
import { rootTest, start, type Ended } from '../support/launch.ts';
import { give } from '../support/ordinary.ts';
import { Ranger } from '../support/subordinate.ts';
import { done, ordinaryUser, ownersIn } from '../support/jail/own-jails.ts';

const test = rootTest('setpriv', 'setfacl');
const uid = 61_449;
const { by, jailWords, launchWords, own, built, builtByRoot } = ordinaryUser(uid);

test('what only root can give is left out, and a warning names it', async (t) => {
  const { base, jail, make, launch } = own(t);
  const tree = `${base}/tree`;
  mkdirSync(`${tree}/closed`, { recursive: true });
  mkdirSync(`${tree}/fixed`);
  for (const name of ['open', 'secret', 'service', 'fixed/file']) writeFileSync(`${tree}/${name}`, name);
  chmodSync(`${tree}/fixed`, 0o555);
  chmodSync(`${tree}/closed`, 0o700);
  chmodSync(`${tree}/secret`, 0o600);
  chownSync(`${tree}/service`, 33, 33);
  chmodSync(`${tree}/service`, 0o664);
  const words = ['bash', 'su', '--keep-privileges', '/usr/bin/su', '--copy', `${tree}:/data`];
  const { status, stderr } = make('build', jail, ...words, '--user', 'www-data');
  t.equal(status, 0, stderr);
  const closed = [`${tree}/secret`, `${tree}/closed`];
  for (const path of closed)
    t.match(stderr, new RegExp(`left out, because this user may not read it: .*${path}`));
  t.match(stderr, /owned by this user, because only root can give files to others: .*\/data\/service/);
  t.match(stderr, /without set-user-ID, set-group-ID and file capabilities, .*: \/usr\/bin\/su/);
  t.same(ownersIn(jail), [`${uid}:${uid}`]);
  t.equal(statSync(`${jail}/usr/bin/su`).mode & 0o7777, 0o755);
  t.equal(statSync(`${jail}/data/service`).mode & 0o7777, 0o644, 'another group gets no more than everybody');
  t.equal(statSync(`${jail}/data/fixed`).mode & 0o7777, 0o755, 'he can update what is in it');
  t.match(make('check', jail), { stdout: /: 0 errors,/ });
  t.match(launch('www-data', jail, '/bin/bash', '-c', 'echo $UID'), { ...done, stdout: '33\n' });
});

test('a file that was asked for and may not be read is an error, and nothing is built', async (t) => {
  const { base, jail, make } = own(t);
  const secret = `${base}/secret`;
  writeFileSync(secret, '#!/bin/sh\n');
  chmodSync(secret, 0o700);
  const refused = /: \S+\/secret, which was asked for, may not be read by this user\nhint: .*sudo/;
  t.match(make('build', jail, 'bash', '--copy', secret), { status: 1, stderr: refused });
  t.match(make('build', jail, secret), { status: 1, stderr: refused });
  t.match(make('build', jail, '--learn', 'ls'), { status: 1, stderr: /learning needs root/ });
  t.notOk(existsSync(jail));
});

test("a jail of root's, and a place that is not his, are refused", async (t) => {
  const place = built(t);
  const { base, home, jail, make } = place;
  const ofRoot = builtByRoot(place);
  for (const words of [
    ['build', ofRoot, 'ls'],
    ['build', ofRoot, 'ls', '--plan'],
    ['update', ofRoot],
    ['list', ofRoot],
    ['explain', ofRoot, '/bin/bash'],
    ['clone', ofRoot, `${home}/clone`],
    ['remove', ofRoot],
  ])
    t.match(
      make(...words),
      { status: 1, stderr: /is not yours: only its owner and root .*\nhint: try sudo/ },
      words.join(' '),
    );
  t.match(make('build', `${base}/new`, 'ls'), { status: 1, stderr: /ermission denied.*\nhint: .*sudo/ });
  t.match(make('clone', jail, `${base}/new`), { status: 1, stderr: /ermission denied.*\nhint: .*sudo/ });
  mkdirSync(`${base}/shared`);
  chmodSync(`${base}/shared`, 0o777);
  const { status, stderr } = make('build', `${base}/shared/jail`, 'ls');
  t.match(
    { status, stderr },
    { status: 1, stderr: /can be written by everybody.*\nhint: choose a directory in which only you/ },
  );
  chmodSync(home, 0o770);
  t.match(
    make('build', `${home}/next`, 'ls').stderr,
    new RegExp(`hint: chmod go-w ${home}\n`),
    'his own to mend',
  );
  t.same(readdirSync(base).toSorted(), ['home', 'root', 'shared']);
});

test('a remedy that takes root says sudo, and any other is his to follow', async (t) => {
  const place = built(t);
  const { base, home, run } = place;
  const ofRoot = builtByRoot(place);
  for (const [path, mode] of [
    [`${base}/closed`, 0o700],
    [`${base}/closed/jail`, 0o755],
    [`${base}/readable`, 0o755],
    [`${home}/project`, 0o755],
  ] as const)
    mkdirSync(path, { mode });
  writeFileSync(`${home}/file`, '');
  writeFileSync(`${base}/list`, '', { mode: 0o600 });
  mkdirSync(`${home}/shut`);
  give(home, uid);
  chmodSync(`${home}/shut`, 0);
  const mine = 'name another path, or try sudo';
  const rootless = `uchroot --rootless ${uid}:${uid}`;
  const rows: readonly (readonly [line: string, says: string])[] = [
    // what only root may change
    [
      `${rootless} ${ofRoot} /bin/cat`,
      `not found in the jail\nhint: sudo uchroot-jail build ${ofRoot} /bin/cat\n`,
    ],
    [
      `uchroot --rootless --bind ${home}:/mnt ${uid}:${uid} ${ofRoot} /bin/ls`,
      `\nhint: sudo mkdir -p ${ofRoot}/mnt   # as the`,
    ],
    [
      `${rootless} ${base}/none /bin/ls`,
      `no such file or directory\nhint: sudo uchroot-jail build ${base}/none /bin/ls\n`,
    ],
    [
      `uchroot --plan ${uid}:${uid} ${home}/jail /bin/ls`,
      '\nhint: sudo uchroot-jail build /srv/jail /bin/ls   # or accept',
    ],
    [
      `uchroot-inetd check --listen 7000 ${uid}:${uid} ${ofRoot} /bin/cat`,
      `\nhint: sudo uchroot-jail build ${ofRoot} /bin/cat\n`,
    ],
    ['uchroot-jail build new --package no-such-package', '\nhint: sudo apt-get install no-such-package\n'],
    ['uchroot-service adopt nginx', ': only root adopts services.*\nhint: start it with sudo\n'],
    // what he may not enter or write
    [
      `${rootless} ${base}/closed /bin/ls`,
      `closed: permission denied\nhint: this user may not enter it; one of his own: uchroot-jail build ~/jail /bin/ls\n`,
    ],
    [
      `${rootless} ${base}/closed/jail /bin/ls`,
      `jail: permission denied\nhint: this user may not enter it; one of his own: uchroot-jail build ~/jail /bin/ls\n`,
    ],
    [`${rootless} ${home}/shut /bin/ls`, `shut: permission denied\nhint: chmod u\\+rwx ${home}/shut\n`],
    [
      `uchroot --rootless --ro-bind ${base}/closed/jail:/tmp ${uid}:${uid} ${home}/jail /bin/ls`,
      'permission denied\nhint: the caller may not enter it, or a directory above it',
    ],
    [
      `uchroot --rootless --ephemeral-dir ${base}/readable ${uid}:${uid} ${home}/jail /bin/ls`,
      'permission denied\nhint: the caller must be able to write to the directory of --ephemeral-dir\n',
    ],
    [
      `uchroot --rootless --pid-file ${base}/pid ${uid}:${uid} ${home}/jail /bin/ls`,
      'and this user must be able to write there\n',
    ],
    [
      `uchroot --rootless --seccomp ${base}/list ${uid}:${uid} ${home}/jail /bin/ls`,
      `permission denied\nhint: .*${mine}\n`,
    ],
    [
      `uchroot --rootless --connect-to @fille ${uid}:${uid} ${home}/jail /bin/ls`,
      `hint: did you mean ${home}/file\\?\n`,
    ],
    [
      `uchroot --unit systemd --unit-dir ${base} --unit-name x ${uid}:${uid} ${ofRoot} /bin/ls`,
      `permission denied\nhint: .*${mine}\n`,
    ],
    [`uchroot-inetd check ${base}/list`, `permission denied\nhint: .*${mine}\n`],
    [
      'uchroot-inetd --listen 80 --rootless 65534 jail /bin/ls',
      'permission denied\nhint: a port below 1024 takes root',
    ],
    [`uchroot-tcpd match --allow ${base}/list sshd 192.0.2.1`, `list: permission denied\nhint: .*${mine}\n`],
    [
      `uchroot-jail check ${base}/closed`,
      `${base}/closed: Permission denied, openat\nhint: name a directory of your own`,
    ],
    [
      `uchroot-jail check ${base}/closed/jail`,
      `${base}/closed/jail: permission denied\nhint: .* name a directory of your own`,
    ],
    [
      `uchroot-jail clone jail ${base}/new`,
      `: ${base}/new: Permission denied, mkdir\nhint: name a directory of your own`,
    ],
    [
      `uchroot-jail build ./new ${base}/closed/program`,
      ': it may not be read\nhint: name a file that this user may read, or try sudo\n',
    ],
    ['uchroot-jail changes project', `hint: uchroot --rootless --workspace project USER`],
    // words in the wrong order
    [`uchroot --rootless jail ${uid} ls`, `Unknown user jail\nhint: uchroot --rootless ${uid} jail ls\n`],
    [`uchroot --rootless --hostname ${uid} jail /bin/ls`, `Unknown user jail\nhint: the order is uchroot `],
    [
      'uchroot-jail build ls bash ./new',
      ': DIRECTORY comes first, and ls is none\nhint: uchroot-jail build ./new ls bash\n',
    ],
    [
      'uchroot-jail build new ls --copy file:etc/file',
      'absolute path of the jail\nhint: write --copy file:/etc/file\n',
    ],
    ['uchroot-tcpd match 192.0.2.1 sshd', 'DAEMON comes first\nhint: uchroot-tcpd match sshd 192.0.2.1\n'],
  ];
  for (const [line, says] of rows) t.match(run(line).stderr, new RegExp(says), line);
  const checked = run(`uchroot-jail check ${ofRoot}`).stdout;
  t.match(checked, new RegExp(`the owner of the jail can read it: .* → sudo uchroot-jail check ${ofRoot}\n`));
  const gone = start([
    ...by,
    'sh',
    '-c',
    'cd "$0" && rmdir "$0" && exec "$@"',
    `${home}/project`,
    ...jailWords,
    'build',
    'x',
    'ls',
  ]);
  t.match(
    gone.stderr,
    /: the working directory does not exist any more\nhint: change to one that exists, such as cd \/\n/,
  );
});

test('adopted services in a directory that only root may read are not told as none', async (t) => {
  const hidden =
    'mount -t tmpfs none /var/lib && mkdir -p /var/lib/uchroot/services && chmod 0700 /var/lib/uchroot';
  const script = jailWords.map((word) => word.replace('uchroot-jail.cjs', 'uchroot-service.cjs'));
  const told = start([
    'unshare',
    '--mount',
    'sh',
    '-c',
    `${hidden} && exec "$@"`,
    'sh',
    ...by,
    ...script,
    'status',
  ]);
  t.match(told, {
    status: 1,
    stderr: /: only root adopts services, and sees those that are adopted\nhint: start it with sudo\n/,
  });
});

test("a jail of root's is checked as far as the user sees it", async (t) => {
  const place = own(t);
  const { make, launch } = place;
  const ofRoot = builtByRoot(place);
  const { status, stdout } = make('check', ofRoot);
  t.equal(status, 0, stdout);
  t.match(stdout, /warning no-manifest:[^]*only the owner of the jail can read it/);
  t.match(launch('--check', 'root', ofRoot, '/bin/bash', '-c', 'echo x'), { ...done, stdout: 'x\n' });
  chmodSync(`${ofRoot}/usr/bin/bash`, 0o777);
  t.match(make('check', ofRoot), { status: 1, stdout: /\/usr\/bin\/bash: everybody can write it/ });
});

test("a jail that an ordinary user owns is no jail for root's launches", async (t) => {
  const { jail } = built(t);
  const who = `${uid}:${uid}`;
  t.match(start([...launchWords, who, jail, '/bin/bash', '-c', 'echo ran']), {
    status: 125,
    stdout: '',
    stderr: /is owned by uid 61449, the user to be jailed/,
  });
  for (const words of [
    ['update', jail],
    ['list', jail],
    ['clone', jail, `${jail}-2`],
  ])
    t.match(uchrootJail(words), { status: 1 }, words.join(' '));
  t.match(uchrootJail(['check', jail]), { status: 1, stdout: /error path-owner/ });
  t.match(uchrootJail(['check', '--fix', jail]), { status: 1, stdout: /it is a jail of uid 61449/ });
  t.same(ownersIn(jail), [`${uid}:${uid}`], 'it stays his');
});

test('another current group than that of the account, as after newgrp, changes nothing in a jail', async (t) => {
  const ranger = new Ranger(uid);
  const { home, jail } = own(t);
  const make = (gid: number, ...words: readonly string[]): Ended =>
    start(
      [
        ...ranger.sees(),
        'setpriv',
        `--reuid=${uid}`,
        `--regid=${gid}`,
        `--groups=20,${uid}`,
        ...jailWords,
        ...words,
      ],
      {
        env: { HOME: home },
      },
    );
  for (const [first, second] of [
    [uid, 20],
    [20, uid],
  ] as const) {
    const built = make(first, 'build', jail, 'id');
    t.match(built, done, built.stderr);
    const checked = make(second, 'check', jail);
    t.match(checked, done, checked.stdout);
    t.match(make(second, 'update', jail).stdout, /, up to date\n$/);
    t.match(make(first, 'remove', jail), done);
  }
});

test('an access control list that names the owner lets nobody else in, and one that names another does', async (t) => {
  const { jail, make, launch } = built(t);
  t.match(start(['setfacl', '-m', `u:${uid}:rwx`, jail, `${jail}/usr`], { by }), done);
  const checked = make('check', jail);
  // as with a list of root's jail that names root
  t.match(checked.stdout, /its mode is 0775, and was 0755[^\n]*\n[^\n]*: 1 error, 0 warnings/);
  const updated = make('update', jail);
  t.match(updated, done, updated.stderr);
  t.match(launch(String(uid), jail, '/bin/ls', '/'), { ...done, stderr: '' });
  t.match(start(['setfacl', '-m', 'u:1:rwx', jail, `${jail}/usr`], { by }), done);
  t.match(make('check', jail).stdout, /\/usr: uid 1 can write it through an access control list/);
  t.match(make('update', jail).stderr, /can be written by/);
  t.match(
    launch(String(uid), jail, '/bin/ls', '/').stderr,
    /can be written by uid 1 through an access control list/,
  );
});

test('$HOME may be unset, empty or that of somebody else', async (t) => {
  const { jail, home } = own(t);
  const run = (words: readonly string[], HOME: Readonly<Record<string, string>>): Ended =>
    start([...jailWords, ...words], { by, env: HOME });
  t.match(run(['build', jail, 'id'], {}), done);
  for (const env of [
    {},
    { HOME: '' },
    { HOME: 'home' },
    { HOME: '/root' },
    { HOME: home, XDG_CACHE_HOME: 'cache' },
  ]) {
    t.match(run(['update', jail], env), { ...done, stdout: /, up to date\n$/ });
    t.match(run(['check', jail], env), done);
  }
  const made = readdirSync(home).filter((name) => name !== '.cache');
  t.same(made, ['jail'], 'nothing is made where a relative path leads');
});

test('a jail is found through a link to it, but to launch and to remove it take its own name', async (t) => {
  const { home, jail, make, launch } = built(t);
  const link = `${home}/link`;
  start(['ln', '-s', 'jail', link], { by });
  t.match(make('check', link), done);
  t.match(make('list', link), done);
  t.match(make('explain', link, '/bin/ls'), done);
  t.match(make('update', link).stdout, /, up to date\n$/);
  t.match(make('clone', link, `${home}/clone`), done);
  // a jailed program of the same user could have made the link
  t.match(launch(String(uid), link, '/bin/ls', '/'), {
    status: 125,
    stderr: /only links of root are followed/,
  });
  t.match(launch('--insecure-path', String(uid), link, '/bin/ls', '/'), { status: 0 });
  const removed = make('remove', link);
  t.match(
    [removed.status, removed.stderr],
    [1, /is a symbolic link\nhint: name the directory that it leads to/],
  );
  t.ok(existsSync(`${jail}/bin/ls`));
});

test('a cache directory that is a link, to a directory or to nowhere, does no harm', async (t) => {
  const { home, jail, make } = built(t);
  const cache = `${home}/.cache`;
  for (const target of ['elsewhere', 'nowhere', '/root/nowhere']) {
    start(['sh', '-c', `mkdir -p ${home}/elsewhere; rm -rf ${cache}; ln -s ${target} ${cache}`], { by });
    for (let i = 0; i < 2; i++)
      t.match(make('update', jail), {
        ...done,
        stdout: /, up to date\n$/,
        stderr: /^[^\n]*devices are left out[^\n]*\n$/,
      });
    t.equal(readlinkSync(cache), target);
  }
  t.same(readdirSync(home).toSorted(), ['.cache', 'elsewhere', 'jail']);
});

// It was closed to its owner, and never removed: "permission denied, openat2".
test('an ordinary user removes his jail in the lower layer of an overlay', async (t) => {
  const { base, home, jail, make } = own(t);
  t.match(make('build', jail, '/bin/true'), done);
  const layers = `${base}/layers`;
  mkdirSync(layers);
  t.match(start(['mount', '-t', 'tmpfs', 'tmpfs', layers]), done);
  t.teardown(() => start(['umount', layers]));
  for (const name of ['upper', 'work']) {
    mkdirSync(`${layers}/${name}`, { mode: 0o700 });
    give(`${layers}/${name}`, uid);
  }
  const options = `lowerdir=${home},upperdir=${layers}/upper,workdir=${layers}/work,redirect_dir=off`;
  t.match(start(['mount', '-t', 'overlay', '-o', options, 'overlay', home]), done);
  t.teardown(() => start(['umount', home]));
  t.match(make('remove', jail), done);
  t.notOk(existsSync(jail));
});
