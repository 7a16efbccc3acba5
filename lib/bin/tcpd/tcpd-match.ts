// uchroot-tcpd match: shows the decision on a request, its rule, and why other rules do not match.

import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';

import { option } from '../../values/command-option.ts';
import { UsageError } from '../../errors.ts';
import { jsonDocument } from '../../words/json.ts';
import { quote } from '../../words/quote.ts';
import { commandLine } from '../../words/shell-word.ts';
import type { CheckFinding } from '../../tcpwrappers/check/checked-file.ts';
import type { RequestDescription } from '../../tcpwrappers/connection/request-info.ts';
import { explain, type ExplainedEnd, type HostsExplanation } from '../../tcpwrappers/check/explanation.ts';
import { openHosts } from '../../tcpwrappers/hosts.ts';
import type { MatchedRule } from '../../tcpwrappers/decision.ts';
import { findOutside } from '../../tcpwrappers/text/latin1.ts';
import type { ReadArguments } from '../arguments.ts';
import { wrong } from '../../values/wrong.ts';
import { FORMATS, toFormat } from '../common-options.ts';
import { type Command, has, valueOf } from '../dispatch.ts';
import { numberOf, toNamedFiles } from './tcpd-options.ts';

export const match: Command<undefined> = {
  synopsis: 'match [OPTION]... DAEMON[@HOST] [USER@]CLIENT',
  summary: 'shows the decision on a request, its rule, its look-ups and its options',
  options: [
    option('--why', 'and why each rule above it does not match'),
    option('--format text|json', 'how the answer is printed; json has all that --why shows'),
    option('--name NAME', 'the name of the client; by default it is looked up if a rule needs it'),
    option('--client-port N', 'its port'),
    option('--server-name NAME', 'the name of HOST, the address that the client connects to'),
    option('--server-port N', 'its port'),
    option('--timeout SECONDS', 'longest time for a look-up (default 10)'),
  ],
  statuses: '0 granted, 1 denied or delegated, 2 uncertain.',
  operands: [2, 2],
  failureStatus: 2,
  run: async (read, _, first, second) => {
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    if (isIP(String(first)) !== 0 && isIP(String(second)) === 0)
      throw new UsageError(`${quote(first)} is an address, and DAEMON comes first`, {
        hint: commandLine('uchroot-tcpd', 'match', second.toString('latin1'), String(first)),
      });
    const { tables } = openHosts(toNamedFiles(read));
    const timeoutMs = 1000 * (numberOf(read, 'timeout', 3600) ?? 10);
    const explanations: HostsExplanation[] = [];
    for (const described of await toRequests(read, first, second))
      explanations.push(await explain(tables, described, timeoutMs));
    const text =
      format === 'json'
        ? jsonDocument({ decisions: explanations })
        : explanations.map((one) => explanationText(one, has(read, 'why'))).join('\n');
    const statuses = new Set(
      explanations.map(({ verdict, doubts }) => (doubts.length > 0 ? 2 : verdict === 'granted' ? 0 : 1)),
    );
    // also 2 if the addresses of the client get different decisions
    const [status = 2, ...others] = statuses;
    return { text, status: others.length > 0 ? 2 : status };
  },
};

/** Splits at the `@`, as in a word of a rule. @throws UsageError if a part is empty */
function cutAt(bytes: Buffer, key: string): readonly [before: Buffer | undefined, after: Buffer] {
  const at = findOutside(bytes.toString('latin1'), '@', 1);
  const before = at < 0 ? undefined : bytes.subarray(0, at);
  const after = bytes.subarray(at + 1);
  if (before?.length !== 0 && after.length > 0) return [before, after];
  throw wrong({ key, value: bytes, expected: 'without empty parts', hint: 'for example sshd 192.0.2.1' });
}

type Requests = Promise<readonly RequestDescription[]>;

async function toRequests(read: ReadArguments, first: Buffer, second: Buffer): Requests {
  const [named, last] = cutAt(first, 'DAEMON[@HOST]');
  const [user, client] = cutAt(second, '[USER@]CLIENT');
  const [daemon, host] = named === undefined ? [last] : [named, last];
  const [address, ...more] = host === undefined ? [] : await toAddresses(host);
  if (host !== undefined && more.length > 0)
    throw new UsageError(`${quote(host)} has more than one address`, {
      hint: 'give the address that is meant',
    });
  const server = {
    address,
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
  const [, address = '', port] =
    /^\[?([\d.]+|[\da-f:]+(?=\]))\]?(?::(\d+)|\/.*)$/i.exec(host.toString('latin1')) ?? [];
  if (isIP(address) !== 0)
    throw new UsageError(`${quote(host)} is more than an address`, {
      hint:
        port === undefined
          ? `write ${address}: one address`
          : `write ${address}, and --client-port ${port} for its port`,
    });
  try {
    const found = await dns.lookup(text, { all: true });
    return [...new Set(found.map(({ address }) => address))];
  } catch (error) {
    throw new UsageError(
      `${quote(host)}: no address was found for this name (${(error as NodeJS.ErrnoException).code})`,
      {
        hint: 'give an address, and the name with --name',
      },
    );
  }
}

function line(what: string, text: string): string {
  return `${`${what}:`.padEnd(9)} ${text}\n`;
}

function placeOf({ file, line, text }: MatchedRule): string {
  return `${quote(file)}:${line}: ${quote(text)}`;
}

function findingOf({ file, line, message, remedy }: CheckFinding): string {
  return `${quote(file)}${line === undefined ? '' : `:${line}`}: ${message} → ${remedy}`;
}

function endpoint({ address, name, port }: ExplainedEnd): string {
  const known = name === undefined ? '' : ` (${quote(name)})`;
  return `${quote(address)}${known}${port === undefined ? '' : ` port ${port}`}`;
}

/** With `why`, one line for each rule before the one that matched, and for each finding. */
function explanationText(explanation: HostsExplanation, why: boolean): string {
  const { client, server, daemon, rule, lookups, passed, findings, reason } = explanation;
  const { user } = client;
  const known = server.address === 'unknown' && server.port === undefined ? '' : ` at ${endpoint(server)}`;
  return [
    line('client', `${user === undefined ? '' : `${quote(user)}@`}${endpoint(client)}`),
    line('server', `${quote(daemon)}${known}`),
    ...lookups.map(({ kind, subject, result, problem }) =>
      line(
        'look-up',
        `${kind} of ${quote(subject)}: ${quote(result)}${problem === undefined ? '' : ` (${problem})`}`,
      ),
    ),
    ...(why ? passed.map((one) => line('passed', `${placeOf(one)}: ${one.why}`)) : []),
    ...(why ? findings.map((finding) => line('finding', findingOf(finding))) : []),
    line('rule', rule === undefined ? 'none' : placeOf(rule)),
    ...explanation.options.map(({ name, value }) =>
      line('option', `${name}${value === '' ? '' : ` ${quote(value)}`}`),
    ),
    ...explanation.warnings.map((warning) => line('warning', quote(warning))),
    ...(reason === undefined ? [] : [line('reason', reason)]),
    ...explanation.doubts.map((doubt) => line('doubt', doubt)),
    line('access', explanation.verdict),
  ].join('');
}
