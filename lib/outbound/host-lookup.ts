// What the host says of names and of its own addresses.
import { lookup } from 'node:dns/promises';

import { native } from '../native.ts';
import { fromOctets, parseAddress, type Words } from '../values/address.ts';
import { Semaphore } from '../values/semaphore.ts';

/** The addresses of a name. */
export interface Found {
  readonly addresses: readonly Words[];
  /** Whether the name exists, as far as is known. */
  readonly state: 'found' | 'missing' | 'failed';
  readonly untilMs: number;
}

// getaddrinfo(3) tells no TTL. The resolver of the host has its own cache.
const foundMs = 30_000;
/** What has failed is not asked again for so long. */
export const missingMs = 3000;
// A look-up holds a thread of the service until the name server answers. Other launches, and the service itself, need these too.
const lookUps = new Semaphore({ most: 8, share: 2 });
// A program makes up names beneath a domain, whose servers may never answer. libuv uses half of its threads for look-ups: with four, the
// names that stand on lists keep one of two.
const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) || 1;
const madeUp = new Semaphore({ most: Math.max(1, Math.floor((threads + 1) / 2) - 1), share: 1 });
const patienceMs = 10_000;

// To read them takes longer than all else that a connection needs here.
const ownMs = 1000;
let own: { readonly addresses: ReadonlySet<Words>; readonly untilMs: number } | undefined;

/** The addresses of this host. */
export function ownAddresses(): ReadonlySet<Words> {
  const now = performance.now();
  if (own !== undefined && own.untilMs > now) return own.addresses;
  const addresses = new Set(native.hostAddresses().map(fromOctets));
  own = { addresses, untilMs: now + ownMs };
  return addresses;
}

/** Asks the resolver of the host. @param caller whose share of the look-ups it takes @param isMadeUp the name stands on no list */
export async function askSystem(name: string, caller: string, isMadeUp: boolean): Promise<Found> {
  const permits = isMadeUp ? madeUp : lookUps;
  if (!(await permits.acquire(patienceMs, caller))) return { addresses: [], state: 'failed', untilMs: 0 };
  try {
    const all = await lookup(name, { all: true, verbatim: true });
    const addresses = all.flatMap(({ address }) => parseAddress(address) ?? []);
    return {
      addresses,
      state: addresses.length > 0 ? 'found' : 'missing',
      untilMs: performance.now() + foundMs,
    };
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOTFOUND';
    return { addresses: [], state: isMissing ? 'missing' : 'failed', untilMs: performance.now() + missingMs };
  } finally {
    permits.release(caller);
  }
}
