// Ports of the host that lead to ports of a program in a network of its own.
import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';

import { command, rootTest, temporaryDirectory } from '../../support/launch.ts';
import { makeWorld, type World } from '../../support/outbound.ts';

const test = rootTest('unshare', 'nsenter', 'setpriv', 'ip', 'python3', 'openssl', 'git');
// Only this file has processes of this uid.
const uid = 61_478;
const isRoot = process.getuid?.() === 0;
const world: World = isRoot ? makeWorld() : { directory: '/', jail: '/', by: [], run: () => undefined };

// Answers each line at these addresses of its network, and tells by a line that it listens.
const server = `
import socket, sys, threading
def talk(c):
    for line in c.makefile("rb"):
        c.sendall(b"<" + line)
        if line == b"end\\n": import os; os._exit(0)
    c.close()
def serve(s):
    while True: threading.Thread(target=talk, args=(s.accept()[0],), daemon=True).start()
for word in sys.argv[1:]:
    host, port = word.rsplit("=", 1)
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET); s.bind((host, int(port))); s.listen(50)
    threading.Thread(target=serve, args=(s,), daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
`;

const head = `
  const { openJail, spawnInJail, runInJail } = await load('index.js');
  const { once } = await import('node:events');
  const { connect, createServer } = await import('node:net');
  const rootless = process.geteuid() !== 0;
  const base = {
    user: 'nobody', jail: ${JSON.stringify(world.jail)}, isolate: true, rootless, program: '/usr/bin/python3',
    view: [{ bind: '/usr', to: '/usr', readOnly: true }, { proc: '/proc' }, { dev: '/dev' }, { tmpfs: '/tmp' }],
  };
  const words = (...at) => ['-c', ${JSON.stringify(server)}, ...at];
  const serve = async (listenOn, at, more = {}) => {
    const child = await spawnInJail({ ...base, args: words(...at), listenOn, stdio: ['pipe', 'pipe', 'inherit'], ...more });
    await Promise.race([once(child.stdout, 'data'), child.exited]);
    return child;
  };
  // what a host hears that says this, and then no more; or why not
  const ask = (port, said = 'hello\\n', host = '127.0.0.1') => new Promise((resolve) => {
    let heard = '';
    const socket = connect({ port, host }, () => socket.end(said));
    socket.on('data', (data) => (heard += data)).on('error', ({ code }) => resolve(heard + code)).on('end', () => resolve(heard));
  });
  const end = async (child) => { child.stdin.end(); return child.exited; };
`;

for (const as of [undefined, uid]) {
  const who = as === undefined ? '' : ', without root';

  test(`a port of the host leads to one of the program, as long as it runs${who}`, async (t) => {
    const told = world.run(
      `${head}
      const child = await serve(['8080', '8081:5080', '[::1]:8082:5081', '0.0.0.0:8083:5082'], ['127.0.0.1=8080', '0.0.0.0=5080', '::1=5081', '::=5082']);
      const heard = [await ask(8080), await ask(8081), await ask(8082, undefined, '::1'), await ask(8083), await ask(8082)];
      const big = 'x'.repeat(1_000_000) + '\\n';
      const many = await Promise.all(Array.from({ length: 100 }, (_, at) => ask(8080, at + '\\n')));
      const isWhole = await ask(8081, big) === '<' + big;
      await end(child);
      const after = await ask(8080);
      // nothing of it is left
      const again = await serve(['8080'], ['127.0.0.1=8080']);
      heard.push(await ask(8080));
      await end(again);
      tell({ heard, many, isWhole, after });`,
      as,
    ) as { heard: readonly string[]; many: readonly string[]; isWhole: boolean; after: string };
    const echo = '<hello\n';
    t.same(told.heard, [echo, echo, echo, echo, 'ECONNREFUSED', echo]);
    t.same(
      told.many,
      Array.from({ length: 100 }, (_, at) => `<${at}\n`),
    );
    t.ok(told.isWhole);
    t.equal(told.after, 'ECONNREFUSED');
  });

  test(`a connection is reset where nothing listens, and what a program has said last arrives${who}`, async (t) => {
    const told = world.run(
      `${head}
      const child = await serve(['8080', '8081'], ['127.0.0.1=8080'], { connectTo: ['web.test:80'] });
      const heard = [await ask(8081), await ask(8080, 'end\\n')];
      await child.exited;
      tell(heard);`,
      as,
    );
    t.same(told, ['ECONNRESET', '<end\n']);
  });

  test(`a port that is taken is an error before the program, and a launch that fails keeps none${who}`, async (t) => {
    const told = world.run(
      `${head}
      const taken = createServer().listen(8080, '127.0.0.1');
      await once(taken, 'listening');
      const start = (keys) => runInJail({ ...base, args: ['-c', 'print("run")'], ...keys }).then(({ stdout }) => stdout, ({ name, code, message, hint }) => ({ name, code, message, hint }));
      const refused = [await start({ listenOn: ['8081', '8080:5080'] }), await start({ listenOn: ['192.0.2.9:8081'] })];
      const failed = [await start({ listenOn: ['8081'], program: '/usr/bin/nothing' }), await start({ listenOn: ['8081'], pidFile: '/missing/pid' })];
      const heard = [await start({ listenOn: ['8081'] }), await ask(8081)];
      const jail = await openJail(base.jail, { ...base, jail: undefined, args: undefined, share: 'all' });
      const pair = await Promise.all([8081, 8082].map((port) => jail.spawn({ args: words('127.0.0.1=5080'), listenOn: [port + ':5080'], stdio: ['pipe', 'pipe', 'inherit'] })));
      await Promise.all(pair.map((one) => once(one.stdout, 'data')));
      heard.push(await ask(8081), await ask(8082));
      await Promise.all(pair.map(end));
      jail.close();
      taken.close();
      tell({ refused, failed: failed.map(({ code }) => code), heard });`,
      as,
    ) as { refused: readonly object[]; failed: readonly string[]; heard: readonly string[] };
    t.match(told.refused, [
      {
        name: 'LaunchError',
        code: 'EADDRINUSE',
        message: /^listen: 127\.0\.0\.1:8080: bind: /,
        hint: /ss -ltnp/,
      },
      { name: 'LaunchError', code: 'EADDRNOTAVAIL', message: /^listen: 192\.0\.2\.9:8081: bind: / },
    ]);
    t.same(told.failed, ['ENOENT', 'ENOENT']);
    t.same(told.heard, ['run\n', 'ECONNREFUSED', '<hello\n', '<hello\n']);
  });

  // A client of bash says a line and hears one.
  const call = (port: number): string =>
    `bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port} && echo hello >&3 && head -1 <&3' </dev/null 2>&1`;

  test(`the command relays by a process beside its program${who}`, async (t) => {
    const directory = temporaryDirectory();
    const pipe = `${directory}/pipe`;
    const given = `--ro-bind /usr --proc /proc --dev /dev --tmpfs /tmp nobody ${world.jail}`;
    const level = as === undefined ? '--isolate' : '--rootless';
    const uchroot = `${command.join(' ')} ${level} --listen-on 8080:5080`;
    const script = `
      cd /; rm -f ${pipe}; mkfifo -m 666 ${pipe}
      run() { ${uchroot} ${given} /usr/bin/python3 -c '${server}' 127.0.0.1=$1 <${pipe}; }
      for port in 5080 5081; do
        run $port >${pipe}.out & pid=$!
        exec 4>${pipe}
        until grep -q ready ${pipe}.out || ! kill -0 $pid; do sleep 0.01; done
        ${call(8080)} | sed 's/.*: //'
        ${uchroot} ${given} /bin/true 2>&1; echo $?
        exec 4>&-
        wait $pid; echo $?
        until ${call(8080)} | grep -q refused; do sleep 0.01; done
      done
      ${uchroot} --plan=steps ${given} /bin/true | grep listen_network -A 1
      rm -f ${pipe} ${pipe}.out`;
    const user = as === undefined ? [] : ['setpriv', `--reuid=${as}`, `--regid=${as}`, '--clear-groups'];
    chmodSync(directory, 0o777);
    writeFileSync(`${pipe}.out`, '');
    chmodSync(`${pipe}.out`, 0o666);
    const [file, ...args] = [...world.by, ...user, 'sh', '-c', script];
    const { stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' });
    const taken = [
      'uchroot: listen: 127.0.0.1:8080: bind: address already in use',
      'hint: another program listens there: ss -ltnp shows it; end it, or choose another port of the host',
      '125',
    ];
    const lines = stdout.trim().split('\n');
    t.same(lines.slice(0, 10), ['<hello', ...taken, '0', lines[5], ...taken, '0'], stderr);
    t.match(lines[5], /^$|reset/i);
    t.match(lines.slice(10).join('\n'), /listen_network.*127\.0\.0\.1:8080:5080/s);
  });
}
