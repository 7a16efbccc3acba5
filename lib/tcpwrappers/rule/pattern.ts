// What the words of the two lists of a rule are, once they have been read (hosts_access(5)).
// The lists that match whoever it is.

import type { ZonedAddress } from '../text/address.ts';

/** Why a word can match nothing, whatever it was meant to. */
export type Never = 'empty' | 'address' | 'net' | 'mask' | 'host-bits' | 'mask-length' | 'prefix-length';

/** A word that is compared with a text: the name of a daemon, a user or a host, or an address. All in lower case. */
export type TextPattern =
  | { readonly kind: 'all' }
  /** Anything but `unknown`. */
  | { readonly kind: 'known' }
  | { readonly kind: 'equal'; readonly text: string }
  /** `.domain`: with something before it. */
  | { readonly kind: 'suffix'; readonly text: string }
  /** `10.` */
  | { readonly kind: 'prefix'; readonly text: string }
  | { readonly kind: 'glob'; readonly text: string }
  /** `[::1]`: an IPv6 address in any spelling. */
  | { readonly kind: 'address'; readonly address: ZonedAddress }
  | { readonly kind: 'never'; readonly why: Never };

/** A word that is compared with an endpoint. */
export type HostPattern =
  /** Tried on the address, and on the host name too unless it has only digits, dots and slashes. */
  | { readonly kind: 'text'; readonly text: TextPattern; readonly addressOnly: boolean }
  /** KNOWN: address and name are. */
  | { readonly kind: 'known' }
  /** LOCAL: a known name without a dot. */
  | { readonly kind: 'local' }
  | { readonly kind: 'net4'; readonly net: number; readonly mask: number }
  /** `net` is the first `length` bits, as networkWords() gives them. */
  | { readonly kind: 'net6'; readonly net: string; readonly zone?: string; readonly length: number }
  /** `[net]/junk`, which libwrap takes for `/0`. It is not believed, but must not open anything either. */
  | { readonly kind: 'doubtful'; readonly zone?: string }
  | { readonly kind: 'netgroup'; readonly group: string }
  | { readonly kind: 'file'; readonly file: PatternFile }
  | { readonly kind: 'never'; readonly why: Never };

/** The words of a `/file`, and of the files that it names in turn, in the order in which they are tried. */
export interface PatternFile {
  readonly path: string;
  readonly patterns: readonly HostPattern[];
  /** Why whoever gets past the last of them is refused: the file goes on in a way that would have ended libwrap. */
  readonly broken?: string | undefined;
  /** What is wrong with a word that is not believed. */
  readonly doubtful?: string | undefined;
  /** Why it is as good as empty, where that is not simply since it is not there. */
  readonly unreadable?: string | undefined;
}

/** A word of the daemon list; `host` is the endpoint that the client has to come in by. */
export interface DaemonPattern {
  readonly at: number;
  readonly daemon: TextPattern | { readonly kind: 'port'; readonly port: number };
  readonly host?: HostPattern;
}

/** A word of the client list; `user` is looked at only if the host matches. */
export interface ClientPattern {
  readonly at: number;
  readonly host: HostPattern;
  readonly user?: TextPattern;
}

/** What stands between the EXCEPTs of a list: the first part, what is excepted from it, what from that, and so on. */
export type PatternList<Pattern> = readonly (readonly Pattern[])[];

/** `ALL` as a list of daemons. */
export const ANY_DAEMON: PatternList<DaemonPattern> = [[{ at: 0, daemon: { kind: 'all' } }]];

/** `ALL` as a list of clients. */
export const ANY_CLIENT: PatternList<ClientPattern> = [
  [{ at: 0, host: { kind: 'text', text: { kind: 'all' }, addressOnly: false } }],
];
