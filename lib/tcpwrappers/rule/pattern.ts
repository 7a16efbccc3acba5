// The words in the two lists of a rule, after parsing (hosts_access(5)).

import type { ZonedAddress } from '../../values/address.ts';

/** Why a word can never match. */
export type Never = 'empty' | 'address' | 'net' | 'mask' | 'host-bits' | 'mask-length' | 'prefix-length';

/** A word that is compared with the name of a daemon, a user or a host, or with an address. All in lower case. */
export type TextPattern =
  | { readonly kind: 'all' }
  /** Anything but `unknown`. */
  | { readonly kind: 'known' }
  | { readonly kind: 'equal'; readonly text: string }
  /** `.domain`, with at least one character before it. */
  | { readonly kind: 'suffix'; readonly text: string }
  /** `10.` */
  | { readonly kind: 'prefix'; readonly text: string }
  | { readonly kind: 'glob'; readonly text: string }
  /** `[::1]`: an IPv6 address in any spelling. */
  | { readonly kind: 'address'; readonly address: ZonedAddress }
  | { readonly kind: 'never'; readonly why: Never };

/** A word that is compared with an endpoint. */
export type HostPattern =
  /** Compared with the address; with the host name too, unless it has only digits, dots and slashes. */
  | { readonly kind: 'text'; readonly text: TextPattern; readonly addressOnly: boolean }
  /** KNOWN: address and name are known. */
  | { readonly kind: 'known' }
  /** LOCAL: a known name without a dot. */
  | { readonly kind: 'local' }
  | { readonly kind: 'net4'; readonly net: number; readonly mask: number }
  /** `net` is the first `length` bits, as networkWords() gives them. */
  | { readonly kind: 'net6'; readonly net: string; readonly zone?: string; readonly length: number }
  /** `[net]/junk`, which libwrap reads as `/0`. See Doubt for how it is answered. */
  | { readonly kind: 'doubtful'; readonly zone?: string }
  | { readonly kind: 'netgroup'; readonly group: string }
  | { readonly kind: 'file'; readonly file: PatternFile }
  | { readonly kind: 'never'; readonly why: Never };

/** The words of a `/file` and of the files that it names in turn, in order. */
export interface PatternFile {
  readonly path: string;
  readonly patterns: readonly HostPattern[];
  /** Why everybody who reaches the end of the file is refused: libwrap would have crashed there. */
  readonly broken?: string | undefined;
  /** The problem with a word that is not trusted. */
  readonly doubtful?: string | undefined;
  /** Why the file counts as empty although it exists. */
  readonly unreadable?: string | undefined;
}

/** A word of the daemon list; `host` is the server address or name that the client connected to. */
export interface DaemonPattern {
  readonly at: number;
  readonly daemon: TextPattern | { readonly kind: 'port'; readonly port: number };
  readonly host?: HostPattern;
}

/** A word of the client list; `user` is compared only if the host matches. */
export interface ClientPattern {
  readonly at: number;
  readonly host: HostPattern;
  readonly user?: TextPattern;
}

/** A list cut at each EXCEPT: the first part, what is excepted from it, what is excepted from that, and so on. */
export type PatternList<Pattern> = readonly (readonly Pattern[])[];

/** The list `ALL`. */
export const ANY_DAEMON: PatternList<DaemonPattern> = [[{ at: 0, daemon: { kind: 'all' } }]];

export const ANY_CLIENT: PatternList<ClientPattern> = [
  [{ at: 0, host: { kind: 'text', text: { kind: 'all' }, addressOnly: false } }],
];
