// Programs that may call the names of a list: clients that must work, and what must not get out.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import { execInJail } from '../../../lib/index.ts';
import { command, rootTest } from '../../support/launch.ts';
import { makeWorld, type World } from '../../support/outbound.ts';
import { eventually } from '../../support/patience.ts';
import { sanitized } from '../../support/sanitizer.ts';

const test = rootTest(
  'unshare',
  'nsenter',
  'setpriv',
  'ip',
  'curl',
  'python3',
  'openssl',
  'git',
  'wget',
  'ssh',
  'psql',
);
// Only this file has processes of this uid.
const uid = 61_476;
const isRoot = process.getuid?.() === 0;
const world: World = isRoot ? makeWorld() : { directory: '/', jail: '/', by: [], run: () => undefined };

/** The launch of each row, without its list. */
const head = `
  const rootless = process.geteuid() !== 0;
  const base = {
    user: 'nobody', jail: ${JSON.stringify(world.jail)}, isolate: true, rootless, reject: false, timeoutMs: 60_000,
    view: [{ bind: '/usr', to: '/usr', readOnly: true }, { proc: '/proc' }, { dev: '/dev' }, { tmpfs: '/tmp' }],
  };
  const { openJail, runInJail, spawnInJail } = await load('index.js');
  const short = ({ exitCode, stdout, stderr, denied }) => ({ exitCode, stdout, stderr, denied });
  const sh = (connectTo, line) => runInJail({ ...base, connectTo, program: '/bin/sh', args: ['-c', line] }).then(short);
`;

interface Result {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly denied?: readonly Record<string, unknown>[];
}

type Row = readonly [what: string, list: readonly string[], line: string, said: RegExp];

function results(rows: readonly Row[], as?: number): readonly Result[] {
  const asked = JSON.stringify(rows.map(([, list, line]) => [list, line]));
  return world.run(
    `${head} const told = []; for (const row of ${asked}) told.push(await sh(...row)); tell(told);`,
    as,
  ) as readonly Result[];
}

const python = (lines: string): string => `python3 -c '${lines.replaceAll("'", '"')}'`;
const node = (lines: string): string => `node -e '${lines.replaceAll("'", '"')}'`;

const web = /^hello from (?:::ffff:)?9\.9\.8\.2 80$/m;
const clients: readonly Row[] = [
  ['curl', ['web.test:80'], 'curl -sS http://web.test/', web],
  ['curl, IPv4 alone', ['web.test:80'], 'curl -4 -sS http://web.test/', web],
  ['curl, IPv6 alone, to a name of IPv4', ['web.test:80'], 'curl -6 -sS http://web.test/', web],
  ['a name of IPv6', ['six.test:80'], 'curl -sS http://six.test/', /^hello from 2a00:1111::2 80$/m],
  [
    'a name of IPv6 by IPv4',
    ['six.test:80'],
    'curl -4 -sS http://six.test/',
    /^hello from 2a00:1111::2 80$/m,
  ],
  ['another port', ['web.test:8000-8100'], 'curl -sS http://web.test:8080/', /9\.9\.8\.2 8080$/m],
  ['all ports', ['web.test:*'], 'curl -sS http://web.test:8080/', /9\.9\.8\.2 8080$/m],
  ['other letters, and a dot', ['WEB.test:80'], 'curl -sS http://Web.TEST./', web],
  ['TLS', ['web.test:443'], 'curl -ksS https://web.test/', /9\.9\.8\.2 443$/m],
  ['openssl', ['web.test:443'], 'openssl s_client -connect web.test:443 -brief </dev/null 2>&1', /web\.test/],
  ['fetch', ['web.test:80'], node("fetch('http://web.test/').then((r) => r.text()).then(console.log)"), web],
  [
    'http of Node',
    ['web.test:80'],
    node("require('http').get('http://web.test/', (r) => r.pipe(process.stdout))"),
    web,
  ],
  ['c-ares', ['web.test:80'], node("require('dns').resolve4('web.test', console.log)"), /198\.18\.0\.16/],
  [
    'urllib',
    ['web.test:80'],
    python("import urllib.request as u; print(u.urlopen('http://web.test/').read().decode())"),
    web,
  ],
  [
    'asyncio',
    ['web.test:7'],
    python(
      "import asyncio\nasync def f():\n r,w=await asyncio.open_connection('web.test',7); w.write(b'hi\\n'); print(await r.readline())\nasyncio.run(f())",
    ),
    /^b"hi\\n"|b'hi\\n'/,
  ],
  [
    'requests',
    ['web.test:443'],
    python("import requests; print(requests.get('https://web.test/', verify=False).text)"),
    /9\.9\.8\.2 443$/m,
  ],
  ['wget', ['web.test:80'], 'wget -qO- http://web.test/', web],
  [
    'git by TLS',
    ['web.test:443'],
    'HOME=/tmp GIT_SSL_NO_VERIFY=1 git ls-remote https://web.test/repo.git && echo done',
    /^done$/m,
  ],
  [
    'git by ssh',
    ['web.test:22'],
    "GIT_SSH_COMMAND='ssh -v -F none' git ls-remote ssh://web.test/repo.git 2>&1",
    /remote software version test/,
  ],
  ['psql', ['web.test:5432'], "psql 'host=web.test user=sam' -c 'LISTEN news'", /^LISTEN$/m],
  ['git', ['web.test:80'], 'HOME=/tmp git ls-remote http://web.test/repo.git && echo done', /^done$/m],
  ['bash', ['web.test:22'], "bash -c 'exec 3<>/dev/tcp/web.test/22; head -1 <&3'", /^SSH-2\.0-test/],
  [
    'half-close',
    ['web.test:7'],
    python(
      "import socket\ns=socket.create_connection(('web.test',7)); s.sendall(b'x'*300000); s.shutdown(1); n=0\nwhile True:\n b=s.recv(65536)\n if not b: break\n n+=len(b)\nprint(n)",
    ),
    /^300000$/m,
  ],
  ['an address', ['9.9.8.2:80'], 'curl -sS http://9.9.8.2/', web],
  [
    'an IPv6 network',
    ['[2a00:1111::/64]:80'],
    "curl -sS 'http://[2a00:1111::2]/'",
    /^hello from 2a00:1111::2 80$/m,
  ],
  ['all addresses', ['0.0.0.0/0:80'], 'curl -sS http://9.9.8.3/', /^hello from ::ffff:9\.9\.8\.3 80$/m],
  ['beneath a domain', ['.zone.test:80'], 'curl -sS http://deep.zone.test/', web],
  [
    'a name in a private network',
    ['db.internal=10.0.0.0/8:80'],
    'curl -sS http://db.internal/',
    /10\.1\.2\.3 80$/m,
  ],
  ['a private network', ['10.1.2.0/24:80'], 'curl -sS http://10.1.2.3/', /10\.1\.2\.3 80$/m],
  [
    'a server of its own on the same port',
    ['web.test:80', '0.0.0.0/0:80'],
    python(
      "import socket\ns=socket.create_server(('127.0.0.1',8080)); c=socket.create_connection(('127.0.0.1',8080)); c.sendall(b'own'); print(s.accept()[0].recv(9).decode())",
    ),
    /^own$/m,
  ],
  ['questions by TCP', ['web.test:80'], 'RES_OPTIONS=use-vc getent ahostsv4 web.test', /^198\.18\.0\.16 /m],
  ['localhost', ['web.test:80'], 'getent ahosts localhost', /^127\.0\.0\.1|^::1/m],
];

for (const as of [undefined, uid])
  test(`clients do their work${as === undefined ? '' : ', without root'}`, async (t) => {
    const told = results(clients, as);
    for (const [i, [what, , , said]] of clients.entries()) {
      const { stdout = '', stderr = '', denied = [] } = told[i] ?? {};
      t.match(stdout, said, `${what}: ${stderr}`);
      t.same(denied, [], what);
    }
  });

type Refused = readonly [...Row, denied: object | undefined];

const noName = { reason: 'no entry has this name' };
const refused: readonly Refused[] = [
  [
    'another name',
    ['web.test:80'],
    'curl -sS http://other.test/',
    /^$/,
    { name: 'other.test', entry: 'other.test:PORT', ...noName },
  ],
  [
    'another port',
    ['web.test:80'],
    'curl -sS http://web.test:8080/',
    /^$/,
    { name: 'web.test', port: 8080, entry: 'web.test:8080' },
  ],
  ['an address', ['web.test:80'], 'curl -sS http://9.9.8.2/', /^$/, undefined],
  ['an IPv6 address', ['web.test:80'], "curl -sS 'http://[2a00:1111::2]/'", /^$/, undefined],
  [
    'a port of an address',
    ['9.9.8.2:80'],
    'curl -sS http://9.9.8.2:8080/',
    /^$/,
    { address: '9.9.8.2', port: 8080, entry: '9.9.8.2:8080' },
  ],
  ['the domain itself', ['.web.test:80'], 'curl -sS http://web.test/', /^$/, noName],
  [
    'metadata by name',
    ['meta.test:80'],
    'curl -sS http://meta.test/',
    /^$/,
    { address: '169.254.169.254', entry: 'meta.test=169.254.169.254:PORT' },
  ],
  [
    'metadata by a wide network',
    ['0.0.0.0/0:*'],
    'curl -sS http://169.254.169.254/',
    /^$/,
    { address: '169.254.169.254', entry: '169.254.169.254:80' },
  ],
  [
    'a private network by name',
    ['private.test:80'],
    'curl -sS http://private.test/',
    /^$/,
    { reason: 'it is a private network' },
  ],
  [
    'the same by a wide network',
    ['0.0.0.0/0:*'],
    'curl -sS http://10.1.2.3/',
    /^$/,
    { reason: 'it is a private network' },
  ],
  [
    'the same in the mapped form',
    ['mapped.test:80'],
    'curl -sS http://mapped.test/',
    /^$/,
    { reason: 'it is a private network' },
  ],
  [
    'the loopback by name',
    ['loop.test:80'],
    'curl -sS http://loop.test/',
    /^$/,
    { reason: 'it is the loopback of the host' },
  ],
  [
    'an address of the host',
    ['self.test:80'],
    'curl -sS http://self.test/',
    /^$/,
    { reason: 'it is an address of this host' },
  ],
  [
    'an address of the host, of a link without carrier',
    ['unplugged.test:80'],
    'curl -sS http://unplugged.test/',
    /^$/,
    { reason: 'it is an address of this host' },
  ],
  [
    'the same by a network around it',
    ['9.9.8.0/24:80', '0.0.0.0/0:80'],
    'curl -sS http://9.9.8.1/',
    /^$/,
    { reason: 'it is an address of this host', entry: '9.9.8.1:80' },
  ],
  [
    'another network than that of the entry',
    ['web.test=10.0.0.0/8:80'],
    'curl -sS http://web.test/',
    /^$/,
    { reason: 'it is not in the network of the entry' },
  ],
  ['a list of nothing', [], 'curl -sS http://web.test/', /^$/, undefined],
];

for (const as of [undefined, uid])
  test(`what is not on the list is refused, and told once${as === undefined ? '' : ', without root'}`, async (t) => {
    const told = results(
      refused.map(([what, list, line, said]): Row => [what, list, `${line}; ${line}`, said]),
      as,
    );
    for (const [i, [what, , , , expected]] of refused.entries()) {
      const { exitCode, stdout, denied = [] } = told[i] ?? {};
      t.not(exitCode, 0, what);
      t.equal(stdout, '', what);
      if (expected === undefined) t.same(denied, [], what);
      else t.match(denied, [expected], what);
      t.equal(denied.length, expected === undefined ? 0 : 1, what);
    }
  });

// Each attack answers with what it has got from outside; nothing is right.
const attacks = `
import json, os, socket, struct, subprocess, sys
socket.setdefaulttimeout(10)
got = {}
def attack(name):
    def run(body):
        try: got[name] = repr(body() or "")
        except (OSError, UnicodeError, subprocess.SubprocessError) as error: got[name] = ""
        if got[name] == repr(""): got[name] = ""
    return run
def page(host, port=80, family=0):
    for family, kind, protocol, _, place in socket.getaddrinfo(host, port, family, socket.SOCK_STREAM):
        with socket.socket(family, kind, protocol) as s:
            s.connect(place); s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n"); return s.recv(99)
def tcp(place, family=socket.AF_INET):
    with socket.socket(family) as s:
        s.connect(place); s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n"); return s.recv(99)
def question(labels, kind=1, flags=0x100, counts=(1, 0, 0, 0), more=b""):
    name = b"".join(bytes([len(l)]) + l for l in labels) + b"\\0"
    return struct.pack(">6H", 7, flags, *counts) + name + struct.pack(">2H", kind, 1) + more
def ask(message, place=("127.0.0.1", 53)):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2); s.sendto(message, place); answer = s.recv(999)
        return answer if answer[7] else b""
for text in ("9.9.8.2", "0x9.9.8.2", "011.011.010.02", "151587842", "9.9.2050", "::ffff:9.9.8.2", "0x09090802"):
    attack("address " + text)(lambda: page(text))
attack("other name")(lambda: page("other.test"))
attack("name with NUL")(lambda: ask(question([b"web.test\\0.other", b"test"])))
attack("NUL behind a name")(lambda: ask(question([b"other", b"test\\0"])))
attack("dot in a label")(lambda: ask(question([b"web.test"])))
attack("name of 255 bytes")(lambda: ask(question([b"x" * 63, b"x" * 63, b"x" * 63, b"x" * 61])))
attack("empty name")(lambda: ask(question([])))
attack("homograph")(lambda: ask(question(["w\\u0435b".encode(), b"test"])))
attack("prefix of a name")(lambda: page("eb.test"))
attack("beneath a name")(lambda: page("a.web.test"))
attack("suffix of a name")(lambda: page("web.test.other.test"))
attack("two questions")(lambda: ask(question([b"web", b"test"], counts=(2, 0, 0, 0), more=question([b"other", b"test"])[12:])))
attack("pointer to itself")(lambda: ask(struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + b"\\xc0\\x0c\\0\\1\\0\\1"))
attack("a zone transfer")(lambda: ask(question([b"test"], kind=252)))
attack("any type")(lambda: ask(question([b"web", b"test"], kind=255)))
attack("metadata by name")(lambda: page("meta.test"))
attack("loopback by name")(lambda: page("loop.test"))
attack("mapped by name")(lambda: page("mapped.test"))
attack("port of a name")(lambda: page("web.test", 8080))
attack("dns by TCP to a name")(lambda: tcp(("198.18.0.16", 53)))
attack("never given out")(lambda: tcp(("198.18.7.7", 80)))
attack("own address")(lambda: tcp(("198.18.0.1", 80)))
attack("the port of the relay")(lambda: tcp(("127.0.0.1", 1)))
attack("CONNECT to the relay")(lambda: (lambda s: (s.sendall(b"CONNECT 9.9.8.3:80 HTTP/1.0\\r\\n\\r\\n"), s.recv(99))[1])(socket.create_connection(("127.0.0.1", 1))))
attack("udp")(lambda: (lambda s: (s.connect(("9.9.8.2", 7)), s.send(b"x"), s.recv(9))[2])(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
attack("udp to a name")(lambda: (lambda s: (s.connect(("198.18.0.16", 80)), s.send(b"x"), s.recv(9))[2])(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
attack("fast open")(lambda: (lambda s: (s.sendto(b"GET / HTTP/1.0\\r\\n\\r\\n", 0x20000000, ("9.9.8.2", 80)), s.recv(99))[1])(socket.socket()))
attack("raw socket")(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 255) and "raw")
attack("packet socket")(lambda: socket.socket(17, socket.SOCK_RAW, 3) and "packet")
attack("sctp")(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132).connect(("9.9.8.2", 80)) or "sctp")
attack("vsock")(lambda: socket.socket(40, socket.SOCK_STREAM).connect((2, 80)) or "vsock")
attack("a route of its own")(lambda: (lambda s: (s.send(struct.pack("=IHHII8BI", 36, 24, 0x405, 1, 0, 2, 0, 0, 0, 254, 3, 0, 1, 0) + struct.pack("=HHI", 8, 4, 1)), struct.unpack_from("=i", s.recv(999), 16)[0] == 0 and "route")[1])(socket.socket(16, 3, 0)))
attack("rules of its own")(lambda: subprocess.run(["nft", "flush", "ruleset"], capture_output=True).returncode == 0 and "rules")
attack("sockets that it was given")(lambda: [f for f in range(3, 64) if os.path.exists("/proc/self/fd/%d" % f) and "socket" in os.readlink("/proc/self/fd/%d" % f)])
attack("sockets of init")(lambda: os.listdir("/proc/1/fd"))
print(json.dumps({"got": got, "right": page("web.test").decode()[:15]}))
`;

for (const as of [undefined, uid])
  test(`no attack gets out${as === undefined ? '' : ', without root'}`, async (t) => {
    const list = ['web.test:80', 'meta.test:80', 'loop.test:80', 'mapped.test:80'];
    const lines = `${head} tell(await runInJail({
      ...base, connectTo: ${JSON.stringify(list)}, program: '/usr/bin/python3', args: ['-c', ${JSON.stringify(attacks)}],
    }).then(short))`;
    const { stdout, stderr, denied = [] } = world.run(lines, as) as Result;
    const { got, right } = JSON.parse(stdout || '{}') as { got?: Record<string, string>; right?: string };
    t.equal(right, 'HTTP/1.1 200 OK', stderr);
    const attempts = Object.entries(got ?? {});
    t.ok(attempts.length >= 40, String(attempts.length));
    t.same(
      attempts.filter(([, what]) => what !== ''),
      [],
    );
    t.ok(denied.some(({ name }) => name === 'other.test'));
  });

test('ten thousand connections and names that are refused cost no more than a few', async (t) => {
  const flood = `
import socket
refused = 0
for i in range(5000):
    s = socket.socket(); s.settimeout(20)
    try: s.connect(("198.18.0.16", 81)); refused += s.recv(1) == b""
    except OSError: refused += 1
    s.close()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.connect(("127.0.0.1", 53))
for i in range(5000):
    try: u.send(b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4n%03d\\4evil\\0\\0\\1\\0\\1" % (i % 1000))
    except OSError: pass
print(refused)
`;
  const told = world.run(`${head}
    const { monitorEventLoopDelay } = await import('node:perf_hooks');
    const before = process.memoryUsage().rss;
    const { readdirSync: list } = await import('node:fs');
    const count = () => list('/proc/self/fd').length + list('/proc/self/task').length;
    await sh(['web.test:80'], 'curl -sS http://web.test/'); // threads that stay
    const idle = count();
    const result = await runInJail({
      ...base, connectTo: ['web.test:80'], timeoutMs: 120_000, program: '/bin/sh',
      args: ['-c', ${JSON.stringify(`getent hosts web.test; python3 -c '${flood.replaceAll("'", '"')}'`)}],
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    tell({ ...short(result), grown: process.memoryUsage().rss - before, left: count() - idle });
  `) as Result & { grown: number; left: number };
  t.match(told.stdout, /^5000$/m, told.stderr);
  t.ok((told.denied ?? []).length <= 100);
  // AddressSanitizer keeps what is freed
  t.ok(told.grown < (sanitized ? 400 : 100) * 2 ** 20, String(told.grown));
  t.ok(told.left <= 2, `descriptors and threads that are left: ${told.left}`);
});

test('a reader that does not read takes no memory of the service', async (t) => {
  const told = world.run(`${head}
    const before = process.memoryUsage().rss;
    const result = await runInJail({
      ...base, connectTo: ['web.test:19'], program: '/usr/bin/python3', args: ['-c', ${JSON.stringify(`
import socket
sent = 0
s = socket.create_connection(("web.test", 19)); s.settimeout(1)
try:
    while sent < 1 << 28: sent += s.send(b"x" * 65536)
except OSError: pass
print(sent >> 20)
`)}],
    });
    tell({ ...short(result), grown: process.memoryUsage().rss - before });
  `) as Result & { grown: number };
  t.ok(Number(told.stdout) < 64, told.stdout + told.stderr);
  t.ok(told.grown < 64 * 2 ** 20, String(told.grown));
});

test('what a program has sent before its end arrives', async (t) => {
  const kept = `${world.directory}/kept`;
  world.run(
    `${head} tell(await sh(['web.test:9'], ${JSON.stringify(
      python("import socket; s=socket.create_connection(('web.test',9)); s.sendall(b'x'*1000000)"),
    )}))`,
  );
  t.ok(await eventually(() => existsSync(kept) && readFileSync(kept, 'utf8') === '1000000\n'));
});

test('each launch of an open jail has a list of its own', async (t) => {
  for (const as of [undefined, uid]) {
    const told = world.run(
      `${head} const told = [];
      for (const share of ['none', 'net', 'all']) {
        const jail = await openJail(base.jail, { ...base, jail: undefined, share });
        const get = (connectTo, name) => jail.run({ connectTo, program: '/usr/bin/curl', args: ['-sS', 'http://' + name + '/'] });
        const both = ['web.test:80', 'other.test:80'];
        const runs = await Promise.all(both.flatMap((entry) => ['web.test', 'other.test'].map((name) => get([entry], name))));
        told.push([...runs, await get([], 'web.test')].map(({ exitCode }) => exitCode === 0));
        jail.close();
      }
      tell(told);`,
      as,
    );
    const expected = [true, false, false, true, false];
    t.same(told, [expected, expected, expected]);
  }
});

test('what is refused is an event, a line of the status descriptor, and a key of the result', async (t) => {
  const told = world.run(`${head}
    const { openSync, closeSync } = await import('node:fs');
    const { reject, ...spawned } = base;
    const statusFd = openSync(${JSON.stringify(`${world.directory}/status`)}, 'w');
    const child = await spawnInJail({ ...spawned, statusFd, connectTo: ['web.test:80'], program: '/usr/bin/getent', args: ['hosts', 'other.test'] });
    closeSync(statusFd);
    const events = [];
    child.on('denied', (denied) => events.push(denied));
    const exit = await child.exited;
    tell([events, child.denied, exit.denied]);
  `);
  const denied = [{ name: 'other.test', reason: 'no entry has this name', entry: 'other.test:PORT' }];
  t.same(told, [denied, denied, denied]);
  const lines = readFileSync(`${world.directory}/status`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  t.match(lines, [{ event: 'started' }, { event: 'denied', ...denied[0] }, { event: 'exited' }]);
});

test('a service of the super-server has a list, and its log tells what was refused', async (t) => {
  const told = world.run(`${head}
    const { serveInJail } = await load('index.js');
    const { connect } = await import('node:net');
    const { reject, timeoutMs, ...served } = base;
    const service = await serveInJail({
      ...served, listen: '127.0.0.1:8123', connectTo: ['web.test:80'],
      program: '/bin/sh', args: ['-c', 'curl -sS http://web.test/; getent hosts other.test'],
    });
    const ended = new Promise((resolve) => service.once('end', resolve));
    let text = '';
    for await (const part of connect(8123, '127.0.0.1')) text += part;
    const { message } = await ended;
    await service.drain();
    tell([text, message]);
  `) as readonly string[];
  t.match(told[0], web);
  t.equal(told[1], 'it may not call other.test (no entry has this name; other.test:PORT would allow it)');
});

test('the doctor says that a list works here', async (t) => {
  const { stdout } = inShell(`${command.join(' ')} --doctor`);
  t.match(stdout, /^outbound +yes +--isolate --connect-to$/m);
});

// The command becomes a small process that waits, and another one relays.
const commanded = (list: readonly string[], line: string): string =>
  [
    '--isolate',
    '--ro-bind',
    '/usr',
    ...list.flatMap((entry) => ['--connect-to', entry]),
    'nobody',
    world.jail,
    '/bin/sh',
    '-c',
    line,
  ]
    .map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
    .join(' ');

function inShell(
  script: string,
  as?: number,
): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const told = world.run(
    `const { spawnSync } = await import('node:child_process');
    const { status, stdout, stderr } = spawnSync('sh', ['-c', ${JSON.stringify(script)}], { encoding: 'utf8', input: '' });
    tell({ status, stdout, stderr });`,
    as,
  );
  return told as ReturnType<typeof inShell>;
}

for (const as of [undefined, uid])
  test(`the command relays by a process beside its program${as === undefined ? '' : ', without root'}`, async (t) => {
    const rootless = as === undefined ? '' : '--rootless';
    const run = (list: readonly string[], line: string) =>
      inShell(`${command.join(' ')} ${rootless} ${commanded(list, line)}`, as);
    const { status, stdout, stderr } = run(
      ['web.test:80'],
      'curl -sS http://web.test/; curl -s http://other.test/; exit 7',
    );
    t.equal(status, 7);
    t.match(stdout, web);
    t.equal(
      stderr,
      'uchroot: warning: the program may not call other.test: no entry has this name\nhint: --connect-to other.test:PORT allows it\n',
    );
    const told = inShell(
      `${command.join(' ')} ${rootless} --status-fd 3 ${commanded(['web.test:80'], 'curl -s http://other.test/')} 3>&1`,
      as,
    );
    t.match(told.stdout, /^\{"event":"denied","name":"other\.test"/m);
    t.equal(told.stderr, '');
  });

test('the process that relays has the ids of the program, and if it is killed, that reaches nothing', async (t) => {
  const fifo = `${world.directory}/fifo`;
  const { stdout, stderr } = inShell(`
    mkfifo ${fifo}
    UV_USE_IO_URING=1 setpriv --securebits +no_setuid_fixup ${command.join(' ')} ${commanded(['web.test:80'], 'curl -sS http://web.test/; read line; curl -sS -m 5 http://web.test/ || echo refused')} <${fifo} >${fifo}.out &
    exec 3>${fifo}
    until grep -q hello ${fifo}.out; do sleep 0.01; done
    beside=$(pgrep -P $! -f openBundle)
    grep -hE '^(Uid|Gid|Groups|CapPrm)' /proc/$beside/status /proc/$beside/task/*/status | sort -u
    kill -9 $beside
    echo >&3
    wait $!
    cat ${fifo}.out
  `);
  const ids = String.raw`CapPrm:\t0+\nGid:(\t65534){4}\nGroups:\t \nUid:(\t65534){4}\n`;
  t.match(stdout, new RegExp(`^${ids}hello from .* 80\nrefused\n$`), stderr);
});

test('a program that ends before the process that relays has begun is heard', async (t) => {
  const line = "bash -c 'exec 3<>/dev/tcp/9.9.8.2/9; printf x >&3'";
  const kept = `${world.directory}/kept`;
  const before = readFileSync(kept, 'utf8');
  // the servers end with the shell, and nothing else waits for the process that relays
  const { status } = inShell(`
    ${command.join(' ')} ${commanded(['9.9.8.2:9'], line)}; status=$?
    tries=0; until [ $(wc -c <${kept}) -gt ${before.length} ] || [ $((tries += 1)) -gt 3000 ]; do sleep 0.01; done
    exit $status
  `);
  t.equal(status, 0);
  t.equal(readFileSync(kept, 'utf8'), `${before}1\n`);
});

test('no process of Node relays for a program that calls nobody, and none stays', async (t) => {
  const fifo = `${world.directory}/idle`;
  const { stdout, stderr } = inShell(`
    mkfifo ${fifo}
    ${command.join(' ')} ${commanded(['web.test:80'], 'echo begun; read line; echo done')} <${fifo} >${fifo}.out &
    exec 3>${fifo}
    until grep -q begun ${fifo}.out; do sleep 0.01; done
    beside=$(pgrep -P $! -f openBundle)
    readlink /proc/$beside/exe
    echo >&3
    wait $!
    tries=0; while [ -d /proc/$beside ] && [ $((tries += 1)) -lt 3000 ]; do sleep 0.01; done
    [ -d /proc/$beside ] || echo ended
  `);
  t.match(stdout, /uchroot-launcher\nended\n$/, stderr);
});

test('nothing stays that could relay for a launch in place, or for a compiled one', async (t) => {
  const [name] = command;
  t.ok(name);
  t.throws(
    () =>
      execInJail({
        user: 'nobody',
        jail: world.jail,
        isolate: true,
        connectTo: ['web.test:80'],
        program: '/bin/true',
      }),
    /leaves no process beside the program/,
  );
  const { status, stderr } = inShell(
    `${command.join(' ')} --compile /dev/null ${commanded(['web.test:80'], 'true')}`,
  );
  t.not(status, 0);
  t.match(stderr, /--connect-to.*no process that stays/s);
});

for (const as of [undefined, uid])
  test(`a file of entries counts as it is at each question${as === undefined ? '' : ', without root'}`, async (t) => {
    const told = world.run(
      `${head}
      const { writeFileSync, mkdtempSync, rmSync } = await import('node:fs');
      const { once } = await import('node:events');
      const { setTimeout: sleep } = await import('node:timers/promises');
      const directory = mkdtempSync('/tmp/names-'), file = directory + '/names';
      const warned = [];
      process.on('warning', ({ message }) => warned.push(message));
      const write = async (text) => { await sleep(30); writeFileSync(file, text); };
      await write('# servers\\n\\nweb.test:80  # the page\\n');
      const { reject, timeoutMs, ...spawned } = base;
      const child = await spawnInJail({
        ...spawned, connectTo: ['@' + file, '9.9.8.2:7'], stdio: ['pipe', 'pipe', 'inherit'], program: '/bin/sh',
        args: ['-c', 'exec 3<>/dev/null; while read name; do getent hosts $name >/dev/null && echo yes || echo no; done'],
      });
      const ask = async (name) => (child.stdin.write(name + '\\n'), String((await once(child.stdout, 'data'))[0]).trim());
      const heard = [await ask('web.test')];
      await write('web.test:80\\nother.test:80\\n9.9.8.3:80\\n');
      heard.push(await ask('other.test'));
      await write('web.test:80\\nsix.test\\n');
      heard.push(await ask('deep.zone.test'));
      rmSync(file);
      heard.push(await ask('self.test'));
      await write('.zone.test:80\\n');
      heard.push(await ask('six.test'), await ask('DEEP.zone.test'));
      child.stdin.end();
      await child.exited;
      rmSync(directory, { recursive: true });
      tell([heard, warned.map((message) => message.replaceAll(file, 'FILE'))]);`,
      as,
    ) as readonly [readonly string[], readonly string[]];
    t.same(told[0], ['yes', 'yes', 'no', 'no', 'no', 'yes']);
    t.same(told[1], [
      'FILE: 9.9.8.3:80 counts from the next launch on',
      "FILE, line 2 must be an entry such as NAME:PORTS, not 'six.test': it has no port; the list before it stays in force",
      'connect-to: FILE: no such file or directory; the list before it stays in force',
    ]);
  });

test('the command says what is wrong with a file of entries, and whose it must not be', async (t) => {
  const file = `${world.directory}/names`;
  const run = (text: string, more = '') => {
    writeFileSync(file, text);
    return inShell(`${more}${command.join(' ')} ${commanded([`@${file}`], 'curl -sS http://web.test/')}`);
  };
  t.match(run('web.test:80\n').stdout, web);
  const { status, stderr } = run('web.test:80\n\nhttps://web.test/\n');
  t.equal(status, 1);
  t.match(
    stderr,
    /names, line 3 must be an entry such as NAME:PORTS, not 'https:\/\/web\.test\/': it is a URL/,
  );
  t.match(stderr, /hint: for example api\.example\.org:443/);
  t.match(run('web.test\n').stderr, /line 1 .*has no port\nhint: did you mean web\.test:443\?/);
  t.match(run('unix:/run/app/s\n').stderr, /line 1: 'unix:\/run\/app\/s' is no entry of a file/);
  t.match(
    run('', `chown 65534 ${file}; `).stderr,
    /connect-to: .*names is owned by uid 65534, the user to be jailed/,
  );
  t.match(
    run('', `chown 0 ${file}; chmod 666 ${file}; `).stderr,
    /connect-to: .*can be written by everybody/,
  );
  rmSync(file);
  t.match(inShell(`${command.join(' ')} ${commanded([`@${file}`], 'true')}`).stderr, /names: no such file/);
});

for (const as of [undefined, uid])
  test(`a service is asked about what no entry allows${as === undefined ? '' : ', without root'}`, async (t) => {
    const told = world.run(
      `${head}
      const asked = [];
      const onConnect = async ({ name, address, port }) => {
        asked.push([name ?? null, address ?? null, port]);
        if (name === 'six.test') throw new Error('no answer');
        return name === 'web.test' || name === 'private.test' || name === 'self.test' || name === 'nowhere.test' || address === '9.9.8.2';
      };
      const get = (...urls) => urls.map((url) => 'curl -sS http://' + url + '/; ').join('');
      const run = (connectTo, line) => runInJail({ ...base, connectTo, onConnect, program: '/bin/sh', args: ['-c', line] }).then(short);
      const none = await run(undefined, get('web.test', 'web.test', 'other.test', 'six.test', 'private.test', 'self.test', 'nowhere.test', '9.9.8.3') + 'getent hosts unasked.test');
      const some = await run(['other.test:80', '9.9.8.0/24:7', '10.1.2.3:7'], get('other.test', '9.9.8.2', '9.9.8.3', '10.1.2.3'));
      const jail = await openJail(base.jail, { ...base, jail: undefined, share: 'all' });
      const open = await jail.run({ onConnect, program: '/bin/sh', args: ['-c', get('web.test')] });
      const closed = await jail.run({ program: '/bin/sh', args: ['-c', get('web.test')] });
      jail.close();
      const refused = await runInJail({ ...base, isolate: false, rootless: false, view: [], onConnect, program: '/bin/true' }).catch(({ message }) => message);
      tell({ asked, none, some, open: [open.stdout, closed.stdout], refused });`,
      as,
    ) as {
      readonly asked: readonly unknown[];
      readonly none: Result;
      readonly some: Result;
      readonly open: readonly string[];
      readonly refused: string;
    };
    const page = 'hello from ::ffff:9.9.8.2 80\n';
    t.equal(told.none.stdout.replace(/^\S+ +unasked\.test\n/m, ''), page + page, told.none.stderr);
    t.same(told.none.denied, [
      { name: 'other.test', port: 80, reason: 'onConnect does not allow it', entry: 'other.test:80' },
      { name: 'six.test', port: 80, reason: 'onConnect has failed: no answer', entry: 'six.test:80' },
      {
        name: 'private.test',
        address: '10.1.2.3',
        port: 80,
        reason: 'it is a private network',
        entry: 'private.test=10.1.2.3:80',
      },
      {
        name: 'self.test',
        address: '9.9.8.1',
        port: 80,
        reason: 'it is an address of this host',
        entry: 'self.test=9.9.8.1:80',
      },
    ]);
    t.equal(told.some.stdout, `hello from ::ffff:9.9.8.3 80\n${page}`, told.some.stderr);
    t.match(told.some.denied, [
      { address: '9.9.8.3', port: 80, reason: 'onConnect does not allow it', entry: '9.9.8.3:80' },
      { address: '10.1.2.3', port: 80, reason: 'no entry allows it' },
    ]);
    t.same(told.asked, [
      ['web.test', null, 80],
      ['other.test', null, 80],
      ['six.test', null, 80],
      ['private.test', null, 80],
      ['self.test', null, 80],
      ['nowhere.test', null, 80],
      [null, '9.9.8.2', 80],
      [null, '9.9.8.3', 80],
      ['web.test', null, 80],
    ]);
    t.same(told.open, [page, '']);
    t.match(told.refused, /needs a network of its own/);
  });
