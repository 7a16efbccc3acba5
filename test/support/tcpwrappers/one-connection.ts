// Starts test/support/fixture/one-connection.ts at one end of a connection.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

import { sanitizerEnv } from '../sanitizer.ts';

const fixture = join(import.meta.dirname, '../fixture/one-connection.js');

/** What the process has told; see the fixture. */
export interface Told {
  readonly verdict: string;
  readonly reason?: string;
  readonly problems: readonly string[];
  readonly log: readonly { readonly text: string }[];
  readonly becomes: boolean;
  readonly ids: readonly number[];
  readonly groups: readonly number[];
  readonly umask: number;
  readonly nice: number;
  readonly mark?: string;
}

/**
 * Connects, says `said`, and has a process of its own decide by the two files, started by the words of `by`; `heard` is
 * all that the client gets.
 */
export async function connectOnce(
  paths: { readonly allow: string; readonly deny: string },
  daemon: string,
  { said = '', by = [] }: { readonly said?: string; readonly by?: readonly string[] } = {},
): Promise<{ readonly told: Told; readonly heard: string }> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.end(said);
  const [socket] = await accepted;
  const [program, ...args] = [...by, process.execPath, fixture, paths.allow, paths.deny, daemon];
  const child = spawn(program, args, {
    // as systemd starts one with StandardError=journal
    stdio: [socket, socket, 'inherit', 'pipe'],
    // tap's own would follow the process
    env: { PATH: process.env.PATH, ...sanitizerEnv },
  });
  socket.destroy();
  server.close();
  const [told, heard] = await Promise.all([text(child.stdio[3] as Readable), text(client)]);
  return { told: JSON.parse(told) as Told, heard };
}
