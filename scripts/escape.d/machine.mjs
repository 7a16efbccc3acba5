// The first process of a machine: plants the secrets, starts a tool with the program of the rows in a jail, and gives a verdict for
// each row by what that program has read and by how the host looks afterwards.
//   node machine.mjs PROGRAMS MACHINE TOOL LEVEL AS ROW...
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';

import { traps } from './traps.mjs';

const [programs, machine, tool, level, as, ...rows] = process.argv.slice(2);
const HOST = '/srv/escape/host';
const JAIL = '/srv/escape/jail';
const ID = 61_474;
// On the host the program has this id; without root that of the caller.
const uid = as === 'root' && !/rootless/.test(level) ? 0 : ID;
const trap = traps.find(({ name }) => name === rows[0]);
const secret = `SECRET-${randomBytes(12).toString('hex')}`;

const put = (path, content, mode, owner = 0, group = 0) => {
  writeFileSync(path, content);
  chownSync(path, owner, group);
  chmodSync(path, mode);
};

function plant() {
  for (const directory of [HOST, JAIL, `${HOST}/left`]) mkdirSync(directory, { mode: 0o755 });
  chmodSync(`${HOST}/left`, 0o1777);
  put(`${HOST}/secret`, secret, 0o644);
  put(`${HOST}/secret-root`, secret, 0o600);
  put(`${HOST}/of-user`, 'unchanged', 0o600, uid, uid);
  put(`${HOST}/disk`, Buffer.alloc(65_536, `${secret}\n`), 0o600);
  for (const directory of [
    'bin',
    'dev',
    'etc',
    'home',
    'lib',
    'proc',
    'root',
    'run',
    'sys',
    'tmp',
    'usr',
    'var',
    'var/tmp',
  ])
    mkdirSync(`${JAIL}/${directory}`, { mode: 0o755 });
  chmodSync(`${JAIL}/tmp`, 0o1777);
  chownSync(`${JAIL}/home`, uid, uid);
  put(`${JAIL}/etc/passwd`, `root:x:0:0::/:/escape\nescape:x:${ID}:${ID}::/:/escape\n`, 0o644);
  put(`${JAIL}/etc/group`, `root:x:0:\nescape:x:${ID}:\n`, 0o644);
  put(`${JAIL}/home/own`, '', 0o600, uid, uid);
  put(`${JAIL}/home/of-other`, secret, 0o600, 2, 2);
  put('/dev/shm/escape', secret, 0o600, uid, uid);
  put(`${JAIL}/secret-root`, secret, 0o600);
  put(`${JAIL}/secret-group`, secret, 0o040, 0, 4321);
  put(`${JAIL}/secret-sgid`, secret, 0o040, 0, 4322);
  for (const [name, mode, group] of [
    ['escape', 0o755, 0],
    ['suid', 0o4755, 0],
    ['sgid', 0o2755, 4322],
    ['filecap', 0o755, 0],
  ]) {
    copyFileSync(`${programs}/jailed`, `${JAIL}/${name}`);
    chownSync(`${JAIL}/${name}`, 0, group);
    chmodSync(`${JAIL}/${name}`, mode);
  }
  sure('setcap', 'cap_dac_read_search+ep', `${JAIL}/filecap`);
  symlinkSync(`${HOST}/secret`, `${JAIL}/link`);
  // the same files where a program without a jail finds them
  sure(
    'sh',
    '-c',
    `cd ${JAIL} && cp -a escape suid sgid filecap link secret-root secret-group secret-sgid / && chown ${uid}:${uid} /home`,
  );
  for (const name of tool === 'none' ? ['tmp', 'home', 'filecap'] : [])
    sure('mount', '--bind', `${JAIL}/${name}`, `/${name}`);
}

function sure(...words) {
  const { status, stdout, stderr, error } = spawnSync(words[0], words.slice(1), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${words.join(' ')}: ${error?.message ?? stderr}`);
  return stdout.trim();
}

/** A block device that holds the secret: its path and number. */
function attachDisk() {
  const path = sure('losetup', '--find', '--show', `${HOST}/disk`);
  const minor = Number(/\d+$/.exec(path)[0]);
  sure('mknod', '-m', '0666', `${JAIL}/disk`, 'b', '7', String(minor));
  sure('cp', '-a', `${JAIL}/disk`, '/disk');
  return { path, minor };
}

async function listen() {
  const server = createServer((socket) => socket.on('error', () => {}).end(secret));
  const places = [
    { host: '127.0.0.1', port: 7001 },
    { host: '192.0.2.7', port: 7003 },
    { host: '::1', port: 7004 },
    { path: `${HOST}/left/socket` },
  ];
  for (const place of places) {
    const one = createServer((socket) => socket.on('error', () => {}).end(secret)).listen(place);
    await once(one, 'listening');
  }
  server.close();
  chmodSync(`${HOST}/left/socket`, 0o777);
  const udp = createSocket('udp4');
  udp.on('message', (_, { port, address }) => udp.send(secret, port, address));
  udp.bind(7002, '127.0.0.1');
  await once(udp, 'listening');
  return udp;
}

// Files of the host that nobody may add, change or remove; and of the jail, whose changes outlive the program.
function files(directory, into) {
  for (const name of readdirSync(directory)) {
    const path = `${directory}/${name}`;
    // this process moved it there itself (`moved-directory`)
    if (path === `${HOST}/left/moved`) continue;
    const { mode, size, uid: owner, nlink } = lstatSync(path);
    into[path] =
      `mode ${mode.toString(8)}, owner ${owner}${mode & 0o100_000 ? `, ${size} bytes, ${nlink} links` : ''}`;
  }
  return into;
}

function look(line) {
  const seen = Object.fromEntries(
    line.split('\t').map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
  );
  for (const directory of [
    HOST,
    `${HOST}/left`,
    JAIL,
    `${JAIL}/tmp`,
    `${JAIL}/home`,
    `${JAIL}/etc`,
    '/dev/mqueue',
    '/dev/shm',
  ])
    files(directory, seen);
  seen['files of the user'] = readFileSync(`${HOST}/of-user`, 'latin1');
  seen.interfaces = readdirSync('/sys/class/net').join(' ');
  seen.mounts = readFileSync('/proc/self/mountinfo', 'utf8').match(/ \S+ \S+ /g).length;
  return seen;
}

function difference(before, after) {
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
    if (String(before[key]) !== String(after[key]))
      return `${key}: was ${before[key] ?? 'not there'}, is ${after[key] ?? 'gone'}`;
  return undefined;
}

// firejail takes a machine without a thread of the kernel for a sandbox, and does nothing there.
process.title = 'kthreadd';
plant();
trap?.plant(HOST, JAIL, programs);
const disk = attachDisk();
const udp = await listen();
const script = `/opt/uchroot/scripts/escape.d/tools/${tool}`;
copyFileSync(`${programs}/host`, '/srv/escape/host-program');
chmodSync('/srv/escape/host-program', 0o755);
const host = spawn(
  '/srv/escape/host-program',
  [String(uid), secret, disk.path, '/bin/sh', '-eu', script, ...parameters()],
  {
    cwd: HOST,
    env: {
      PATH: process.env.PATH,
      NAME: machine,
      JAIL,
      AS: as,
      LEVEL: level,
      ID: trap === undefined ? String(ID) : 'escape',
      TRAP: trap?.name ?? '',
      HOME: '/',
      UCHROOT: '/opt/uchroot/dist/bin/uchroot.cjs',
    },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
  },
);
let complaint = '';
host.stderr.on('data', (chunk) => (complaint += chunk));
host.on('exit', () => process.exit(1));

function parameters() {
  const handle = sure(`${programs}/host`, 'handle', `${HOST}/secret`);
  return [`minor=${disk.minor}`, `handle=${handle}`];
}

const linesOf = (stream) => createInterface({ input: stream })[Symbol.asyncIterator]();
const looks = linesOf(host.stdout);
const answers = linesOf(host.stdio[4]);
const lookNow = async (request = 'l') => {
  if (request !== '') host.stdin.write(request);
  return look((await looks.next()).value ?? '');
};

const nameOf = (pid) => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
};

// Signals by which a filter and a limit end a program: seccomp(2), setrlimit(2), cgroups(7).
const isEndOfLimit = (row, signal) =>
  ['Bad system call', 'File size limit exceeded'].includes(signal) ||
  (signal === 'Killed' && row === 'memory');

const say = (row, verdict, reason) => console.log(JSON.stringify({ row, verdict, reason }));

async function until(condition, pauses) {
  for (let pause = 0; pause < pauses && !(await condition()); pause++) await setTimeout(50);
}

// How the host looked when a row asked for it.
let during;

const helps = {
  look: async () => (during = await lookNow()),
  // somebody outside moves a directory of the jail, with a program in it
  move: () => {
    rmSync(`${HOST}/left/moved`, { recursive: true, force: true });
    renameSync(`${JAIL}/tmp/moved`, `${HOST}/left/moved`);
  },
  send: () => udp.send(secret, 7009, '127.0.0.1'),
  call: () =>
    connect(7100, '127.0.0.1', () => {})
      .on('error', () => {})
      .end(secret),
  type: () => lookNow('t'),
  open: () => closeSync(openSync('/dev/null', 'w')),
  touch: () => readFileSync(`${HOST}/secret`),
};

async function answer() {
  for (;;) {
    const { value, done } = await answers.next();
    if (done) return undefined;
    const [word, what, ...rest] = value.split('\t');
    if (word !== 'ask') return [word, what, rest.join('\t')];
    try {
      await helps[what]();
    } catch {
      // what there is to help with is not there: the row says so
    }
    host.stdio[3].write('\n');
  }
}

// Undoes what a row has changed of files.
function restore(now, then) {
  for (const path of Object.keys(now).filter((key) => key.startsWith('/') && now[key] !== then[key]))
    if (then[path] === undefined) rmSync(path, { recursive: true, force: true });
    else {
      chownSync(path, Number(/owner (\d+)/.exec(then[path])[1]), lstatSync(path).gid);
      chmodSync(path, Number.parseInt(/mode \d*(\d{4}),/.exec(then[path])[1], 8));
    }
  writeFileSync(`${HOST}/of-user`, 'unchanged');
}

let before = await lookNow('');
const ready = await answer();
if (trap !== undefined) {
  await lookNow('e');
  const sprung = trap.sprung(HOST, JAIL, ready?.[1]);
  // a launcher may refuse the directory
  const said = complaint.trim().split(/\r?\n/)[0];
  say(
    trap.name,
    sprung === undefined ? 'held' : 'broke',
    sprung ?? (ready === undefined ? `refused: ${said}` : 'it started, and the host is as before'),
  );
  process.exit(0);
}
if (ready?.[0] !== 'ready') {
  // the tool has complained on the terminal
  await lookNow('e');
  await setTimeout(100);
  console.log(JSON.stringify({ failed: complaint.trim() || 'the program did not start' }));
  process.exit(0);
}
before = await lookNow('r');
const first = before;
let isLeft = false;
for (const row of rows) {
  during = undefined;
  host.stdio[3].write(`${row}\n`);
  const [name, kind, detail] = (await answer()) ?? [row, 'gone', ''];
  const after = await lookNow();
  const changed = difference(before, after) ?? (during && difference(before, during));
  if (name !== row) throw new Error(`${row}: ${name} ${kind} ${detail}`);
  if (changed !== undefined) say(row, 'broke', changed);
  else if (kind === 'got')
    say(
      row,
      detail === secret ? 'broke' : 'held',
      detail === secret ? 'read the secret of the host' : 'what it read is no secret',
    );
  else if (kind === 'did' && row === 'process-left') isLeft = true;
  else if (kind === 'did') say(row, 'held', `${detail}; nothing of the host has changed`);
  else if (kind === 'broke' || kind === 'held' || kind === 'lacks') say(row, kind, detail);
  else if (kind === 'gone') {
    await lookNow('e');
    say(row, 'error', `the launch ended: ${complaint}`);
    break;
  } else if (kind === 'ended')
    say(row, isEndOfLimit(row, detail) ? 'held' : 'error', `ended by the kernel: ${detail}`);
  else say(row, 'error', `${kind}: ${detail}`);
  if (changed !== undefined) restore(after, first);
  before = await lookNow(changed === undefined ? 'l' : 'r');
}
host.stdio[3].end();
while ((await answers.next()).done !== true) continue;
if (isLeft) {
  // The launch ends a moment after its program, and its processes with it: what runs two seconds later stays for its half a minute.
  const runs = () => readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && nameOf(pid) === 'escape-left');
  await until(async () => (await lookNow('w')).tool === 'ended', 200);
  await until(() => !runs(), 40);
  say(
    'process-left',
    runs() ? 'broke' : 'held',
    runs() ? 'it runs after the end of the launch' : 'it ended with the launch',
  );
}
process.exit(0);
