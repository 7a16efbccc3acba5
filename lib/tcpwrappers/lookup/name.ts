// The name of a host, and whether it is believed: reverse, forward again, and the same address (hosts_access(5), PARANOID).

import type { HostNameFacts } from '../../native.ts';
import { PARANOID, UNKNOWN } from '../request/request.ts';
import { parseQuad, parseWords, unmapAddress } from '../text/address.ts';
import { askHost } from './host-facts.ts';
import type { Answered } from './lookup.ts';

function isSameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function paranoid(problem: string): Answered<string> {
  return { value: PARANOID, problem };
}

/**
 * What libwrap makes of a name: `paranoid` for one that is an address in numbers, that leads to no address or not back to
 * this one, or is not the canonical one, as that of an alias (CNAME) is not. Only `localhost` may be an alias.
 */
export function judgeName(address: string, facts: HostNameFacts): Answered<string> {
  const { name } = facts;
  if (name === undefined) return { value: UNKNOWN, problem: facts.reverseError };
  const text = name.toString('latin1');
  if (facts.isNumeric === true)
    return paranoid(`host name/name mismatch: reverse lookup results in non-FQDN ${text}`);
  if (!facts.isLast) return paranoid(`can't verify hostname: no answer in time for ${text}`);
  if (facts.forwardError !== undefined)
    return paranoid(`can't verify hostname: ${text}: ${facts.forwardError}`);
  const canonical = facts.canonical?.toString('latin1') ?? '';
  if (!isSameName(text, canonical) && !isSameName(text, 'localhost'))
    return paranoid(`host name/name mismatch: ${text} != ${canonical}`);
  if (facts.hasAddress !== true)
    return paranoid(`host name/address mismatch: ${address} is not among the addresses of ${text}`);
  return { value: text };
}

/**
 * Looks the name of an address up by the system's resolver, /etc/hosts included. `unknown` if there is none, or no
 * answer in time; a mapped address is looked up as IPv4.
 * @throws {Overload} (rejects) if so many look-ups are under way that this one could not begin in time.
 */
export async function lookUpName(address: string, timeoutMs: number): Promise<Answered<string>> {
  const plain = unmapAddress(address);
  const isAddress = parseQuad(plain) !== undefined || parseWords(plain.split('%', 1)[0] ?? '') !== undefined;
  if (!isAddress) return { value: UNKNOWN, problem: 'no address' };
  return judgeName(plain, await askHost(plain, timeoutMs));
}
