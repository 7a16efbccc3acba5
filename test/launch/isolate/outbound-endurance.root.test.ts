// Programs with a list whose relay is killed, launches without end, programs that hold all that they can, and root inside.
import { libraryUrl } from '../../support/child.ts';
import { command, rootTest } from '../../support/launch.ts';
import { makeWorld, type World } from '../../support/outbound.ts';

const test = rootTest('unshare', 'nsenter', 'setpriv', 'ip', 'nft', 'python3', 'openssl', 'git');
const isRoot = process.getuid?.() === 0;
const world: World = isRoot ? makeWorld() : { directory: '/', jail: '/', by: [], run: () => undefined };
const out = `${world.directory}/out`;

const head = `
  const { openJail, runInJail } = await load('index.js');
  const { spawn, spawnSync } = await import('node:child_process');
  const { closeSync, mkdirSync, openSync } = await import('node:fs');
  const { setTimeout: pause } = await import('node:timers/promises');
  // empty for what has ended
  const textOf = (file) => { try { return readFileSync(file, 'utf8'); } catch { return ''; } };
  const lines = (file) => textOf(file).split('\\n').filter(Boolean);
  const until = async (is) => { for (let i = 0; i < 3000 && !is(); i++) await pause(10); return is(); };
  mkdirSync(${JSON.stringify(out)}, { recursive: true });
  const base = {
    user: 'nobody', jail: ${JSON.stringify(world.jail)}, isolate: true, reject: false, timeoutMs: 120_000, program: '/usr/bin/python3',
    view: [{ bind: '/usr', to: '/usr', readOnly: true }, { proc: '/proc' }, { tmpfs: '/tmp' }],
  };
`;

// Holds a connection, and calls again once that is closed.
const caller = `
import socket
def call():
    try:
        s = socket.create_connection(("web.test", 7), timeout=20); s.sendall(b"x")
        return s if s.recv(1) == b"x" else None
    except OSError: return None
print("begun", flush=True)
held = call()
if held: print("held", flush=True)
try:
    while held and held.recv(1): pass
except OSError: pass
print("closed", flush=True)
for i in range(3): print("reached" if call() else "refused", flush=True)
`;

const words = ['--isolate', '--ro-bind', '/usr', '--connect-to', 'web.test:7', 'nobody', world.jail];

test('a relay that is killed at any time closes the connections of its program, which then reaches nothing', async (t) => {
  const told = world.run(`${head} const told = [];
    const argv = ${JSON.stringify([...command, ...words, '/usr/bin/python3', '-c', caller])};
    for (const [i, waitMs] of [0, 20, 60, 150, 'held'].entries()) {
      const file = ${JSON.stringify(out)} + '/killed' + i, fd = openSync(file, 'w');
      const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', fd, 'inherit'] });
      closeSync(fd);
      const ended = new Promise((resolve) => child.on('exit', resolve));
      await until(() => lines(file).includes(waitMs === 'held' ? 'held' : 'begun'));
      if (waitMs !== 'held') await pause(waitMs);
      const { stdout } = spawnSync('pgrep', ['-P', String(child.pid), '-f', 'openBundle'], { encoding: 'utf8' });
      process.kill(Number(stdout), 'SIGKILL');
      await ended;
      told.push(lines(file));
    }
    tell(told);`) as readonly (readonly string[])[];
  t.equal(told.length, 5);
  for (const lines of told)
    t.same(
      lines.filter((line) => line !== 'held'),
      ['begun', 'closed', 'refused', 'refused', 'refused'],
    );
  t.ok(told.at(-1)?.includes('held'));
});

test('the programs of a service that is killed reach nothing', async (t) => {
  const told = world.run(`${head} const told = [];
    const service = \`
      const { spawnInJail } = await import('${libraryUrl('index.js')}');
      const { writeSync } = await import('node:fs');
      const { pid } = await spawnInJail({ ...\${JSON.stringify({ ...base, reject: undefined, timeoutMs: undefined })}, connectTo: ['web.test:7'],
        args: ['-c', \${JSON.stringify(${JSON.stringify(caller)})}], stdio: ['ignore', 'inherit', 'inherit'] });
      writeSync(1, 'pid ' + pid + '\\\\n');
    \`;
    for (const waitMs of [0, 10, 'held', 'held']) {
      const file = ${JSON.stringify(out)} + '/service' + told.length, fd = openSync(file, 'a');
      const child = spawn(process.execPath, ['--input-type=module', '-e', service], { stdio: ['ignore', fd, 'inherit'] });
      closeSync(fd);
      const find = (word) => lines(file).find((line) => line.startsWith(word));
      await until(() => find('pid') !== undefined && find(waitMs === 'held' ? 'held' : 'begun') !== undefined);
      if (waitMs !== 'held') await pause(waitMs);
      child.kill('SIGKILL');
      const pid = Number(find('pid').slice(4));
      const isOver = await until(() => /^$|\\) Z /.test(textOf('/proc/' + pid + '/stat')));
      told.push([isOver, lines(file)]);
    }
    tell(told);`) as readonly (readonly [isOver: boolean, lines: readonly string[]])[];
  t.equal(told.length, 4);
  for (const [isOver, lines] of told) {
    t.ok(isOver, lines.join());
    t.notOk(lines.includes('reached'), lines.join());
  }
});

test('launches with lists leave nothing behind', async (t) => {
  const told = world.run(`${head}
    process.env.TMPDIR = ${JSON.stringify(out)} + '/tmp';
    mkdirSync(process.env.TMPDIR);
    const count = () => ({
      descriptors: readdirSync('/proc/self/fd').length,
      threads: readdirSync('/proc/self/task').length,
      children: readdirSync('/proc/self/task').flatMap((id) => textOf('/proc/self/task/' + id + '/children').split(' ').filter(Boolean)).length,
      files: readdirSync(process.env.TMPDIR).length,
    });
    const jail = await openJail(base.jail, { user: 'nobody', isolate: true, view: base.view });
    const call = 'import socket; socket.create_connection(("web.test", 7))';
    const one = (i) => jail.run({ connectTo: ['web.test:7', 'other' + i + '.test:80'],
      ...(i % 20 === 0 ? { program: '/usr/bin/python3', args: ['-c', call] } : { program: '/usr/bin/true' }) });
    const many = async (from, to) => { for (let i = from; i < to; i += 4) await Promise.all([i, i + 1, i + 2, i + 3].map(one)); };
    await many(0, 40); // threads that stay
    const before = count();
    await many(40, 240);
    const same = () => { const now = count(); return Object.keys(now).every((key) => now[key] <= before[key] + (key === 'threads' ? 8 : 0)); };
    await until(same);
    tell([before, count()]);`) as readonly Record<string, number>[];
  const [before = {}, after = {}] = told;
  // threads of the pools begin when they are needed; each launch that left one would leave two hundred
  for (const [key, more] of Object.entries({ descriptors: 0, threads: 8, children: 0, files: 0 }))
    t.ok(
      (after[key] ?? Infinity) <= (before[key] ?? 0) + more,
      `${key}: ${before[key]} before, ${after[key]} after`,
    );
});

test('ten thousand connections that are held or half open are bounded, and others come in once they end', async (t) => {
  const flood = `
import os, resource, select, socket, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
place = socket.getaddrinfo("web.test", 7, socket.AF_INET)[0][4]
for round in range(10):
    held = []
    for i in range(1000):
        s = socket.socket(); s.setblocking(False); s.connect_ex(place); held.append(s)
    select.select([], held[:1], [], 5)
    for s in held[::2]:
        try: s.shutdown(socket.SHUT_WR)
        except OSError: pass
    if round == 4: print("held", flush=True); sys.stdin.readline()
    for s in held: s.close()
s = socket.create_connection(place, timeout=60); s.sendall(b"x"); print(s.recv(1))
`;
  const told = world.run(`${head}
    const { spawnInJail } = await load('index.js');
    const { reject, ...spawned } = base;
    const count = () => readdirSync('/proc/self/fd').length;
    const [idle, rss] = [count(), process.memoryUsage().rss];
    const child = await spawnInJail({ ...spawned, connectTo: ['web.test:7'], args: ['-c', ${JSON.stringify(flood)}], stdio: ['pipe', 'pipe', 'inherit'] });
    let text = '', most = 0;
    child.stdout.on('data', (part) => (text += part));
    await until(() => { most = Math.max(most, count()); return text.includes('held'); });
    child.stdin.write('\\n');
    const { exitCode } = await child.exited;
    tell({ text, exitCode, most: most - idle, grown: process.memoryUsage().rss - rss });`) as {
    readonly text: string;
    readonly exitCode: number;
    readonly most: number;
    readonly grown: number;
  };
  t.equal(told.exitCode, 0);
  t.match(told.text, /^held\nb'x'\n$/);
  t.ok(told.most > 256 && told.most < 1300, `descriptors: ${told.most}`);
  t.ok(told.grown < 100 * 2 ** 20, String(told.grown));
});

test('root inside, who may change the network, gets nowhere', async (t) => {
  const script = `
    tell() { "$@" >/dev/null 2>&1 && echo "$*"; }
    tell ip address add 9.9.8.77/24 dev lo
    tell ip route add default dev lo
    tell ip route add local 9.9.8.2/32 dev lo table local
    tell nft add rule inet uchroot outbound meta nfproto ipv4 ip daddr 9.9.8.2 meta l4proto tcp tproxy ip to :1
    tell ip link add v9 type veth peer name v8
    call() { python3 -c "import socket; s=socket.create_connection(('$1', 7), timeout=5); s.sendall(b'x'); print('reached' if s.recv(1) else 'closed', '$1')" 2>/dev/null; }
    call 9.9.8.2; call 9.9.8.3; call web.test; call 2a00:1111::2
    tell ip link set lo down
    call 9.9.8.2; call web.test
    true
  `;
  const told = world.run(`${head}
    const { stdout, stderr, denied } = await runInJail({ ...base, user: 'root', allowRoot: true, caps: ['net_admin'],
      connectTo: ['web.test:7'], program: '/bin/sh', args: ['-c', ${JSON.stringify(script)}] });
    tell({ stdout, stderr, denied });`) as { stdout: string; stderr: string; denied: object[] };
  const lines = told.stdout.split('\n');
  t.ok(lines.includes('ip route add local 9.9.8.2/32 dev lo table local'), told.stdout + told.stderr);
  // an isolated program has no socket that could change rules
  t.notOk(lines.some((line) => line.startsWith('nft')));
  t.same(
    lines.filter((line) => line.startsWith('reached')),
    ['reached web.test'],
  );
  t.same(told.denied, []);
});
