// uchroot-inetd against other super-servers, with the same static program: jailed by us, not by them. They take turns.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { median, row } from './table.mjs';
import { makeRules } from './wrappers.mjs';

const packageRoot = fileURLToPath(new URL('../../', import.meta.url));
const bundle = `${packageRoot}dist/bin/uchroot-inetd.cjs`;
const XINETD = `${packageRoot}build/test/xinetd/usr/sbin/xinetd`;
const TCPSERVER = `${packageRoot}build/test/ucspi-tcp/usr/bin/tcpserver`;
const PORTS = { ours: 7801, isolated: 7802, refusing: 7803, xinetd: 7804, inetd: 7805, tcpserver: 7806 };

// libwrap reads /etc/hosts.allow: its users get an /etc with these rules above the host's.
const withRules = (etc) => [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount -t overlay overlay -o lowerdir="$1":/etc /etc && shift && exec "$@"',
  'sh',
  etc,
];

function xinetdConf(program) {
  return `service line
{
  type = UNLISTED
  socket_type = stream
  protocol = tcp
  wait = no
  user = nobody
  bind = 127.0.0.1
  port = ${PORTS.xinetd}
  server = ${program}
  instances = UNLIMITED
  per_source = UNLIMITED
  cps = 1000000 1
}
`;
}

function commands(directory, jail, user) {
  const program = `${jail}/bin/line`;
  const rules = [
    '--hosts-allow',
    `${directory}/etc/hosts.allow`,
    '--hosts-deny',
    `${directory}/etc/hosts.deny`,
  ];
  const common = ['--log', 'none', '--instances', '1000', ...rules];
  const ours = (port, ...words) => [
    process.execPath,
    bundle,
    '--listen',
    `127.0.0.1:${port}`,
    ...common,
    ...words,
    user,
    jail,
    '/bin/line',
  ];
  writeFileSync(`${directory}/xinetd.conf`, xinetdConf(program));
  writeFileSync(
    `${directory}/inetd.conf`,
    `127.0.0.1:${PORTS.inetd} stream tcp nowait.1000000 nobody /usr/sbin/tcpd ${program}\n`,
  );
  const all = {
    ours: ours(PORTS.ours),
    isolated: ours(PORTS.isolated, '--isolate'),
    refusing: ours(PORTS.refusing, '--daemon', 'nobody-is-let-in'),
    xinetd: [
      ...withRules(`${directory}/etc`),
      XINETD,
      '-f',
      `${directory}/xinetd.conf`,
      '-dontfork',
      '-pidfile',
      `${directory}/pid`,
    ],
    inetd: [...withRules(`${directory}/etc`), '/usr/sbin/inetd', '-i', `${directory}/inetd.conf`],
    tcpserver: [
      TCPSERVER,
      '-HRl0',
      '-c1000',
      '-x',
      `${directory}/rules.cdb`,
      '-u65534',
      '-g65534',
      '127.0.0.1',
      String(PORTS.tcpserver),
      program,
    ],
  };
  const needed = { xinetd: [XINETD], inetd: ['/usr/sbin/inetd', '/usr/sbin/tcpd'], tcpserver: [TCPSERVER] };
  return Object.entries(all).filter(([name]) => (needed[name] ?? []).every((path) => existsSync(path)));
}

async function listens(port) {
  for (let i = 0; i < 200; i++) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise((done) => {
      socket.once('connect', () => done(true));
      socket.once('error', () => done(false));
    });
    socket.destroy();
    if (isOpen) return;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error(`nobody listens on port ${port}`);
}

async function end(server) {
  const ended = once(server, 'exit');
  if (server.kill('SIGKILL')) await ended;
}

function writeRules(directory, count) {
  const rules = makeRules(count).replace(/^sshd: 10\.0\.0\.1$/m, 'line: 127.0.0.1');
  writeFileSync(`${directory}/etc/hosts.allow`, rules);
  writeFileSync(`${directory}/etc/hosts.deny`, 'ALL: ALL\n');
  if (!existsSync(TCPSERVER)) return;
  const cdb = Array.from({ length: count - 1 }, (_, i) => `11.${i >> 8}.${i & 255}.1:allow\n`).join('');
  execFileSync(
    TCPSERVER.replace('tcpserver', 'tcprules'),
    [`${directory}/rules.cdb`, `${directory}/rules.tmp`],
    {
      input: `${cdb}127.0.0.1:allow\n:deny\n`,
    },
  );
}

function ask(clients, name, concurrency, seconds) {
  const words = [PORTS[name], concurrency, seconds, name === 'refusing' ? '' : 'hello'].map(String);
  const { status, stdout } = spawnSync(clients, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${name}: clients ended with ${status}`);
  const [rate, p50, p99] = stdout.split(' ').map(Number);
  return { rate, p50, p99 };
}

function residentKb(pid) {
  return Number(/^VmRSS:\s*([0-9]+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

async function connectAll(sockets, count) {
  while (sockets.length < count) {
    const socket = connect(PORTS.ours, '127.0.0.1');
    sockets.push(socket);
    await once(socket, 'connect');
  }
  await new Promise((done) => setTimeout(done, 1500));
}

// What this process itself grows by for each live connection, from 100 to 900 of them: the first ones fill what is free. It is
// asked before the rounds, which leave more free.
async function memory(pid) {
  const sockets = [];
  await connectAll(sockets, 100);
  const before = residentKb(pid);
  await connectAll(sockets, 900);
  const perConnection = (residentKb(pid) - before) / 800;
  for (const socket of sockets) socket.destroy();
  return perConnection;
}

async function measure(context, count) {
  const directory = mkdtempSync(join(tmpdir(), 'uchroot-bench-'));
  // tcpserver reads its rules as nobody
  chmodSync(directory, 0o755);
  mkdirSync(`${directory}/etc`);
  writeRules(directory, count);
  const { jail, binaries, user, rounds, windowMs } = context;
  copyFileSync(`${binaries}/line`, `${jail}/bin/line`);
  const servers = new Map();
  const samples = new Map();
  try {
    for (const [name, [file, ...args]] of commands(directory, jail, user)) {
      servers.set(name, spawn(file, args, { stdio: 'ignore' }));
      await listens(PORTS[name]);
    }
    const idle = residentKb(servers.get('ours').pid);
    for (const name of servers.keys()) ask(`${binaries}/clients`, name, 4, 0.3);
    const used = { idle, perConnection: await memory(servers.get('ours').pid) };
    for (let round = 0; round < Math.ceil(rounds / 30); round++)
      for (const concurrency of [1, 16])
        for (const name of servers.keys()) {
          const key = `${name} ${concurrency}`;
          samples.set(key, [
            ...(samples.get(key) ?? []),
            ask(`${binaries}/clients`, name, concurrency, windowMs / 1000),
          ]);
        }
    return {
      names: [...servers.keys()],
      used,
      of: (name, at, what) => median(samples.get(`${name} ${at}`).map((one) => one[what])),
    };
  } finally {
    // the next servers listen on the same ports
    await Promise.all([...servers.values()].map(end));
    rmSync(directory, { recursive: true, force: true });
  }
}

const PEERS = { xinetd: 'xinetd', inetd: 'inetd + tcpd', tcpserver: 'tcpserver' };
// With 10 rules, the others have next to nothing to decide, and none of them isolates.
const GOALS = {
  'xinetd 1000 16': 1.4,
  'tcpserver 1000 16': 0.85,
  'isolated 1000 1': 1,
  'isolated 1000 16': 1,
};

function rowsAt({ names, of }, count, at) {
  const at16 = (goal) => (at === 16 ? goal : undefined);
  const end = `${count} rules, ${at} at once`;
  const ratio = (one, other, what = 'rate') => of(one, at, what) / of(other, at, what);
  const rows = names
    .filter((name) => name in PEERS)
    .map((peer) => {
      const least = peer === 'inetd' ? 2 : GOALS[`${peer} ${count} ${at}`];
      return row(`connections/s v ${PEERS[peer]}, ${end}`, ratio('ours', peer), least && ['>=', least]);
    });
  rows.push(row(`refusals v accepted, ${end}`, ratio('refusing', 'ours'), at16(['>=', 5])));
  if (!names.includes('xinetd')) return rows;
  const isolated = GOALS[`isolated ${count} ${at}`];
  rows.push(row(`isolated v xinetd, ${end}`, ratio('isolated', 'xinetd'), isolated && ['>=', isolated]));
  for (const what of ['p50', 'p99'])
    rows.push(row(`${what} v xinetd, ${end}`, ratio('ours', 'xinetd', what), at16(['<=', 1])));
  return rows;
}

const rowsOf = (measured, count) => [1, 16].flatMap((at) => rowsAt(measured, count, at));

/** Connections served a second, their times, and memory. */
export async function inetd(context) {
  const few = await measure(context, 10);
  const many = await measure(context, 1000);
  return [
    ...rowsOf(few, 10),
    ...rowsOf(many, 1000),
    row('memory of uchroot-inetd, idle', few.used.idle / 1024, ['<=', 60], 'MB'),
    row('memory of uchroot-inetd, a live connection', few.used.perConnection, ['<=', 40], 'KB'),
  ];
}
