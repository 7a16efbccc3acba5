// Programs that may call sockets of the host: unix:PATH on a list.
import { rootTest } from '../../support/launch.ts';
import { makeWorld, type World } from '../../support/outbound.ts';

const test = rootTest('unshare', 'nsenter', 'setpriv', 'ip', 'python3', 'openssl', 'git');
// Only this file has processes of this uid.
const uid = 61_483;
const isRoot = process.getuid?.() === 0;
const world: World = isRoot ? makeWorld() : { directory: '/', jail: '/', by: [], run: () => undefined };

// Says whom it sees, and what it has heard.
const server = `
import os, socket, struct, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o666); s.listen(9)
print("ready", flush=True)
while True:
    c, _ = s.accept(); pid, uid, gid = struct.unpack("3i", c.getsockopt(1, 17, 12))
    got = b""
    while True:
        part = c.recv(1 << 16)
        if not part: break
        got += part
    c.sendall(b"%d %d %d" % (uid, gid, len(got))); c.close()
`;
const client = `
import socket, sys
def call(path):
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path); s.sendall(b"x" * 300000); s.shutdown(1); return s.recv(99).decode() or "nothing"
    except OSError as error: return type(error).__name__
for line in sys.stdin: print(call(line.strip()), flush=True)
`;

const head = `
  const { openJail, runInJail, spawnInJail } = await load('index.js');
  const { mkdtempSync, mkdirSync, renameSync, rmSync, symlinkSync } = await import('node:fs');
  const { spawn, execFileSync } = await import('node:child_process');
  const { once } = await import('node:events');
  const rootless = process.geteuid() !== 0;
  const base = {
    user: 'nobody', jail: ${JSON.stringify(world.jail)}, isolate: true, rootless, program: '/usr/bin/python3', args: ['-c', ${JSON.stringify(client)}],
    view: [{ bind: '/usr', to: '/usr', readOnly: true }, { tmpfs: '/tmp' }, { tmpfs: '/run' }],
  };
  const parent = mkdtempSync('/tmp/unix-'), directory = parent + '/run', path = directory + '/s';
  execFileSync('chmod', ['755', parent]);
  const servers = [];
  const serve = async (at) => {
    const made = spawn('setpriv', ['--pdeathsig', 'KILL', 'python3', '-c', ${JSON.stringify(server)}, at], { stdio: ['ignore', 'pipe', 'ignore'] });
    servers.push(made);
    await once(made.stdout, 'data');
    return made;
  };
  const end = (said) => { for (const one of servers) one.kill('SIGKILL'); rmSync(parent, { recursive: true }); tell(said); };
  const run = (paths, words, more = {}) => runInJail({
    ...base, connectTo: paths.map((one) => 'unix:' + one), input: words.join('\\n'), reject: false, ...more,
  });
`;

const people = [undefined, uid] as const;
const who = (as: number | undefined): string => (as === undefined ? '' : ', without root');

for (const as of people)
  test(`a server of the host is called at its path, and sees the program's ids${who(as)}`, async (t) => {
    const told = world.run(
      `${head} mkdirSync(directory); await serve(path); await serve(parent + '/other');
      const { stdout, stderr, denied } = await run([path], [path, parent + '/other', path]);
      end([stdout, stderr, denied, process.geteuid(), process.getegid()]);`,
      as,
    ) as readonly [string, string, unknown, number, number];
    const [stdout, stderr, denied, euid, egid] = told;
    const ids = as === undefined ? '65534 65534' : `${euid} ${egid}`;
    t.equal(stdout, `${ids} 300000\nFileNotFoundError\n${ids} 300000\n`, stderr);
    t.same(denied, []);
  });

for (const as of people)
  test(`a server that starts again in a directory of its own is found${who(as)}`, async (t) => {
    const told = world.run(
      `${head} mkdirSync(directory);
      const first = await serve(path);
      const child = await spawnInJail({ ...base, connectTo: ['unix:' + path], stdio: ['pipe', 'pipe', 'inherit'] });
      const ask = async () => {
        child.stdin.write(path + '\\n');
        return String((await once(child.stdout, 'data'))[0]).trim().split(' ').at(-1);
      };
      const heard = [await ask()];
      first.kill('SIGKILL');
      rmSync(directory, { recursive: true });
      heard.push(await ask());
      mkdirSync(directory);
      await serve(path);
      heard.push(await ask());
      child.stdin.end();
      const { denied } = await child.exited;
      end([...heard, denied, path]);`,
      as,
    ) as readonly unknown[];
    const [path] = told.slice(-1);
    t.equal(told[0], '300000');
    t.match(told[1], /^(?:nothing|ConnectionResetError|BrokenPipeError)$/);
    t.equal(told[2], '300000');
    t.same(told[3], [{ name: `unix:${String(path)}`, reason: 'it is not there' }]);
  });

test('what leads to a manager, a bus or a container engine is refused, also by a link that comes later', async (t) => {
  const told = world.run(
    `${head}
    execFileSync('mount', ['-t', 'tmpfs', 'x', '/run']);
    mkdirSync('/run/containerd'); mkdirSync('/run/app'); mkdirSync('/run/dbus');
    await serve('/run/docker.sock'); await serve('/run/containerd/containerd.sock');
    await serve('/run/app/s');
    const refused = [];
    for (const one of ['/run/docker.sock', '/run/containerd/containerd.sock', '/run/dbus/system_bus_socket', '/run/systemd/private', '/var/run/docker.sock'])
      refused.push(await run([one], [one]).then(() => 'run', ({ message }) => message));
    const child = await spawnInJail({ ...base, connectTo: ['unix:/run/app/s'], stdio: ['pipe', 'pipe', 'inherit'] });
    const ask = async () => (child.stdin.write('/run/app/s\\n'), String((await once(child.stdout, 'data'))[0]).trim());
    const heard = [await ask()];
    renameSync('/run/app/s', '/run/app/old');
    symlinkSync('/run/containerd/containerd.sock', '/run/app/s');
    heard.push(await ask());
    rmSync('/run/app/s'); renameSync('/run/app', '/run/before'); symlinkSync('/run/containerd', '/run/app');
    symlinkSync('containerd.sock', '/run/containerd/s');
    heard.push(await ask());
    child.stdin.end();
    const { denied } = await child.exited;
    end({ refused, heard, denied });`,
  ) as { refused: readonly string[]; heard: readonly string[]; denied: readonly object[] };
  for (const message of told.refused) t.match(message, /^connect-to: \/.* (?:that )?leads to /);
  t.equal(told.refused.length, 5);
  t.match(told.heard[0], / 300000$/);
  for (const word of told.heard.slice(1)) t.match(word, /^(?:nothing|ConnectionResetError|BrokenPipeError)$/);
  t.match(told.denied, [{ name: 'unix:/run/app/s', reason: /container engine/ }]);
});

test('a server that lets only its own user in does not take a program for root', async (t) => {
  const told = world.run(
    `${head} mkdirSync(directory); await serve(path);
    execFileSync('chmod', ['600', path]);
    const { stdout } = await run([path], [path]);
    const { stdout: asRoot } = await run([path], [path], { user: 'root', allowRoot: true });
    const own = readFileSync('/proc/self/status', 'utf8').match(/^[UG]id:.*/gm);
    end([stdout, asRoot, own]);`,
  ) as readonly [string, string, readonly string[]];
  t.match(told[0], /^(?:nothing|ConnectionResetError|BrokenPipeError)\n$/);
  t.equal(told[1], '0 0 300000\n');
  t.same(
    told[2].map((line) => line.replaceAll('\t', ' ')),
    ['Uid: 0 0 0 0', 'Gid: 0 0 0 0'],
  );
});

test('launches of an open jail have sockets of their own', async (t) => {
  const told = world.run(
    `${head} mkdirSync(directory); await serve(path); await serve(parent + '/other');
    const jail = await openJail(base.jail, { ...base, jail: undefined, program: undefined, args: undefined, share: 'all' });
    const all = await Promise.all([path, parent + '/other', undefined].map((one) => jail.run({
      connectTo: one === undefined ? [] : ['unix:' + one], program: base.program, args: base.args, input: [path, parent + '/other'].join('\\n'),
    })));
    jail.close();
    end(all.map(({ stdout }) => stdout));`,
  ) as readonly string[];
  t.same(told, [
    '65534 65534 300000\nFileNotFoundError\n',
    'FileNotFoundError\n65534 65534 300000\n',
    'FileNotFoundError\nFileNotFoundError\n',
  ]);
});
