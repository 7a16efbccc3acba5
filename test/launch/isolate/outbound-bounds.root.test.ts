// Programs with a list, at the bounds: of descriptors, of entries, of the queue of a server, of what is left open.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

import { command, oddCaller, packageDirectory, rootTest } from '../../support/launch.ts';
import { makeWorld, type World } from '../../support/outbound.ts';

const test = rootTest('unshare', 'nsenter', 'setpriv', 'ip', 'curl', 'python3', 'openssl', 'git', 'prlimit');
// Only this file has processes of this uid.
const uid = 61_482;
const isRoot = process.getuid?.() === 0;
const world: World = isRoot ? makeWorld() : { directory: '/', jail: '/', by: [], run: () => undefined };

const head = `
  const { runInJail } = await load('index.js');
  const { spawn, spawnSync } = await import('node:child_process');
  const rootless = process.geteuid() !== 0;
  const base = {
    user: 'nobody', jail: ${JSON.stringify(world.jail)}, isolate: true, rootless, reject: false, timeoutMs: 60_000,
    view: [{ bind: '/usr', to: '/usr', readOnly: true }, { proc: '/proc' }, { tmpfs: '/tmp' }, { tmpfs: '/run' }],
  };
  const run = (connectTo, program, args, more = {}) => runInJail({ ...base, connectTo, program, args, ...more });
  const python = (connectTo, lines, more) => run(connectTo, '/usr/bin/python3', ['-c', lines], more);
  const argv = ${JSON.stringify([...command, '--isolate', '--ro-bind', '/usr'])};
`;

test('a program with more connections than the service has descriptors leaves it those that it needs', async (t) => {
  const hold = `
import socket
held = []
for i in range(300):
    s = socket.socket(); s.settimeout(0.2)
    try: s.connect(("web.test", 7)); held.append(s)
    except OSError: break
for s in held[:40]:
    s.settimeout(5); s.sendall(b"x")
    print(s.recv(1).decode(), end="")
`;
  const told = world.run(`${head}
    const { openSync, closeSync } = await import('node:fs');
    spawnSync('prlimit', ['--pid', String(process.pid), '--nofile=256:256']);
    let failed = 0, most = 0;
    const timer = setInterval(() => {
      try { const fd = openSync('/'); most = Math.max(most, fd); closeSync(fd); } catch { failed++; }
    }, 5);
    const { stdout, stderr } = await python(['web.test:7'], ${JSON.stringify(hold)});
    clearInterval(timer);
    tell({ stdout, stderr, failed, most });
  `) as Record<string, string | number>;
  t.match(told, { stdout: 'x'.repeat(40), failed: 0 });
  t.ok(Number(told['most']) > 128, `the program had many: ${told['most']}`);
});

test('a list has 256 networks', async (t) => {
  const told = world.run(`${head}
    const nets = ['[2a00::/32]:80', ...Array.from({ length: 255 }, (_, i) => \`9.9.\${i}.0/24:80\`)];
    const { stdout, stderr } = await run(nets, '/usr/bin/curl', ['-sS', 'http://9.9.8.2/']);
    tell({ stdout, stderr });
  `);
  t.match(told, { stdout: /^hello from/, stderr: '' });
});

test('connections wait for a server of the host whose queue is full', async (t) => {
  const path = `${world.directory}/busy`;
  const server = `
import os, socket, time
s = socket.socket(socket.AF_UNIX); s.bind("${path}"); os.chmod("${path}", 0o666); s.listen(0); print("ready", flush=True)
time.sleep(1)
while True:
    c = s.accept()[0]; c.sendall(b"x"); c.close()
`;
  const call = `
import socket, concurrent.futures as f
def call(_):
    s = socket.socket(socket.AF_UNIX); s.connect("${path}"); return s.recv(9).decode()
print("".join(f.ThreadPoolExecutor(12).map(call, range(12))))
`;
  const told = world.run(`${head}
    const server = spawn('/usr/bin/python3', ['-c', ${JSON.stringify(server)}], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => server.stdout.once('data', resolve));
    const { stdout, stderr } = await python(['unix:${path}'], ${JSON.stringify(call)}, { view: [...base.view, { tmpfs: '/tmp' }].slice(0, 4) });
    server.kill();
    tell({ stdout, stderr });
  `);
  t.match(told, { stdout: `${'x'.repeat(12)}\n`, stderr: '' });
});

test('a silent connection is probed, since the program sees the relay alone', async (t) => {
  const told = world.run(`${head}
    const held = python(['web.test:7'], 'import socket, time; s = socket.create_connection(("web.test", 7)); s.sendall(b"x"); s.recv(1); time.sleep(1)');
    // struct of /proc/net/tcp: the timer of an established connection, and 2 is keepalive
    const timers = () => readFileSync('/proc/net/tcp', 'utf8').split('\\n').filter((line) => / [0-9A-F]{8}:0007 01 /.test(line)).map((line) => line.split(/ +/)[6].slice(0, 2));
    let seen = [];
    while (!seen.includes('02') && (await Promise.race([held, new Promise((r) => setTimeout(r, 10))])) === undefined) seen = timers();
    await held;
    tell(seen);
  `);
  t.same(told, ['02']);
});

test('a question that nobody answers keeps no service alive whose launch has ended', async (t) => {
  const told = world.run(`${head}
    const call = ['-sS', '--max-time', '1', 'http://other.test/'];
    const { exitCode } = await run([], '/usr/bin/curl', call, { onConnect: () => new Promise(() => {}) });
    const endedAt = performance.now();
    process.on('exit', () => tell({ exitCode, isSoon: performance.now() - endedAt < 20_000 }));
  `);
  t.same(told, { exitCode: 28, isSoon: true });
});

test('an onConnect that throws what is no error denies', async (t) => {
  const told = world.run(`${head}
    const { denied } = await run([], '/usr/bin/curl', ['-sS', 'http://other.test/'], { onConnect: () => { throw Object.create(null); } });
    tell(denied.map(({ reason }) => reason));
  `);
  t.same(told, ['onConnect has failed: it has thrown no Error']);
});

test('the end of the status comes with the end of the program, also while what it has sent goes out', async (t) => {
  const fill = `
import socket
s = socket.create_connection(("web.test", 19)); s.setblocking(False)
try:
    while True: s.send(b"x" * 65536)
except BlockingIOError: print("full", flush=True)
input()
`;
  const told = world.run(`${head}
    const child = spawn(argv[0], [...argv.slice(1), '--connect-to', 'web.test:19', '--status-fd', '3', 'nobody', base.jail,
      '/usr/bin/python3', '-c', ${JSON.stringify(fill)}], { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
    const end = (stream) => new Promise((resolve) => stream.on('data', () => {}).on('end', resolve));
    const ends = Promise.all([end(child.stdio[3]), end(child.stdout)]);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await new Promise((resolve) => setTimeout(resolve, 1000)); // the relay begins
    child.stdin.end('\\n');
    const exited = new Promise((resolve) => child.on('exit', () => resolve(performance.now())));
    await ends;
    const endedAt = performance.now();
    tell(endedAt - (await exited) < 3000);
  `);
  t.equal(told, true);
});

test('names beneath localhost are the loopback of the jail, as a list says', async (t) => {
  const told = world.run(`${head}
    const { stdout, denied } = await run(['web.test:80'], '/usr/bin/python3', ['-c', 'import socket; print(socket.gethostbyname("app.localhost"))']);
    tell({ stdout, denied });
  `);
  t.same(told, { stdout: '127.0.0.1\n', denied: [] });
});

test('a name server that never answers keeps no other launch from the names of its list', async (t) => {
  const ask = `
import socket, concurrent.futures as f
def look(i):
    try: socket.gethostbyname("n%d.evil.test" % i)
    except OSError: pass
list(f.ThreadPoolExecutor(8).map(look, range(8)))
`;
  const resolver = `${world.directory}/resolver`;
  if (isRoot) writeFileSync(resolver, 'nameserver 127.0.0.1\noptions timeout:30 attempts:1\n');
  const told = world.run(`${head}
    const { createSocket } = await import('node:dgram');
    spawnSync('mount', ['--bind', '${resolver}', '/etc/resolv.conf']);
    const server = createSocket('udp4'), waiting = [];
    let isOver = false;
    const refuse = ([message, { port }]) => { message[2] |= 0x80; message[3] = 0x83; server.send(message, port, '127.0.0.1'); };
    server.on('message', (...asked) => isOver ? refuse(asked) : waiting.push(asked));
    await new Promise((resolve) => server.bind(53, '127.0.0.1', resolve));
    const stop = new AbortController();
    const hostile = ['a', 'b'].map(() => python(['.evil.test:80'], ${JSON.stringify(ask)}, { signal: stop.signal }));
    while (waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, 500)); // both ask
    const { stdout, stderr } = await run(['web.test:80'], '/usr/bin/curl', ['-sS', 'http://web.test/']);
    isOver = true;
    waiting.forEach(refuse);
    stop.abort();
    await Promise.allSettled(hostile);
    server.close();
    tell({ stdout, stderr });
  `);
  t.match(told, { stdout: /^hello from/, stderr: '' });
});

test('a dot in a label is told, and the name is not taken for that of an entry', async (t) => {
  const ask = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(20)
s.sendto(b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\x08web.test\\0\\0\\1\\0\\1", ("127.0.0.1", 53)); print(s.recv(99)[3] & 15)
`;
  const told = world.run(`${head}
    const { stdout, denied } = await python(['web.test:80'], ${JSON.stringify(ask)});
    tell({ stdout, denied });
  `);
  t.same(told, { stdout: '3\n', denied: [{ name: 'web\\.test', reason: 'no entry has this name' }] });
});

test('a list is a regular file, since it is read again', async (t) => {
  const file = `${world.directory}/names`;
  if (isRoot) writeFileSync(file, 'web.test:80\n');
  const told = world.run(`${head}
    spawnSync('mkfifo', ['${file}.fifo']);
    const say = (list) => {
      const { status, stdout, stderr } = spawnSync(argv[0], [...argv.slice(1), '--connect-to', '@' + list, 'nobody', base.jail, '/usr/bin/curl', '-sS', 'http://web.test/'],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 });
      return [status, stdout + stderr];
    };
    tell([say('${file}'), say('${file}.fifo')]);
  `) as readonly (readonly [number, string])[];
  t.match(told, [
    [0, /^hello from/],
    [1, /names\.fifo is no regular file\nhint: write the entries to a file/],
  ]);
});

// Two ports of a name, another port of it, a socket of the host, and servers of its own.
const manyPorts = (path: string): string => `
import socket
def call(port, family):
    try:
        s = socket.socket(family); s.connect(("web.test", port)); s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        said = b"".join(iter(lambda: s.recv(999), b""))
        return said.decode().split()[-1]
    except OSError as error: return type(error).__name__
def serve(port):
    try: socket.create_server(("", port)); return "serves"
    except OSError: return "taken"
print(call(80, socket.AF_INET), call(8080, socket.AF_INET6), call(81, socket.AF_INET), serve(8080), serve(9999))
s = socket.socket(socket.AF_UNIX); s.connect("${path}"); print(s.recv(9).decode())
`;
const listOf = (path: string): readonly string[] => ['web.test:80,8080', `unix:${path}`];
const serveAt = (path: string): string =>
  `const server = (await import('node:net')).createServer((socket) => socket.end('door')).listen({ path: '${path}', writableAll: true });`;

const rows: readonly (readonly [who: string, uid: number | undefined, words: readonly string[]])[] = [
  ['root', undefined, ['--isolate', 'nobody']],
  ['an ordinary user', uid, ['--rootless', '0']],
];
for (const [who, as, [option = '', user = '']] of rows)
  test(`without tproxy, each port of a list has a socket, whose port the program cannot have: ${who}`, async (t) => {
    const path = `/tmp/door-${who.length}-${process.pid}`;
    const told = world.run(
      `${head}
        ${serveAt(path)}
        const { stdout, stderr } = await python(${JSON.stringify(listOf(path))}, ${JSON.stringify(manyPorts(path))});
        server.close();
        const failed = [];
        for (const list of [['web.test:*'], ['web.test:53']])
          failed.push(await run(list, '/usr/bin/true', []).catch(({ step, message }) => ({ step, message })));
        const [file, ...words] = ${JSON.stringify(command)};
        const say = (...args) => spawnSync(file, [...words, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
        const list = ['${option}', '--ro-bind', '/usr', '--connect-to', 'web.test:80,8080', '${user}', base.jail];
        const plan = say('--plan=steps', ...list, '/usr/bin/true');
        const called = say(...list, '/usr/bin/curl', '-sS', 'http://web.test:8080/');
        const doctor = say('--doctor');
        tell({ stdout, stderr, failed, called: called.stdout + called.stderr, plan: plan.stdout + plan.stderr, doctor: doctor.stdout });
      `,
      as,
      oddCaller('nnp', 'no-netlink=12'),
    ) as Record<string, unknown>;
    const refused = { step: 'outbound_rules', message: /then each port needs a socket/ };
    t.match(told, {
      stdout: '80 8080 ConnectionRefusedError taken serves\ndoor\n',
      stderr: '',
      failed: [refused, refused],
      called: /^hello from .* 8080$/m,
      plan: /outbound_sockets +tcp 1, tcp and udp 53; without tproxy tcp 80,8080 /,
      doctor: /--connect-to 'NAME:\*'/,
    });
  });

test('a program may bind a port that it has called', async (t) => {
  const path = `/tmp/door-${process.pid}`;
  const told = world.run(`${head}
    ${serveAt(path)}
    const { stdout, stderr } = await python(${JSON.stringify(listOf(path))}, ${JSON.stringify(manyPorts(path))});
    server.close();
    tell({ stdout, stderr });
  `);
  t.same(told, { stdout: '80 8080 ConnectionResetError serves serves\ndoor\n', stderr: '' });
});

test('a list works where the host has switched IPv6 off', async (t) => {
  // as ipv6.disable_ipv6=1 at boot does in each network; there a unit of an adopted service makes the same one as a launch
  const make = `${process.execPath} -e "require(process.argv[1]).openBundle('network')" -- ${packageDirectory}/dist/bin/open-bundle.cjs make`;
  const accept = `
import socket
s = socket.socket(socket.AF_INET6); s.setsockopt(41, 26, 0); s.setsockopt(41, 75, 1); s.bind(("::", 1)); s.listen()
c = socket.create_connection(("198.18.0.16", 80)); print(*s.accept()[0].getsockname()[:2])
`;
  const script = `echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 && ${make} web.test:80 '[2001:db8::/32]:80' && python3 -c '${accept}'`;
  const { stdout, stderr } = spawnSync('unshare', ['-n', 'sh', '-c', script], { encoding: 'utf8' });
  t.equal(stdout, '::ffff:198.18.0.16 80\n', stderr);
  const call = `
import socket
try: print(socket.create_connection(("six.test", 80)).recv(1))
except OSError as error: print(type(error).__name__)
`;
  const told = world.run(`${head}
    const { writeFileSync } = await import('node:fs');
    writeFileSync('/proc/sys/net/ipv6/conf/all/disable_ipv6', '1');
    const web = await run(['web.test:80'], '/usr/bin/curl', ['-sS', 'http://web.test/']);
    // curl has a status of its own for a connection that ends before it looks
    const six = await python(['six.test:80'], ${JSON.stringify(call)});
    tell([web.stdout, web.stderr, six.stdout, six.stderr]);
  `);
  t.match(told, [/^hello from .*9\.9\.8\.2 80\n$/, '', 'ConnectionResetError\n', '']);
});
