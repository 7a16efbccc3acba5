// Wait services that get their sockets as from systemd.
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { setImmediate } from 'node:timers/promises';

import type { Test } from 'tap';

import { serveInJail } from '../../../lib/inetd/serve.ts';
import { spawnInJail } from '../../../lib/launch/start/spawn.ts';
import { ask, startInetd } from '../../support/inetd.ts';
import { rootTest, temporaryDirectory } from '../../support/launch.ts';
import { eventually, processesOf } from '../../support/service.ts';

const test = rootTest('python3');
// no other test has processes of this user
const UID = 47_330;
const user = `+${UID}:+${UID}`;
// the host's own python3 is the program
const onHost = ['--insecure-path', user, '/', '/usr/bin/python3', '-Bc'];

// As sd_listen_fds_with_names() does it. Answers one client of each socket, and is then over.
const script = `import os, select, socket, sys
assert os.environ['LISTEN_PID'] == str(os.getpid()), os.environ['LISTEN_PID']
count = int(os.environ['LISTEN_FDS'])
names = os.environ['LISTEN_FDNAMES'].split(':')
assert len(names) == count
opened = sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:-1] if os.path.exists('/proc/self/fd') else []
sockets = [socket.socket(fileno=3 + i) for i in range(count)]
streams = ' '.join(os.readlink('/proc/self/fd/%d' % fd) for fd in range(3)) if opened else ''
waiting = set(sockets)
while waiting:
  for one in select.select(list(waiting), [], [])[0]:
    client = one.accept()[0]
    client.send(f"{names[sockets.index(one)]} of {count}, blocking {one.getblocking()}, {streams}, open {opened}\\n".encode())
    client.close()
    waiting.remove(one)`;

// Serves for ever.
const forever = 'import socket\ns = socket.socket(fileno=3)\nwhile True: s.accept()[0].send(b"here")';

/** A socket that listens, whose clients this process accepts until the server is closed. */
async function listenHere(t: Test): Promise<{ fd: number; port: number; server: Server }> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()));
  t.teardown(() => server.close());
  // oxlint-disable-next-line no-underscore-dangle -- Node has no other way to it
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const { port } = server.address() as AddressInfo;
  return { fd, port, server };
}

test('--activation systemd: one program gets all sockets from descriptor 3 on, with LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES', async (t) => {
  for (const isolate of [[], ['--isolate']]) {
    const path = `${temporaryDirectory()}/socket`;
    const listen = ['--listen', '127.0.0.1:0', '--listen', path, '--log', 'json'];
    const daemon = await startInetd(t, [
      ...listen,
      '--wait',
      '--activation',
      'systemd',
      '--daemon',
      'web:1',
      ...isolate,
      ...onHost,
      script,
    ]);
    const answer =
      isolate.length > 0
        ? /^web_1 of 2, blocking True, /
        : /^web_1 of 2, blocking True, \/dev\/null \/dev\/null \/dev\/null, open \[0, 1, 2, 3, 4\]\n$/;
    for (let i = 1; i <= 2; i++) {
      const answers = await Promise.all([ask({ host: '127.0.0.1', port: daemon.port }), ask({ path })]);
      for (const { text, error } of answers) {
        t.equal(error, undefined);
        t.match(text, answer);
      }
      // the next program starts when this one has ended
      t.match((await daemon.entries(i))[i - 1], { reason: 'exit', exitCode: 0 });
    }
    t.equal(await daemon.end(), 0);
    t.ok(await eventually(() => processesOf(UID).length === 0));
  }
});

test('a reload leaves the sockets to the program that has them', async (t) => {
  const path = `${temporaryDirectory()}/socket`;
  const listen = [
    '--listen',
    '127.0.0.1:0',
    '--listen',
    path,
    '--log',
    'json',
    '--wait',
    '--activation',
    'systemd',
  ];
  const daemon = await startInetd(t, [...listen, ...onHost, script]);
  t.match((await ask({ host: '127.0.0.1', port: daemon.port })).text, /^python3 of 2, /);
  daemon.child.kill('SIGHUP');
  await daemon.line(/: reloaded,/);
  t.match((await ask({ path })).text, /^python3 of 2, /);
  t.equal((await daemon.entries(1)).length, 1, 'one program has answered both');
  t.match((await ask({ path })).text, /^python3 of 2, /, 'then there is another one');
  t.equal(await daemon.end(), 0);
});

test('SIGTERM reaches the program that has the sockets, for it need not end by itself', async (t) => {
  const listen = ['--listen', '127.0.0.1:0', '--log', 'json', '--wait', '--activation', 'systemd'];
  const daemon = await startInetd(t, [...listen, ...onHost, forever]);
  t.equal((await ask({ host: '127.0.0.1', port: daemon.port })).text, 'here');
  t.equal(await daemon.end(), 0);
  t.match(await daemon.entries(1), [{ reason: 'signal', signal: 'SIGTERM' }]);
});

test('sockets of systemd keep their names', async (t) => {
  const { fd, port, server } = await listenHere(t);
  const by = ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=front exec "$@"', 'sh'];
  const words = ['--wait', '--activation', 'systemd', ...onHost, script];
  await startInetd(t, words, { by, fds: [fd] });
  server.close();
  t.match((await ask({ host: '127.0.0.1', port })).text, /^front of 1, /);
});

test('a connection in place of a listening socket is refused, as of a .socket unit with Accept=yes', async (t) => {
  const { port } = await listenHere(t);
  const client = connect(port, '127.0.0.1');
  await once(client, 'connect');
  t.teardown(() => client.destroy());
  // oxlint-disable-next-line no-underscore-dangle -- Node has no other way to it
  const { fd } = (client as unknown as { _handle: { fd: number } })._handle;
  const by = ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', 'sh'];
  await t.rejects(startInetd(t, ['--log', 'text', ...onHost, script], { by, fds: [fd] }), {
    message: /listen: systemd:unknown is a connection, and does not listen\nhint: write Accept=no/,
  });
});

test('a socket of systemd belongs to one service', async (t) => {
  const directory = temporaryDirectory();
  const file = `${directory}/services.toml`;
  const table = (name: string, listen: string): string =>
    `[services.${name}]\nlisten = ${listen}\nuser = "${user}"\ndirectory = "/"\nprogram = "/bin/echo"\narguments = ["by ${name}"]\ninsecure-path = true\n`;
  writeFileSync(file, table('one', '["systemd:front", "systemd"]'));
  const { fd, port, server } = await listenHere(t);
  const by = ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=front exec "$@"', 'sh'];
  const words = ['--config', file, '--status-socket', `${directory}/status`];
  const daemon = await startInetd(t, words, { by, fds: [fd] });
  server.close();
  t.equal((await ask({ host: '127.0.0.1', port })).text, 'by one\n');
  writeFileSync(file, table('one', '"systemd"') + table('two', '"systemd:front"'));
  daemon.child.kill('SIGHUP');
  t.match(
    await daemon.line(/the old one stays/),
    `${file}:9: listen: systemd:front: the service one listens on systemd already (${file}:1)`,
  );
});

test('a socket of systemd that no service uses is told, at the start and at a reload', async (t) => {
  const directory = temporaryDirectory();
  const file = `${directory}/services.toml`;
  const table = (listen: string): string =>
    `[services.one]\nlisten = ${listen}\nuser = "${user}"\ndirectory = "/"\nprogram = "/bin/echo"\ninsecure-path = true\n`;
  writeFileSync(file, table('"systemd:front"'));
  const [front, back] = [await listenHere(t), await listenHere(t)];
  const by = ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=front:back exec "$@"', 'sh'];
  const words = ['--config', file, '--status-socket', `${directory}/status`];
  const daemon = await startInetd(t, words, { by, fds: [front.fd, back.fd] });
  const unused = (name: string, port: number): string =>
    `uchroot-inetd: no service uses the socket systemd:${name} (127.0.0.1:${port}), and its clients wait for ever`;
  const told = (): readonly string[] => daemon.lines.filter((line) => line.includes('no service uses'));
  t.same(told(), [unused('back', back.port)]);
  writeFileSync(file, table('"systemd"'));
  daemon.child.kill('SIGHUP');
  await daemon.line(/reloaded/);
  t.equal(told().length, 1);
  writeFileSync(file, table('"127.0.0.1:0"'));
  daemon.child.kill('SIGHUP');
  await daemon.line(/the socket systemd:front /);
  t.same(told().slice(1), [unused('front', front.port), unused('back', back.port)]);
});

test('serveInJail and spawnInJail hand listening sockets over too', async (t) => {
  const path = `${temporaryDirectory()}/socket`;
  const base = { user, jail: '/', insecurePath: true, program: '/usr/bin/python3', args: ['-Bc', script] };
  {
    await using service = await serveInJail({
      ...base,
      listen: path,
      daemon: 'lib',
      wait: true,
      activation: 'systemd',
    });
    t.same(service.addresses, [path]);
    t.match((await ask({ path })).text, /^lib of 1, /);
  }
  const { fd, port, server } = await listenHere(t);
  const env = { LISTEN_FDS: '7' };
  const program = await spawnInJail({ ...base, listenFds: [{ fd }], env, stdio: 'ignore' });
  server.close();
  t.match((await ask({ host: '127.0.0.1', port })).text, /^unknown of 1, /);
  t.match(await program.exited, { exitCode: 0 });
});

test('what cannot be handed over is refused', async (t) => {
  const base = { user, jail: '/', program: '/bin/true' };
  const usage = { name: 'UsageError' };
  await t.rejects(serveInJail({ ...base, listen: '1', activation: 'systemd' }), {
    ...usage,
    message: 'activation has no effect: only a program of wait gets the listening sockets',
  });
  await t.rejects(serveInJail({ ...base, listen: '1', wait: true, activation: 'x' as never }), {
    ...usage,
    message: "activation must be one of inetd, systemd, not 'x'",
  });
  await t.rejects(spawnInJail({ ...base, listenFds: [{ fd: 1, name: 'a:b' }] }), {
    ...usage,
    message: "listenFds[0].name must be 1 to 255 printable ASCII characters without a colon, not 'a:b'",
  });
  await t.rejects(spawnInJail({ ...base, listenFds: [{ fd: -1 }] }), usage);
  await t.rejects(spawnInJail({ ...base, listenFds: [3] as never }), usage);
  // oxlint-disable-next-line no-sparse-arrays -- map() would leave the hole out, and descriptor 3 of this process would pass
  await t.rejects(spawnInJail({ ...base, listenFds: [, { fd: 1 }] as never }), usage);
  await t.rejects(spawnInJail({ ...base, listenFds: [{ fd: 1, nmae: 'a' } as never] }), {
    ...usage,
    message: "unknown key 'nmae'",
    hint: "did you mean 'name'?",
  });
  await t.rejects(spawnInJail({ ...base, listenFds: [{ fd: 1 }], preserveFds: [3] }), {
    ...usage,
    message: /^preserveFds must be from 4 on/,
  });
});

test('only sockets are handed over: a number may belong to another file by now', async (t) => {
  const base = { user, jail: '/', insecurePath: true, program: '/usr/bin/true' };
  const secret = openSync('/etc/passwd', 'r');
  const { fd } = await listenHere(t);
  await t.rejects(spawnInJail({ ...base, listenFds: [{ fd }, { fd: secret }] }), {
    name: 'LaunchError',
    code: 'ENOTSOCK',
    message: `launch: descriptor ${secret} of listenFds: socket operation on non-socket`,
    hint: /must be open until the promise is settled/,
  });
  closeSync(secret);
  await t.rejects(spawnInJail({ ...base, listenFds: [{ fd: secret }] }), { code: 'EBADF' });
});

test('a program ends with its service, or when the service gets other sockets', async (t) => {
  const directory = temporaryDirectory();
  const [file, path, other] = [`${directory}/services.toml`, `${directory}/socket`, `${directory}/other`];
  const table = (name: string, listen: string): string =>
    `[services.${name}]\nlisten = "${listen}"\nuser = "${user}"\ndirectory = "/"\nprogram = "/usr/bin/python3"\n` +
    `arguments = ["-Bc", ${JSON.stringify(forever)}]\ninsecure-path = true\nwait = true\nactivation = "systemd"\nlog = "json"\n`;
  const end = table('end', `${directory}/end`);
  writeFileSync(file, end + table('web', path));
  const daemon = await startInetd(t, ['--config', file, '--status-socket', `${directory}/status`]);
  const reload = async (text: string, seen: RegExp): Promise<void> => {
    writeFileSync(file, text);
    daemon.child.kill('SIGHUP');
    await daemon.line(seen);
  };
  t.equal((await ask({ path })).text, 'here');
  await reload(end + table('web', path) + table('more', other), /reloaded, .*more on/);
  t.equal((await ask({ path })).text, 'here');
  t.equal(daemon.lines.filter((line) => line.startsWith('{')).length, 0, 'it goes on');
  await reload(end + table('web', other), /reloaded, (?!.*more).*web on [^;]*other/);
  t.match(await daemon.entries(1), [{ service: 'web', signal: 'SIGTERM' }]);
  t.equal((await ask({ path: other })).text, 'here');
  await reload(end, /reloaded, listening: end on [^;]*$/);
  t.match((await daemon.entries(2))[1], { service: 'web', signal: 'SIGTERM' });
  t.ok(await eventually(() => processesOf(UID).length === 0));
  t.equal(await daemon.end(), 0);
});

test('a program that is being started when the service ends gets SIGTERM too', async (t) => {
  const [path, allow] = [`${temporaryDirectory()}/socket`, `${temporaryDirectory()}/allow`];
  const base = { user, jail: '/', insecurePath: true, program: '/usr/bin/python3', listen: path };
  const signals: unknown[] = [];
  {
    const service = await serveInJail({
      ...base,
      args: ['-Bc', forever],
      wait: true,
      activation: 'systemd',
    });
    service.on('end', ({ signal }) => signals.push(signal));
    const asked = ask({ path });
    while (service.connections.length === 0) await setImmediate();
    await service.drain();
    await asked;
  }
  writeFileSync(allow, 'ALL: ALL: aclexec /bin/sleep 0.3\n');
  {
    await using service = await serveInJail({
      ...base,
      args: ['-Bc', 'import time; time.sleep(3600)'],
      hostsAllow: allow,
    });
    service.on('end', ({ signal }) => signals.push(signal));
    connect(path).on('error', Boolean);
    while (service.connections.length === 0) await setImmediate();
  }
  t.same(signals, ['SIGTERM', 'SIGTERM']);
});
