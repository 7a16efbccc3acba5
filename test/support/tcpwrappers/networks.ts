// Networks of their own for a server and its clients, joined by veth(4), and what the server's resolver knows.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import type { Test } from 'tap';

import { patientMs } from '../patience.ts';
import { sanitizerEnv } from '../sanitizer.ts';

export interface Network {
  /** Words before a command, which then runs there. */
  readonly inside: readonly string[];
}

export interface Networks {
  readonly server: Network;
  /** Client N has 10.231.N.2 and fd00:231:N::2; the server, for it, 10.231.N.1 and fd00:231:N::1. */
  readonly clients: readonly Network[];
}

function ip(words: string): void {
  execFileSync('ip', words.split(' '));
}

/** Makes networks for so many clients; they go with the test. */
export function openNetworks(t: Test, count: number): Networks {
  const name = (what: string): string => `uchroot-${process.pid}-${what}`;
  const names = ['server', ...Array.from({ length: count }, (_, i) => String(i))].map(name);
  for (const each of names) {
    ip(`netns add ${each}`);
    t.teardown(() => ip(`netns delete ${each}`));
    ip(`-n ${each} link set lo up`);
  }
  const [server = '', ...clients] = names;
  for (const [i, client] of clients.entries()) {
    ip(`-n ${server} link add client${i} type veth peer name eth0 netns ${client}`);
    for (const [place, device, end] of [
      [server, `client${i}`, 1],
      [client, 'eth0', 2],
    ] as const) {
      ip(`-n ${place} address add 10.231.${i}.${end}/24 dev ${device}`);
      // at once, without asking whether somebody else has it
      ip(`-n ${place} address add fd00:231:${i}::${end}/64 dev ${device} nodad`);
      ip(`-n ${place} link set ${device} up`);
    }
  }
  const inside = (each: string): Network => ({ inside: ['ip', 'netns', 'exec', each] });
  return { server: inside(server), clients: clients.map(inside) };
}

/** More IPv6 addresses for a client. */
export function addAddresses({ inside }: Network, addresses: readonly string[]): void {
  const [program = '', ...args] = inside;
  const input = addresses.map((address) => `address add ${address}/64 dev eth0 nodad\n`).join('');
  execFileSync(program, [...args, 'ip', '-batch', '-'], { input });
}

/** What a client in its network hears from a server; said in bash(1), which has connections of its own. */
export function connectFrom({ inside }: Network, address: string, port: number): string {
  const [program = '', ...args] = inside;
  const script = 'exec 3<>"/dev/tcp/$0/$1" && cat <&3';
  return execFileSync(program, [...args, 'bash', '-c', script, address, String(port)], {
    encoding: 'latin1',
    timeout: patientMs(20_000),
  });
}

/**
 * Starts a program in a network, with files of its own in /etc, by their names; `next` gives one line after the other
 * that it writes.
 */
export async function startInside(
  t: Test,
  { inside }: Network,
  files: Readonly<Record<string, string>>,
  command: readonly string[],
): Promise<{ readonly next: () => Promise<string> }> {
  const directory = mkdtempSync(join(tmpdir(), 'uchroot-test-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const script = 'mount -t overlay -o "lowerdir=$0:/etc" none /etc && exec "$@"';
  const [program = '', ...args] = [
    ...inside,
    'unshare',
    '--mount',
    'sh',
    '-c',
    script,
    directory,
    ...command,
  ];
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, ...sanitizerEnv },
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    rmSync(directory, { recursive: true, force: true });
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return { next: async () => String((await lines.next()).value) };
}
