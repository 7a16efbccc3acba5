import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
} from 'node:fs';

import {
  endBy,
  makeJail,
  publicCommand,
  putFile,
  putProgram,
  rootTest,
  start,
  uchroot,
} from '../support/launch.ts';
import { jailCommand } from '../support/builder.ts';
import { startWaiting } from '../support/probe.ts';

const test = rootTest('unshare');
const jail = makeJail();

type Row = readonly [what: string, program: string, status: number, message: RegExp, make?: () => void];

function put(path: string, content: string | Buffer, mode = 0o755): () => void {
  return () => putFile(`${jail}${path}`, content, mode);
}

// The head of a program for another processor (e_machine, elf(5)).
function foreign(): void {
  const head = readFileSync(`${jail}/probe`);
  head.writeUInt16LE(243, 18); // EM_RISCV
  putFile(`${jail}/foreign`, head, 0o755);
}

// The probe's first PT_NOTE becomes a PT_INTERP with a missing interpreter.
function loaderless(): void {
  const image = readFileSync(`${jail}/probe`);
  const table = Number(image.readBigUInt64LE(32));
  const [size, count] = [image.readUInt16LE(54), image.readUInt16LE(56)];
  const name = Buffer.from('/lib/ld-nowhere.so.1\0');
  const headers = Array.from({ length: count }, (_, at) => table + at * size);
  const note = headers.find((at) => image.readUInt32LE(at) === 4) ?? table;
  image.writeUInt32LE(3, note); // PT_INTERP
  image.writeBigUInt64LE(BigInt(image.length), note + 8);
  image.writeBigUInt64LE(BigInt(name.length), note + 32);
  image.writeBigUInt64LE(BigInt(name.length), note + 40);
  putFile(`${jail}/loaderless`, Buffer.concat([image, name]), 0o755);
}

const rows: readonly Row[] = [
  [
    'a program that the host has',
    '/usr/bin/true',
    127,
    /\/true: [^\n]* in the jail\nhint: uchroot-jail build \S+ \/usr\/bin\/true\n/,
  ],
  [
    'a program that the host lacks too',
    '/nothing',
    127,
    /\/nothing: not found in the jail\nhint: the host does not have it either: install it there, then uchroot-jail build \S+ \/nothing\n/,
  ],
  [
    'a name that neither the jail nor PATH has',
    'no-such-name',
    127,
    /not found in the jail\nhint: the host does not have it either: install it there, then uchroot-jail build \S+ no-such-name\n/,
  ],
  [
    'a program in a missing directory',
    '/no/thing',
    127,
    /\/no\/thing: its directory \/no does not exist in the jail\nhint: /,
  ],
  ['a program below a file', '/probe/x', 127, /\/probe\/x: \/probe is not a directory\n/],
  [
    'a name that PATH would find',
    'ls',
    127,
    /ls: not found in the jail\nhint: uchroot-jail build \S+ ls {3}# then give its path in the jail/,
  ],
  ['a directory', '/dir', 126, /\/dir: is a directory\n/],
  ['the root directory', '/', 126, /\/: is a directory\n/],
  ['a program with an endless name', `/${'x'.repeat(300)}`, 126, /execve: \/x{199}…: [^\n]*too long\n/],
  [
    'a file without x',
    '/data',
    126,
    /no execute permission for uid 65534 \(mode 0644, owner 0:0\)\nhint: chmod a\+rx /,
    put('/data', '#!/probe\n', 0o644),
  ],
  [
    'a program for root only',
    '/private',
    126,
    /no execute permission for uid 65534 \(mode 0700, owner 0:0\)\n/,
    () => putProgram(`${jail}/private`, 0o700),
  ],
  [
    'a directory without x',
    '/closed/probe',
    126,
    /the directory \/closed may not be entered by uid 65534\nhint: chmod o\+x /,
    () => {
      mkdirSync(`${jail}/closed`);
      putProgram(`${jail}/closed/probe`);
      chmodSync(`${jail}/closed`, 0o750);
    },
  ],
  [
    'a text file without #!',
    '/text',
    126,
    /neither an ELF program nor a script with a #! line\nhint: [^\n]*#!\/bin\/sh\n/,
    put('/text', 'echo hello\n'),
  ],
  ['an empty file', '/empty', 126, /the file is empty\n/, put('/empty', '')],
  [
    'a script whose interpreter is missing',
    '/script',
    127,
    /its interpreter \/bin\/perl \(line '#!\/bin\/perl -w'\): [^\n]*not exist|its interpreter \/bin\/perl \(line '#!\/bin\/perl -w'\)/,
    put('/script', '#!/bin/perl -w\n'),
  ],
  [
    'a CRLF script',
    '/crlf',
    127,
    /its interpreter \/probe\\x0d \(line '#!\/probe\\x0d'\): [^\n]*\nhint: sed -i [^\n]* {3}# the line ends in a carriage return\n/,
    put('/crlf', '#!/probe\r\n'),
  ],
  [
    'a script that names no interpreter',
    '/nameless',
    126,
    /its line '#!' names no interpreter\n/,
    put('/nameless', '#!\n'),
  ],
  [
    'a script whose interpreter cannot be executed',
    '/sealed',
    126,
    /its interpreter \/data \(line '#!\/data'\): no execute permission/,
    put('/sealed', '#!/data\n'),
  ],
  [
    'a script whose interpreter is a directory',
    '/strange',
    126,
    /its interpreter \/dir \(line '#!\/dir'\): is a directory/,
    put('/strange', '#!/dir\n'),
  ],
  [
    'a script that is its own interpreter',
    '/endless',
    126,
    /scripts whose interpreter is a script, more than 5 deep/,
    put('/endless', '#!/endless\n'),
  ],
  [
    'a program for another machine',
    '/foreign',
    126,
    /a program for [^\n]*risc[^\n]*, and this machine is /i,
    foreign,
  ],
  [
    'a program whose ELF interpreter is missing',
    '/loaderless',
    127,
    /its ELF interpreter \/lib\/ld-nowhere\.so\.1: /,
    loaderless,
  ],
  [
    'a damaged ELF file',
    '/damaged',
    126,
    /a damaged ELF file\n/,
    put('/damaged', Buffer.from('\x7fELF\x02\x01\x01', 'latin1')),
  ],
  [
    'a symbolic link to nothing',
    '/link',
    127,
    /the symbolic link \/link leads to \/gone, and \/gone does not exist in the jail/,
    () => symlinkSync('/gone', `${jail}/link`),
  ],
  [
    'a circle of symbolic links',
    '/circle',
    126,
    /too many symbolic links, at \/circle\n/,
    () => symlinkSync('circle', `${jail}/circle`),
  ],
  [
    'a link to a program of the host',
    '/host',
    127,
    /\/host leads to [^\n]*, and [^\n]* does not exist in the jail/,
    () => symlinkSync(process.execPath, `${jail}/host`),
  ],
  [
    'a fifo',
    '/fifo',
    126,
    /is not a regular file\n/,
    () => void start(['mkfifo', '-m', '755', `${jail}/fifo`]),
  ],
];

for (const [what, program, status, message, make] of rows) {
  test(`${what}: status ${status}`, async (t) => {
    make?.();
    const ended = uchroot(['nobody', jail, program, 'mark', '/tmp/mark']);
    t.equal(ended.status, status);
    t.equal(ended.stdout, '');
    t.match(ended.stderr, message);
    t.match(ended.stderr, /^uchroot: (execve: )?[^\n]+\n(hint: [^\n]+\n)?$/, 'one line, and a hint');
    t.notOk(existsSync(`${jail}/tmp/mark`));
    const planned = uchroot(['--plan', 'nobody', jail, program]);
    t.equal(planned.status, status, 'the plan foresees it');
  });
}

test('a path longer than any is told', async (t) => {
  const ended = uchroot(['nobody', jail, `/${'dir/../'.repeat(700)}probe`]);
  t.equal(ended.status, 126);
  t.match(ended.stderr, /^uchroot: execve: [^\n]*…: [^\n]*too long\n$/);
});

test('a program on a file system that is mounted noexec is told', async (t) => {
  mkdirSync(`${jail}/noexec`);
  const script = `mount -t tmpfs -o noexec,mode=755 none ${jail}/noexec && cp ${jail}/probe ${jail}/noexec/ && exec "$@"`;
  const ended = uchroot(['nobody', jail, '/noexec/probe'], {
    by: ['unshare', '--mount', 'sh', '-c', script, 'sh'],
  });
  t.equal(ended.status, 126);
  t.match(
    ended.stderr,
    /^uchroot: execve: \/noexec\/probe: it lies on a file system that is mounted noexec\nhint: [^\n]*findmnt -T /,
  );
});

test('a limit on processes that is reached is told', async (t) => {
  const user = '7777:7777';
  const other = await startWaiting(jail, [], { user });
  // After the change of the uid the limit is exceeded, and execve fails (execve(2), EAGAIN).
  const ended = uchroot(['--rlimit', 'nproc=0', user, jail, '/probe', 'exit', '0']);
  await other.end();
  t.equal(ended.status, 126);
  t.match(
    ended.stderr,
    /^uchroot: execve: \/probe: uid 7777 has as many processes as its limit \(RLIMIT_NPROC\) allows\nhint: /,
  );
});

test('a missing shared library is foreseen by --plan, and by name', async (t) => {
  mkdirSync(`${jail}/bin`, { recursive: true });
  copyFileSync('/bin/ls', `${jail}/bin/ls`);
  const ended = uchroot(['--plan', 'nobody', jail, '/bin/ls']);
  t.equal(ended.status, 127);
  t.match(ended.stderr, /^uchroot: execve: \/bin\/ls: its ELF interpreter /);
});

test('a limit on memory that leaves no room to start is told, as SIGSEGV says nothing', async (t) => {
  for (const name of ['as', 'stack']) {
    const ended = uchroot(['--rlimit', `${name}=100`, 'nobody', jail, '/probe', 'exit', '0']);
    // a static program can do without a stack of its own
    if (name === 'as') t.match(ended, endBy('SIGSEGV'));
    const words = `^uchroot: warning: the resource limit ${name} is 100 bytes: hardly any program can start with it\nhint: `;
    t.match(ended.stderr, new RegExp(words));
    const [, hint = ''] = /in bytes, as in (--rlimit \S+)\n$/.exec(ended.stderr) ?? [];
    t.match(uchroot([...hint.split(' '), 'nobody', jail, '/probe', 'exit', '0']), { status: 0, stderr: '' });
  }
});

test('a shared library that cannot be loaded is named, with the command that mends it', async (t) => {
  const built = `${makeJail()}/built`;
  const build = start([...jailCommand, 'build', built, '/bin/ls']);
  t.equal(build.status, 0, build.stderr);
  const name = readdirSync(`${built}/usr/lib`, { recursive: true, encoding: 'utf8' }).find((file) =>
    /libselinux[^/]*$/.test(file),
  );
  const library = `${built}/usr/lib/${name}`;
  const rows = [
    ['is empty', `: > ${library}`, /: it has no ELF magic number\n/],
    ['ends too early', `truncate -s 3000 ${library}`, /: it ends within [a-z ]+\n/],
    ['is closed', `chmod 0600 ${library}`, /: uid 65534 may not read it \(mode 0600, owner 0:0\)\n/],
  ] as const;
  for (const [what, harm, message] of rows) {
    t.equal(start(['sh', '-c', harm]).status, 0);
    const ended = uchroot(['nobody', built, '/bin/ls', '/']);
    t.equal(ended.status, 127, what);
    t.match(ended.stderr, /^uchroot: execve: \/bin\/ls: its shared library \S*libselinux\S*/, what);
    t.match(ended.stderr, message, what);
    if (what === 'is closed') {
      const able = uchroot(['--cap', 'dac_read_search', 'nobody', built, '/bin/ls', '/']);
      t.equal(able.status, 0, `a capability reads it: ${able.stderr}`);
    }
    const [, hint = ''] = /\nhint: (.*)\n$/.exec(ended.stderr) ?? [];
    start(['sh', '-c', hint.replace(/^uchroot-jail/, jailCommand.join(' '))]);
    t.equal(uchroot(['nobody', built, '/bin/ls', '/']).status, 0, `mended by: ${hint}`);
  }
});

test('a plan made by an ordinary user says nothing about what he may not read', async (t) => {
  putProgram(`${jail}/unreadable`, 0o711);
  const by = ['setpriv', '--reuid', '7777', '--regid', '7777', '--clear-groups'];
  const ended = start([...publicCommand(), '--plan=steps', 'nobody', jail, '/unreadable'], { by });
  t.equal(ended.status, 0);
  t.equal(ended.stderr, '');
  t.match(ended.stdout, /execve +\/unreadable/);
});

test("the program's own status is passed on, 125 to 127 too, and so is its signal", async (t) => {
  for (const status of [0, 1, 2, 3, 125, 126, 127, 255]) {
    const ended = uchroot(['nobody', jail, '/probe', 'exit', String(status)]);
    t.equal(ended.status, status);
    t.equal(ended.stderr, '');
  }
  t.match(uchroot(['nobody', jail, '/probe', 'kill', '15']), endBy('SIGTERM'));
});
