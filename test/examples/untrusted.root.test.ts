// doc/untrusted.md: a web service that runs code of others, attacked by its clients.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';

import t from 'tap';

import { uchrootJail } from '../support/builder.ts';
import { command, commandEnv, searchPath, temporaryDirectory } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';
import { sanitizerEnv } from '../support/sanitizer.ts';
import { eventually, programsOf } from '../support/service.ts';
import { patientMs } from '../support/patience.ts';

const skip = unlessRoot('python3');
const jail = skip === false ? `${temporaryDirectory()}/jail` : '/';
const script = join(import.meta.dirname, '../../../examples/untrusted/server.mjs');
const count = 4;
const limit = { skip };

interface Line {
  readonly out?: string;
  readonly err?: string;
  readonly exitCode?: number | null;
  readonly signal?: string | null;
  readonly limit?: string | null;
}

let url = '';
let service: ChildProcess | undefined;

t.before(async () => {
  if (skip !== false) return;
  const built = uchrootJail(['build', jail, 'python3', process.execPath]);
  if (built.status !== 0) throw new Error(built.stderr);
  mkdirSync(`${jail}/tmp`, { recursive: true });
  service = spawn(process.execPath, [script, jail, String(count)], {
    env: {
      ...sanitizerEnv,
      PATH: searchPath,
      SECRET: 'of the service',
      TIMEOUT_MS: String(patientMs(3000)),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(service.stdout ?? service, 'data')) as [Buffer];
  url = said.toString().trim();
});

t.teardown(() => service?.kill());

async function ask(path: string, code: string): Promise<{ out: string; err: string; last: Line }> {
  const response = await fetch(`${url}/${path}`, { method: 'POST', body: code });
  const lines = (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  const all = (key: 'out' | 'err'): string => lines.map((line) => line[key] ?? '').join('');
  return { out: all('out'), err: all('err'), last: lines.at(-1) ?? {} };
}

const left = (): readonly number[] => programsOf(service?.pid);
const good = { exitCode: 0, signal: null, limit: null };

t.test('both languages run, and see nothing of the host', limit, async (t) => {
  const python = await ask(
    'python',
    'import os; print(6 * 7, "SECRET" in os.environ, os.path.exists("/root"), len(os.listdir("/sys")) if os.path.exists("/sys") else 0)',
  );
  t.same(python, { out: '42 False False 0\n', err: '', last: good });
  const javascript = await ask(
    'javascript',
    'fetch("http://127.0.0.1:6379").catch(({cause}) => console.log(cause.code, process.getuid() >= 61184))',
  );
  t.same(javascript, { out: 'ECONNREFUSED true\n', err: '', last: good });
  const failed = await ask('python', 'raise SystemExit(3)');
  t.same(failed.last, { ...good, exitCode: 3 });
});

t.test('each limit ends the program and is named', limit, async (t) => {
  const [memory, time, output, file] = await Promise.all([
    ask('python', 'a = "x" * 10**9'),
    // blocks as an endless loop does, and leaves the processors to others
    ask('javascript', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'),
    ask('python', 'while True: print("x" * 10000)'),
    ask(
      'python',
      `
import errno
try:
    with open("/tmp/big", "wb") as file:
        while True: file.write(b"x" * 65536)
except OSError as error: print(errno.errorcode[error.errno])`,
    ),
  ]);
  const killed = { exitCode: null, signal: 'SIGKILL' };
  t.same(memory.last, { ...killed, limit: 'memory' });
  t.same(time.last, { ...killed, limit: 'time' });
  t.same(output.last, { ...killed, limit: 'output' });
  t.same([file.out, file.last], ['ENOSPC\n', good]);
  t.same(left(), []);
});

t.test('nothing is left for the next program', limit, async (t) => {
  const write = 'open("/etc/left", "w"); open("/tmp/left", "w")';
  await ask('python', `import os, time\nif os.fork() == 0:\n  os.setsid()\n  time.sleep(60)\n${write}`);
  const next = await ask('python', 'import os; print(os.listdir("/tmp"), os.path.exists("/etc/left"))');
  t.equal(next.out, '[] False\n');
  t.notOk(readdirSync(`${jail}/etc`).includes('left'));
  t.ok(await eventually(() => left().length === 0));
});

t.test('output comes while the program runs, and a client that goes away ends it', limit, async (t) => {
  const gone = new AbortController();
  const response = await fetch(`${url}/python`, {
    method: 'POST',
    body: 'import time\nprint("begun")\ntime.sleep(60)',
    signal: gone.signal,
  });
  const { value } = await response.body!.getReader().read();
  t.ok(
    Buffer.from(value ?? [])
      .toString()
      .startsWith('{"out":"begun'),
  );
  t.equal(left().length > 0, true);
  gone.abort();
  t.ok(await eventually(() => left().length === 0), 'its processes are gone');
});

// A client that sends its code and reads nothing of the answer.
function unread(code: string): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => {}); // the service cuts it off
  socket.write(`POST /python HTTP/1.1\r\nHost: x\r\nContent-Length: ${code.length}\r\n\r\n${code}`);
  return socket.pause();
}

t.test('a client that does not read keeps others out for a while only', limit, async (t) => {
  const sockets = Array.from({ length: count }, () => unread('print("x" * 9_000_000)'));
  t.ok(await eventually(() => left().length >= count), 'all places are taken');
  t.equal((await fetch(`${url}/python`, { method: 'POST', body: '' })).status, 503);
  const answers = async () => {
    const response = await fetch(`${url}/python`, { method: 'POST', body: 'print(42)' });
    return (await response.text()).includes('42');
  };
  t.ok(await eventually(answers, 15_000, 100));
  for (const socket of sockets) socket.destroy();
});

interface ToolServers {
  readonly mcpServers: { readonly project: { readonly args: readonly string[] } };
}

// A server of two methods (Model Context Protocol, "stdio": a line of JSON for each message).
const toolServer = `import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    result = {'serverInfo': {'name': 'test'}} if asked['method'] == 'initialize' else os.listdir('.')
    print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': result}), flush=True)`;

t.test('a tool server with the configuration of the page answers from its jail', limit, async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../../doc/untrusted.md'), 'utf8');
  const [, configuration = ''] = /\n( {4}\{\n {6}"mcpServers"[^]*?\n {4}\})\n/.exec(page) ?? [];
  const { args } = (JSON.parse(configuration) as ToolServers).mcpServers.project;
  t.same(args.slice(0, 2), ['-n', 'uchroot']);
  const project = `${temporaryDirectory()}/project`;
  mkdirSync(project);
  writeFileSync(`${project}/a.txt`, '');
  mkdirSync(`${jail}${project}`, { recursive: true });
  writeFileSync(`${jail}/server.py`, toolServer);
  const places: Readonly<Record<string, string>> = {
    '/home/sam/project': project,
    '/srv/untrusted': jail,
  };
  const words = args.slice(2).map((word) => places[word] ?? word);
  const [program = '', ...before] = command;
  const server = spawn(program, [...before, ...words], {
    env: commandEnv,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ask = async (id: number, method: string): Promise<unknown> => {
    server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method })}\n`);
    const [line] = (await once(server.stdout, 'data')) as [Buffer];
    return (JSON.parse(line.toString()) as { readonly result: unknown }).result;
  };
  t.same(await ask(1, 'initialize'), { serverInfo: { name: 'test' } });
  t.same(await ask(2, 'tools/list'), ['a.txt'], 'it works in the project');
  const ended = once(server, 'exit');
  server.stdin.end();
  t.same(await ended, [0, null], 'it ends with its client');
  t.equal(uchrootJail(['discard', project]).status, 0);
});
