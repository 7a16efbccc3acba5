// Asks the client's host who its user is (RFC 1413). The answer cannot be trusted: that host may say anything.

import { connect, type Socket } from 'node:net';

import { UNKNOWN } from '../connection/request-info.ts';
import { unmapAddress } from '../../values/address.ts';
import type { Answered, Connection } from './resolver.ts';

/** The port of the identification protocol. */
const PORT = 113;
/** libwrap has room for this many bytes; RFC 1413 section 4 allows a thousand. */
const MAX_REPLY_BYTES = 512;

// The format that libwrap scans.
const REPLY =
  /^[ \t\r\v\f]*([0-9]{1,5})[ \t\r\v\f]*,[ \t\r\v\f]*([0-9]{1,5})[ \t\r\v\f]*:[ \t\r\v\f]*USERID[ \t\r\v\f]*:[^:]+:[ \t\r\v\f]*([^ \t\r\v\f]{1,255})/;

/**
 * The user in a reply `port , port : USERID : system : user` with the right ports, or undefined, also for an error
 * reply.
 */
export function parseReply(line: string, clientPort: number, serverPort: number): string | undefined {
  const [, first, second, user] = REPLY.exec(line.split('\0', 1)[0] ?? '') ?? [];
  return Number(first) === clientPort && Number(second) === serverPort ? user : undefined;
}

// The first line, or undefined if it is missing or too long.
async function readLine(socket: Socket): Promise<string | undefined> {
  let text = '';
  for await (const part of socket as AsyncIterable<Buffer>) {
    text += part.toString('latin1', 0, MAX_REPLY_BYTES);
    const newline = text.indexOf('\n');
    if (newline >= 0 && newline < MAX_REPLY_BYTES) return text.slice(0, newline);
    if (text.length >= MAX_REPLY_BYTES) return undefined;
  }
  return undefined;
}

/**
 * Asks for the user of a TCP connection, from the server address that the client connected to. `unknown` if there is no
 * valid answer in time. Never rejects.
 */
export async function askUser(
  { client, server }: Connection,
  timeoutSeconds: number,
  port = PORT,
): Promise<Answered<string>> {
  const socket = connect({
    host: unmapAddress(client.address),
    localAddress: unmapAddress(server.address),
    port,
    autoSelectFamily: false,
  });
  // a rule may set any time limit, a timer takes 31 bits
  const timeoutMs = Math.min(timeoutSeconds * 1000, 2 ** 31 - 1);
  const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), timeoutMs);
  try {
    socket.write(`${client.port},${server.port}\r\n`);
    const line = await readLine(socket);
    const user = line === undefined ? undefined : parseReply(line, client.port, server.port);
    return user === undefined ? { value: UNKNOWN, problem: 'no user in the reply' } : { value: user };
  } catch (error) {
    return { value: UNKNOWN, problem: (error as Error).message };
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
