// Jails that an ordinary user builds, checks, updates, clones and removes: without privileges, in a directory of his own.

import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';

import { readManifest } from '../../lib/jail/manifest/manifest.ts';
import { openFileRoot } from '../../lib/tree/root.ts';
import { makeSystem } from '../support/builder.ts';
import { rootTest, start } from '../support/launch.ts';
import { give } from '../support/ordinary.ts';
import { done, ordinaryUser, ownersIn } from '../support/jail/own-jails.ts';

const test = rootTest('setpriv', 'setfacl');
const uid = 61_431;
const { by, jailWords, own, built, builtByRoot } = ordinaryUser(uid);

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
