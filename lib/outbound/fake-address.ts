// The addresses that stand for names in a jail: one of each family for each name, so that a connection says its name. Pure.
import { fromOctets, isMapped, toOctets, type Words } from '../values/address.ts';
import type { Net } from './special.ts';

// 198.18.0.0/15 is for benchmarks (RFC 2544), and no host of the internet has an address of it; the other is a unique local network
// (RFC 4193): "uchroot" in ASCII.
const four = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 198, 18, 0, 0]);
const six = Buffer.from('fd756368726f6f740000000000000000', 'hex');

/** The networks of these addresses. */
export const fakeNets: readonly Net[] = [
  { words: fromOctets(four), length: 111 },
  { words: fromOctets(six), length: 64 },
];

// The first addresses stay free: the jail itself has one of each family.
const first = 16;

const numbered = (net: Buffer, number: number): Buffer => {
  const octets = Buffer.from(net);
  octets.writeUInt32BE(octets.readUInt32BE(12) + number, 12);
  return octets;
};

/** The jail's own addresses: getaddrinfo(3) looks for a family only if there is one that is not the loopback (AI_ADDRCONFIG). */
export const ownAddresses: readonly Words[] = [four, six].map((net) => fromOctets(numbered(net, 1)));

/** More names than a program needs. Beneath a domain it can make up any number, each of which is a question to the servers of that domain. */
export const mostNames = 4096;

/** Whether a program may ask for a name beneath a domain: one that it has asked for before, as often as it likes. @param before gets it */
export function mayMakeUp(before: Set<string>, name: string): boolean {
  if (before.size < mostNames) before.add(name);
  return before.has(name);
}

/** The names of one launch, and their addresses. */
export class FakeAddresses {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];

  /** The 4 bytes and the 16 bytes of the addresses of a name; undefined if there are too many names. */
  of(name: string): { readonly four: Buffer; readonly six: Buffer } | undefined {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      if (this.#names.length === mostNames) return undefined;
      number = this.#names.push(name) - 1;
      this.#numbers.set(name, number);
    }
    return { four: numbered(four, first + number).subarray(12), six: numbered(six, first + number) };
  }

  /** The name of an address. */
  nameOf(address: Words): string | undefined {
    const octets = toOctets(address);
    const [net, bytes] = isMapped(address) ? [four, 12] : [six, 12];
    const isFake = isMapped(address)
      ? (octets.readUInt16BE(12) & 0xfffe) === 0xc612
      : octets.subarray(0, bytes).equals(net.subarray(0, bytes));
    if (!isFake) return undefined;
    return this.#names[octets.readUInt32BE(12) - net.readUInt32BE(12) - first];
  }
}
