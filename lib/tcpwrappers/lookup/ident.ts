// Asks the host of the client who its user is (RFC 1413). The answer is whatever that host likes to say.

import { connect, type Socket } from 'node:net';

import { UNKNOWN } from '../connection/request-info.ts';
import { unmapAddress } from '../text/address.ts';
import type { Answered, Connection } from './resolver.ts';

/** Port of the identification protocol. */
const PORT = 113;
/** What libwrap has room for; RFC 1413 section 4 allows a thousand. */
const MAX_REPLY_BYTES = 512;

// As libwrap scans it; digits only, and white space of ASCII.
const REPLY =
  /^[ \t\r\v\f]*([0-9]{1,5})[ \t\r\v\f]*,[ \t\r\v\f]*([0-9]{1,5})[ \t\r\v\f]*:[ \t\r\v\f]*USERID[ \t\r\v\f]*:[^:]+:[ \t\r\v\f]*([^ \t\r\v\f]{1,255})/;

/**
 * The user that a reply names, one byte a character, or undefined: a line `port , port : USERID : system : user` with
 * the ports that were asked about; nothing else counts, errors of the other host included.
 */
export function parseReply(line: string, clientPort: number, serverPort: number): string | undefined {
  const [, first, second, user] = REPLY.exec(line.split('\0', 1)[0] ?? '') ?? [];
  return Number(first) === clientPort && Number(second) === serverPort ? user : undefined;
}

// Reads up to the end of the first line; undefined if there is none within the bytes that one may have.
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
 * Asks for the user of a TCP connection, from the address of the server that the client has connected to. `unknown` if
 * there is no proper answer within the time. Never rejects.
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
  // of what a timer can take; the time limit of a rule may be any number
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
