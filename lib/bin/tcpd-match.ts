// uchroot-tcpd match: shows the decision on a request, its rule, and why other rules do not match.

import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';

import { UsageError } from '../errors.ts';
import { option, type Argument } from '../command-option.ts';
import { jsonDocument } from '../json.ts';
import { quote } from '../quote.ts';
import type { RequestDescription } from '../tcpwrappers/connection/request-info.ts';
import { explain, type Explanation } from '../tcpwrappers/explain/explanation.ts';
import { toExplanation } from '../tcpwrappers/explain/public-explanation.ts';
import { openHosts } from '../tcpwrappers/hosts.ts';
import { findOutside } from '../tcpwrappers/text/latin1.ts';
import type { ReadArguments } from './arguments.ts';
import { type Command, has, valueOf } from './dispatch.ts';
import { FORMATS, toFormat } from './common-options.ts';
import { explanationText } from './tcpd-match-report.ts';
import { numberOf, toHostsOptions } from './tcpd-options.ts';

export const match: Command<undefined> = {
  synopsis: 'match [OPTION]... DAEMON[@HOST] [USER@]CLIENT',
  summary: 'shows the decision on a request, its rule, its look-ups and its options',
  options: [
    option('--why', 'and why each rule above it does not match'),
    option('--format FORMAT', 'text, or json with all of that'),
    option('--name NAME', 'the name of the client; by default it is looked up if a rule needs it'),
    option('--client-port N', 'its port'),
    option('--server-name NAME', 'the name of HOST, the address that the client connects to'),
    option('--server-port N', 'its port'),
    option('--timeout SECONDS', 'longest time for a look-up (default 10)'),
  ],
  statuses: '0 granted, 1 denied or delegated, 2 uncertain.',
  operands: [2, 2],
  failureStatus: 2,
  run: async (read) => {
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    const { tables } = openHosts(toHostsOptions(read));
    const timeoutMs = 1000 * (numberOf(read, 'timeout', 3600) ?? 10);
    const explanations: Explanation[] = [];
    for (const described of await toRequests(read))
      explanations.push(await explain(tables, described, timeoutMs));
    const text =
      format === 'json'
        ? jsonDocument({ decisions: explanations.map(toExplanation) })
        : explanations.map((one) => explanationText(one, has(read, 'why'))).join('\n');
    return { text, status: statusOf(explanations) };
  },
};

// 2 if a decision is uncertain, or if the client's addresses get different decisions.
function statusOf(explanations: readonly Explanation[]): number {
  const statuses = new Set(
    explanations.map(({ verdict, doubts }) => (doubts.length > 0 ? 2 : verdict === 'granted' ? 0 : 1)),
  );
  const [status = 2] = statuses;
  return statuses.size === 1 ? status : 2;
}

/** Splits at the `@`, as in a word of a rule. */
function cutAt({ bytes }: Argument): readonly [before: Buffer | undefined, after: Buffer] {
  const at = findOutside(bytes.toString('latin1'), '@', 1);
  return at < 0 ? [undefined, bytes] : [bytes.subarray(0, at), bytes.subarray(at + 1)];
}

async function toRequests(read: ReadArguments): Promise<readonly RequestDescription[]> {
  const [first, second] = read.operands;
  if (first === undefined || second === undefined)
    throw new UsageError(`Usage: uchroot-tcpd ${match.synopsis}`);
  const [named, last] = cutAt(first);
  const [daemon, host] = named === undefined ? [last] : [named, last];
  const [user, client] = cutAt(second);
  const server = {
    address: host === undefined ? undefined : await toServer(host),
    port: numberOf(read, 'server-port', 65_535),
    name: valueOf(read, 'server-name')?.bytes,
  };
  const port = numberOf(read, 'client-port', 65_535);
  const name = valueOf(read, 'name')?.bytes;
  return (await toAddresses(client)).map((address) => {
    return { daemon, server, client: { address, user, port, name } };
  });
}

/** The addresses of a host. An address may be in brackets, and `unknown` is kept. */
async function toAddresses(host: Buffer): Promise<readonly string[]> {
  const text = host.toString('utf8').replace(/^\[(.*)\]$/, '$1');
  if (isIP(text) !== 0 || text === 'unknown') return [text];
  try {
    const found = await dns.lookup(text, { all: true });
    return [...new Set(found.map(({ address }) => address))];
  } catch (error) {
    throw new UsageError(`${quote(host)}: ${(error as Error).message}`, {
      hint: 'give an address, and the name with --name',
    });
  }
}

async function toServer(host: Buffer): Promise<string> {
  const [address = '', ...more] = await toAddresses(host);
  if (more.length === 0) return address;
  throw new UsageError(`${quote(host)} has more than one address`, {
    hint: 'give the address that is meant',
  });
}
