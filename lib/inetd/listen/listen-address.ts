// An address to listen on, read from its text. Pure but for the working directory, in a hint.
import { isIPv4, isIPv6 } from 'node:net';
import { resolve } from 'node:path';

import { UsageError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';

/** Where a service listens. */
export type ListenAddress =
  | {
      readonly kind: 'internet';
      readonly protocol: 'tcp' | 'udp';
      readonly address: string;
      readonly port: number;
      /** The socket takes no clients of IPv4. */
      readonly isOnly6: boolean;
    }
  /** A path, or `@name` without a file (unix(7)). */
  | { readonly kind: 'unix'; readonly path: string }
  /** A socket that systemd has opened, by its FileDescriptorName=; without a name all of them. */
  | { readonly kind: 'systemd'; readonly name: string | undefined };

const FORMS =
  'PORT up to 65535, ADDRESS:PORT, [ADDRESS]:PORT, each with /udp for datagrams, /tcp6 or /udp6 for IPv6 alone, a path, @NAME, systemd or systemd:NAME';

/** bind(2): sun_path has 108 bytes, and a path ends in NUL (unix(7)). */
export const MAX_PATH_BYTES = 107;

function refuse(text: string): never {
  throw new UsageError(`listen: '${quote(text)}' is no address`, { hint: `write ${formOf(text) ?? FORMS}` });
}

// ports of services(5) that people give by name
const PORTS: Readonly<Record<string, string>> = {
  ftp: '21',
  ssh: '22',
  telnet: '23',
  smtp: '25',
  domain: '53',
  dns: '53',
  tftp: '69/udp',
  http: '80',
  pop3: '110',
  ntp: '123/udp',
  imap: '143',
  https: '443',
};

/**
 * The address for a form of other programs: localhost:7000, *:7000, tcp:7000, tcp://127.0.0.1:7000, ::1:7000, 127.0.0.1. Undefined if it
 * is none.
 */
export function formOf(text: string): string | undefined {
  if (Object.hasOwn(PORTS, text)) return PORTS[text];
  const each = text.split(/[,\s]+/);
  if (each.length > 1 && each.every((one) => /^(?:[\w.]+:)?[0-9]{1,5}$/.test(one)))
    return each.join(' --listen ');
  const [, path] = /^(?:unix|local|file):(?:\/\/)?(\/.+)$/.exec(text) ?? [];
  if (path !== undefined) return path;
  if (/^(?!\d)[\w.-]+\/\S*$/.test(text) && !/^[\w.-]+\/(?:tcp|udp)6?$/.test(text)) return resolve(text);
  const [, scheme, plain = text] = /^([a-z]+):\/\/(.+?)\/?$/.exec(text) ?? [];
  if (isIPv4(plain)) return `${plain}:PORT`;
  const [, host = '', port = ''] = /^(.*):([0-9]{1,5})$/.exec(plain) ?? [];
  if (Number(port) > 65_535) return undefined;
  if (isIPv6(plain) && !isIPv6(host)) return `[${plain}]:PORT`;
  const end = scheme === 'udp' ? '/udp' : '';
  if (host === 'localhost') return `127.0.0.1:${port}${end}`;
  if (isIPv6(host)) return `[${host}]:${port}${end}`;
  if (host === 'udp') return `${port}/udp`;
  if (port !== '' && ['', '*', 'tcp'].includes(host)) return port;
  // as docker publishes a port of the host
  if (/^[1-9][0-9]{0,4}$/.test(host) && Number(host) <= 65_535) return host;
  return scheme === undefined ? undefined : `${plain}${end}`;
}

/** @throws UsageError */
export function parseListenAddress(text: string): ListenAddress {
  if (/^[/@]./.test(text)) {
    if (text.includes('\0') || text.includes('\ufffd')) refuse(text);
    if (Buffer.byteLength(text) > MAX_PATH_BYTES)
      throw new UsageError(`listen: '${quote(text)}' is too long for a unix socket`, {
        hint: `choose a shorter path: it has at most ${MAX_PATH_BYTES} bytes (unix(7))`,
      });
    return { kind: 'unix', path: text };
  }
  const [, isSystemd, name] = /^(systemd)(?::([^:\s]+))?$/.exec(text) ?? [];
  if (isSystemd !== undefined) return { kind: 'systemd', name };
  const match = /^(?:([^[\]:]+):|\[([^[\]]+)\]:)?([0-9]{1,5})(?:\/(tcp|udp)(6)?)?$/.exec(text);
  const [, v4, v6, digits = '', protocol = 'tcp', only6] = match ?? [];
  const isOnly6 = only6 !== undefined;
  const port = Number(digits);
  const isRight = (v4 === undefined || (isIPv4(v4) && !isOnly6)) && (v6 === undefined || isIPv6(v6));
  // 0 asks the kernel for a free port (ip(7))
  if (match === null || !isRight || port > 65_535) return refuse(text);
  return { kind: 'internet', protocol: protocol as 'tcp' | 'udp', address: v4 ?? v6 ?? '::', port, isOnly6 };
}

/** An address as parseListenAddress() reads it. */
export function showListenAddress(address: ListenAddress): string {
  switch (address.kind) {
    case 'internet': {
      const host = address.address.includes(':') ? `[${address.address}]` : address.address;
      const { port, protocol, isOnly6 } = address;
      return `${host}:${port}${isOnly6 ? `/${protocol}6` : protocol === 'udp' ? '/udp' : ''}`;
    }
    case 'unix':
      return address.path;
    case 'systemd':
      return address.name === undefined ? 'systemd' : `systemd:${address.name}`;
    default:
      return address satisfies never;
  }
}
