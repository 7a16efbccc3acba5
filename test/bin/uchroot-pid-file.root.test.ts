// The pid file: its content, its place, and the messages if it cannot be written.
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';

import { isolated } from '../support/isolation.ts';
import {
  bothWays,
  launchWords,
  makeJail,
  oddCaller,
  putFile,
  start,
  temporaryDirectory,
  uchroot,
} from '../support/launch.ts';
import { probe, readState } from '../support/probe.ts';

const eitherWay = bothWays('strace');
const jail = makeJail();
const directory = temporaryDirectory();

// The pid of the program; of an isolated one, the pid of the process outside that passes signals on to it.
function startWith(pidFile: string): number {
  const ended = uchroot(['--pid-file', pidFile, 'nobody', jail, '/probe']);
  const state = readState(ended);
  return isolated ? ended.pid : state.pid;
}

eitherWay('--pid-file has the pid of the program', async (t) => {
  const file = `${directory}/pid`;
  const pid = startWith(file);
  t.equal(readFileSync(file, 'utf8'), `${pid}\n`);
  t.equal(statSync(file).mode & 0o7777, 0o644);
  const strict = `${directory}/strict`;
  probe(jail, ['--pid-file', strict], { by: oddCaller('umask=000') });
  t.equal(statSync(strict).mode & 0o022, 0, 'nobody else can write it');
});

eitherWay('a symbolic link in place of the pid file is replaced, not followed', async (t) => {
  putFile(`${directory}/victim`, 'kept');
  rmSync(`${directory}/link`, { force: true });
  symlinkSync(`${directory}/victim`, `${directory}/link`);
  const pid = startWith(`${directory}/link`);
  t.equal(readFileSync(`${directory}/victim`, 'utf8'), 'kept');
  t.equal(readFileSync(`${directory}/link`, 'utf8'), `${pid}\n`);
});

eitherWay('a launch that failed leaves no pid file', async (t) => {
  const own = `${directory}/failed`;
  mkdirSync(own, { recursive: true });
  for (const words of [
    ['nobody', jail, '/nothing'], // by then all of root's rights are dropped
    ['--chdir', '/nothing', 'nobody', jail, '/probe'],
    ['--preserve-fds', '55', 'nobody', jail, '/probe'],
  ]) {
    t.not(uchroot(['--pid-file', `${own}/pid`, ...words]).status, 0);
    t.strictSame(readdirSync(own), [], words.join(' '));
  }
});

eitherWay('nothing is synced to disk for a pid file', async (t) => {
  const trace = `${directory}/trace`;
  const by = ['strace', '-f', '-qq', '-e', 'trace=fsync,fdatasync,sync,syncfs,execve', '-o', trace];
  t.equal(
    start([...by, ...launchWords(['--pid-file', `${directory}/x`, 'nobody', jail, '/probe', 'exit', '5'])])
      .status,
    5,
  );
  t.match(readFileSync(trace, 'utf8'), /execve\("\/probe"/);
  t.notMatch(readFileSync(trace, 'utf8'), /sync/);
});

eitherWay('a pid file is not written where the user can replace it', async (t) => {
  const open = `${directory}/open`;
  mkdirSync(open, { recursive: true });
  chmodSync(open, 0o777);
  const words = ['nobody', jail, '/probe', 'exit', '5'];
  const ended = uchroot(['--pid-file', `${open}/pid`, ...words]);
  t.equal(ended.status, 125);
  t.match(
    ended.stderr,
    /^uchroot: pid file: \S+\/open, above the pid file, can be written by everybody \(mode 0777\), who could replace/,
  );
  t.strictSame(readdirSync(open), []);
  t.equal(uchroot(['--insecure-path', '--pid-file', `${open}/pid`, ...words]).status, 5);
  t.strictSame(readdirSync(open), ['pid']);
  rmSync(open, { recursive: true });
});

eitherWay('a pid file is not written through a link that the jailed user has made', async (t) => {
  // Like /srv/jail/w, where /srv/jail/w/run is a link to /etc.
  const [his, target] = [`${directory}/his`, `${directory}/target`];
  mkdirSync(his, { recursive: true });
  mkdirSync(target, { recursive: true });
  chownSync(his, 65534, 65534);
  symlinkSync(target, `${his}/run`);
  lchownSync(`${his}/run`, 65534, 65534);
  const ended = uchroot(['--pid-file', `${his}/run/x.pid`, 'nobody', jail, '/probe', 'exit', '5']);
  t.equal(ended.status, 125);
  t.match(
    ended.stderr,
    /^uchroot: pid file: \S+\/his, above the pid file, is owned by uid 65534, the user to be jailed/,
  );
  t.strictSame(readdirSync(target), []);
  rmSync(his, { recursive: true });
});

eitherWay('a pid file where none can be is told, and nothing starts', async (t) => {
  const ended = uchroot([
    '--pid-file',
    `${directory}/no/pid`,
    'nobody',
    jail,
    '/probe',
    'mark',
    '/tmp/pid-file',
  ]);
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: pid file: [^\n]*\nhint: [^\n]*\n$/);
  t.notOk(existsSync(`${jail}/tmp/pid-file`));
});

eitherWay('a pid file lies where the kernel finds its directory, `..` beyond a link included', async (t) => {
  mkdirSync(`${directory}/data/run`, { recursive: true });
  rmSync(`${directory}/link`, { force: true });
  symlinkSync(`${directory}/data/run`, `${directory}/link`);
  const words = ['nobody', jail, '/probe', 'exit', '5'];
  t.equal(uchroot(['--pid-file', `${directory}/link/../up`, ...words]).status, 5);
  t.ok(existsSync(`${directory}/data/up`));
  t.notOk(existsSync(`${directory}/up`));
  rmSync(`${directory}/data/up`);
});

eitherWay('a pid file on a full disk is told as that, and nothing is left of it', async (t) => {
  const full = `${directory}/full`;
  mkdirSync(full, { recursive: true });
  t.equal(start(['mount', '-t', 'tmpfs', '-o', 'size=4k,mode=0755', 'none', full]).status, 0);
  try {
    t.equal(start(['dd', 'if=/dev/zero', `of=${full}/all`, 'bs=4k', 'count=1']).status, 0);
    const words = ['nobody', jail, '/probe', 'mark', '/tmp/full'];
    const ended = uchroot(['--pid-file', `${full}/pid`, ...words]);
    t.equal(ended.status, 125);
    t.equal(ended.stderr, `uchroot: pid file: ${full}/pid: no space left on device\n`);
    t.strictSame(readdirSync(full), ['all']);
    t.notOk(existsSync(`${jail}/tmp/full`));
  } finally {
    start(['umount', full]);
  }
});

eitherWay('a directory in place of the pid file is told, and stays', async (t) => {
  mkdirSync(`${directory}/taken/inside`, { recursive: true });
  const ended = uchroot(['--pid-file', `${directory}/taken`, 'nobody', jail, '/probe']);
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: pid file: \S+\/taken: [^\n]*on a directory\n/);
  t.strictSame(
    readdirSync(directory).filter((name) => name.startsWith('taken')),
    ['taken'],
  );
});
