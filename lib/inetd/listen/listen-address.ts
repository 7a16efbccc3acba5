// An address to listen on, read from its text. Pure.
import { isIPv4, isIPv6 } from 'node:net';

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
  'PORT up to 65535, ADDRESS:PORT or [ADDRESS]:PORT with a numeric address, each with /udp for datagrams, /tcp6 or /udp6 for IPv6 alone, a path, @NAME, systemd or systemd:NAME';

/** bind(2): sun_path has 108 bytes, and a path ends in NUL (unix(7)). */
export const MAX_PATH_BYTES = 107;

function refuse(text: string): never {
  throw new UsageError(`listen: ${text === '' ? "''" : `'${quote(text)}'`} is no address`, {
    key: 'listen',
    hint: `write ${FORMS}`,
  });
}

/** @throws UsageError */
export function parseListenAddress(text: string): ListenAddress {
  if (/^[/@]./.test(text)) {
    if (text.includes('\0') || text.includes('\ufffd')) refuse(text);
    if (Buffer.byteLength(text) > MAX_PATH_BYTES)
      throw new UsageError(`listen: '${quote(text)}' is too long for a unix socket`, {
        key: 'listen',
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
