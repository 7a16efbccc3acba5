// README's program, and those of examples/ as a reader of doc/untrusted.md has them: copied from the installed package into a directory, and started.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';

import t from 'tap';

import { searchPath, temporaryDirectory } from '../support/launch.ts';
import { patientMs } from '../support/patience.ts';
import { unlessRoot } from '../support/root.ts';
import { sanitized } from '../support/sanitizer.ts';
import { text } from '../support/service.ts';

const skip = sanitized ? 'the package has no sanitized binaries' : unlessRoot('cwebp', 'python3', 'git');
const limit = { skip };
const root = join(import.meta.dirname, '../../..');
const place = skip === false ? temporaryDirectory() : '/';
const home = `${place}/app`;
const installed = `${home}/node_modules/uchroot`;
const env = { PATH: searchPath, HOME: place, npm_config_cache: `${place}/cache` };

/** The most lines that a program may have. */
const programs: Readonly<Record<string, number>> = {
  'grader.mjs': 42,
  'plug-ins.mjs': 37,
  'thumbnails.mjs': 23,
  'agent-shell.mjs': 20,
};

function command(program: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { cwd: home, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

t.before(() => {
  if (skip !== false) return;
  mkdirSync(home);
  command('npm', 'pack', '--ignore-scripts', '--silent', '--pack-destination', home, root);
  const [tarball = ''] = readdirSync(home);
  command('npm', 'install', '--offline', '--no-audit', '--no-fund', '--silent', `./${tarball}`);
  // the tarball of a release has its binaries in prebuilds/
  mkdirSync(`${installed}/build/Release`, { recursive: true });
  for (const name of ['uchroot.node', 'uchroot-launcher', 'uchroot-compiled'])
    copyFileSync(`${root}/build/Release/${name}`, `${installed}/build/Release/${name}`);
  for (const name of Object.keys(programs)) copyFileSync(`${installed}/examples/${name}`, `${home}/${name}`);
});

const start = (program: string, ...args: readonly string[]) =>
  spawn(process.execPath, [program, ...args], {
    cwd: home,
    env: { ...env, JAIL: `${place}/${program}.jail` },
  });

async function run(input: string, program: string, ...args: readonly string[]): Promise<string> {
  const child = start(program, ...args);
  child.stdin.end(input);
  const ended = once(child, 'exit');
  const [said, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  t.same(await ended, [0, null], errors);
  return said;
}

t.test("README's program runs where the package was installed", limit, async (t) => {
  const [, program = ''] =
    /^`jobs\.mjs`.*?^```js\n(.*?)^```$/ms.exec(readFileSync(`${installed}/README.md`, 'utf8')) ?? [];
  const jail = `${place}/jobs`;
  command(process.execPath, `${installed}/dist/bin/uchroot-jail.cjs`, 'build', jail, 'python3');
  writeFileSync(`${home}/jobs.mjs`, program.replace('/srv/jobs', jail));
  t.equal(await run('', 'jobs.mjs'), '42\n\n');
});

t.test('they are short', limit, async (t) => {
  for (const [name, most] of Object.entries(programs)) {
    const lines = readFileSync(`${home}/${name}`, 'latin1').split('\n').length - 1;
    t.ok(lines <= most, `${name}: ${lines} lines, at most ${most}`);
  }
});

t.test('the grader tells right, wrong and each limit apart', limit, async (t) => {
  const submission = `a, b = map(int, input().split())
if b == 1: bytearray(2**30)
if b == 2:
    import os, time
    while True: os.fork() or time.sleep(60)
if b == 3: print('x' * 2**21)
if b == 4: open('/etc/shadow')
if b == 5:
    import time
    time.sleep(60)
print(a + b)`;
  const tests = Array.from({ length: 6 }, (_, b) => ({ input: `0 ${b}\n`, output: `${b}\n` }));
  writeFileSync(`${home}/tests.json`, JSON.stringify([...tests, { input: '9 9', output: '1' }]));
  writeFileSync(`${home}/program.py`, submission);
  const lines = (await run('', 'grader.mjs', 'tests.json', 'program.py')).trim().split('\n');
  t.equal(lines.pop(), '1 of 7');
  const results = lines.map((line) => JSON.parse(line) as { verdict: string; stderr: string });
  t.same(
    results.map(({ verdict }) => verdict),
    ['passed', 'memory', 'pids', 'output', 'status 1', 'time', 'wrong'],
  );
  writeFileSync(`${home}/nul.py`, 'print(1)\0');
  const refused = spawnSync(process.execPath, ['grader.mjs', 'tests.json', 'nul.py'], {
    cwd: home,
    env,
    encoding: 'utf8',
  });
  t.match(refused, {
    status: 1,
    stderr: 'nul.py: has a NUL byte, or 128 KiB or more: that cannot be an argument\n',
  });
  t.match(results[4]?.stderr, /No such file or directory: '\/etc\/shadow'/);
});

t.test('the host of plug-ins survives them, and starts them again', limit, async (t) => {
  mkdirSync(`${home}/plug-ins`);
  writeFileSync(`${home}/plug-ins/double.mjs`, 'export default ({ n }) => ({ n: 2 * n });');
  const bad = `import { readFileSync } from 'node:fs';
    export default (what) => what === 'block' ? Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0) : what === 'exit' ? process.exit(3) : readFileSync(what, 'utf8');`;
  writeFileSync(`${home}/plug-ins/bad.mjs`, bad);
  const requests = [
    'double {"n": 21}',
    'bad "block"',
    'bad "exit"',
    'bad "/etc/shadow"',
    'bad "/proc/version"',
    'none 1',
    'double x',
  ];
  const said = await run(requests.join('\n'), 'plug-ins.mjs', 'plug-ins', String(patientMs(3000)));
  const lines = said.trim().split('\n').toSorted();
  t.match(lines, [
    /^bad "Linux version /,
    /^bad failed: .*: no answer \(exited with status 3\)$/,
    /^bad failed: .*: the limit of time is reached/,
    /^bad failed: .*ENOENT.*\/etc\/shadow/,
    'double failed: Unexpected token',
    'double {"n":42}',
    'none "no such plug-in"',
  ]);
  t.equal(lines.length, requests.length);
});

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** A black square of 8 bits of grey (PNG, 11.2). */
function png(width: number): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(width, 4);
  const rows = deflateSync(Buffer.alloc((width + 1) * width));
  const chunks = [chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...chunks]);
}

t.test('the endpoint makes thumbnails, and says what is wrong with an image', limit, async (t) => {
  const server = start('thumbnails.mjs', '0');
  t.teardown(() => server.kill());
  const [port] = (await once(server.stdout, 'data')) as [Buffer];
  const post = (body: Buffer) =>
    fetch(`http://127.0.0.1:${port.toString().trim()}/`, { method: 'POST', body });
  // made before the others are sent: a server closes a connection that is idle for seconds
  const large = png(16_000);
  const good = await post(png(400));
  t.equal(good.status, 200);
  t.match(Buffer.from(await good.arrayBuffer()).toString('latin1', 0, 12), /^RIFF.{4}WEBP$/s);
  const bad = await post(Buffer.from('no image'));
  t.equal(bad.status, 422);
  t.match(await bad.text(), /cwebp .*: exited with status 1\n.*Could not process/s);
  const bomb = await post(large);
  t.same([bomb.status, await bomb.text()], [422, 'memory\n']);
});

t.test('the shell of an agent works on a project that stays as it is', limit, async (t) => {
  const project = `${home}/project`;
  mkdirSync(project);
  writeFileSync(`${project}/a.txt`, 'a\n');
  const commands = ['cat a.txt; rm a.txt; echo new >b.txt', 'cat b.txt; cat /etc/shadow', 'git --version'];
  const said = await run(commands.join('\n'), 'agent-shell.mjs', project);
  const lines = said.trim().split('\n');
  const results = lines.slice(0, 3).map((line) => JSON.parse(line) as { exitCode: number; output: string });
  t.match(results, [
    { exitCode: 0, output: /^a\n$/ },
    { exitCode: 1, output: /^new\ncat: \/etc\/shadow: No such file/ },
    { exitCode: 0, output: /^git version/ },
  ]);
  t.same(lines.slice(3).toSorted(), ['added b.txt', 'deleted a.txt']);
  t.same(readdirSync(project), ['a.txt']);
  command(process.execPath, `${installed}/dist/bin/uchroot-jail.cjs`, 'discard', project);
});
