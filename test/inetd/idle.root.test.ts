// The idle limit of connections, as real clients meet it.
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Test } from 'tap';

import { serveInJail } from '../../lib/inetd/serve.ts';
import { askStatus } from '../../lib/inetd/report/status-server.ts';
import { connectTo, hear, makeServerJail, startInetd } from '../support/inetd.ts';
import { oddCaller, rootTest, temporaryDirectory } from '../support/launch.ts';
import { patientMs } from '../support/patience.ts';
import { countOf, eventually, plainEnv, processesOf } from '../support/service.ts';

const test = rootTest('unshare', 'nsenter', 'ip', 'nft', 'python3');
const jail = makeServerJail();
// no other test has processes of this user
const UID = 47_340;
const user = `+${UID}:+${UID}`;
const local = (port: number) => ({ host: '127.0.0.1', port });
const bundle = join(import.meta.dirname, '../../bin/uchroot-inetd.cjs');

const rules = temporaryDirectory();
const open = ['--hosts-allow', `${rules}/allow`, '--hosts-deny', `${rules}/deny`];
writeFileSync(`${rules}/allow`, '');
writeFileSync(`${rules}/deny`, '');
const listen = ['--listen', '127.0.0.1:0', '--log', 'json', ...open];

/** An idle time, in which a client that sends now and then surely sends, also on a busy machine. */
const idleSeconds = (seconds: number): number => Math.ceil(patientMs(seconds * 1000) / 1000);

/** A client that sends a letter now and then; `heard()` is what it got, `isOpen()` whether nobody has ended it. */
function talk(t: Test, client: Socket): { heard: () => number; isOpen: () => boolean } {
  let heard = 0;
  let isOpen = true;
  client.on('data', (bytes) => (heard += bytes.length));
  for (const event of ['end', 'error']) client.on(event, () => (isOpen = false));
  const timer = setInterval(() => client.write('x'), 100);
  t.teardown(() => clearInterval(timer));
  return { heard: () => heard, isOpen: () => isOpen };
}

// Where a service of the log listens.
function addressOf(lines: readonly string[], service: string): { host: string; port: number } {
  const [, host = '', port] = new RegExp(`${service} on ([0-9.]+):([0-9]+)`).exec(lines.join()) ?? [];
  return { host, port: Number(port) };
}

/** A file of services, each named after what its program does, at an address of its own. */
function makeServices(
  defaults: string,
  ...services: readonly (readonly [what: string, more: string])[]
): string {
  const file = `${temporaryDirectory()}/services.toml`;
  const tables = services.map(
    ([what, more], i) =>
      `[services.${what}]\nlisten = "127.0.0.${i + 1}:0"\narguments = ["${what}"]\n${more}\n`,
  );
  writeFileSync(
    file,
    `[defaults]\ndirectory = "${jail}"\nprogram = "/server"\nlog = "json"\n${defaults}\n${tables.join('')}`,
  );
  return file;
}

test('a silent client is ended after its idle time, and its line says so; one that sends or receives now and then is not', async (t) => {
  const own = `user = "${user}"`;
  const idle = idleSeconds(2);
  const file = makeServices(`idle = ${idle}`, ['copy', own], ['tick', own], ['drain', own]);
  const status = `${temporaryDirectory()}/status`;
  const daemon = await startInetd(t, ['--config', file, '--status-socket', status, ...open]);
  const to = (name: string) => connectTo(t, addressOf(daemon.lines, name));
  const received = await to('tick');
  let ticks = 0;
  received.on('data', (bytes) => (ticks += bytes.length));
  const sender = talk(t, await to('drain'));
  for (let i = 1; i <= 2; i++) {
    const silent = await to('copy');
    t.equal((await hear(silent)).error, undefined);
    t.match((await daemon.entries(i))[i - 1], { service: 'copy', reason: 'idle', signal: 'SIGTERM' });
  }
  t.ok(ticks > 5);
  t.ok(sender.isOpen());
  const shown = JSON.parse(await askStatus(status, 'status')) as object;
  t.match(shown, {
    services: [{ name: 'copy', idleMs: idle * 1000 }, {}, {}],
    connections: [{ service: 'tick' }, { service: 'drain' }],
  });
  t.match(await askStatus(status, 'metrics'), /ended_total\{service="copy",reason="idle"\} 2\n/);
  const text = spawnSync(process.execPath, [bundle, 'status', '--status-socket', status], {
    encoding: 'utf8',
    env: plainEnv(),
  });
  t.match(text.stdout, new RegExp(`^copy: .* of 256 connections, idle ${idle} s$`, 'm'));
});

test('a program that ends with status 0 at SIGTERM has been ended by its idle limit all the same', async (t) => {
  const daemon = await startInetd(t, [...listen, '--idle', '0.3', user, jail, '/server', 'obey']);
  await hear(await connectTo(t, local(daemon.port)));
  t.match(await daemon.entries(1), [{ reason: 'idle', exitCode: 0, signal: null }]);
});

test('a client sees at once that the program has closed its connection, and the program goes on without it', async (t) => {
  const daemon = await startInetd(t, [...listen, '--idle', '0.3', user, jail, '/server', 'leave']);
  const { text, error } = await hear(await connectTo(t, local(daemon.port)));
  t.same([text, error], ['bye\n', undefined]);
  // those of the test before may still be ending
  t.ok(await eventually(() => processesOf(UID).length === 1), 'the program still runs');
  await sleep(1000);
  const [program = 0] = processesOf(UID);
  process.kill(program, 'SIGTERM');
  t.match(await daemon.entries(1), [{ reason: 'exit', exitCode: 0 }]);
});

test('a connection that one side has closed is ended as well, and nothing of an isolated program stays', async (t) => {
  const own = `user = "${user}"`;
  const file = makeServices('idle = 0.5\nisolate = true', ['pause', own], ['shut', own]);
  const daemon = await startInetd(t, ['--config', file, ...open]);
  const halfClosed = await connectTo(t, addressOf(daemon.lines, 'pause'));
  halfClosed.end();
  t.same(await hear(halfClosed), { text: '', error: undefined });
  // hears of the end at once, and closes nothing
  const silent = await connectTo(t, addressOf(daemon.lines, 'shut'));
  silent.on('end', () => undefined).resume();
  const entries = await daemon.entries(2);
  t.match(entries, [
    { service: 'pause', reason: 'idle' },
    { service: 'shut', reason: 'idle' },
  ]);
  t.ok(await eventually(() => processesOf(UID).length === 0));
});

test('clients of IPv6, and of IPv4 at an address of IPv6, are ended as well', async (t) => {
  const words = ['--listen', '[::1]:0', '--listen', '0', '--idle', '0.5', '--log', 'json', ...open];
  const daemon = await startInetd(t, [...words, user, jail, '/server', 'copy']);
  const six = Number(/\[::1\]:([0-9]+)/.exec(daemon.lines.join())?.[1]);
  const all = Number(/\[::\]:([0-9]+)/.exec(daemon.lines.join())?.[1]);
  const peers = [
    { host: '::1', port: six },
    { host: '::1', port: all },
    { host: '127.0.0.1', port: all },
  ];
  for (const to of peers) t.equal((await hear(await connectTo(t, to))).error, undefined);
  const entries = await daemon.entries(3);
  t.same(
    entries.map(({ reason }) => reason),
    ['idle', 'idle', 'idle'],
  );
});

test('many silent clients are ended, one that talks is not, and nothing of them stays', async (t) => {
  const COUNT = 400;
  const words = ['--idle', String(idleSeconds(3)), '--instances', '500', user, jail, '/server', 'copy'];
  const daemon = await startInetd(t, [...listen, ...words]);
  const talker = talk(t, await connectTo(t, local(daemon.port)));
  t.ok(await eventually(() => talker.heard() > 0));
  const before = countOf(daemon.pid);
  const silent = await Promise.all(Array.from({ length: COUNT }, () => connectTo(t, local(daemon.port))));
  for (const { error } of await Promise.all(silent.map(hear))) t.equal(error, undefined);
  const entries = await daemon.entries(COUNT);
  t.equal(entries.filter(({ reason }) => reason === 'idle').length, COUNT);
  t.ok(talker.isOpen());
  t.ok(await eventually(() => countOf(daemon.pid).fds <= before.fds), 'no descriptor stays');
});

test('a program that holds the lock of its socket is ended too, and keeps nobody else connected', async (t) => {
  const own = `user = "${user}"`;
  const file = makeServices('idle = 1', ['hold', `${own}\ncap = "sys_ptrace"`], ['copy', own]);
  const daemon = await startInetd(t, ['--config', file, ...open]);
  const holding = await connectTo(t, addressOf(daemon.lines, 'hold'));
  const silent = await connectTo(t, addressOf(daemon.lines, 'copy'));
  t.same(await Promise.all([hear(holding), hear(silent)]), [
    { text: 'held\n', error: undefined },
    { text: '', error: undefined },
  ]);
  const entries = await daemon.entries(2);
  const ends = entries.map(({ service, reason }) => [service, reason].join(' '));
  t.same(ends.toSorted(), ['copy idle', 'hold idle']);
});

test('data that is sent again to a client that has vanished is no data', async (t) => {
  const own = `user = "${user}"`;
  // It is sent again after 0.2, 0.6, 1.4, 3 and 6.2 seconds, or so.
  const file = makeServices('', ['tick', `${own}\nidle = 3`], ['copy', `${own}\nidle = 4.5`]);
  const script = 'ip link set lo up && exec "$@"';
  const daemon = await startInetd(t, ['--config', file, ...open], {
    by: ['unshare', '-n', 'sh', '-c', script, 'sh'],
  });
  const inside = ['nsenter', '-t', String(daemon.pid), '-n'];
  const [tick, copy] = ['tick', 'copy'].map((name) => addressOf(daemon.lines, name));
  const vanish = `import socket, subprocess, sys, time
tick = socket.create_connection((sys.argv[1], int(sys.argv[2])))
tick.recv(1)
rules = 'table inet gone { chain input { type filter hook input priority 0; policy drop; }; }'
# it starts before the time of the other client begins to run
nft = subprocess.Popen(['nft', '-f', '-'], stdin=subprocess.PIPE)
copy = socket.create_connection((sys.argv[3], int(sys.argv[4])))
nft.communicate(rules.encode())
assert nft.returncode == 0
print('vanished', flush=True)
time.sleep(60)`;
  const words = [tick?.host, tick?.port, copy?.host, copy?.port].map(String);
  const clients = spawn(inside[0] ?? '', [...inside.slice(1), 'python3', '-c', vanish, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => clients.kill('SIGKILL'));
  let said = '';
  clients.stdout.on('data', (bytes) => (said += String(bytes)));
  t.ok(await eventually(() => said === 'vanished\n'));
  const entries = await daemon.entries(2);
  t.same(
    entries.map(({ service, reason }) => [service, reason]),
    [
      ['tick', 'idle'],
      ['copy', 'idle'],
    ],
  );
});

test('there is one timer for all connections, and none without them', async (t) => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const request = { user, jail, program: '/server', args: ['copy'], idleMs: 60_000 };
  const files = { hostsAllow: `${rules}/allow`, hostsDeny: `${rules}/deny` };
  await using service = await serveInJail({ ...request, ...files, listen: '127.0.0.1:0' });
  const port = Number(service.addresses[0]?.split(':')[1]);
  const before = timers();
  const clients = await Promise.all(Array.from({ length: 5 }, () => connectTo(t, local(port))));
  t.ok(await eventually(() => service.connections.every(({ pid }) => pid !== undefined)));
  t.ok(await eventually(() => processesOf(UID).length === 5));
  t.equal(timers(), before + 1);
  for (const client of clients) client.destroy();
  t.ok(await eventually(() => service.connections.length === 0));
  t.ok(await eventually(() => timers() === before));
});

/** What a start that fails says. */
function refusal(words: readonly string[], by: readonly string[] = []): string {
  const [file = '', ...args] = [...by, process.execPath, bundle, ...words];
  const { status, stderr } = spawnSync(file, args, {
    encoding: 'utf8',
    env: plainEnv(),
    timeout: patientMs(20_000),
  });
  return `${status}\n${stderr}`;
}

test('an idle limit that cannot hold is refused with the reason', async (t) => {
  const end = [user, jail, '/server', 'copy'];
  const refuse = (words: readonly string[]): string => refusal(['--idle', '5', ...open, ...words, ...end]);
  t.match(
    refuse(['--listen', '/run/x.sock']),
    /^125\n.*--idle has no effect: \/run\/x\.sock is a unix socket/,
  );
  t.match(
    refuse(['--listen', '7/udp', '--wait']),
    /^125\n.*--idle has no effect: \[::\]:7\/udp takes datagrams/,
  );
  t.match(refuse(['--listen', '7/udp']), /^125\n.*--idle has no effect: \[::\]:7\/udp takes datagrams/);
  t.match(
    refuse(['--listen', '7', '--wait']),
    /^125\n.*--idle has no effect: the program of wait accepts the/,
  );
  const activation = ['--listen', '7', '--wait', '--activation', 'systemd'];
  t.match(
    refuse(activation),
    /^125\n.*--idle has no effect: the program of wait accepts[^]*hint: .*--timeout/,
  );
  t.match(
    refusal(['--idle', '5m', ...listen, ...end]),
    /--idle must be seconds [^]*hint: for example --idle 60/,
  );
  await t.rejects(serveInJail({ user, jail, program: '/server', listen: '127.0.0.1:0', idleMs: 0 }), {
    message: /^idleMs must be milliseconds/,
  });
});

test('an idle limit is refused at the start where the kernel tells nothing of the connections', async (t) => {
  const words = ['--idle', '5', ...listen, user, jail, '/server', 'copy'];
  const filtered = oddCaller('no-netlink');
  const told = /idle: 127\.0\.0\.1:0?[0-9]*: sock_diag: operation not permitted\n.*hint: .*AF_NETLINK/;
  t.match(refusal(words, filtered), told);
  t.match(refusal(['check', ...words], filtered), told);
  t.notMatch(refusal(['check', ...words]), /sock_diag/);
});

test('an idle limit is refused for a socket of systemd that is no TCP socket, or of another network namespace', async (t) => {
  const by = ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=one exec "$@"', 'sh'];
  const words = ['--idle', '5', ...open, user, jail, '/server', 'copy'];
  for (const [where, told] of [
    [{ host: '127.0.0.1', port: 0 }, /sock_diag: no such file or directory/],
    [{ path: `${temporaryDirectory()}/socket` }, /has no TCP connections/],
  ] as const) {
    const server = createServer();
    await new Promise<void>((done) => server.listen(where, () => done()));
    t.teardown(() => server.close());
    // oxlint-disable-next-line no-underscore-dangle -- Node has no other way to it
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    await t.rejects(startInetd(t, words, { by: ['unshare', '-n', ...by], fds: [fd] }), { message: told });
  }
});
