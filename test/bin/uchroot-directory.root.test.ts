import { chmodSync, chownSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';

import { makeJail, putProgram, rootTest, start, temporaryDirectory, uchroot } from '../support/launch.ts';
import { testRefusals, type Refusal } from '../support/refusal.ts';

const test = rootTest('setfacl');
const jail = makeJail();
const parent = jail.slice(0, -'/jail'.length);
const directory = temporaryDirectory();

function place(name: string, mode: number, uid = 0, gid = 0): string {
  const path = `${directory}/${name}`;
  if (!existsSync(path)) mkdirSync(path);
  chownSync(path, uid, gid);
  chmodSync(path, mode);
  return path;
}

function withProbe(path: string): string {
  putProgram(`${path}/probe`);
  return path;
}

testRefusals([
  [
    'a missing jail',
    ['nobody', `${directory}/nothing`, '/probe'],
    125,
    /^uchroot: jail: \/tmp\/[^\n]*\/nothing: no such file or directory\nhint: [^\n]*\n$/,
  ],
  [
    'a jail whose parent is missing',
    ['nobody', `${directory}/no/thing`, '/probe'],
    125,
    /^uchroot: jail: \/tmp\/[^\n]*\/no: no such file or directory\nhint: /,
  ],
  [
    'a jail that is a file',
    ['nobody', `${jail}/probe`, '/probe'],
    125,
    /^uchroot: jail: \/tmp\/[^\n]*\/probe: not a directory\nhint: [^\n]*\n$/,
  ],
  [
    'a jail below a file',
    ['nobody', `${jail}/probe/x`, '/probe'],
    125,
    /^uchroot: jail: \/tmp\/[^\n]*\/probe: not a directory\n/,
  ],
  [
    'a jail with an endless name',
    ['nobody', `/tmp/${'x'.repeat(300)}`, '/probe'],
    125,
    /^uchroot: jail: \/tmp\/x{195}…: name too long\n/,
  ],
  [
    'a jail with a newline in its name',
    ['nobody', '/tmp/no\nthing', '/probe'],
    125,
    /^uchroot: jail: \/tmp\/no\\nthing: /,
  ],
]);

test('symbolic links that lead in a circle are told', async (t) => {
  symlinkSync('circle', `${directory}/circle`);
  const ended = uchroot(['nobody', `${directory}/circle`, '/probe']);
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: jail: [^\n]*\/circle: too many [^\n]*\nhint: [^\n]*\n$/);
});

test('a symbolic link to a jail is followed, and its target is judged', async (t) => {
  symlinkSync(jail, `${directory}/good`);
  t.equal(uchroot(['nobody', `${directory}/good`, '/probe', 'exit', '5']).status, 5);
  symlinkSync(place('open', 0o777), `${directory}/bad`);
  const ended = uchroot(['nobody', `${directory}/bad`, '/probe']);
  t.equal(ended.status, 125);
  t.match(ended.stderr, /\/open can be written by everybody \(mode 0777\)/);
});

const insecure: readonly (readonly [
  name: string,
  mode: number,
  uid: number,
  gid: number,
  message: RegExp,
])[] = [
  ['others', 0o757, 0, 0, /can be written by everybody \(mode 0757\)/],
  ['group', 0o775, 0, 65534, /can be written by gid 65534, a group of the user \(mode 0775\)/],
  ['owner', 0o755, 65534, 0, /is owned by uid 65534, the user to be jailed/],
  ['owner-without-w', 0o555, 65534, 0, /is owned by uid 65534, the user to be jailed/],
];

for (const [name, mode, uid, gid, message] of insecure) {
  test(`a jail that the user can write (${name}) is refused, and accepted with --insecure-path`, async (t) => {
    const path = withProbe(place(name, mode, uid, gid));
    const ended = uchroot(['nobody', path, '/probe', 'exit', '5']);
    t.equal(ended.status, 125);
    t.match(ended.stderr, message);
    t.match(
      ended.stderr,
      /^uchroot: jail: [^\n]*\nhint: ch(own|mod) [^\n]* {3}# (uchroot-jail check [^\n]*; )?or accept the risk with --insecure-path\n$/,
    );
    t.equal(/# uchroot-jail check \S+ shows what else in it is the user's; /.test(ended.stderr), uid !== 0);
    t.equal(uchroot(['--insecure-path', 'nobody', path, '/probe', 'exit', '5']).status, 5);
  });
  test(`a jail below a directory that the user can write (${name}) is refused`, async (t) => {
    const above = place(`above-${name}`, 0o755);
    mkdirSync(`${above}/jail`, { mode: 0o755 });
    withProbe(`${above}/jail`);
    place(`above-${name}`, mode, uid, gid);
    const ended = uchroot(['nobody', `${above}/jail`, '/probe']);
    t.equal(ended.status, 125);
    t.match(ended.stderr, new RegExp(`above-${name}, above the jail, ${message.source}`));
  });
}

test('a jail that the user can write through an access control list is refused', async (t) => {
  const path = withProbe(place('acl', 0o755));
  t.equal(uchroot(['nobody', path, '/probe', 'exit', '5']).status, 5);
  t.equal(start(['setfacl', '-m', 'u:65534:rwx', path]).status, 0);
  const ended = uchroot(['nobody', path, '/probe']);
  t.equal(ended.status, 125);
  t.match(ended.stderr, /through an access control list[^\n]*\nhint: setfacl -b /);
  // A list cannot restrict rights that the mode gives to all users.
  chmodSync(path, 0o777);
  t.match(
    uchroot(['nobody', path, '/probe']).stderr,
    /can be written by everybody [^\n]*\nhint: chmod go-w /,
  );
});

test("a sticky directory is fine as long as the entry below it is not the user's", async (t) => {
  const sticky = place('sticky', 0o1777);
  mkdirSync(`${sticky}/jail`, { mode: 0o755 });
  withProbe(`${sticky}/jail`);
  t.equal(uchroot(['nobody', `${sticky}/jail`, '/probe', 'exit', '5']).status, 5);
  chownSync(`${sticky}/jail`, 65534, 65534);
  t.equal(uchroot(['nobody', `${sticky}/jail`, '/probe']).status, 125);
  t.equal(
    uchroot(['nobody', withProbe(place('sticky-jail', 0o1777)), '/probe']).status,
    125,
    'the jail itself',
  );
});

test('a jail of somebody else starts with a warning that names the chown', async (t) => {
  const path = withProbe(place('somebody', 0o755, 5));
  const ended = uchroot(['nobody', path, '/probe', 'exit', '5']);
  t.equal(ended.status, 5);
  t.equal(
    ended.stderr,
    `uchroot: warning: jail: ${path} is owned by uid 5, who could replace what is in it\nhint: chown root:root ${path}\n`,
  );
});

test("the host's own root directory is a jail only by request, and with a warning", async (t) => {
  const ended = uchroot(['--insecure-path', 'nobody', '/', '/bin/true']);
  t.equal(ended.status, 0);
  t.match(ended.stderr, /^uchroot: warning: jail: \/ is the host's own root directory[^\n]*\nhint: [^\n]*\n/);
});

test('a jail may be named by a relative path, with dots and slashes in it', async (t) => {
  t.equal(uchroot(['nobody', 'jail', '/probe', 'exit', '5'], { cwd: parent }).status, 5);
  t.equal(uchroot(['nobody', './jail/../jail//.', '/probe', 'exit', '5'], { cwd: parent }).status, 5);
  t.equal(uchroot(['nobody', '.', '/probe', 'exit', '5'], { cwd: jail }).status, 5);
});

test('a working directory that is missing, a file or closed is told', async (t) => {
  mkdirSync(`${jail}/closed`, { mode: 0o700 });
  const rows: readonly Refusal[] = [
    [
      'missing',
      ['/nothing'],
      125,
      /^uchroot: chdir: \/nothing: not found in the jail\nhint: mkdir -p [^\n]*\/jail\/nothing\n$/,
    ],
    ['a file', ['/probe'], 125, /^uchroot: chdir: \/probe: not a directory\nhint: give a directory: \/\n$/],
    [
      'closed',
      ['/closed'],
      125,
      /^uchroot: verify_cwd: \/closed: uid 65534 may not enter it \(mode 0700, owner 0:0\)\nhint: chmod o\+x /,
    ],
  ];
  for (const [what, [cwd = ''], status, message] of rows) {
    const ended = uchroot(['--chdir', cwd, 'nobody', jail, '/probe']);
    t.equal(ended.status, status, what);
    t.match(ended.stderr, message);
  }
});
