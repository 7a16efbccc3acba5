// uchroot-inetd with configuration files: several services, reload, status; and the same as a library.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

import { serveInJail } from '../../lib/index.ts';
import { ask, connectTo, hear, makeServerJail, startInetd } from '../support/inetd.ts';
import { rootTest, temporaryDirectory } from '../support/launch.ts';
import { patientMs } from '../support/patience.ts';
import { eventually, plainEnv, processesOf } from '../support/service.ts';

const test = rootTest('python3');
const jail = makeServerJail();
// no other test has processes of this user
const UID = 47_320;
const local = (port: number) => ({ host: '127.0.0.1', port });

function run(...words: string[]) {
  const bundle = join(import.meta.dirname, '../../bin/uchroot-inetd.cjs');
  return spawnSync(process.execPath, [bundle, ...words], {
    encoding: 'utf8',
    env: plainEnv(),
    timeout: patientMs(60_000),
  });
}

const portOf = (line: string, name: string): number =>
  Number(new RegExp(`${name} on [^ ]*:([0-9]+)`).exec(line)?.[1]);

test('a program that the jail lacks is told at the start, with its service, and the others are served', async (t) => {
  const file = `${temporaryDirectory()}/services.toml`;
  const service = (name: string, program: string): string =>
    `[services.${name}]\nlisten = "127.0.0.${name === 'one' ? 1 : 2}:0"\nprogram = "${program}"\narguments = ["copy"]\n`;
  const defaults = (user: string): string =>
    `[defaults]\nuser = "${user}"\ndirectory = "${jail}"\nhosts-allow = "/dev/null"\nhosts-deny = "/dev/null"\n`;
  writeFileSync(
    file,
    `${defaults(`+${UID}:+${UID}`)}${service('one', '/server')}${service('two', '/servr')}`,
  );
  const daemon = await startInetd(t, ['--config', file, '--status-socket', `${file}.status`]);
  await daemon.line(/: two: \/servr: not found in the jail$/);
  await daemon.line(/hint: did you mean \/server\?/);
  t.equal((await ask(local(portOf(daemon.lines.join(), 'one')), 'told')).text, 'told');

  // which of the services it is, if they are several
  writeFileSync(file, `${defaults('root')}${service('one', '/server')}${service('two', '/server')}`);
  t.match(run('--config', file, '--status-socket', `${file}.status`), {
    status: 125,
    stderr: /^uchroot-inetd: one: account: user root is uid 0/,
  });
});

test('services of a file: SIGHUP adds, removes and changes them, and keeps the old ones if the new ones are wrong', async (t) => {
  const directory = temporaryDirectory();
  const [file, status] = [`${directory}/services.toml`, `${directory}/status`];
  const defaults = `[defaults]\nuser = "+${UID}:+${UID}"\ndirectory = "${jail}"\nprogram = "/server"\nlog = "json"\nhosts-allow = "/dev/null"\nhosts-deny = "/dev/null"\n`;
  const service = (name: string, listen: string, argument: string): string =>
    `[services.${name}]\nlisten = "${listen}"\narguments = ["${argument}"]\n`;
  const socket = `${directory}/socket`;
  writeFileSync(
    file,
    `${defaults}${service('one', '127.0.0.1:0', 'copy')}${service('two', socket, 'state')}`,
  );
  const daemon = await startInetd(t, ['--config', file, '--status-socket', status]);
  const one = portOf(daemon.lines.join(), 'one');
  const kept = await connectTo(t, local(one));
  t.ok(await eventually(() => processesOf(UID).length === 1));
  t.match((await ask({ path: socket })).text, /^uid/);
  t.equal(statSync(status).mode & 0o777, 0o600);

  const shown = run('status', '--status-socket', status);
  t.match(shown.stdout, /^one: 127\.0\.0\.1:[0-9]+: 1 of 256 connections$/m);
  t.match(shown.stdout, /^ {2}[0-9]+ one 127\.0\.0\.1:[0-9]+ pid [0-9]+ [0-9.]+ s$/m);
  const json = JSON.parse(run('status', '--format', 'json', '--status-socket', status).stdout) as Record<
    string,
    unknown
  >;
  t.match(json, {
    version: 1,
    pid: daemon.pid,
    services: [
      { name: 'one', live: 1 },
      { name: 'two', live: 0 },
    ],
  });
  const metrics = run('status', '--metrics', '--status-socket', status).stdout;
  t.match(metrics, /^uchroot_inetd_connections\{service="one"\} 1$/m);
  t.match(metrics, /^uchroot_inetd_ended_total\{service="two",reason="exit"\} 1$/m);
  t.match(metrics, /# EOF\n$/);

  writeFileSync(file, `${defaults}${service('one', '127.0.0.1:0', 'state')}instnces = 3\n`);
  daemon.child.kill('SIGHUP');
  await daemon.line(
    /the configuration is wrong, and the old one stays: .*services\.toml:11: unknown key instnces/,
  );
  await daemon.line(/hint: did you mean instances\?/);
  t.equal((await ask(local(one), 'old')).text, 'old');

  writeFileSync(
    file,
    `${defaults}${service('one', '127.0.0.1:0', 'state')}${service('three', '127.0.0.2:0', 'copy')}`,
  );
  daemon.child.kill('SIGHUP');
  const reloaded = await daemon.line(/: reloaded, /);
  t.equal(portOf(reloaded, 'one'), one, 'the socket is the same');
  t.match((await ask(local(one))).text, /^uid/);
  t.equal((await ask({ host: '127.0.0.2', port: portOf(reloaded, 'three') }, 'three')).text, 'three');
  t.notOk(existsSync(socket), 'the socket of a service that is gone is removed');
  kept.end('kept');
  t.equal((await hear(kept)).text, 'kept');
  t.equal(await daemon.end(), 0);
  t.notOk(existsSync(status));
  t.match(
    run('status', '--status-socket', status).stderr,
    /no uchroot-inetd answers: .*\nhint: is uchroot-inetd running/,
  );
});

test('isolated connections start from a warm jail', async (t) => {
  const words = [
    '--listen',
    '127.0.0.1:0',
    '--hosts-allow',
    '/dev/null',
    '--hosts-deny',
    '/dev/null',
    '--isolate',
  ];
  const daemon = await startInetd(t, [...words, `+${UID}:+${UID}`, jail, '/server', 'copy']);
  for (let i = 0; i < 5; i++) t.equal((await ask(local(daemon.port), `${i}`)).text, `${i}`);
});

test('inetd.conf as it is: what is not carried over is told, and the rest is served', async (t) => {
  const file = `${temporaryDirectory()}/inetd.conf`;
  writeFileSync(
    file,
    `127.0.0.1:0 stream tcp nowait nobody /server server copy\necho stream tcp nowait root internal\n`,
  );
  const options = ['--directory', jail, '--hosts-allow', '/dev/null', '--hosts-deny', '/dev/null'];
  const daemon = await startInetd(t, ['--config', file, '--status-socket', `${file}.status`, ...options]);
  t.match(daemon.lines.join('\n'), /inetd\.conf:2: .*; the service echo is left out/);
  t.equal((await ask(local(daemon.port), 'as before')).text, 'as before');
  const checked = run('check', '--directory', jail, file);
  t.equal(checked.status, 3);
  t.match(checked.stdout, `0: 127.0.0.1:0: /server in ${jail} as nobody\n`);
  t.match(run('import', file).stdout, /^\[services\.0\]$/m);
});

test('inetd.conf: a service may have a line for each of its addresses', async (t) => {
  const file = `${temporaryDirectory()}/inetd.conf`;
  const line = (address: string) => `${address}:7000 stream tcp nowait nobody /server server copy\n`;
  writeFileSync(file, line('127.0.0.1') + line('127.0.0.2'));
  const checked = run('check', '--directory', jail, file);
  t.equal(checked.stderr, '');
  t.match(checked.stdout, '7000-2: 127.0.0.2:7000: ');
  t.match(run('import', file).stdout, /^\[services\.7000-2\]$/m);
});

test('serveInJail() serves, reloads and drains', async (t) => {
  await using service = await serveInJail({
    listen: '127.0.0.1:0',
    user: `+${UID}:+${UID}`,
    jail,
    program: '/server',
    args: ['copy'],
    hostsAllow: '/dev/null',
    hostsDeny: '/dev/null',
  });
  const port = Number(/:([0-9]+)$/.exec(service.addresses[0] ?? '')?.[1]);
  const ended: unknown[] = [];
  service.on('end', (entry) => ended.push(entry));
  const client = await connectTo(t, local(port));
  t.ok(await eventually(() => service.connections[0]?.pid !== undefined));
  await service.reload();
  t.equal((await ask(local(port), 'library')).text, 'library');
  let isDrained = false;
  const drained = service.drain().then(() => (isDrained = true));
  t.equal((await ask(local(port))).error, 'ECONNREFUSED');
  t.equal(isDrained, false);
  client.end('last');
  t.equal((await hear(client)).text, 'last');
  await drained;
  t.match(ended, [{ reason: 'exit', exitCode: 0, service: 'server' }, { reason: 'exit' }]);
  await t.rejects(serveInJail({ listen: '1', user: 'x', jail, program: '/x', lissten: 1 } as never), {
    name: 'UsageError',
    hint: /listen/,
  });
});

test('a reload that is under way when the end comes does not listen again', async (t) => {
  const words = ['--listen', '127.0.0.1:0', `+${UID}:+${UID}`, jail, '/server', 'copy'];
  const daemon = await startInetd(t, words);
  daemon.child.kill('SIGHUP');
  t.equal(await daemon.end(), 0);
  // the reload may have ended before the daemon gets SIGTERM
  t.notMatch(daemon.lines.join(), /no more connections.*reloaded|the old one stays/);

  const service = await serveInJail({
    listen: '127.0.0.1:0',
    user: `+${UID}:+${UID}`,
    jail,
    program: '/server',
  });
  const port = Number(/:([0-9]+)$/.exec(service.addresses[0] ?? '')?.[1]);
  const reload = t.rejects(service.reload(), { name: 'UsageError', message: /^it is shutting down/ });
  await service.drain();
  await reload;
  t.equal((await ask(local(port))).error, 'ECONNREFUSED');
});

test('a pipe in place of a configuration or a banner is refused, and does not hold the process', async (t) => {
  const directory = temporaryDirectory();
  const pipe = `${directory}/pipe`;
  spawnSync('mkfifo', [pipe]);
  for (const words of [
    ['check', pipe],
    ['import', pipe],
    ['--config', pipe],
  ]) {
    const { status, stderr } = run(...words);
    t.equal(status, 125);
    t.match(stderr, `configuration: ${pipe} is not a regular file`);
  }
  await t.rejects(
    serveInJail({ listen: '127.0.0.1:0', user: `+${UID}`, jail, program: '/server', banner: pipe }),
    {
      name: 'UsageError',
      message: `banner: ${pipe} is not a regular file`,
    },
  );
  // xinetd leaves out what is no file too
  mkdirSync(`${directory}/old`);
  writeFileSync(
    `${directory}/a`,
    'service a\n{\nport = 1\nsocket_type = stream\nuser = nobody\nserver = /server\n}\n',
  );
  const { status, stderr, stdout } = run('check', '--directory', jail, directory);
  t.same([status, stderr], [0, '']);
  t.match(stdout, /^a: 0\.0\.0\.0:1: /);
});

test('what is too big is refused before it is read', async (t) => {
  const directory = temporaryDirectory();
  const file = `${directory}/big`;
  writeFileSync(file, '');
  truncateSync(file, 2 ** 33);
  t.match(run('check', file), {
    status: 125,
    stderr: `uchroot-inetd: configuration: ${file} has more than 16777216 bytes\n`,
  });
  await t.rejects(
    serveInJail({ listen: '127.0.0.1:0', user: `+${UID}`, jail, program: '/server', banner: file }),
    { name: 'UsageError', message: `banner: ${file} has more than 4096 bytes` },
  );
});

test('if nothing of the files is carried over, the reasons are told', async (t) => {
  const file = `${temporaryDirectory()}/one`;
  const text = 'service one\n{\nport = 1\nsocket_type = stream\nonly_from = 10.0.0.1\n}\n';
  writeFileSync(file, text);
  for (const words of [
    ['check', file],
    ['--config', file],
  ]) {
    const { status, stderr } = run(...words);
    t.equal(status, 125);
    t.match(stderr, `the configuration has no services\n${file}:5: only_from is not carried over`);
  }
});

test('files of rules that are named must be there: without hosts.deny everybody is let in', async (t) => {
  const request = { listen: '127.0.0.1:0', user: `+${UID}`, jail, program: '/server' };
  for (const [key, what] of [
    ['hostsAllow', 'hosts-allow'],
    ['hostsDeny', 'hosts-deny'],
  ] as const)
    await t.rejects(serveInJail({ ...request, [key]: '/no/such' }), {
      name: 'LaunchError',
      message: `${what}: /no/such: no such file or directory`,
    });
});

test('a reload gives a socket that stays its new mode', async (t) => {
  const directory = temporaryDirectory();
  const [file, socket] = [`${directory}/services.toml`, `${directory}/socket`];
  const table = (mode: string): string =>
    `[services.one]\nlisten = "${socket}"\nsocket-mode = "${mode}"\nuser = "+${UID}:+${UID}"\ndirectory = "${jail}"\nprogram = "/server"\n`;
  writeFileSync(file, table('666'));
  const daemon = await startInetd(t, ['--config', file, '--status-socket', `${directory}/status`]);
  const { ino, mode } = statSync(socket);
  t.equal(mode & 0o777, 0o666);
  writeFileSync(file, table('600'));
  daemon.child.kill('SIGHUP');
  await daemon.line(/reloaded/);
  t.match(statSync(socket), { ino, mode: (mode & ~0o777) | 0o600 });
});

test('a program that has the socket can wait for clients after a reload to nowait', async (t) => {
  const directory = temporaryDirectory();
  const [file, path] = [`${directory}/services.toml`, `${directory}/socket`];
  const table = (isWait: boolean, ...command: readonly string[]): string =>
    `[services.one]\nlisten = "${path}"\nuser = "+${UID}:+${UID}"\ndirectory = "/"\ninsecure-path = true\nwait = ${isWait}\n` +
    `program = "${command[0]}"\narguments = ${JSON.stringify(command.slice(1))}\nlog = "json"\n${isWait ? '' : 'hosts-deny = "/dev/null"\n'}`;
  const script = 'import socket\ns = socket.socket(fileno=0)\nfor i in range(4): s.accept()[0].send(b"old")';
  writeFileSync(file, table(true, '/usr/bin/python3', '-Bc', script));
  const daemon = await startInetd(t, ['--config', file, '--status-socket', `${directory}/status`]);
  t.equal((await ask({ path })).text, 'old');
  writeFileSync(file, table(false, '/bin/echo', 'new'));
  daemon.child.kill('SIGHUP');
  await daemon.line(/reloaded/);
  for (let i = 0; i < 3; i++) t.equal((await ask({ path })).text, 'old');
  t.match(await daemon.entries(1), [{ reason: 'exit', exitCode: 0 }]);
  t.equal((await ask({ path })).text, 'new\n');
});

test('a reload to an address that is a part of the old one says that a restart is needed', async (t) => {
  const directory = temporaryDirectory();
  const file = `${directory}/services.toml`;
  const table = (listen: string): string =>
    `[services.one]\nlisten = "${listen}"\nuser = "+${UID}:+${UID}"\ndirectory = "${jail}"\nprogram = "/server"\narguments = ["copy"]\nhosts-deny = "/dev/null"\n`;
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  writeFileSync(file, table(`0.0.0.0:${port}`));
  const daemon = await startInetd(t, ['--config', file, '--status-socket', `${directory}/status`]);
  writeFileSync(file, table(`127.0.0.1:${port}`));
  daemon.child.kill('SIGHUP');
  await daemon.line(/the old one stays: listen: 127\.0\.0\.1:[0-9]+: .*in use/);
  await daemon.line(
    new RegExp(`^uchroot-inetd: hint: it listens on 0\\.0\\.0\\.0:${port} itself .*: restart it`),
  );
  t.equal((await ask(local(port), 'old')).text, 'old');
});
