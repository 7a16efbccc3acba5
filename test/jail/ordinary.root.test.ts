// Jails that an ordinary user builds, checks, updates, clones and removes: without privileges, in a directory of his own.
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';

import tap, { type Test } from 'tap';

import { readManifest } from '../../lib/jail/manifest/manifest.ts';
import { openFileRoot } from '../../lib/tree/root.ts';
import { makeDirectory } from '../support/directory.ts';
import { makeSystem, uchrootJail } from '../support/builder.ts';
import { publicCommand, rootTest, start, type Ended } from '../support/launch.ts';
import { give } from '../support/ordinary.ts';
import { Ranger } from '../support/subordinate.ts';

const test = rootTest('setpriv', 'setfacl');
// Only this file has processes of this uid.
const uid = 61_431;
const isRoot = process.getuid?.() === 0;
const by = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
const jailWords = isRoot ? publicCommand('uchroot-jail') : [];
const launchWords = isRoot ? publicCommand() : [];

interface Own {
  /** A directory of root's; the home lies in it. */
  readonly base: string;
  readonly home: string;
  readonly jail: string;
  /** Runs uchroot-jail, and uchroot --rootless. */
  readonly make: (...words: readonly string[]) => Ended;
  readonly launch: (...words: readonly string[]) => Ended;
}

function own(t: Test): Own {
  const base = makeDirectory(t);
  const home = `${base}/home`;
  mkdirSync(home);
  chmodSync(home, 0o700);
  give(home, uid);
  const env = { HOME: home };
  return {
    base,
    home,
    jail: `${home}/jail`,
    make: (...words) => start([...jailWords, ...words], { by, env }),
    launch: (...words) => start([...launchWords, '--rootless', ...words], { by, env }),
  };
}

const done = { status: 0, signal: null };

let template: Own | undefined;

/** A place with a copy of a jail of bash and ls that the user has built. */
function built(t: Test): Own {
  if (template === undefined) {
    template = own(tap);
    const ended = template.make('build', template.jail, 'bash', 'ls');
    t.match(ended, done, ended.stderr);
  }
  const place = own(t);
  start(['cp', '-a', template.jail, place.jail]);
  return place;
}

let rootsTemplate: string | undefined;

/** The same jail as root builds it. */
function builtByRoot(place: Own): string {
  if (rootsTemplate === undefined) {
    rootsTemplate = `${makeDirectory(tap)}/root`;
    const ended = uchrootJail(['build', rootsTemplate, 'bash', 'ls']);
    if (ended.status !== 0) throw new Error(ended.stderr);
  }
  const jail = `${place.base}/root`;
  start(['cp', '-a', rootsTemplate, jail]);
  return jail;
}

/** The owners of all entries of a tree. */
function ownersIn(directory: string): readonly string[] {
  const { stdout } = start(['find', directory, '-printf', '%U:%G\n']);
  return [...new Set(stdout.trim().split('\n'))];
}

test('an ordinary user builds a jail of his own, and launches in it', async (t) => {
  const { jail, make, launch } = own(t);
  const ended = make('build', jail, '/bin/bash', '/usr/bin/ls', 'id');
  t.match(ended, done, ended.stderr);
  t.match(ended.stdout, /\d+ files, [\d.]+ MB/);
  t.match(ended.stderr, /warning: devices are left out, because only root can make them: \/dev\/null/);
  t.same(ownersIn(jail), [`${uid}:${uid}`], 'all of it is his');
  t.equal(statSync(jail).mode & 0o7777, 0o700, 'nobody else reaches what a program leaves there');
  t.notOk(existsSync(`${jail}/dev/null`));
  const inside = launch('--dev', '/dev', 'root', jail, '/bin/bash', '-c', 'echo > /dev/null; id -u; ls /');
  t.match(inside, done, inside.stderr);
  t.match(inside.stdout, /^0\nbin\n/);
  t.match(launch('--check', String(uid), jail, '/bin/bash', '-c', 'id -u'), { ...done, stdout: `${uid}\n` });
});

test('a closed directory of a program stays out, whoever may read it', async (t) => {
  const { base, jail, make } = own(t);
  const root = `${base}/root`;
  makeSystem(root, '/usr/bin/bash');
  mkdirSync(`${root}/usr/local/bin`, { recursive: true });
  for (const name of ['his', 'roots']) {
    copyFileSync(`${root}/usr/bin/bash`, `${root}/usr/local/bin/${name}`);
    mkdirSync(`${root}/etc/${name}`, { recursive: true });
    writeFileSync(`${root}/etc/${name}/conf`, 'x', { mode: 0o644 });
    chmodSync(`${root}/etc/${name}`, 0o700);
  }
  chownSync(`${root}/etc/his`, uid, uid);
  const { status, stderr } = make(
    'build',
    jail,
    '--from',
    root,
    '/usr/local/bin/his',
    '/usr/local/bin/roots',
  );
  t.equal(status, 0);
  t.match(stderr, 'left out because not world-readable: /etc/his; --copy /etc/his copies them\n');
  t.match(stderr, 'left out, because this user may not read it: /etc/roots\n');
  for (const name of ['his', 'roots']) t.notOk(existsSync(`${jail}/etc/${name}`));
});

test('manifest, list, explain and check are as for root', async (t) => {
  const place = built(t);
  const { jail, make } = place;
  const ofRoot = builtByRoot(place);
  const entriesOf = (directory: string) => {
    const root = openFileRoot(directory, directory === jail ? { uid, gid: uid } : undefined);
    const { entries } = readManifest(root) ?? { entries: [] };
    root.close();
    return entries.filter(({ kind }) => kind !== 'device');
  };
  t.ok(entriesOf(jail).length > 10);
  t.same(entriesOf(jail), entriesOf(ofRoot), 'the owner counts as uid 0');
  t.match(make('list', jail).stdout, /^\/usr\/bin\/ls: asked for$/m);
  t.match(make('explain', jail, '/usr/bin/ls'), { ...done, stdout: /← asked for/ });
  t.match(make('check', jail), { ...done, stdout: /: 0 errors, 0 warnings, 0 notes\n$/ });
});

test('check finds what others can change, and fixes it', async (t) => {
  const { jail, make } = built(t);
  writeFileSync(`${jail}/usr/bin/ls`, 'another');
  chmodSync(`${jail}/usr/bin/bash`, 0o777);
  chmodSync(`${jail}/etc`, 0o775);
  const { status, stdout } = make('check', jail);
  t.equal(status, 1);
  t.match(stdout, /error changed:[^]*\/usr\/bin\/ls: its content is another/);
  t.match(stdout, /error writable-code:[^]*\/usr\/bin\/bash: everybody can write it/);
  t.match(
    stdout,
    new RegExp(`/etc: group ${uid} can write it \\(mode 0775\\) → chown ${uid}:${uid}|/etc: .*chmod 0755`),
  );
  t.notMatch(stdout, /root:root/, 'a remedy that he can use');
  make('check', '--fix', jail, '--replace', '/usr/bin', '--replace', '/etc');
  t.match(make('check', jail), { ...done, stdout: /: 0 errors,/ });
});

test('a program cannot write what the builder believes: the manifest decides which files of the host are copied', async (t) => {
  const { jail, make, launch } = built(t);
  const script = `
    echo x > /.uchroot/manifest.json.gz; echo x > /.uchroot/new; echo written > /usr/written
    exec 3<>/.uchroot/manifest.json.gz`;
  const tries = launch('root', jail, '/bin/bash', '-c', script);
  t.equal(tries.stderr.match(/\/\.uchroot\/.*Read-only file system/g)?.length, 3, tries.stderr);
  t.ok(existsSync(`${jail}/usr/written`), 'the rest of the jail is his');
  t.match(make('update', jail), done);
});

test('a bind must not let a program write the manifest of any jail', async (t) => {
  const { home, jail, launch } = built(t);
  mkdirSync(`${jail}/self`);
  const script = 'echo x > /self/.uchroot/manifest.json.gz';
  for (const source of [jail, `${jail}/.uchroot`])
    t.match(launch('--bind', `${source}:/self`, 'root', jail, '/bin/bash', '-c', script), {
      status: 125,
      stderr: /holds the manifest of a jail, which the program could write/,
    });
  const read = launch('--ro-bind', `${jail}:/self`, 'root', jail, '/bin/bash', '-c', script);
  t.match(read, { status: 1, stderr: /Read-only file system/ });
  mkdirSync(`${home}/data`);
  give(`${home}/data`, uid);
  t.match(launch('--bind', `${home}/data:/self`, 'root', jail, '/bin/bash', '-c', 'echo x > /self/x'), done);
});

test('what a program has closed is found and opened again, and nothing is replaced', async (t) => {
  const { jail, make } = built(t);
  writeFileSync(`${jail}/etc/passwd`, 'edited');
  for (const path of ['/etc', '/usr/bin']) chmodSync(`${jail}${path}`, 0);
  t.match(make('update', jail), {
    status: 1,
    stderr: /ermission denied.*\nhint: .*uchroot-jail check --fix/,
  });
  const { status, stdout } = make('check', jail);
  t.equal(status, 1, stdout);
  for (const path of ['/etc', '/usr/bin']) t.match(stdout, `${path}: its mode is 0000, and was 0755`);
  make('check', '--fix', jail);
  t.equal(statSync(`${jail}/usr/bin`).mode & 0o777, 0o755);
  t.equal(statSync(`${jail}/etc/passwd`).size, 6);
  t.notOk(existsSync(`${jail}/.uchroot/replaced`));
  t.match(make('update', jail, '--replace', '/etc/passwd'), done);
  chmodSync(jail, 0);
  for (const words of [['list'], ['update'], ['remove']]) {
    const refused = { status: 1, stderr: `its mode keeps its owner out\nhint: chmod u+rwx ${jail}\n` };
    t.match(make(...words, jail), refused, words.join(' '));
  }
  chmodSync(jail, 0o700);
  t.match(make('remove', jail), done);
});

test('remove does not fail when nothing can be kept where plans are kept', async (t) => {
  const { base, home, jail } = built(t);
  writeFileSync(`${base}/file`, '');
  const env = { HOME: home, XDG_CACHE_HOME: `${base}/file` };
  const ended = start([...jailWords, 'remove', jail], { by, env });
  t.match(ended, { ...done, stderr: '' });
  t.notOk(existsSync(jail));
});

test('update brings a jail up to date; what was changed in it stays', async (t) => {
  const { base, jail, make } = own(t);
  const file = `${base}/data`;
  writeFileSync(file, 'one');
  t.match(make('build', jail, 'bash', '--copy', `${file}:/etc/data`), done);
  const again = make('update', jail);
  t.match(again, { ...done, stdout: /up to date/ });
  writeFileSync(file, 'another');
  t.match(make('update', jail), { ...done, stdout: /\/etc\/data/ });
  writeFileSync(`${jail}/etc/data`, 'changed');
  writeFileSync(file, 'a third');
  t.match(make('update', jail), { status: 3 });
  t.match(make('update', jail, '--replace', '/etc/data'), done);
  rmSync(`${jail}/usr/bin/bash`);
  t.match(make('build', jail, 'ls'), { ...done, stderr: /\/usr\/bin\/bash had been removed in the jail/ });
});

test('clone and remove need no privileges, whatever the program has left', async (t) => {
  const { home, jail, make } = built(t);
  mkdirSync(`${jail}/tmp/closed/below`, { recursive: true });
  writeFileSync(`${jail}/tmp/closed/below/file`, 'x');
  give(`${jail}/tmp/closed`, uid);
  chmodSync(`${jail}/tmp/closed/below`, 0o500);
  const copy = `${home}/copy`;
  t.match(make('clone', jail, copy), done);
  t.same(ownersIn(copy), [`${uid}:${uid}`]);
  t.match(make('check', copy), { stdout: /: 0 errors,/ });
  writeFileSync(`${copy}/tmp/of-root`, 'x');
  const other = `${home}/other`;
  t.match(
    make('clone', copy, other).stderr,
    /yours in the copy, because only root can give files to others: \/tmp\/of-root/,
  );
  chmodSync(`${copy}/tmp/closed/below`, 0);
  t.match(make('remove', copy), done);
  t.match(make('remove', jail), done);
  t.same(
    readdirSync(home).filter((name) => name !== '.cache'),
    ['other'],
  );
});

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
    stderr: /is owned by uid 61431, the user to be jailed/,
  });
  for (const words of [
    ['update', jail],
    ['list', jail],
    ['clone', jail, `${jail}-2`],
  ])
    t.match(uchrootJail(words), { status: 1 }, words.join(' '));
  t.match(uchrootJail(['check', jail]), { status: 1, stdout: /error path-owner/ });
  t.match(uchrootJail(['check', '--fix', jail]), { status: 1, stdout: /it is a jail of uid 61431/ });
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
