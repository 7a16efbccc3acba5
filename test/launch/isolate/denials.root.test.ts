// What a program was denied is told, with what grants it; and what was no denial is not told.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import { type Denied, openJail, runInJail, type RunRequest } from '../../../lib/index.ts';
import {
  command,
  commandEnv,
  publicCommand,
  rootTest,
  start,
  temporaryDirectory,
} from '../../support/launch.ts';

const test = rootTest('python3');
// Only this file has processes of this uid.
const uid = 61_477;

interface World {
  readonly jail: string;
  /** A directory that the host alone has. */
  readonly host: string;
}

function makeWorld(): World {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  const [jail, host] = [`${directory}/jail`, `${directory}/host`];
  for (const name of ['usr', 'tmp', 'proc', 'dev', 'etc', 'ro', 'own', 'closed'])
    mkdirSync(`${jail}/${name}`, { recursive: true });
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, `${jail}/${name}`);
  for (const name of ['secret', 'removed', 'closed/file', 'file']) writeFileSync(`${jail}/${name}`, 'x');
  chmodSync(`${jail}/secret`, 0o600);
  chmodSync(`${jail}/closed`, 0o700);
  symlinkSync(`${host}/leads`, `${jail}/link`);
  mkdirSync(`${host}/ro`, { recursive: true });
  for (let i = 0; i < 40; i++) writeFileSync(`${host}/f${i}`, '');
  for (const name of ['leads', '\u001b[2J', 'ro/file', 'twice', 'co:lon'])
    writeFileSync(`${host}/${name}`, '');
  writeFileSync(`${host}/key`, '', { mode: 0o600 });
  mkdirSync(`${host}/d`);
  for (const path of [`${host}/ro`, `${host}/ro/file`, `${jail}/own`]) chownSync(path, uid, uid);
  return { jail, host };
}

const request = ({ jail, host }: World): RunRequest => ({
  user: uid,
  group: uid,
  jail,
  isolate: true,
  reportDenials: true,
  reject: false,
  program: '/usr/bin/python3',
  rlimits: { nofile: 64 },
  view: [
    { bind: '/usr', to: '/usr', readOnly: true },
    { bind: `${host}/ro`, to: '/ro', readOnly: true },
    { tmpfs: '/tmp' },
    { proc: '/proc' },
    { dev: '/dev' },
  ],
});

const head = `
import ctypes, errno, os, socket, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    if libc.syscall(ctypes.c_long(number), *[ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) for a in args]) < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))
def connect(path): socket.socket(socket.AF_UNIX).connect(path)
def bind(path): socket.socket(socket.AF_UNIX).bind(path)
def fork(work):
    pid = os.fork()
    if pid == 0:
        try: work()
        except OSError: pass
        os._exit(0)
    os.waitpid(pid, 0)
`;

/** undefined: it must not be there. */
type Told = { readonly [Key in keyof Denied]?: Denied[Key] | undefined };

interface Row {
  readonly lines: string;
  /** What is told; none: nothing. */
  readonly told?: Told;
}

type Rows = Readonly<Record<string, Row>>;

// Each row fails with an OSError, or does something else that is denied.
const script = (rows: Rows): string =>
  Object.values(rows).reduce((all, { lines }) => `${all}\ntry: ${lines}\nexcept OSError: pass\n`, head);

const missingRows = (host: string): Rows => {
  let next = 0;
  const row = (lines: (path: string) => string, path = `${host}/f${next++}`): Row => ({
    lines: lines(JSON.stringify(path)),
    told: { path, reason: 'it is not in the jail', option: `--ro-bind ${path}` },
  });
  return {
    'open to read': row((path) => `os.open(${path}, os.O_RDONLY)`),
    'open to write': row((path) => `os.open(${path}, os.O_WRONLY)`),
    'open to read and write': row((path) => `os.open(${path}, os.O_RDWR)`),
    'open to append': row((path) => `os.open(${path}, os.O_WRONLY | os.O_APPEND)`),
    'open as a path': row((path) => `os.open(${path}, os.O_PATH)`),
    'open without a link': row((path) => `os.open(${path}, os.O_NOFOLLOW)`),
    'open by the old call': row((path) => `call(2, ${path}.encode(), 0, 0)`),
    openat2: row((path) => `call(437, -100, ${path}.encode(), b"\\0" * 24, 24)`),
    'from a working directory': row((path) => `(os.chdir("/usr"), os.open(".." + ${path}, 0))`),
    'from a directory that is open': row(
      (path) => `os.open("..." [:2] + ${path}, 0, dir_fd=os.open("/usr", 0))`,
    ),
    'by a path with dots': row((path) => `os.open("/usr/./lib/.." + "/.." + ${path}, 0)`),
    'by a path with double slashes': row((path) => `os.open(${path}.replace("/", "//"), 0)`),
    stat: row((path) => `os.stat(${path})`),
    'stat by the old call': row((path) => `call(4, ${path}.encode(), b"\\0" * 200)`),
    lstat: row((path) => `os.lstat(${path})`),
    'lstat by the old call': row((path) => `call(6, ${path}.encode(), b"\\0" * 200)`),
    statx: row((path) => `call(332, -100, ${path}.encode(), 0, 0x7ff, b"\\0" * 300)`),
    access: row((path) => `call(21, ${path}.encode(), 4)`),
    faccessat: row((path) => `os.access(${path}, os.R_OK)`),
    execve: row((path) => `os.execv(${path}, ["x"])`),
    'execve of a child': row((path) => `fork(lambda: os.execv(${path}, ["x"]))`),
    truncate: row((path) => `os.truncate(${path}, 0)`),
    rename: row((path) => `os.rename(${path}, "/tmp/x")`),
    unlink: row((path) => `os.unlink(${path})`),
    link: row((path) => `os.link(${path}, "/tmp/x")`),
    'a socket': row((path) => `connect(${path})`),
    'by a thread': row(
      (path) => `(lambda t: (t.start(), t.join()))(threading.Thread(target=os.access, args=(${path}, 0)))`,
    ),
    'by a grandchild': row((path) => `fork(lambda: fork(lambda: os.stat(${path})))`),
    chdir: row((path) => `os.chdir(${path})`, `${host}/d`),
    'a directory to list': row((path) => `os.listdir(${path})`, host),
    'a link that leads to nothing': {
      lines: 'os.open("/link", 0)',
      told: {
        path: `${host}/leads`,
        reason: 'it is not in the jail',
        option: `--ro-bind ${host}/leads`,
      },
    },
    'control characters': {
      lines: `os.stat("${host}/\\x1b[2J")`,
      told: { path: `${host}/\\x1b[2J`, option: `--ro-bind $'${host}/\\x1b[2J'` },
    },
    'one path in four ways': {
      lines: `[os.access(p, 0) for p in ("${host}/twice", "${host}/twice", "/${host}/./twice", "${host}/d/../twice")]`,
      told: { path: `${host}/twice`, count: 4 },
    },
    'a path with a colon, which divides two paths in an option': {
      lines: `os.stat("${host}/co:lon")`,
      told: { path: `${host}/co:lon`, option: undefined, build: undefined },
    },
    'a key of root, of no use to the program': {
      lines: `os.stat("${host}/key")`,
      told: {
        path: `${host}/key`,
        reason: `it is not in the jail, and uid ${uid} may not use it on the host`,
        option: undefined,
        build: undefined,
      },
    },
    'what must not come into a jail': {
      lines: 'os.stat("/run/systemd/private" if False else "/etc/shadow")',
      told: { path: '/etc/shadow' },
    },
  };
};

const closedRows: Rows = {
  'a file of root': {
    lines: 'os.open("/secret", 0)',
    told: { path: '/secret', reason: `uid ${uid} may not read it` },
  },
  'a file of root to write': {
    lines: 'os.open("/file", os.O_WRONLY)',
    told: { path: '/file', reason: `uid ${uid} may not write it` },
  },
  'a directory of root to list': {
    lines: 'os.listdir("/closed")',
    told: { path: '/closed', reason: `uid ${uid} may not read it` },
  },
  'a file beneath it': { lines: 'os.stat("/closed/file")', told: { path: '/closed/file' } },
  'a new file': {
    lines: 'os.open("/new", os.O_CREAT | os.O_WRONLY)',
    told: { path: '/new', reason: `uid ${uid} may not write it` },
  },
  'a new directory': { lines: 'os.mkdir("/etc/new")', told: { path: '/etc/new' } },
  'a new link': { lines: 'os.symlink("x", "/etc/link")', told: { path: '/etc/link' } },
  'a new socket': { lines: 'bind("/etc/socket")', told: { path: '/etc/socket' } },
  'a file to execute': { lines: 'os.execv("/etc", ["x"])', told: {} },
  'creat by the old call': { lines: 'call(85, b"/etc/creat", 0o600)', told: { path: '/etc/creat' } },
  'a new name': { lines: 'os.rename("/own", "/owned")', told: { path: '/own' } },
  'a file to remove': { lines: 'os.unlink("/etc/../removed")', told: { path: '/removed' } },
};

const readOnly = { reason: 'it is on a read-only mount' };
const readOnlyRows = (host: string): Rows => {
  const told = (path: string): Partial<Denied> => ({ ...readOnly, path, option: `--bind ${host}/ro:/ro` });
  return {
    'a file to write': { lines: 'os.open("/ro/file", os.O_WRONLY)', told: told('/ro/file') },
    'a new file there': { lines: 'os.open("/ro/new", os.O_CREAT | os.O_WRONLY)', told: told('/ro/new') },
    'a new directory there': { lines: 'os.mkdir("/ro/directory")', told: told('/ro/directory') },
    'a file to remove there': {
      lines: '(os.access("/ro/file", 0), os.unlink("/ro/file"))',
      told: told('/ro/file'),
    },
  };
};

// Numbers of x86-64.
const refusedCalls = {
  ptrace: '101, 0, 0, 0, 0',
  unshare: '272, 0x10000000',
  mount: '165, b"a", b"/tmp", b"tmpfs", 0, 0',
  umount2: '166, b"/tmp", 0',
  pivot_root: '155, b"/tmp", b"/tmp"',
  chroot: '161, b"/tmp"',
  setns: '308, 0, 0',
  bpf: '321, 0, 0, 0',
  perf_event_open: '298, 0, 0, 0, 0, 0',
  keyctl: '250, 0, 0',
  add_key: '248, b"user", b"x", b"x", 1, -1',
  io_uring_setup: '425, 1, 0',
  userfaultfd: '323, 0',
  personality: '135, 0x0040000',
  process_vm_readv: '310, 1, 0, 0, 0, 0, 0',
  open_by_handle_at: '304, 0, 0, 0',
  syslog: '103, 0, 0, 0',
  reboot: '169, 0, 0, 0',
  settimeofday: '164, 0, 0',
  modify_ldt: '154, 0, 0, 0',
  socket: '41, 17, 3, 0',
  ioctl: '16, 0, 0x5412, b"x"',
} as const;

const callRows: Rows = Object.fromEntries(
  Object.entries(refusedCalls).map(([name, words]) => [
    name,
    { lines: `call(${words})`, told: { call: name, option: `--allow ${name}` } },
  ]),
);

const freeRows = ({ host, jail }: World): Rows => ({
  'a link of its own, which the host must not follow': {
    lines: `(os.symlink("${host}", "/own/out"), os.access("${jail}/own/out/f0", 0), os.stat("/x/../${jail}/own/./out/f0"))`,
  },
  'what is there, but for a component in front': { lines: 'os.stat("/nothing/../tmp")' },
  'an own process by two slashes': { lines: 'os.stat("//proc/self/status")' },
  'a search that ends well': { lines: `[p for p in ("${host}/ro/file", "/ro/file") if os.access(p, 0)]` },
  'what the host does not have either': { lines: 'os.stat("/etc/nothing-of-this-name")' },
  'an own process': { lines: 'os.stat("/proc/self/status")' },
  'a file that is there': { lines: 'os.open("/ro/file", 0)' },
  'a new file in a place of its own': { lines: 'os.open("/own/new", os.O_CREAT | os.O_WRONLY)' },
  'a file that exists already': { lines: 'os.mkdir("/tmp")' },
  'its standard output': { lines: 'os.stat("/dev/stdout")' },
});

const isLike = (one: Denied, wanted: Told): boolean =>
  Object.entries(wanted).every(([key, value]) => one[key as keyof Denied] === value);

test('each planted denial is told, with what grants it, and nothing else', async (t) => {
  const world = makeWorld();
  const planted: Rows = {
    ...missingRows(world.host),
    ...closedRows,
    ...readOnlyRows(world.host),
    ...callRows,
    'too many files': {
      lines: '[os.open("/usr", 0) for _ in range(70)]',
      told: { limit: 'nofile', option: '--rlimit nofile=N' },
    },
  };
  const none = freeRows(world);
  const { denied = [], ...ended } = await runInJail({
    ...request(world),
    args: ['-I', '-S', '-c', script({ ...none, ...planted })],
  });
  t.equal(ended.exitCode, 0, ended.stderr);
  t.ok(Object.keys(planted).length >= 60, 'at least sixty');
  for (const [what, { told = {} }] of Object.entries(planted))
    t.ok(
      denied.some((one) => isLike(one, told)),
      what,
      { told, denied: denied.filter(({ path, call }) => path === told.path && call === told.call) },
    );
  const expected = new Set([
    ...Object.values(planted).map(({ told }) => told?.path ?? told?.call),
    '/etc',
    '/owned',
  ]);
  t.strictSame(
    denied.filter(
      ({ path = '', call = '', limit }) =>
        limit === undefined && !expected.has(path || call) && !/^\/(?:etc|usr)\//.test(path),
    ),
    [],
    'nothing else',
  );
});

const words = ({ jail }: World): readonly string[] => [
  '--report-denials',
  '--ro-bind',
  '/usr',
  '--tmpfs',
  '/tmp',
  '--proc',
  '/proc',
  '--dev',
  '/dev',
  'root',
  jail,
  '/usr/bin/python3',
  '-I',
  '-S',
  '-c',
];

test('a launch without root tells too, and a full report says how many denials it does not name', async (t) => {
  const world = makeWorld();
  const lines = `${head}
for i in range(1100):
    try: os.mkdir(f"/etc/new{i}")
    except OSError: pass
`;
  const { denied = [] } = await runInJail({ ...request(world), args: ['-I', '-S', '-c', lines] });
  t.equal(denied.length, 1025);
  const { count = 0, ...rest } = denied.at(-1) ?? {};
  t.ok(count >= 76, `${count}`);
  t.same(rest, { reason: 'the report is full, and does not name the rest' });
  const ordinary = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', ...publicCommand()];
  const told = start([...ordinary, '--rootless', ...words(world), `${lines}\nos.access("/etc/shadow", 0)`]);
  t.equal(told.status, 0, told.stderr);
  t.match(told.stderr, 'warning: the program may not use /etc/new0: root may not write it\n');
  const more =
    /\nuchroot: warning: the program was denied (\d+) times more: the report is full, and does not name the rest\n$/;
  t.ok(Number(more.exec(told.stderr)?.[1]) >= 77, told.stderr.slice(-300));
});

test('below another listener the launch fails with EBUSY', async (t) => {
  // a filter that allows all, with a listener that stays open
  const other = `${head}
class Filter(ctypes.Structure): _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]
class Program(ctypes.Structure): _fields_ = [("count", ctypes.c_ushort), ("filter", ctypes.POINTER(Filter))]
filter = Filter(6, 0, 0, 0x7fff0000)
program = Program(1, ctypes.pointer(filter))
if libc.syscall(ctypes.c_long(317), ctypes.c_long(1), ctypes.c_long(8), ctypes.byref(program)) < 0: raise OSError(ctypes.get_errno(), "seccomp")
import subprocess
sys.exit(subprocess.run(sys.argv[1:]).returncode)
`;
  const launch = [...command, '--allow-root', '--isolate', ...words(makeWorld()), 'print(42)'];
  const { status, stdout, stderr } = start(['/usr/bin/python3', '-c', other, ...launch]);
  t.match({ status, stdout }, { status: 125, stdout: '' }, stderr);
  t.match(
    stderr,
    /^uchroot: seccomp: .*: another process hears of the calls of this one already, .*\nhint: leave --report-denials out/,
  );
});

const statusOf = (pid: string, key: string): string => {
  try {
    return new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
};

const isBelow = (pid: string, above: number): boolean =>
  pid !== '' && pid !== '0' && (Number(pid) === above || isBelow(statusOf(pid, 'PPid'), above));

// The process that looks, for a launch of this process.
const reporterOf = (above: number): number =>
  Number(
    readdirSync('/proc').find((pid) => {
      if (!/^\d+$/.test(pid) || !isBelow(pid, above)) return false;
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('uchroot\0report\0');
      } catch {
        return false;
      }
    }),
  );

test('if the reporting process is killed, calls fail with ENOSYS, and the program is ended', async (t) => {
  const world = makeWorld();
  const lines = `${head}
import signal
print("ready", flush=True)
while True:
    try: os.stat("/etc")
    except OSError as error: print(errno.errorcode[error.errno], flush=True); signal.pause()
`;
  const directory = temporaryDirectory();
  const output = `${directory}/output`;
  const fd = openSync(output, 'w');
  const wait = (text: string): void => {
    while (!readFileSync(output, 'utf8').includes(text)) continue;
  };
  const { jail: path, ...rest } = request(world);
  const jail = await openJail(path, rest);
  const child = await jail.spawn({ args: ['-I', '-S', '-c', lines], stdio: ['ignore', fd, 'inherit'] });
  // this process does not hear of it before the program has seen it
  wait('ready');
  process.kill(reporterOf(process.pid), 'SIGKILL');
  wait('ENOSYS');
  t.match(await child.exited, { exitCode: null, signal: 'SIGKILL' });
  jail.close();
  ftruncateSync(fd);
  const result = `${directory}/result`;
  const argv = [...command, '--allow-root', '--isolate', '--result', result, ...words(world), lines].slice(1);
  const own = spawn(process.execPath, argv, { env: commandEnv, stdio: ['ignore', fd, 'pipe'] });
  closeSync(fd);
  let stderr = '';
  own.stderr?.on('data', (data) => (stderr += String(data)));
  wait('ready');
  process.kill(reporterOf(own.pid ?? 0), 'SIGKILL');
  t.same(await once(own, 'close'), [137, null]);
  t.match(
    stderr,
    /^uchroot: the program was ended: the process that reports what it is denied \(--report-denials\) was ended\n/,
  );
  t.match(readFileSync(result, 'utf8'), '(--report-denials) was ended');
});
