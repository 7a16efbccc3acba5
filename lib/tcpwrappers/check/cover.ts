// Keys of words: a word covers another if its key is among the keys of the other. Pure.

import type { ClientPattern, DaemonPattern, HostPattern, TextPattern } from '../rule/pattern.ts';
import { networkWords, parseQuad } from '../../values/address.ts';

/**
 * The key of a word, and the keys of all words that match whatever it matches; undefined for a word that never matches.
 */
export interface Cover {
  readonly own: string;
  readonly wider: readonly string[];
}

function cover(own: string, wider: readonly string[] = []): Cover {
  return { own, wider: own === 'all' ? ['all'] : [own, ...wider, 'all'] };
}

function coverText(pattern: TextPattern): Cover | undefined {
  const { kind } = pattern;
  if (kind === 'address' || kind === 'never') return undefined;
  if (kind === 'all' || kind === 'known') return cover(kind);
  const { text } = pattern;
  // `.c` and `.b.c`, `a.` and `a.b.` of `a.b.c`
  const suffix = Array.from(text.slice(1).matchAll(/\./g), ({ index }) => `suffix ${text.slice(index + 1)}`);
  const prefix = Array.from(text.matchAll(/\./g), ({ index }) => `prefix ${text.slice(0, index + 1)}`);
  const equal = [...suffix, ...prefix, ...(text === 'unknown' ? [] : ['known'])];
  return cover(`${kind} ${text}`, { suffix, prefix, equal, glob: [] }[kind]);
}

// A network, and the networks that contain it.
function coverNet(net: number | string, length: number): Cover {
  const key = (bits: number): string => {
    if (typeof net === 'string') return `net6 ${networkWords(net, bits)}/${bits}`;
    // the broadcast address is in no network, but no client has it
    return `net4 ${bits === 0 ? 0 : (net & (0xffffffff << (32 - bits))) >>> 0}/${bits}`;
  };
  return cover(
    key(length),
    Array.from({ length }, (_, i) => key(length - 1 - i)),
  );
}

/** The length of a contiguous mask, or undefined. */
export function maskLength(mask: number): number | undefined {
  const length = Math.clz32(~mask >>> 0);
  return (length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0) === mask ? length : undefined;
}

/** The network of a word of digits and dots: an address, or the beginning of one. */
export function numbersNet(pattern: TextPattern): { net: number; length: number } | undefined {
  if (pattern.kind === 'equal') {
    const net = parseQuad(pattern.text);
    const isPlain = net !== undefined && /^(?:(?:0|[1-9][0-9]*)(?:\.|$))+$/.test(pattern.text);
    return isPlain ? { net, length: 32 } : undefined;
  }
  if (pattern.kind !== 'prefix' || !/^(?:(?:0|[1-9][0-9]{0,2})\.){1,3}$/.test(pattern.text)) return undefined;
  const parts = pattern.text.slice(0, -1).split('.').map(Number);
  if (parts.some((part) => part > 255)) return undefined;
  const net = parts.reduce((all, part, i) => all + part * 256 ** (3 - i), 0);
  return { net, length: parts.length * 8 };
}

function coverHost(pattern: HostPattern): Cover | undefined {
  switch (pattern.kind) {
    case 'text': {
      if (pattern.text.kind === 'address') {
        const { words, zone } = pattern.text.address;
        return zone === undefined ? coverNet(words, 128) : undefined;
      }
      if (!pattern.addressOnly) return coverText(pattern.text);
      const net = numbersNet(pattern.text);
      return net === undefined ? undefined : coverNet(net.net, net.length);
    }
    case 'net4': {
      const length = maskLength(pattern.mask);
      return length === undefined
        ? cover(`net4 ${pattern.net}&${pattern.mask}`)
        : coverNet(pattern.net, length);
    }
    case 'net6':
      return pattern.zone === undefined ? coverNet(pattern.net.padEnd(8, '\0'), pattern.length) : undefined;
    case 'known':
      return cover('host known');
    case 'local':
      return cover('local');
    case 'file':
      return cover(`file ${pattern.file.path}`);
    case 'netgroup':
      return cover(`netgroup ${pattern.group}`);
    case 'doubtful':
    case 'never':
      return undefined;
    default:
      return pattern satisfies never;
  }
}

// Both words must be covered, so every pair of their wider keys counts.
function both(first: Cover | undefined, second: Cover | undefined): Cover | undefined {
  if (first === undefined || second === undefined) return undefined;
  return {
    own: `${first.own}\n${second.own}`,
    wider: first.wider.flatMap((a) => second.wider.map((b) => `${a}\n${b}`)),
  };
}

const ANY = cover('all');

export function coverDaemon({ daemon, host }: DaemonPattern): Cover | undefined {
  const name = daemon.kind === 'port' ? cover(`port ${daemon.port}`) : coverText(daemon);
  return both(name, host === undefined ? ANY : coverHost(host));
}

export function coverClient({ host, user }: ClientPattern): Cover | undefined {
  return both(coverHost(host), user === undefined ? ANY : coverText(user));
}
