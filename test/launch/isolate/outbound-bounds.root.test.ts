// Programs with a list, at the bounds: of descriptors, of entries, of the queue of a server, of what is left open.
import { writeFileSync } from 'node:fs';

import { command, rootTest } from '../../support/launch.ts';
import { makeWorld, type World } from '../../support/outbound.ts';

const test = rootTest('unshare', 'nsenter', 'setpriv', 'ip', 'curl', 'python3', 'openssl', 'git', 'prlimit');
const isRoot = process.getuid?.() === 0;
const world: World = isRoot ? makeWorld() : { directory: '/', jail: '/', by: [], run: () => undefined };

const head = `
  const { runInJail } = await load('index.js');
  const { spawn, spawnSync } = await import('node:child_process');
  const base = {
    user: 'nobody', jail: ${JSON.stringify(world.jail)}, isolate: true, reject: false, timeoutMs: 60_000,
    view: [{ bind: '/usr', to: '/usr', readOnly: true }, { proc: '/proc' }, { tmpfs: '/tmp' }, { tmpfs: '/run' }],
  };
  const run = (connectTo, program, args, more = {}) => runInJail({ ...base, connectTo, program, args, ...more });
  const python = (connectTo, lines, more) => run(connectTo, '/usr/bin/python3', ['-c', lines], more);
  const argv = ${JSON.stringify([...command, '--isolate', '--ro-bind', '/usr'])};
`;

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
