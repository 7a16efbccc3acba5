// uchroot-inetd with one service, used by real clients.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Test } from 'tap';

import type { InetdStatus } from '../../lib/inetd/report/status-server.ts';
import { askStatus } from '../../lib/inetd/report/status-server.ts';
import { ask, connectTo, hear, makeServerJail, startInetd } from '../support/inetd.ts';
import { plainRootTest, rootTest, start, temporaryDirectory } from '../support/launch.ts';
import { patientMs } from '../support/patience.ts';
import { countOf, eventually, plainEnv, processesOf, runs, statusOf } from '../support/service.ts';

const test = rootTest('prlimit', 'python3', 'socat');
const jail = makeServerJail();
// no other test has processes of this user
const UID = 47_310;
const user = `+${UID}:+${UID}`;
const local = (port: number) => ({ host: '127.0.0.1', port });

/** Files of rules, and the options that name them. */
function makeRules(allow: string, deny: string): { options: readonly string[]; allow: string; deny: string } {
  const directory = temporaryDirectory();
  const [allowFile, denyFile] = [`${directory}/hosts.allow`, `${directory}/hosts.deny`];
  writeFileSync(allowFile, allow);
  writeFileSync(denyFile, deny);
  return {
    options: ['--hosts-allow', allowFile, '--hosts-deny', denyFile],
    allow: allowFile,
    deny: denyFile,
  };
}

// Node has no datagrams of unix sockets: prints each as a line.
const listenScript = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1].replace('@', '\\0', 1)); print('bound')
while True: print(s.recv(4096).decode().replace('\\n', ' '))`;

const open = makeRules('', '').options;
const logged = ['--listen', '127.0.0.1:0', '--log', 'json'];
const listen = [...logged, ...open];

test('a client of IPv4, of IPv6 and of a unix socket gets the program, as the user, with nothing but its connection', async (t) => {
  const path = `${temporaryDirectory()}/socket`;
  const words = [
    '--listen',
    '[::1]:0',
    '--listen',
    path,
    '--listen',
    `@uchroot-test-${process.pid}`,
    '--socket-mode',
    '600',
  ];
  const daemon = await startInetd(t, [...listen, ...words, user, jail, '/server', 'state']);
  const [, six = ''] = /\[::1\]:([0-9]+)/.exec(daemon.lines.join()) ?? [];
  t.equal(statSync(path).mode & 0o777, 0o600);
  const state = `uid ${UID} gid ${UID} open 3 flags 0 0 0 NOTIFY no LISTEN no RULE no\n`;
  for (const to of [local(daemon.port), { host: '::1', port: Number(six) }, { path }]) {
    const { text, error } = await ask(to);
    t.equal(error, undefined);
    t.equal(text, state);
  }
  // Node 20 cannot connect to a name without a file
  const abstract = start(['socat', '-u', `ABSTRACT-CONNECT:uchroot-test-${process.pid}`, '-']);
  t.equal(abstract.stdout, state);
  t.equal(await daemon.end(), 0);
  t.notOk(existsSync(path), 'the socket is removed');
});

test('a line for each connection says who, by which rule, how it ended and what it cost', async (t) => {
  const { options, allow } = makeRules('# clients\nserver: 127.0.0.1\n', 'ALL: ALL\n');
  const daemon = await startInetd(t, [...logged, ...options, user, jail, '/server', 'exit', '7']);
  await ask(local(daemon.port));
  const [entry = {}] = await daemon.entries(1);
  t.match(entry, {
    event: 'connection',
    service: 'server',
    peer: { address: '127.0.0.1', port: Number },
    rule: { file: allow, line: 2 },
    pid: Number,
    reason: 'exit',
    exitCode: 7,
    signal: null,
    durationMs: Number,
    usage: { userCpuMs: Number, systemCpuMs: Number },
  });
});

test('a denied client reads no byte, and starts nothing', async (t) => {
  const { options, deny } = makeRules('', 'server: 127.0.0.2\n');
  const daemon = await startInetd(t, [...logged, ...options, user, jail, '/server', 'copy']);
  const denied = { ...local(daemon.port), localAddress: '127.0.0.2' };
  for (let i = 0; i < 20; i++) t.equal((await ask(denied, 'hello')).text, '');
  t.equal((await ask(local(daemon.port), 'hello')).text, 'hello');
  const entries = await daemon.entries(21);
  const refused = entries.filter(({ reason }) => reason === 'denied');
  t.equal(refused.length, 20);
  for (const entry of refused) {
    t.notOk('pid' in entry);
    t.match(entry, { rule: { file: deny, line: 1 } });
  }
});

test('rules are read again when they change, and their options count', async (t) => {
  const { options, allow } = makeRules('ALL: ALL\n', '');
  const daemon = await startInetd(t, ['--listen', '127.0.0.1:0', ...options, user, jail, '/server', 'state']);
  t.match((await ask(local(daemon.port))).text, /RULE no/);
  writeFileSync(allow, 'server: 127.0.0.1: setenv RULE %a: allow\n');
  t.match((await ask(local(daemon.port))).text, /open 3 flags 0 0 0 .*RULE 127\.0\.0\.1\n/);
  writeFileSync(allow, 'server: ALL: twist echo not you, %a\n');
  t.equal((await ask(local(daemon.port))).text, 'not you, 127.0.0.1\n');
  writeFileSync(allow, 'server: ALL: deny\n');
  t.equal((await ask(local(daemon.port))).text, '');
});

test('if a file of rules that was named goes, nobody is let in whom no rule names', async (t) => {
  const { options, allow, deny } = makeRules('', 'server: 192.0.2.1\n');
  const daemon = await startInetd(t, [...logged, ...options, user, jail, '/server', 'state']);
  t.match((await ask(local(daemon.port))).text, /RULE no/);
  rmSync(deny);
  t.equal((await ask(local(daemon.port))).text, '');
  const denied = (await daemon.entries(2)).find(({ reason }) => reason === 'denied');
  t.equal(denied?.message, `${deny} has gone, and everybody is refused`);
  writeFileSync(allow, 'server: 127.0.0.1\n');
  t.match((await ask(local(daemon.port))).text, /RULE no/);
});

test('clients that reset, are silent, half-close or send much are served, and nothing is left', async (t) => {
  const daemon = await startInetd(t, [...listen, user, jail, '/server', 'copy']);
  await ask(local(daemon.port), 'warm');
  const before = countOf(daemon.pid).fds;
  const silent = await connectTo(t, local(daemon.port));
  const reset = await connectTo(t, local(daemon.port));
  reset.resetAndDestroy();
  const gone = await connectTo(t, local(daemon.port));
  gone.destroy();
  const much = 'x'.repeat(4 * 2 ** 20);
  const { text } = await ask(local(daemon.port), much);
  t.equal(text.length, much.length);
  silent.end();
  t.equal((await hear(silent)).text, '');
  t.equal((await daemon.entries(5)).length, 5);
  t.ok(await eventually(() => processesOf(UID).length === 0));
  t.ok(await eventually(() => countOf(daemon.pid).fds <= before), 'no descriptor is left');
});

test('a thousand connections, fifty at once, mixed allowed and denied: nothing leaks', async (t) => {
  const { options } = makeRules('', 'server: 127.0.0.2\n');
  const daemon = await startInetd(t, [...logged, ...options, user, jail, '/server', 'copy']);
  await ask(local(daemon.port), 'warm');
  const before = countOf(daemon.pid);
  let wrong = 0;
  let next = 0;
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      for (let i = next++; i < 1000; i = next++) {
        const isDenied = i % 4 === 0;
        const to = { ...local(daemon.port), ...(isDenied && { localAddress: '127.0.0.2' }) };
        const { text } = await ask(to, `line ${i}\n`);
        if (text !== (isDenied ? '' : `line ${i}\n`)) wrong++;
      }
    }),
  );
  t.equal(wrong, 0);
  const entries = await daemon.entries(1001);
  t.equal(entries.length, 1001);
  t.equal(entries.filter(({ reason }) => reason === 'denied').length, 250);
  t.ok(await eventually(() => processesOf(UID).length === 0));
  t.ok(await eventually(() => countOf(daemon.pid).fds <= before.fds + 1), 'no descriptor is left');
});

async function connectAll(t: Test, port: number, count: number): Promise<readonly Socket[]> {
  return Promise.all(Array.from({ length: count }, () => connectTo(t, local(port))));
}

test('no more programs run than --instances, and the next client gets the first free place', async (t) => {
  const daemon = await startInetd(t, [...listen, '--instances', '3', user, jail, '/server', 'copy']);
  const clients = await connectAll(t, daemon.port, 5);
  t.ok(await eventually(() => processesOf(UID).length === 3));
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.equal(processesOf(UID).length, 3);
  for (const client of clients) {
    client.end('bye');
    t.equal((await hear(client)).text, 'bye');
  }
});

test('--per-source closes what is too much of one source, and serves another', async (t) => {
  const daemon = await startInetd(t, [...listen, '--per-source', '2', user, jail, '/server', 'copy']);
  const [first] = await connectAll(t, daemon.port, 2);
  t.ok(await eventually(() => processesOf(UID).length === 2));
  t.equal((await ask(local(daemon.port), 'third')).text, '');
  t.equal((await ask({ ...local(daemon.port), localAddress: '127.0.0.9' }, 'other')).text, 'other');
  first?.end();
  t.ok(await eventually(() => processesOf(UID).length === 1));
  t.equal((await ask(local(daemon.port), 'again')).text, 'again');
  t.ok((await daemon.entries(4)).some(({ reason }) => reason === 'per-source'));
});

test('--rate makes clients wait, and refuses none', async (t) => {
  const daemon = await startInetd(t, [...listen, '--rate', '20/1:5', user, jail, '/server', 'copy']);
  const begin = performance.now();
  const answers = await Promise.all(Array.from({ length: 11 }, (_, i) => ask(local(daemon.port), `${i}`)));
  t.same(
    answers.map(({ text }) => text),
    Array.from({ length: 11 }, (_, i) => `${i}`),
  );
  t.ok(performance.now() - begin > 250, 'six of them have waited for 50 ms each');
});

// Long enough for the program to begin, also on a busy machine.
const limited = (): readonly string[] => ['--timeout', String(patientMs(500) / 1000)];

test('--timeout ends a connection, and its line says so', async (t) => {
  const daemon = await startInetd(t, [...listen, ...limited(), user, jail, '/server', 'copy']);
  const client = await connectTo(t, local(daemon.port));
  t.equal((await hear(client)).error, undefined);
  t.match(await daemon.entries(1), [{ reason: 'time', signal: 'SIGTERM' }]);
});

test('a program that ends with status 0 at SIGTERM has been ended by its time limit all the same', async (t) => {
  const daemon = await startInetd(t, [...listen, ...limited(), user, jail, '/server', 'obey']);
  await hear(await connectTo(t, local(daemon.port)));
  t.match(await daemon.entries(1), [{ reason: 'time', exitCode: 0, signal: null }]);
});

test('--banner comes before the program', async (t) => {
  const banner = `${temporaryDirectory()}/banner`;
  writeFileSync(banner, 'hello\n');
  const daemon = await startInetd(t, [...listen, '--banner', banner, user, jail, '/server', 'copy']);
  t.equal((await ask(local(daemon.port), 'me\n')).text, 'hello\nme\n');
});

/** The shortest time in ms that one of the last four took: a busy machine does not hold up each of them. */
async function shortestOf(count: number, once: (i: number) => Promise<unknown>): Promise<number> {
  const took: number[] = [];
  for (let i = 0; i < count; i++) {
    const begin = performance.now();
    await once(i);
    took.push(performance.now() - begin);
  }
  return Math.min(...took.slice(-4));
}

test('a program that fails at once, for many clients of three addresses, makes nobody wait', async (t) => {
  for (const [words, end] of [
    [['exit', '1'], { reason: 'exit', exitCode: 1 }],
    [['crash'], { reason: 'signal', signal: 'SIGSEGV' }],
  ] as const) {
    const status = `${temporaryDirectory()}/status`;
    const options = ['--status-socket', status];
    const daemon = await startInetd(t, [...listen, ...options, user, jail, '/server', ...words]);
    const shortestMs = await shortestOf(30, (i) =>
      ask({ ...local(daemon.port), localAddress: `127.0.0.${7 + (i % 3)}` }),
    );
    t.ok(shortestMs < 3000, `${shortestMs} ms: the pause after each of so many crashes would be 10 s`);
    t.match(await daemon.entries(30), [end]);
    t.match(JSON.parse(await askStatus(status, 'status')), { services: [{ failures: 0 }] });
    t.equal(await daemon.end(), 0);
  }
});

/** Waits until status tells of so many connections and so many programs, never of more than one program. */
async function settledAt(t: Test, status: string, connections: number, live: number): Promise<void> {
  for (;;) {
    const now = JSON.parse(await askStatus(status, 'status')) as InetdStatus;
    t.ok((now.services[0]?.live ?? 2) <= 1, 'no more than one program');
    if (now.connections.length === connections && now.services[0]?.live === live) return;
    await sleep(20);
  }
}

test('clients whose rule starts a command that hangs take no place of others', async (t) => {
  const directory = temporaryDirectory();
  const [status, fifo] = [`${directory}/status`, `${directory}/fifo`];
  execFileSync('mkfifo', [fifo]);
  const { options } = makeRules(`ALL: 127.0.0.8: spawn read line <${fifo}\n`, '');
  const words = ['--status-socket', status, '--instances', '1', user, jail, '/server', 'copy'];
  const daemon = await startInetd(t, [...logged, ...options, ...words]);
  const settled = (connections: number, live: number) => settledAt(t, status, connections, live);
  const from8 = { ...local(daemon.port), localAddress: '127.0.0.8' };
  const hanging = await Promise.all([1, 2, 3].map(() => connectTo(t, from8)));
  await settled(3, 0);
  // they wait for the services that a reload has made
  daemon.child.kill('SIGHUP');
  t.ok(await eventually(() => daemon.lines.join().includes('reloaded')));
  t.equal((await ask(local(daemon.port), 'me')).text, 'me', 'another client is served');
  const writer = spawn('/bin/sh', ['-c', `while :; do echo >${fifo}; done`], { env: plainEnv() });
  t.teardown(() => writer.kill('SIGKILL'));
  // their commands end at once, and yet there is one program at a time
  await settled(3, 1);
  for (const client of hanging) client.end('it');
  for (const { text } of await Promise.all(hanging.map(hear))) t.equal(text, 'it');
  await settled(0, 0);
});

test('a client that was let in and waits for its turn is refused by rules that have changed since', async (t) => {
  const directory = temporaryDirectory();
  const [status, fifo, runs] = [`${directory}/status`, `${directory}/fifo`, `${directory}/runs`];
  execFileSync('mkfifo', [fifo]);
  const rule = `ALL: 127.0.0.8: spawn echo >>${runs}; read line <${fifo}\n`;
  const { options, allow } = makeRules(rule, '');
  const words = ['--status-socket', status, '--instances', '1', user, jail, '/server', 'copy'];
  const daemon = await startInetd(t, [...logged, ...options, ...words]);
  const wait = async (): Promise<[waiting: Socket, holder: Socket]> => {
    const waiting = await connectTo(t, { ...local(daemon.port), localAddress: '127.0.0.8' });
    await settledAt(t, status, 1, 0);
    const holder = await connectTo(t, local(daemon.port));
    await settledAt(t, status, 2, 1);
    // its command ends now, and it waits for the end of the other one
    execFileSync('/bin/sh', ['-c', `echo >${fifo}`], { env: plainEnv() });
    return [waiting, holder];
  };
  const [kept, first] = await wait();
  writeFileSync(allow, `# another line\n${rule}`);
  first.end();
  kept.end('it');
  t.equal((await hear(kept)).text, 'it');
  t.equal(statSync(runs).size, 1, 'the command of the same rule does not run again');
  await settledAt(t, status, 0, 0);
  const [refused, second] = await wait();
  writeFileSync(allow, 'ALL: 127.0.0.8: deny\n');
  second.end();
  refused.end('it');
  t.equal((await hear(refused)).text, '');
  t.match((await daemon.entries(4)).at(-1), { reason: 'denied', rule: { file: allow, line: 1 } });
  t.equal((await ask(local(daemon.port), 'me')).text, 'me', 'and its place is free again');
});

test('launches that fail are tried more and more seldom, and at once with --no-pause', async (t) => {
  const status = `${temporaryDirectory()}/status`;
  const options = ['--status-socket', status];
  const seldom = await startInetd(t, [...listen, ...options, user, jail, '/missing']);
  const begin = performance.now();
  for (let i = 0; i < 5; i++) await ask(local(seldom.port));
  t.ok(performance.now() - begin > 300, 'the last two have waited for 100 and 200 ms');
  t.match(JSON.parse(await askStatus(status, 'status')), { services: [{ failures: 5 }] });
  const atOnce = await startInetd(t, [...listen, '--no-pause', user, jail, '/missing']);
  const shortestMs = await shortestOf(12, () => ask(local(atOnce.port)));
  t.ok(shortestMs < 3000, `${shortestMs} ms: the last four pauses would be longer`);
});

test('a program that is missing is a problem of the log, and the client is closed', async (t) => {
  const daemon = await startInetd(t, [...listen, user, jail, '/missing']);
  t.equal((await ask(local(daemon.port))).text, '');
  await daemon.line(/^uchroot-inetd: missing: \/missing: not found in the jail$/);
  t.match(await daemon.entries(1), [{ reason: 'failed' }]);
});

test('SIGTERM: no new connections; those that it has go on, and then it ends', async (t) => {
  const daemon = await startInetd(t, [...listen, user, jail, '/server', 'copy']);
  const client = await connectTo(t, local(daemon.port));
  t.ok(await eventually(() => processesOf(UID).length === 1));
  daemon.child.kill('SIGTERM');
  await daemon.line(/no more connections are accepted; 1 connection left/);
  t.equal((await ask(local(daemon.port))).error, 'ECONNREFUSED');
  client.end('still here');
  t.equal((await hear(client)).text, 'still here');
  await daemon.line(/ended: no connection is left/);
  t.ok(await eventually(() => daemon.child.exitCode === 0));
});

test('a second SIGTERM does not wait, and the connections go on alone', async (t) => {
  const status = `${temporaryDirectory()}/status`;
  const options = [...listen, '--status-socket', status];
  const daemon = await startInetd(t, [...options, user, jail, '/server', 'copy']);
  const client = await connectTo(t, local(daemon.port));
  t.ok(await eventually(() => processesOf(UID).length === 1));
  t.ok(existsSync(status));
  daemon.child.kill('SIGTERM');
  await daemon.line(/no more connections are accepted/);
  t.equal(await daemon.end(), 0);
  t.notOk(existsSync(status));
  client.end('alone');
  t.equal((await hear(client)).text, 'alone');
});

test('SIGKILL of uchroot-inetd leaves served connections alone, and the port is free', async (t) => {
  const daemon = await startInetd(t, [...listen, user, jail, '/server', 'copy']);
  const client = await connectTo(t, local(daemon.port));
  t.ok(await eventually(() => processesOf(UID).length === 1));
  daemon.child.kill('SIGKILL');
  t.ok(await eventually(() => !runs(daemon.pid)));
  const again = await startInetd(t, [
    '--listen',
    `127.0.0.1:${daemon.port}`,
    ...open,
    user,
    jail,
    '/server',
    'state',
  ]);
  t.match((await ask(local(again.port))).text, /^uid/);
  client.end('orphan');
  t.equal((await hear(client)).text, 'orphan');
});

test('a dead unix socket is replaced, and a live one is not', async (t) => {
  const path = `${temporaryDirectory()}/socket`;
  const words = ['--listen', path, ...open, user, jail, '/server', 'copy'];
  const first = await startInetd(t, words);
  await t.rejects(startInetd(t, words), { message: /EADDRINUSE|address already in use/i });
  first.child.kill('SIGKILL');
  t.ok(await eventually(() => !runs(first.pid)));
  await startInetd(t, words);
  t.equal((await ask({ path }, 'new')).text, 'new');
});

test('SIGHUP while clients come refuses none of them, and what is wrong changes nothing', async (t) => {
  const { options, allow } = makeRules('ALL: ALL\n', '');
  const banner = `${temporaryDirectory()}/banner`;
  writeFileSync(banner, 'one\n');
  const words = ['--listen', '127.0.0.1:0', '--banner', banner, ...options, user, jail, '/server', 'copy'];
  const daemon = await startInetd(t, words);
  const kept = await connectTo(t, local(daemon.port));
  const heard = hear(kept);
  const done = new AbortController();
  let failed = 0;
  let served = 0;
  const clients = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (!done.signal.aborted) {
        const { text, error } = await ask(local(daemon.port), 'x');
        if (error !== undefined || !/^(one|two)\nx$/.test(text)) failed++;
        served++;
      }
    }),
  );
  writeFileSync(banner, 'two\n');
  for (let i = 1; i <= 5; i++) {
    daemon.child.kill('SIGHUP');
    t.ok(await eventually(() => daemon.lines.filter((line) => line.includes(': reloaded,')).length >= i));
  }
  writeFileSync(banner, 'x'.repeat(5000));
  daemon.child.kill('SIGHUP');
  await daemon.line(/the configuration is wrong, and the old one stays: banner: /);
  done.abort();
  await clients;
  t.equal(failed, 0);
  t.ok(served > 5);
  t.equal((await ask(local(daemon.port), 'x')).text, 'two\nx');
  kept.end('kept');
  t.equal((await heard).text, 'one\nkept');
  t.ok(existsSync(allow));
});

// SIGUSR1 made Node listen for a debugger: whoever connected to it ran code as root. SIGUSR2 ended the super-server.
test('SIGUSR1 prints the status to the log, as xinetd dumps its own, and SIGUSR2 does nothing', async (t) => {
  const daemon = await startInetd(t, [...listen, user, jail, '/server', 'copy']);
  const client = await connectTo(t, local(daemon.port));
  t.ok(await eventually(() => processesOf(UID).length === 1));
  daemon.child.kill('SIGUSR2');
  daemon.child.kill('SIGUSR1');
  await daemon.line(/ 127\.0\.0\.1:[0-9]+ pid [0-9]+ [0-9.]+ s$/);
  const [first, second] = daemon.lines.slice(
    daemon.lines.findIndex((line) => line.endsWith(`pid ${daemon.pid}`)),
  );
  t.equal(first, `uchroot-inetd: uchroot-inetd, pid ${daemon.pid}`);
  t.match(second, /^uchroot-inetd: server: 127\.0\.0\.1:[0-9]+: 1 of 256 connections$/);
  t.notMatch(daemon.lines.join('\n'), /nspector|ebugger/);
  client.end('told');
  t.equal((await hear(client)).text, 'told');
  t.equal(await daemon.end(), 0);
});

test('a client whose rule takes long gets the program, though SIGHUP and SIGTERM come meanwhile', async (t) => {
  const begun = `${temporaryDirectory()}/begun`;
  const { options } = makeRules(`ALL: ALL: spawn touch ${begun}; sleep 1\n`, '');
  for (const signal of ['SIGHUP', 'SIGTERM'] as const) {
    const daemon = await startInetd(t, [
      '--listen',
      '127.0.0.1:0',
      ...options,
      user,
      jail,
      '/server',
      'state',
    ]);
    const answer = ask(local(daemon.port));
    t.ok(await eventually(() => existsSync(begun)));
    rmSync(begun);
    daemon.child.kill(signal);
    await daemon.line(
      signal === 'SIGHUP' ? /: reloaded,/ : /no more connections are accepted; 1 connection left/,
    );
    t.match((await answer).text, /^uid/, signal);
    if (signal === 'SIGHUP') t.equal(await daemon.end(), 0);
    else t.ok(await eventually(() => daemon.child.exitCode === 0), 'it ends by itself');
  }
});

test('without descriptors it accepts nothing for a moment, and recovers', async (t) => {
  const limit = 60;
  const daemon = await startInetd(t, [...listen, user, jail, '/server', 'copy'], {
    by: ['prlimit', `--nofile=${limit}:${limit}`],
  });
  const clients = await connectAll(t, daemon.port, 80);
  await daemon.line(/EMFILE|[Tt]oo many open files/);
  t.ok(countOf(daemon.pid).fds <= limit);
  for (const client of clients) client.destroy();
  let text = '';
  // the first ones after that may still be shed
  for (let i = 0; i < 50 && text === ''; i++) ({ text } = await ask(local(daemon.port), 'recovered'));
  t.equal(text, 'recovered');
  t.ok(await eventually(() => processesOf(UID).length === 0, 15_000));
  t.equal((await ask(local(daemon.port), 'again')).text, 'again');
});

test('without descriptors it accepts again after a moment, though its connections end all the time', async (t) => {
  const daemon = await startInetd(t, [...listen, user, jail, '/server', 'copy'], {
    by: ['prlimit', '--nofile=60:60'],
  });
  const served: Socket[] = [];
  for (let isServed = true; isServed;) {
    const client = await connectTo(t, local(daemon.port));
    client.on('error', Boolean).write('x');
    isServed = await new Promise((done) =>
      client
        .once('data', () => done(true))
        .once('close', () => done(false))
        .once('end', () => done(false)),
    );
    served.push(client);
  }
  const over: string[] = [];
  const later = Array.from({ length: 12 }, () =>
    ask(local(daemon.port), 'x').then(({ text }) => over.push(text)),
  );
  for (; over.length < later.length && served.length > 0; served.pop()?.destroy())
    await eventually(() => over.length === later.length, 1000);
  t.ok(served.length > 0, 'all of them have been accepted before the last connection has ended');
  await Promise.all(later);
});

test('clients that come at once need no more descriptors than their connections', async (t) => {
  const daemon = await startInetd(t, [...listen, user, jail, '/server', 'copy'], {
    by: ['prlimit', '--nofile=400:400'],
  });
  await connectAll(t, daemon.port, 240);
  t.ok(await eventually(() => processesOf(UID).length === 240, 15_000));
  t.notOk(daemon.lines.some((line) => /failed|too many/.test(line)));
});

test('a wait service of datagrams gets the socket, again when it has ended', async (t) => {
  const daemon = await startInetd(t, [
    '--listen',
    '127.0.0.1:0/udp',
    '--wait',
    '--log',
    'json',
    user,
    jail,
    '/server',
    'datagrams',
    '2',
  ]);
  const { createSocket } = await import('node:dgram');
  const client = createSocket('udp4');
  t.teardown(() => client.close());
  const got: string[] = [];
  client.on('message', (bytes) => got.push(String(bytes)));
  for (let i = 0; i < 4; i++) {
    client.send(`datagram ${i}`, daemon.port, '127.0.0.1');
    t.ok(await eventually(() => got.length === i + 1));
  }
  t.same(got, ['datagram 0', 'datagram 1', 'datagram 2', 'datagram 3']);
  t.match(await daemon.entries(2), [{ reason: 'exit' }, { reason: 'exit' }]);
});

test('a wait service of streams accepts its connection itself', async (t) => {
  const daemon = await startInetd(t, [...logged, '--wait', user, jail, '/server', 'accept']);
  for (let i = 0; i < 3; i++) t.equal((await ask(local(daemon.port))).text, 'accepted\n');
});

test('a wait service that ends without a look at its socket does not start all the time', async (t) => {
  const daemon = await startInetd(t, [...logged, '--wait', user, jail, '/server', 'exit', '0']);
  await connectTo(t, local(daemon.port));
  const begin = performance.now();
  await daemon.entries(150);
  t.ok(performance.now() - begin > 400, 'a hundred at once, and then a hundred a second');
});

// tells its client whether another program has one at the same time, and when it was started
const aloneScript = `import socket, time
# the start of the process: python may take long on a busy machine
begin = int(open('/proc/self/stat').read().rsplit(')')[-1].split()[19]) / 100
client = socket.socket(fileno=0).accept()[0]
mine = socket.socket(socket.AF_UNIX)
word = 'alone'
try: mine.bind('\\0uchroot-alone-${process.pid}')
except OSError: word = 'together'
time.sleep(0.3)
client.send(f'{word} {begin}'.encode())`;

test('all addresses of a wait service together keep its limits', async (t) => {
  const askBoth = async (...limits: readonly string[]): Promise<readonly string[][]> => {
    const path = `${temporaryDirectory()}/socket`;
    const program = ['--insecure-path', user, '/', '/usr/bin/python3', '-Bc', aloneScript];
    const daemon = await startInetd(t, [...logged, '--listen', path, '--wait', ...limits, ...program]);
    const heard = await Promise.all([ask(local(daemon.port)), ask({ path })]);
    t.equal(await daemon.end(), 0);
    return heard.map(({ text }) => text.split(' '));
  };
  t.match(await askBoth('--instances', '1'), [['alone'], ['alone']]);
  const [first, second] = (await askBoth('--rate', '1/2')).map(([, begin]) => Number(begin));
  t.ok(Math.abs((first ?? 0) - (second ?? 0)) > 1, `${first} and ${second}`);
});

/** A socket that another process has opened, as systemd does. */
async function openSocket(
  t: Test,
): Promise<{ readonly fd: number; readonly port: number; readonly close: () => void }> {
  const { createServer } = await import('node:net');
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()));
  t.teardown(() => server.close());
  // oxlint-disable-next-line no-underscore-dangle -- Node has no other way to it
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const { port } = server.address() as { port: number };
  return { fd, port, close: () => void server.close() };
}

test('sockets of systemd are taken over, and their variables reach no program', async (t) => {
  const { fd, port, close } = await openSocket(t);
  const by = ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=echo exec "$@"', 'sh'];
  const daemon = await startInetd(t, [...open, user, jail, '/server', 'state'], { by, fds: [fd] });
  close();
  t.match((await ask(local(port))).text, /open 3 .*LISTEN no/);
  t.match(daemon.lines.join(), /server on 127\.0\.0\.1:/);
});

test('sockets of systemd need no option before the user', async (t) => {
  const { fd, port, close } = await openSocket(t);
  const by = ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', 'sh'];
  await startInetd(t, [user, jail, '/server', 'state'], { by, fds: [fd] });
  close();
  t.match((await ask(local(port))).text, /^uid/);
});

/** A service manager at this address. @returns what it has heard */
async function startManager(t: Test, address: string): Promise<() => string> {
  const manager = spawn('python3', ['-uc', listenScript, address], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => manager.kill('SIGKILL'));
  let heard = '';
  manager.stdout.on('data', (chunk) => (heard += String(chunk)));
  t.ok(await eventually(() => heard.includes('bound')));
  return () => heard;
}

test('a service manager hears when it is ready, reloads and stops, and gets a sign of life', async (t) => {
  const path = `${temporaryDirectory()}/notify`;
  const heard = await startManager(t, path);
  const daemon = await startInetd(t, [...listen, user, jail, '/server', 'state'], {
    env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '100000' },
  });
  t.ok(await eventually(() => /READY=1 STATUS=listening: server on /.test(heard())), heard());
  t.ok(await eventually(() => heard().split('WATCHDOG=1').length > 3));
  t.match((await ask(local(daemon.port))).text, /NOTIFY no/);
  daemon.child.kill('SIGHUP');
  t.ok(
    await eventually(() => /RELOADING=1 MONOTONIC_USEC=[0-9]+\n(WATCHDOG=1\n)*READY=1/.test(heard())),
    heard(),
  );
  t.equal(await daemon.end(), 0);
  t.ok(await eventually(() => heard().includes('STOPPING=1')), heard());
});

test('a service manager at a name without a file hears it too', async (t) => {
  const heard = await startManager(t, `@uchroot-notify-${process.pid}`);
  const daemon = await startInetd(t, [...listen, user, jail, '/server', 'state'], {
    env: { NOTIFY_SOCKET: `@uchroot-notify-${process.pid}` },
  });
  t.ok(await eventually(() => heard().includes('READY=1')));
  t.equal(await daemon.end(), 0);
});

test('a listener of IPv6 alone takes no client of IPv4, whose port another one has', async (t) => {
  const stateAt = (address: string) =>
    startInetd(t, ['--listen', address, '--log', 'none', ...open, user, jail, '/server', 'state']);
  const both = await stateAt('[::]:0');
  t.match((await ask(local(both.port))).text, /^uid/);
  const six = await stateAt('0/tcp6');
  const [, port = ''] = /\[::\]:([0-9]+)\/tcp6/.exec(six.lines.join()) ?? [];
  t.match((await ask({ host: '::1', port: Number(port) })).text, /^uid/);
  t.equal((await ask(local(Number(port)))).error, 'ECONNREFUSED');
  await stateAt(`0.0.0.0:${port}`);
  t.match((await ask(local(Number(port)))).text, /^uid/);
});

plainRootTest()(
  'its own memory: at most 16 MB above that of Node when it is idle, and 40 KB for each live connection',
  async (t) => {
    const daemon = await startInetd(t, [...listen, '--instances', '1000', user, jail, '/server', 'copy']);
    // anonymous pages: those of files are shared by all Node processes of the host
    const memoryKb = (pid = daemon.pid) => Number.parseInt(statusOf(pid, 'RssAnon') ?? '', 10);
    const node = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1e6)'], { env: {} });
    t.teardown(() => node.kill('SIGKILL'));
    await once(node.stdout, 'data');
    const idleKb = memoryKb();
    const nodeKb = memoryKb(node.pid);
    t.ok(nodeKb > 0 && idleKb > 0 && idleKb <= nodeKb + 16 * 1024, `${idleKb} KB, Node ${nodeKb} KB`);
    const count = 300;
    const clients = await connectAll(t, daemon.port, count);
    t.ok(await eventually(() => processesOf(UID).length === count, 15_000));
    const eachKb = (memoryKb() - idleKb) / count;
    t.ok(eachKb <= 40, `${eachKb.toFixed(1)} KB`);
    for (const client of clients) client.destroy();
    t.ok(await eventually(() => processesOf(UID).length === 0, 15_000));
  },
);

test('the address that is missing, taken or wrong has an error with its remedy', async (t) => {
  const fail = async (...words: string[]): Promise<string> => {
    const error = await startInetd(t, words).catch((error: unknown) => error);
    return (error as Error).message;
  };
  t.match(await fail('--user', 'x'), /unknown option --user/);
  t.match(
    await fail('--per-source', '1', user, jail, '/server'),
    /no address to listen on.*\nhint: give one with --listen/s,
  );
  t.match(await fail('--listen', 'nowhere', user, jail, '/server'), /'nowhere' is no address/);
  t.match(
    await fail('--listen', '127.0.0.1:0/udp', user, jail, '/server'),
    /--listen needs --wait: .*\nhint: give --wait too/s,
  );
  t.match(
    await fail('--listen', '127.0.0.1:0', 'no-such-user', jail, '/server'),
    /Unknown user no-such-user/,
  );
  t.match(await fail('--listen', '192.0.2.1:0', user, jail, '/server'), /listen: 192\.0\.2\.1:0: bind: /);
  t.match(await fail('--listen', 'systemd', user, jail, '/server'), /systemd has opened no socket/);
});
