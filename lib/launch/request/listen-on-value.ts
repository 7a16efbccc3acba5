// Ports of the host that lead to ports of the program: `8080:3000`. Pure.
import { parseAddress, showAddress } from '../../values/address.ts';
import { usageError, wrong } from '../../values/wrong.ts';

/** A port of the host, and the one of the program's network to which it leads. */
export interface ListenPort {
  /** Of the host, as showAddress() has it. */
  readonly address: string;
  readonly port: number;
  readonly inside: number;
}

/** They go to the process that relays in one message: kMostSockets of native/plan/plan.h. */
const mostPorts = 64;
const expected = 'PORT, PORT:INSIDE or ADDRESS:PORT:INSIDE with ports from 1 to 65535';
const example = '8080:3000';

/** `127.0.0.1:8080`: where the host listens. */
export const showHostPort = ({ address, port }: ListenPort): string =>
  `${address.includes(':') ? `[${address}]` : address}:${port}`;

export const showListenPort = (one: ListenPort): string => `${showHostPort(one)}:${one.inside}`;

// The right form of a number, and of what is usual elsewhere.
function meantBy(value: unknown): string | undefined {
  const meant = `${typeof value === 'number' || typeof value === 'string' ? value : ''}`
    .replace(/\/tcp$/, '')
    .replace(/^(?:localhost)?:(?=[0-9])/, '')
    .replace(/^\*:/, '0.0.0.0:')
    .replace(/^([0-9a-f:]*:[0-9a-f:]*):(?=[0-9]+:[0-9]+$)/i, '[$1]:');
  return meant !== value && readPort(meant) !== undefined ? meant : undefined;
}

function readPort(text: string): ListenPort | undefined {
  const [, own, port = '', inside = port] =
    /^(?:(\[[^\]]+\]|[0-9]+(?:\.[0-9]+){3}):)?([0-9]{1,5})(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const words = parseAddress(own?.replace(/^\[|\]$/g, '') ?? '127.0.0.1');
  const isRight = [port, inside].every((one) => Number(one) >= 1 && Number(one) <= 65_535);
  return words === undefined || !isRight
    ? undefined
    : { address: showAddress(words), port: Number(port), inside: Number(inside) };
}

/** Each port of the host once. @throws UsageError */
export function toListenPorts(value: unknown, key: string): readonly ListenPort[] {
  if (!Array.isArray(value) || value.length > mostPorts)
    throw wrong({ key, value, expected: `an array of at most ${mostPorts} ports`, example: [example] });
  const ports = new Map<string, ListenPort>();
  for (const [at, text] of (value as readonly unknown[]).entries()) {
    const own = `${key}[${at}]`;
    const one = typeof text === 'string' ? readPort(text) : undefined;
    if (one === undefined)
      throw wrong({
        key: own,
        value: text,
        expected,
        example,
        meant: meantBy(text),
      });
    const before = ports.get(showHostPort(one)) ?? one;
    if (before.inside !== one.inside)
      throw usageError(({ name }) => ({
        message: `${name(key)}: ${showHostPort(one)} cannot lead to port ${before.inside} and to port ${one.inside}`,
        hint: 'give each its own port of the host',
      }));
    ports.set(showHostPort(one), one);
  }
  return [...ports.values()];
}
