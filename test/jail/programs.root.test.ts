// Real programs: each jail is built by one call, and the program does its job in it as an ordinary user.
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';

import t, { type Test } from 'tap';

import { buildJail } from '../../lib/jail/building.ts';
import type { JailRequest } from '../../lib/jail/request/jail-request.ts';
import type { LaunchRequest } from '../../lib/launch/request/request.ts';
import { runInJail } from '../../lib/launch/start/run.ts';
import { spawnInJail } from '../../lib/launch/start/spawn.ts';
import { profileFiles } from '../support/launch/seccomp/profiles.ts';
import { makeDirectory } from '../support/directory.ts';
import { unlessInstalled, unlessRoot } from '../support/root.ts';
import { sanitized } from '../support/sanitizer.ts';

// A program that is started in a jail has no sanitizer's runtime.
const skip = unlessRoot() || (sanitized && 'the sanitized build preloads its runtime');

async function makeJail(t: Test, request: Partial<JailRequest>): Promise<string> {
  const directory = `${makeDirectory(t)}/jail`;
  await buildJail({ users: ['nobody'], ...request, directory });
  return directory;
}

type Walls = Pick<LaunchRequest, 'landlock' | 'connectTcp' | 'bindTcp' | 'seccomp' | 'isolate'>;

async function run(jail: string, words: readonly string[], walls: Walls = {}): Promise<string> {
  const [program = '', ...args] = words;
  const { stdout, stderr, exitCode } = await runInJail({
    user: 'nobody',
    jail,
    program,
    args,
    ...walls,
    env: { HOME: '/tmp' },
    reject: false,
    timeoutMs: 60_000,
  });
  return exitCode === 0 ? stdout : `status ${exitCode}: ${stdout}${stderr}`;
}

interface Job {
  readonly programs: readonly string[];
  readonly argv: readonly [program: string, ...args: string[]];
  readonly prints: RegExp;
}

const PYTHON = `import json, hashlib, sqlite3, ctypes, ssl
ssl.create_default_context()
print(json.dumps([1]), hashlib.sha256(b"").hexdigest()[:8], sqlite3.connect(":memory:").execute("select 6*7").fetchone(), ctypes.sizeof(ctypes.c_char))`;

const GIT = `cd /tmp && git init -q a$$ && cd a$$ && echo x >f && git add f &&
git -c user.name=x -c user.email=y commit -qm first && cd .. && git clone -q file:///tmp/a$$ b$$ && git -C b$$ log --format=%s`;

const REDIS = `redis-server --port 0 --unixsocket /tmp/s --dir /tmp --daemonize yes >/dev/null
for i in 1 2 3 4 5 6 7 8 9 10; do redis-cli -s /tmp/s set k v 2>/dev/null && break; sleep 0.2; done
redis-cli -s /tmp/s get k; redis-cli -s /tmp/s shutdown nosave`;

const jobs: readonly Job[] = [
  { programs: ['bash'], argv: ['/bin/bash', '-c', 'echo $((6 * 7))'], prints: /^42\n$/ },
  { programs: ['dash'], argv: ['/bin/dash', '-c', 'echo $((6 * 7))'], prints: /^42\n$/ },
  { programs: ['ls'], argv: ['/bin/ls', '-l', '/'], prints: / root +root .* tmp\n/ },
  { programs: ['id'], argv: ['/usr/bin/id', '-un'], prints: /^nobody\n$/ },
  {
    programs: ['/usr/bin/python3'],
    argv: ['/usr/bin/python3', '-c', PYTHON],
    prints: /^\[1\] e3b0c442 \(42,\) 1\n$/,
  },
  {
    programs: ['/usr/bin/perl'],
    argv: ['/usr/bin/perl', '-e', 'use POSIX; use List::Util qw(sum); print sum(1, 2), floor(2.5)'],
    prints: /^32$/,
  },
  {
    programs: [process.execPath],
    argv: [process.execPath, '-p', 'require("crypto").createHash("md5").update("").digest("hex")'],
    prints: /^d41d8cd98f00b204e9800998ecf8427e\n$/,
  },
  { programs: ['git', 'bash'], argv: ['/bin/bash', '-c', GIT], prints: /^first\n$/ },
  {
    programs: ['sqlite3'],
    argv: ['/usr/bin/sqlite3', ':memory:', 'select 6*7'],
    prints: /^42\n$/,
  },
  {
    programs: ['vim.tiny', 'bash'],
    argv: [
      '/bin/bash',
      '-c',
      'vim.tiny -es -c "normal ihello" -c "wq /tmp/v"; cat </tmp/v || echo "$(</tmp/v)"',
    ],
    prints: /hello\n$/,
  },
  {
    programs: ['redis-server', 'redis-cli', 'bash', 'sleep'],
    argv: ['/bin/bash', '-c', REDIS],
    prints: /OK\nv\n$/,
  },
  {
    programs: ['gcc', 'bash'],
    argv: [
      '/bin/bash',
      '-c',
      'cd /tmp && echo "int main(void) { return 0; }" >a.c && gcc -O2 -o a a.c && ./a && echo ran',
    ],
    prints: /^ran\n$/,
  },
];

for (const { programs, argv, prints } of jobs) {
  const names = programs.map((program) => program.replace(/.*\//, ''));
  t.test(`${names.join(' and ')} in a jail`, { skip: skip || unlessInstalled(...names) }, async (t) => {
    const jail = await makeJail(t, { programs });
    t.match(await run(jail, argv), prints);
    // a program needs nothing that the walls refuse
    for (const walls of [
      { isolate: true },
      { landlock: true },
      ...['default', ...profileFiles].map((seccomp) => ({ seccomp })),
    ])
      t.match(await run(jail, argv, walls), prints, JSON.stringify(walls));
  });
}

t.test('a #! script and one by env in a jail', { skip: skip || unlessInstalled('perl') }, async (t) => {
  const base = makeDirectory(t);
  writeFileSync(`${base}/shell`, '#!/bin/sh\necho "$(expr 6 \\* 7)"\n', { mode: 0o755 });
  writeFileSync(`${base}/perl`, '#!/usr/bin/env perl\nuse POSIX; print floor(42.5), "\\n";\n', {
    mode: 0o755,
  });
  const jail = await makeJail(t, { programs: [`${base}/shell`, `${base}/perl`, 'expr'] });
  t.equal(await run(jail, [`${base}/shell`]), '42\n');
  t.equal(await run(jail, [`${base}/perl`]), '42\n');
});

t.test('curl fetches from a server on the loopback', { skip: skip || unlessInstalled('curl') }, async (t) => {
  const server = createServer((socket) => {
    socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nhello\n'));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const jail = await makeJail(t, { programs: ['curl'] });
  const words = ['/usr/bin/curl', '-sS', `http://localhost:${port}/`];
  t.equal(await run(jail, words), 'hello\n');
  for (const seccomp of ['default', ...profileFiles])
    t.equal(await run(jail, words, { seccomp }), 'hello\n', seccomp);
  t.equal(await run(jail, words, { connectTcp: [port], bindTcp: [] }), 'hello\n');
  t.match(await run(jail, words, { connectTcp: [] }), /^status 7: .*port/, 'not to any other port');
});

const sftp = '/usr/lib/openssh/sftp-server';

t.test(
  "sshd's sftp-server answers the client's first packet",
  { skip: skip || !existsSync(sftp) },
  async (t) => {
    const program = sftp;
    const jail = await makeJail(t, { programs: [program] });
    const server = await spawnInJail({ user: 'nobody', jail, program, stdio: ['pipe', 'pipe', 'inherit'] });
    t.teardown(() => server.kill('SIGKILL'));
    // SSH_FXP_INIT, version 3 (draft-ietf-secsh-filexfer-02); it may answer only while there may be more to read
    server.stdin?.write(Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]));
    const [answer] = (await once(server.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    t.equal(answer[4], 2, 'SSH_FXP_VERSION');
  },
);

const NGINX = `error_log stderr; pid /tmp/nginx.pid; daemon off; master_process off;
events {} http { access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f;
uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
server { listen 127.0.0.1:PORT; root /usr/share/nginx/html; } }`;

t.test(
  'nginx tests its configuration and serves a page',
  { skip: skip || unlessInstalled('nginx') },
  async (t) => {
    const base = makeDirectory(t);
    const port = 20_000 + (process.pid % 20_000);
    writeFileSync(`${base}/nginx.conf`, NGINX.replace('PORT', String(port)));
    const jail = await makeJail(t, {
      programs: ['nginx'],
      copies: [{ from: `${base}/nginx.conf`, to: '/etc/nginx/own.conf' }],
    });
    const request = { user: 'nobody', jail, program: '/usr/sbin/nginx' };
    const tested = await runInJail({ ...request, args: ['-t', '-c', '/etc/nginx/own.conf'], reject: false });
    t.match(tested.stderr, /test is successful/);
    const all: readonly Walls[] = [
      {},
      { landlock: true, bindTcp: [port], connectTcp: [] },
      ...['default', ...profileFiles].map((seccomp) => ({ seccomp })),
    ];
    for (const walls of all) {
      const server = await spawnInJail({ ...request, ...walls, args: ['-c', '/etc/nginx/own.conf'] });
      t.teardown(() => server.kill('SIGKILL'));
      t.match(await fetchWhenUp(`http://127.0.0.1:${port}/`), /nginx/, JSON.stringify(walls));
      server.kill('SIGKILL');
      await server.exited;
    }
  },
);

async function fetchWhenUp(url: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await (await fetch(url)).text();
    } catch (error) {
      if (attempt === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
