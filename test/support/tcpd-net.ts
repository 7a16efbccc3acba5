// A server in a new network: inetd, a log daemon, files in /etc, and clients with several addresses behind a veth.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

import type { Test } from 'tap';

import { makeDirectory } from './directory.ts';

/** The script for socket features that Node lacks. */
export const helper = join(import.meta.dirname, '../../../test/support/tcpd-net.py');

/** An action of a client; `source` is one of its addresses, 10.99.0.2 to 10.99.0.9 or fd99::2 to fd99::5. */
interface Talk {
  readonly kind?: 'tcp' | 'udp';
  readonly source: string;
  readonly port: number;
  readonly text?: string;
  /** IP options, in hexadecimal. */
  readonly options?: string;
  /** Longest time for an answer. */
  readonly seconds?: number;
}

export interface Net {
  /** A directory that server and test share. */
  readonly directory: string;
  /** The answers, in order; null if none came in time. */
  talk(...talks: readonly Talk[]): (string | null)[];
  /** Whether ports are open, as seen from the network. */
  knock(...talks: readonly Pick<Talk, 'source' | 'port'>[]): boolean[];
  /** The lines that the log daemon has received, without time and pid. */
  log(): string[];
  /** Runs a program on the server, and returns its output. */
  run(words: readonly string[], input?: string): string;
}

export interface NetOptions {
  /** Files of /etc, and of /usr/sbin; those of /usr/sbin are executable. */
  readonly etc: Readonly<Record<string, string>>;
  readonly sbin?: Readonly<Record<string, string>>;
  /** Links in /etc, and their targets. */
  readonly links?: Readonly<Record<string, string>>;
  /** Lines of inetd.conf. */
  readonly inetd?: readonly string[];
  /** A command that serves in place of inetd, and its ports. */
  readonly server?: { readonly command: string; readonly ports: readonly number[] };
}

/** The program of a UDP service for inetd.conf, as `run` or tcpd starts it. */
export const answering = `#!/bin/sh\nexec python3 ${helper} answer\n`;

function start(t: Test, program: string, words: readonly string[]): ChildProcess & { readonly pid: number } {
  const child = spawn(program, words, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] },
  });
  t.teardown(() => child.kill('SIGKILL'));
  if (child.pid === undefined) throw new Error(`${program} does not start`);
  return child as ChildProcess & { readonly pid: number };
}

async function lineOf(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface(child.stdout)) if (line === 'ready') return;
  throw new Error('the server has ended');
}

const SERVER = `
set -e
cd "$1"
mount -t tmpfs none files
mkdir files/etc files/sbin files/etc.work files/sbin.work files/dev
cp -a etc/. files/etc
cp -a sbin/. files/sbin
mount -t overlay none -o lowerdir=/etc,upperdir=files/etc,workdir=files/etc.work /etc
mount -t overlay none -o lowerdir=/usr/sbin,upperdir=files/sbin,workdir=files/sbin.work /usr/sbin
for node in 'null 1 3' 'zero 1 5' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
  set -- $node
  mknod -m 0666 "files/dev/$1" c "$2" "$3"
done
mount --bind files/dev /dev
ip link set lo up
[ -z "$COMMAND" ] || { $COMMAND </dev/null >&2 & }
exec python3 "$PYTHON" log /dev/log "$PWD/log"
`;

/** Starts everything, until the end of the test. */
export async function openNet(
  t: Test,
  { etc, sbin = {}, links = {}, inetd = [], server: other }: NetOptions,
): Promise<Net> {
  const directory = makeDirectory(t);
  for (const [place, files] of [
    ['etc', etc],
    ['sbin', sbin],
  ] as const) {
    mkdirSync(join(directory, place));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, place, name)), { recursive: true });
      writeFileSync(join(directory, place, name), text);
      chmodSync(join(directory, place, name), place === 'sbin' ? 0o755 : 0o644);
    }
  }
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(directory, 'etc', name));
  mkdirSync(join(directory, 'files'));
  writeFileSync(join(directory, 'inetd.conf'), inetd.map((line) => `${line}\n`).join(''));
  const words = ['-n', '-m', '--propagation', 'private', '--kill-child', 'env', `PYTHON=${helper}`];
  const server = start(t, 'unshare', [
    '-p',
    '-f',
    ...words,
    `COMMAND=${other?.command ?? (inetd.length > 0 ? `inetd -i ${directory}/inetd.conf` : '')}`,
    'sh',
    '-c',
    SERVER,
    'sh',
    directory,
  ]);
  await lineOf(server);
  const inside = Number(readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'latin1').trim());
  const clients = start(t, 'unshare', [
    '-n',
    '--kill-child',
    '-f',
    'sh',
    '-c',
    'echo ready; exec sleep 1000',
  ]);
  await lineOf(clients);
  const client = Number(readFileSync(`/proc/${clients.pid}/task/${clients.pid}/children`, 'latin1').trim());
  connect(inside, client);
  await untilListening(inside, other?.ports ?? inetd.map((line) => Number.parseInt(line, 10)));
  const ask = (command: string, requests: readonly object[]): unknown => {
    const words = requests.map((request) => JSON.stringify(request));
    const all = ['-t', String(client), '-n', 'python3', helper, command, ...words];
    return JSON.parse(execFileSync('nsenter', all, { encoding: 'utf8' }));
  };
  return {
    directory,
    talk: (...talks) => ask('talk', talks) as (string | null)[],
    knock: (...talks) => ask('knock', talks) as boolean[],
    log: () =>
      existsSync(join(directory, 'log'))
        ? readFileSync(join(directory, 'log'), 'latin1')
            .trim()
            .split('\n')
            .map((line) => line.replace(/^(<\d+>).{15} (\S+)\[\d+\]: /, '$1$2: '))
        : [],
    run: ([program = '', ...words], input = '') =>
      execFileSync('nsenter', ['-t', String(inside), '-n', '-m', program, ...words], {
        encoding: 'utf8',
        input,
      }),
  };
}

// The files of a process list the listening sockets of its network (proc_pid_net(5)); the test continues when all listen.
async function untilListening(pid: number, ports: readonly number[]): Promise<void> {
  const isListening = (port: number): boolean =>
    ['tcp', 'tcp6', 'udp'].some((kind) =>
      readFileSync(`/proc/${pid}/net/${kind}`, 'latin1').includes(
        `:${port.toString(16).toUpperCase().padStart(4, '0')} `,
      ),
    );
  const end = Date.now() + 60_000;
  while (!ports.every(isListening)) {
    if (Date.now() > end) throw new Error('the server does not listen');
    await setTimeout(20);
  }
}

function connect(server: number, client: number): void {
  const ip = (pid: number, ...words: string[]) =>
    execFileSync('nsenter', ['-t', String(pid), '-n', 'ip', ...words]);
  ip(server, 'link', 'add', 'inside', 'type', 'veth', 'peer', 'name', 'outside', 'netns', String(client));
  ip(server, 'addr', 'add', '10.99.0.1/24', 'dev', 'inside');
  ip(server, 'addr', 'add', 'fd99::1/64', 'dev', 'inside', 'nodad');
  ip(server, 'link', 'set', 'inside', 'up');
  for (let i = 2; i <= 9; i++) ip(client, 'addr', 'add', `10.99.0.${i}/24`, 'dev', 'outside');
  for (let i = 2; i <= 5; i++) ip(client, 'addr', 'add', `fd99::${i}/64`, 'dev', 'outside', 'nodad');
  ip(client, 'link', 'set', 'outside', 'up');
}
