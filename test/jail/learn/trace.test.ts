import * as fc from 'fast-check';
import t from 'tap';

import { type BytePath, bytePath, joinPath } from '../../../lib/tree/path.ts';
import type { FileEvent } from '../../../lib/jail/learn/file-event.ts';
import { type Trace, TraceReader } from '../../../lib/jail/learn/trace.ts';

const hex = (text: string): string =>
  [...Buffer.from(text, 'latin1')].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
const q = (text: string): string => `"${hex(text)}"`;
const fd = (number: number | string, path: string): string => `${number}<${hex(path)}>`;

const ROOT = '/tmp/root';

// Each command follows two wrappers, of which the first goes into the copy.
const BEGIN = [
  `7     execve(${q('/usr/bin/unshare')}, 0x7ffc, 0x7ffd) = 0`,
  `7     openat(${fd('AT_FDCWD', '/')}, ${q('/etc/ld.so.cache')}, O_RDONLY|O_CLOEXEC) = 3`,
  `7     chroot(${q(ROOT)})         = 0`,
  `7     chdir(${q('/home/sam')})         = 0`,
  `7     execve(${q('/usr/bin/setpriv')}, 0x7ffc, 0x7ffd) = 0`,
  `7     openat(AT_FDCWD, ${q('/etc/wrapper')}, O_RDONLY) = 3`,
  `7     execve(${q('/bin/prog')}, 0x7ffc, 0x7ffd /* 9 vars */) = 0`,
];

function read(...lines: readonly string[]): Trace {
  const reader = new TraceReader(bytePath(ROOT), 2);
  reader.push(Buffer.from(`${[...BEGIN, ...lines].join('\n')}\n`, 'latin1'));
  return reader.finish();
}

const pathsOf = (trace: Trace, kind?: FileEvent['kind']): string[] =>
  trace.events.filter((event) => kind === undefined || event.kind === kind).map(({ path }) => path);
/** The events after that of the command itself. */
const after = (...lines: readonly string[]): FileEvent[] => read(...lines).events.slice(1);

t.test('calls before the command is executed are left out', async (t) => {
  const trace = read('7     +++ exited with 3 +++');
  t.same(trace.events, [{ kind: 'run', path: '/bin/prog' }]);
  t.match(trace, { started: true, end: { exitCode: 3, signal: null } });
});

t.test('a command that cannot be executed has not started', async (t) => {
  const reader = new TraceReader(bytePath(ROOT), 2);
  const last = `7     execve(${q('/bin/prog')}, 0x7ffc, 0x7ffd) = -1 EACCES (Permission denied)`;
  reader.push(Buffer.from(`${[...BEGIN.slice(0, -1), last].join('\n')}\n`));
  t.match(reader.finish(), { started: false, refused: 'EACCES', events: [] });
});

t.test('each end of a call with two paths is told, and links are not followed', async (t) => {
  const at = fd('AT_FDCWD', `${ROOT}/srv`);
  const etc = fd(5, `${ROOT}/etc`);
  const look = (path: string, follows: boolean) => ({ kind: 'look', path, follows });
  const write = (path: string) => ({ kind: 'write', path, replaces: true, denied: false });
  for (const [call, events] of [
    [`lstat(${q('/a')}, {st_mode=S_IFREG|0644, ...}) = 0`, [look('/a', false)]],
    [`readlinkat(${etc}, ${q('a')}, "", 4096) = 0`, [look('/etc/a', false)]],
    [`mkdir(${q('/a')}, 0700) = 0`, [write('/a')]],
    [`mkdir(${q('/a')}, 0700) = -1 EEXIST (File exists)`, [look('/a', true)]],
    [`symlink(${q('/to')}, ${q('/a')}) = 0`, [write('/a')]],
    [`symlinkat(${q('/to')}, ${at}, ${q('a')}) = 0`, [write('/srv/a')]],
    [`link(${q('/a')}, ${q('/b')}) = 0`, [look('/a', false), write('/b')]],
    [`linkat(${at}, ${q('a')}, ${etc}, ${q('b')}, 0) = 0`, [look('/srv/a', false), write('/etc/b')]],
    [`renameat2(${at}, ${q('a')}, ${etc}, ${q('b')}, 0) = 0`, [write('/srv/a'), write('/etc/b')]],
    [`bind(3, {sa_family=AF_UNIX, sun_path=${q('s')}}, 110) = 0`, [write('/home/sam/s')]],
  ] as const)
    t.same(after(`7     ${call}`), events, call);
});

t.test('a path begins at its directory, which it leaves only if it may', async (t) => {
  const srv = fd(5, `${ROOT}/srv`);
  const rooted = '{flags=O_RDONLY, resolve=RESOLVE_IN_ROOT}, 24';
  for (const [call, path] of [
    [`openat(${srv}, ${q('../x')}, O_RDONLY) = 3`, '/srv/../x'],
    [`openat(${srv}, ${q('/x')}, O_RDONLY) = 3`, '/x'],
    [`openat2(${srv}, ${q('../x')}, ${rooted}) = 3`, '/srv/x'],
    [`openat2(${srv}, ${q('a/b')}, ${rooted}) = 3`, '/srv/a/b'],
    [`openat2(${srv}, ${q('/')}, ${rooted}) = 3`, '/srv/'],
  ] as const)
    t.same(pathsOf(read(`7     ${call}`)).slice(1), [path], call);
});

t.test(
  'a child has the directory of its parent, and a thread that executes a program keeps its own',
  async (t) => {
    const opens = (pid: number) => `${pid}    open(${q('x')}, O_RDONLY) = 3`;
    t.same(pathsOf(read(`7     chdir(${q('/srv')}) = 0`, `7     fork()  = 12`, opens(12)), 'open'), [
      '/srv/x',
    ]);
    const trace = read(
      `7     clone(child_stack=0x7f, flags=CLONE_VM|CLONE_THREAD) = 8`,
      `8     chdir(${q('/srv')}) = 0`,
      `8     execve(${q('/bin/next')}, 0x7f, 0x7f <pid changed to 7 ...>`,
      `7     +++ superseded by execve in pid 8 +++`,
      `7     <... execve resumed>)           = 0`,
      opens(7),
    );
    t.same(pathsOf(trace, 'open'), ['/srv/x']);
  },
);

t.test('each kind of call is one of use', async (t) => {
  const at = fd('AT_FDCWD', `${ROOT}/srv`);
  t.match(after(`7     openat(${at}, ${q('/etc/x')}, O_RDONLY|O_CLOEXEC) = ${fd(3, `${ROOT}/etc/y`)}`), [
    {
      kind: 'open',
      path: '/etc/x',
      reads: true,
      writes: false,
      replaces: false,
      denied: false,
      opened: '/etc/y',
    },
  ]);
  t.match(after(`7     open(${q('/a')}, O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3`), [
    { kind: 'open', reads: false, writes: true, replaces: true },
  ]);
  t.match(after(`7     open(${q('/a')}, O_RDWR|O_CREAT|O_CLOEXEC|O_EXCL, 0600) = 3`), [
    { reads: true, writes: true, replaces: true },
  ]);
  t.match(after(`7     open(${q('/a')}, O_RDWR|O_CREAT, 0600) = 3`), [
    { reads: true, writes: true, replaces: false },
  ]);
  t.match(after(`7     creat(${q('/a')}, 0600) = 3`), [{ reads: false, writes: true, replaces: true }]);
  t.match(after(`7     openat(${at}, ${q('/a')}, O_RDONLY) = -1 EACCES (Permission denied)`), [
    { kind: 'open', denied: true, opened: undefined },
  ]);
  t.match(after(`7     openat(${at}, ${q('/a')}, O_RDONLY|O_PATH|O_NOFOLLOW) = 4`), [
    { kind: 'look', follows: false },
  ]);
  t.match(after(`7     openat2(${at}, ${q('/a')}, {flags=O_RDONLY, resolve=RESOLVE_IN_ROOT}, 24) = 4`), [
    { kind: 'open', path: '/srv/a' },
  ]);
  t.match(after(`7     newfstatat(${at}, ${q('a')}, {st_mode=S_IFREG|0644, st_size=2, ...}, 0) = 0`), [
    { kind: 'look', path: '/srv/a', follows: true },
  ]);
  t.match(after(`7     statx(${at}, ${q('a')}, AT_SYMLINK_NOFOLLOW, STATX_ALL, 0x7f) = 0`), [
    { kind: 'look', path: '/srv/a', follows: false },
  ]);
  t.match(after(`7     readlink(${q('/bin')}, ${q('usr/bin')}, 4096) = 7`), [{ kind: 'look', path: '/bin' }]);
  t.match(after(`7     getdents64(${fd(3, `${ROOT}/etc`)}, 0x55, 32768) = 48`), [
    { kind: 'list', path: '/etc' },
  ]);
  t.match(after(`7     rename(${q('/a')}, ${q('/b')}) = 0`), [
    { kind: 'write', path: '/a', replaces: true },
    { kind: 'write', path: '/b', replaces: true },
  ]);
  t.match(after(`7     mkdir(${q('/a/')}, 0700) = -1 EACCES (Permission denied)`), [
    { kind: 'write', path: '/a', denied: true },
  ]);
  t.match(after(`7     mkdir(${q('/a')}, 0700) = -1 EEXIST (File exists)`), [{ kind: 'look', path: '/a' }]);
  t.match(after(`7     chmod(${q('/a')}, 0700) = 0`), [{ kind: 'write', path: '/a', replaces: false }]);
  t.match(
    after(
      `7     connect(${fd(3, 'socket:[1]')}, {sa_family=AF_UNIX, sun_path=${q('/run/x')}}, 110) = -1 ENOENT (No)`,
    ),
    [{ kind: 'connect', path: '/run/x' }],
  );
  t.match(after(`7     bind(3, {sa_family=AF_UNIX, sun_path=${q('s')}}, 110) = 0`), [
    { kind: 'write', path: '/home/sam/s' },
  ]);
  t.match(after(`7     execveat(${fd(3, `${ROOT}/bin/x`)}, "", 0x7f, 0x7f, AT_EMPTY_PATH) = 0`), [
    { kind: 'run', path: '/bin/x' },
  ]);
});

t.test('lines that say nothing about a file are passed over', async (t) => {
  t.same(
    after(
      `7     open(${q('/a')}, O_RDONLY) = -1 ENOENT (No such file or directory)`,
      `7     open(NULL, O_RDONLY) = -1 EFAULT (Bad address)`,
      `7     open(0x7ffc, O_RDONLY) = 3`,
      `7     open(${q('/a')}, O_RDONLY) = ?`,
      `7     newfstatat(${fd(3, `${ROOT}/x`)}, "", {st_mode=S_IFREG|0644, ...}, AT_EMPTY_PATH) = 0`,
      `7     newfstatat(${fd(3, 'pipe:[12]')}, ${q('x')}, {...}, 0) = 0`,
      `7     connect(3, {sa_family=AF_UNIX, sun_path=@${q('/tmp/.X11-unix/X0')}}, 110) = 0`,
      `7     connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0`,
      `7     openat(${fd(3, '/elsewhere')}, ${q('x')}, O_RDONLY) = 4`,
      '[ Process PID=7 runs in 32 bit mode. ]',
      '7     --- SIGCHLD {si_signo=SIGCHLD} ---',
      '7     open(',
      '7     constructor(1) = 0',
      '',
    ),
    [],
  );
});

t.test('relative paths begin where the process is, threads and children included', async (t) => {
  const trace = read(
    `7     open(${q('a')}, O_RDONLY) = 3`,
    `7     chdir(${q('/srv')}) = 0`,
    `7     clone(child_stack=0x7f, flags=CLONE_VM|CLONE_FS|CLONE_THREAD) = 8`,
    `7     clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD, stack=0x7f, stack_size=0x9000}, 88 <unfinished ...>`,
    `9     open(${q('early')}, O_RDONLY) = 3`,
    `9     chdir(${q('sub')}) = 0`,
    `9     open(${q('b')}, O_RDONLY) = 3`,
    `7     <... clone3 resumed>)             = 9`,
    `8     chdir(${q('/opt')}) = 0`,
    `7     open(${q('../c')}, O_RDONLY) = 3`,
    `9     open(${q('d')}, O_RDONLY) = 3`,
    `7     fchdir(${fd(5, `${ROOT}/var`)}) = 0`,
    `8     open(${q('e')}, O_RDONLY) = 3`,
    `7     chdir(${q('/nowhere')}) = -1 ENOENT (No such file or directory)`,
    `8     unshare(CLONE_FS) = 0`,
    `8     chdir(${q('/mnt')}) = 0`,
    `7     open(${q('f')}, O_RDONLY) = 3`,
    `8     open(${q('g')}, O_RDONLY) = 3`,
  );
  t.same(pathsOf(trace, 'open'), [
    '/home/sam/a',
    '/srv/early',
    '/srv/sub/b',
    '/opt/../c',
    '/srv/sub/d',
    '/var/e',
    '/var/f',
    '/mnt/g',
  ]);
});

t.test('a root directory of the command itself is followed, and .. stays in it', async (t) => {
  const trace = read(
    `7     chroot(${q('/srv/jail')}) = 0`,
    `7     chdir(${q('/')}) = 0`,
    `7     open(${q('/../../etc/passwd')}, O_RDONLY) = 3`,
    `7     open(${q('etc/group')}, O_RDONLY) = 3`,
  );
  t.same(pathsOf(trace, 'open'), ['/srv/jail/etc/passwd', '/srv/jail/etc/group']);
});

t.test('a thread that executes a program has the pid of its process from then on', async (t) => {
  const trace = read(
    `7     clone(child_stack=0x7f, flags=CLONE_VM|CLONE_FS|CLONE_THREAD) = 8`,
    `7     futex(0x7f, FUTEX_WAIT, 8, NULL <unfinished ...>`,
    `8     execve(${q('/bin/next')}, 0x7f, 0x7f <pid changed to 7 ...>`,
    `7     +++ superseded by execve in pid 8 +++`,
    `7     <... execve resumed>)           = -1 ENOSYS (Function not implemented)`,
    `7     open(${q('x')}, O_RDONLY) = 3`,
    `7     +++ killed by SIGSEGV (core dumped) +++`,
  );
  t.same(pathsOf(trace), ['/bin/prog', '/bin/next', '/home/sam/x']);
  t.same(trace.end, { exitCode: null, signal: 'SIGSEGV' });
});

t.test(
  'calls of an older strace, which shows no working directory and no hex in descriptors, are read',
  async (t) => {
    t.same(
      pathsOf(
        read(
          `7     openat(AT_FDCWD, ${q('x')}, O_RDONLY) = 3</tmp/root/home/sam/x>`,
          `7     getdents64(3</tmp/root/a\\nb\\74\\"\\\\>, 0x55, 32768) = 48`,
        ),
      ),
      ['/bin/prog', '/home/sam/x', '/a\nb<"\\'],
    );
  },
);

t.test('the same event is told once', async (t) => {
  t.equal(after(...Array.from({ length: 3 }, () => `7     open(${q('/a')}, O_RDONLY) = 3`)).length, 1);
});

const name = fc
  .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 12 })
  .map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll('/', '_') as BytePath)
  .filter((text) => text !== '.' && text !== '..');

t.test('every byte of a name comes through, in a path and in a descriptor', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(name, name, (directory, file) => {
        const line = `7     openat(${fd(3, `${ROOT}/${directory}`)}, ${q(file)}, O_RDONLY) = 4`;
        return pathsOf(read(line), 'open')[0] === joinPath(`/${directory}` as BytePath, file);
      }),
    ),
  );
});

t.test('however the halves of calls mix, and wherever a chunk ends, the events are the same', async (t) => {
  const call = fc.record({ pid: fc.constantFrom(7, 8, 9), file: name, halves: fc.boolean() });
  const input = fc.record({
    calls: fc.array(call, { maxLength: 12 }),
    cuts: fc.array(fc.nat(600)),
    seed: fc.nat(),
  });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(input, ({ calls, cuts, seed }) => {
        const forks = [8, 9].map((pid) => `7     fork() = ${pid}`);
        const whole = calls.map(({ pid, file }) => `${pid}     open(${q(file)}, O_RDONLY) = 3`);
        const queues = [7, 8, 9].map((own) =>
          calls
            .filter(({ pid }) => pid === own)
            .flatMap(({ pid, file, halves }) =>
              halves
                ? [
                    `${pid}     open(${q(file)}, O_RDONLY <unfinished ...>`,
                    `${pid}     <... open resumed>)        = 3`,
                  ]
                : [`${pid}     open(${q(file)}, O_RDONLY) = 3`],
            ),
        );
        const mixed: string[] = [];
        for (let turn = seed; ; turn = (turn * 31 + 7) % 1009) {
          const left = queues.filter((queue) => queue.length > 0);
          if (left.length === 0) break;
          mixed.push(...(left[turn % left.length]?.splice(0, 1) ?? []));
        }
        const text = Buffer.from(`${[...BEGIN, ...forks, ...mixed].join('\n')}\n7     open("half`, 'latin1');
        const reader = new TraceReader(bytePath(ROOT), 2);
        let from = 0;
        for (const cut of [...cuts, text.length].toSorted((a, b) => a - b)) {
          reader.push(text.subarray(from, cut));
          from = Math.min(cut, text.length);
        }
        const expected = pathsOf(read(...forks, ...whole)).toSorted();
        return JSON.stringify(pathsOf(reader.finish()).toSorted()) === JSON.stringify(expected);
      }),
    ),
  );
});

t.test('no output makes it throw', async (t) => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '7 ',
      '8 ',
      'open(',
      'openat(',
      'clone(',
      'execve(',
      '"',
      '<',
      '>',
      '{',
      ')',
      ', ',
      ' = 3',
      '\\x4',
      '\n',
    ),
    fc.constantFrom(
      'AT_FDCWD',
      '<unfinished ...>',
      '<... open resumed>',
      '+++ exited with 1 +++',
      ' = -1 EACCES (x)',
    ),
    fc.constantFrom(...BEGIN.map((line) => `${line}\n`)),
  );
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const reader = new TraceReader(bytePath(ROOT), 2);
        reader.push(Buffer.from(pieces.join('')));
        return reader.finish().events.every(({ path }) => path.startsWith('/'));
      }),
      { numRuns: 2000 },
    ),
  );
});
