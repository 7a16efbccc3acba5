// Translates a rule for a filter that knows only addresses: its clients, grant or refuse, and the parts that are lost. Pure.

import { maskLength, numbersNet } from '../check/cover.ts';
import type { Accounts } from '../daemon/daemon-host.ts';
import type { ClientPattern, HostPattern } from '../rule/pattern.ts';
import type { PlacedOption } from '../rule/rule-option.ts';
import { optionText, type Rule, wordText } from '../rule/rule-table.ts';
import { formatQuad, formatWords, type Words } from '../../values/address.ts';
import { exactly, except, join, type Meant, network, type Ranges } from './ranges.ts';

export const IP4 = { begin: 0n, bits: 32, keyword: 'ip', protocol: 'ipv4', format: formatQuad };
export const IP6 = { begin: 1n << 128n, bits: 128, keyword: 'ip6', protocol: 'ipv6', format: formatWords };
export const EVERYBODY: Ranges = [...network(IP4), ...network(IP6)];

const network4 = (net: number, length: number): Meant => exactly(network(IP4, BigInt(net), length));

function network6(words: Words, length: number): Meant {
  let net = 0n;
  for (const word of words.padEnd(8, '\0')) net = (net << 16n) | BigInt(word.charCodeAt(0));
  return exactly(network(IP6, net, length));
}

/** The addresses of a word: exactly, or at least and at most if they are not known, as of a name; then calls `lose`. */
export function hostAddresses(pattern: HostPattern, lose: () => void): Meant {
  const unknown = (): Meant => (lose(), { least: [], most: EVERYBODY });
  switch (pattern.kind) {
    case 'text': {
      const { text, addressOnly } = pattern;
      if (text.kind === 'all') return exactly(EVERYBODY);
      if (text.kind === 'never') return exactly([]);
      if (text.kind === 'address')
        return text.address.zone === undefined ? network6(text.address.words, 128) : unknown();
      const net = addressOnly ? numbersNet(text) : undefined;
      if (net !== undefined) return network4(net.net, net.length);
      // digits and dots that are no address match nobody
      return addressOnly && text.kind === 'equal' ? exactly([]) : unknown();
    }
    case 'net4': {
      const length = maskLength(pattern.mask);
      return length === undefined ? unknown() : network4(pattern.net, length);
    }
    case 'net6':
      return pattern.zone === undefined ? network6(pattern.net, pattern.length) : unknown();
    case 'file':
      if (pattern.file.broken !== undefined) return unknown();
      return join(pattern.file.patterns.map((one) => hostAddresses(one, lose)));
    case 'never':
      return exactly([]);
    case 'known':
    case 'local':
    case 'doubtful':
    case 'netgroup':
      return unknown();
    default:
      return pattern satisfies never;
  }
}

function clientAddresses({ at, host, user }: ClientPattern, lose: (at: number) => void): Meant {
  const meant = hostAddresses(host, () => lose(at));
  if (user === undefined || user.kind === 'all') return meant;
  // only some users of these hosts
  lose(at);
  return { least: [], most: meant.most };
}

/** A word or an option of a rule that could not be translated. */
export interface Untranslated {
  readonly file: string;
  readonly line: number;
  /** As in the rule; one byte a character. */
  readonly word: string;
  readonly message: string;
}

/** Why nothing can be translated. */
export interface Unusable extends Untranslated {
  readonly hint: string;
}

/** Collects losses, each once. */
export class Losses {
  readonly #all = new Map<string, Untranslated>();

  add({ file, line }: Rule, word: string, message: string): void {
    const key = `${file}\n${line}\n${word}\n${message}`;
    if (!this.#all.has(key)) this.#all.set(key, { file, line, word, message });
  }

  all(): readonly Untranslated[] {
    return [...this.#all.values()];
  }
}

// Whether an option of a rule that grants may refuse: the translation then refuses.
function mayRefuse({ option }: PlacedOption, accounts: Accounts): boolean {
  switch (option.kind) {
    case 'deny':
    case 'twist':
    case 'aclexec':
    case 'error':
      return true;
    case 'user':
    case 'group':
      return (
        (option.kind === 'user' && !accounts.hasUser(option.user)) ||
        (option.group !== undefined && !accounts.hasGroup(option.group))
      );
    case 'setenv':
      // an expansion may be no valid name
      return !/^[A-Za-z_][A-Za-z0-9_]*(?:[ \t]|$)/.test(option.assignment);
    case 'allow':
    case 'spawn':
    case 'severity':
    case 'keepalive':
    case 'linger':
    case 'rfc931':
    case 'banners':
    case 'nice':
    case 'umask':
      return false;
    default:
      return option satisfies never;
  }
}

// Whether the decision may end with a refusal at a word that cannot be trusted or read.
function mayBreak({ doubt }: Pick<Rule, 'doubt'>, host: HostPattern | undefined): boolean {
  if (host?.kind !== 'file')
    return typeof doubt === 'object' && (host?.kind === 'doubtful' || host?.kind === 'netgroup');
  const { broken, patterns } = host.file;
  return broken !== undefined || patterns.some((pattern) => mayBreak({ doubt }, pattern));
}

export interface Translated {
  readonly rule: Rule;
  readonly daemons: Rule['daemons'];
  readonly clients: Meant;
  readonly verdict: 'grant' | 'refuse';
  /** Records that the word at an index of the rule is lost. */
  readonly lose: (at: number) => void;
}

export function translateRule(
  rule: Rule,
  role: 'allow' | 'deny',
  accounts: Accounts,
  losses: Losses,
): Translated {
  const { options } = rule;
  const breaks = [...rule.daemons.flat(), ...rule.clients.flat()].some(({ host }) => mayBreak(rule, host));
  const isGrant = options.at(-1)?.option.kind === 'allow' || role === 'allow';
  const refuses = breaks || !isGrant || options.some((placed) => mayRefuse(placed, accounts));
  const verdict = refuses ? 'refuse' : 'grant';
  for (const { at, option } of options)
    if (option.kind !== 'allow' && option.kind !== 'deny')
      losses.add(rule, optionText(rule, at), `the option is lost; the rule ${verdict}s`);
  // a decision that ends within the lists may not reach their exceptions
  const depth = breaks ? 1 : Infinity;
  const how = refuses ? 'it may mean anybody, and refuses all' : 'it lets nobody in';
  const lose = (at: number): void => losses.add(rule, wordText(rule, at), how);
  const clients = rule.clients.slice(0, depth).map((part) => part.map((word) => clientAddresses(word, lose)));
  return { rule, daemons: rule.daemons.slice(0, depth), clients: except(clients), verdict, lose };
}
