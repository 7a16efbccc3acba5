// Host names in rules that no client can have. The only check that asks the network.

import { promises as dns } from 'node:dns';

import { daemonText, type Rule } from '../rule/rule-table.ts';
import { show } from '../text/latin1.ts';
import { finding, type Told } from './catalog.ts';
import { isAddressWord } from './word-checks.ts';

/** A host name in a rule. */
interface Named {
  readonly rule: Rule;
  readonly at: number;
  readonly name: string;
}

/** Makes the look-ups. Rejects if there is no answer. */
export interface NameLookups {
  addresses(name: string): Promise<readonly string[]>;
  nameOf(address: string): Promise<string>;
}

export const SYSTEM_LOOKUPS: NameLookups = {
  addresses: async (name) => (await dns.lookup(name, { all: true })).map(({ address }) => address),
  nameOf: async (address) => (await dns.lookupService(address, 0)).hostname,
};

/** Names that are looked up at once, and the time limit of each. */
const AT_ONCE = 8;
const TIMEOUT_MS = 5000;

function namesOf(rules: readonly Rule[]): readonly Named[] {
  return rules.flatMap((rule) => {
    // the lists are swapped: its clients are daemons
    if (rule.daemons.flat().some(({ at }) => isAddressWord(daemonText(rule, at)))) return [];
    const servers = rule.daemons.flat().flatMap(({ at, host }) => (host === undefined ? [] : [{ at, host }]));
    return [...servers, ...rule.clients.flat()].flatMap(({ at, host }) =>
      host.kind === 'text' && !host.addressOnly && host.text.kind === 'equal' && /[a-z]/.test(host.text.text)
        ? [{ rule, at, name: host.text.text }]
        : [],
    );
  });
}

const RESERVED: ReadonlySet<string> = new Set(['unknown', 'paranoid', 'fail', 'localhost']);

async function tellName(name: string, lookups: NameLookups): Promise<Told | undefined> {
  const shown = show(name);
  const addresses = await lookups.addresses(name).catch((): readonly string[] => []);
  const [address] = addresses;
  if (address === undefined) return finding('host-not-found', 0, `${shown} has no address`);
  const official = await lookups.nameOf(address).catch(() => undefined);
  if (official === undefined)
    return finding('host-name-mismatch', 0, `${address}, the address of ${shown}, has no name`);
  if (official.toLowerCase() !== name) {
    const back = await lookups.addresses(official).catch((): readonly string[] => []);
    return back.includes(address)
      ? finding('host-alias', 0, `${shown} is an alias of ${official}`, `write ${official}, or ${address}`)
      : finding('host-name-mismatch', 0, `${address}, the address of ${shown}, has the name ${official}`);
  }
  if (addresses.length === 1) return undefined;
  return finding('host-addresses', 0, `${shown} has ${addresses.length} addresses`);
}

async function withLimit<Value>(work: Promise<Value>, late: Value): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<Value>((done) => (timer = setTimeout(done, TIMEOUT_MS, late)));
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

/** Checks the host names of rules; each is looked up once. */
export async function tellNames(
  rules: readonly Rule[],
  lookups: NameLookups,
): Promise<readonly (readonly [Rule, Told])[]> {
  const named = namesOf(rules).filter(({ name }) => !RESERVED.has(name));
  const names = [...new Set(named.map(({ name }) => name))];
  const told = new Map<string, Told | undefined>();
  for (let begin = 0; begin < names.length; begin += AT_ONCE)
    await Promise.all(
      names.slice(begin, begin + AT_ONCE).map(async (name) => {
        const late = finding('host-not-found', 0, `${show(name)}: no answer in time`);
        told.set(name, await withLimit(tellName(name, lookups), late));
      }),
    );
  return named.flatMap(({ rule, at, name }) => {
    const found = told.get(name);
    return found === undefined ? [] : [[rule, { ...found, at }] as const];
  });
}
