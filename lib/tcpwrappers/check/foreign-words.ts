// Words that other programs have, and misspelt words with a meaning: here they are names of hosts or daemons. Pure.

import { isIPv4 } from 'node:net';

import { didYouMean } from '../../words/nearest.ts';
import { show } from '../text/latin1.ts';
import type { Tell } from './catalog.ts';

// The hint for a name among the clients.
const meant: Readonly<Record<string, string>> = {
  from: 'leave it out: clients stand here',
  to: 'leave it out: clients stand here',
  and: 'leave it out: blanks separate words',
  or: 'leave it out: blanks separate words',
  '&': 'leave it out: blanks separate words',
  '&&': 'leave it out: blanks separate words',
  '|': 'leave it out: blanks separate words',
  '||': 'leave it out: blanks separate words',
  '+': 'leave it out: blanks separate words',
  but: 'write EXCEPT',
  not: 'write EXCEPT',
  any: 'write ALL',
  anyone: 'write ALL',
  everyone: 'write ALL',
  everybody: 'write ALL',
  '0/0': 'write ALL',
  none: 'leave the rule out, or write ALL into hosts.deny',
  allow: 'write a colon before it: ": allow"',
  deny: 'write a colon before it: ": deny"',
  spawn: 'write a colon before it: ": spawn COMMAND"',
  twist: 'write a colon before it: ": twist COMMAND"',
};

const KEYWORDS = ['ALL', 'LOCAL', 'KNOWN', 'UNKNOWN', 'PARANOID', 'EXCEPT'];

// A word in capitals that resembles one with a meaning.
function misspelt(word: string): string | undefined {
  return /^[A-Z]{3,}$/.test(word) && !KEYWORDS.includes(word) ? didYouMean(word, KEYWORDS) : undefined;
}

/** Tells of a word of a list of clients that is compared as a name. */
export function checkForeign(word: string, at: number, tell: Tell): void {
  const text = word.toLowerCase();
  const remedy = (Object.hasOwn(meant, text) ? meant[text] : undefined) ?? misspelt(word);
  if (remedy !== undefined) tell('reserved-word', at, `${show(word)} is a host name here`, remedy);
  else if (text.startsWith('!'))
    tell('reserved-word', at, '"!" negates nothing', `write ALL EXCEPT ${show(text.slice(1))}`);
  else if (/^[0-9.]+-[0-9.]+$/.test(text))
    tell(
      'incomplete-address',
      at,
      'there are no ranges: it matches nobody',
      `write ${networksOf(text) ?? 'a network, such as 10.0.0.0/28'}`,
    );
}

// The networks of a range of addresses; of the last one, the number alone may be given.
function networksOf(range: string): string | undefined {
  const [from = '', to = ''] = range.split('-');
  const end = to.includes('.') ? to : from.replace(/[0-9]+$/, to);
  if (!isIPv4(from) || !isIPv4(end)) return undefined;
  const [first, last] = [from, end].map((address) =>
    address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0),
  ) as [number, number];
  const networks: string[] = [];
  for (let at = first; at <= last && networks.length <= 8;) {
    let size = 1;
    while (at % (2 * size) === 0 && at + 2 * size - 1 <= last) size *= 2;
    const address = [24, 16, 8, 0].map((bits) => Math.floor(at / 2 ** bits) % 256).join('.');
    networks.push(size === 1 ? address : `${address}/${32 - Math.log2(size)}`);
    at += size;
  }
  return networks.length === 0 || networks.length > 8 ? undefined : networks.join(' ');
}

/** The same of a list of daemons. */
export function checkForeignDaemon(word: string, at: number, tell: Tell): void {
  const [, port] = /^([0-9]{1,5})\/(?:tcp|udp)$/i.exec(word) ?? [];
  const text = word.toLowerCase();
  if (port !== undefined)
    tell('odd-daemon', at, `${show(word)} is the name of a daemon here`, `write ${port}`);
  else if (text === 'port')
    tell('odd-daemon', at, 'port is the name of a daemon here', 'leave it out: a number alone is a port');
  else if (text === 'any' || text === 'every')
    tell('reserved-word', at, `${show(word)} is the name of a daemon here`, 'write ALL');
}

/** Tells of the name of a network interface behind the @ of daemon@host. */
export function checkInterface(host: string, at: number, tell: Tell): void {
  if (/^(?:lo|(?:eth|wlan|tun|tap|wg|bond|br|docker|veth|en[opsx]|wl[ops])[0-9]\w*)$/.test(host))
    tell(
      'odd-daemon',
      at,
      `${show(host)} is an interface, and an address or a name stands here`,
      'write its address: ip -brief address shows it',
    );
}

/** A port or a second daemon behind the daemon, at which the rule is cut, and the rule that was meant. */
export function findPort(
  text: string,
): { readonly at: number; readonly why: string; readonly rule: string } | undefined {
  const [, daemon, next = '', clients = ''] =
    /^\s*([\w.-]+)\s*:\s*([0-9]{1,5}|[a-z][\w-]*)\s*:\s*((?:ALL\b|LOCAL\b|\.\w|\[|[0-9]+\.).*)$/.exec(text) ??
    [];
  if (daemon === undefined) return undefined;
  const at = text.indexOf(next, text.indexOf(':'));
  return /^[0-9]/.test(next)
    ? { at, why: 'a daemon has no port here: the rule is cut behind it', rule: `${daemon}: ${clients}` }
    : { at, why: 'a colon ends the list of daemons', rule: `${daemon} ${next}: ${clients}` };
}

/** The address of the web at which a rule is cut, and its host. */
export function findUrl(text: string): { readonly at: number; readonly host: string } | undefined {
  const found = /\b[a-z][a-z0-9+]*:\/\/([^\s,/:]+)/i.exec(text);
  if (found === null || text.startsWith('#')) return undefined;
  // behind a second colon it belongs to a command
  const colons = text.slice(0, found.index).split(':').length - 1;
  return colons > 1 ? undefined : { at: found.index, host: found[1] ?? '' };
}

// Words of ufw(8), pf.conf(5) and nft(8) between the parts of a rule.
const between = new Set('in out on from to for at by is any port proto tcp udp quick log service'.split(' '));
const granting = /^(?:allow|accept|pass|permit|grant)$/i;
const refusing = /^(?:deny|drop|reject|block|refuse)$/i;

const isClient = (word: string, at: number): boolean =>
  (at > 0 && KEYWORDS.includes(word)) || (/^[@.]\w|\./.test(word) && !/^in\.\w+$/.test(word));

/** What a line without a colon was most likely meant to be; undefined if it names no daemon or no client. */
export function meantRule(line: string): string | undefined {
  const words = line.split(/[\s,;=]+/).filter((word) => word !== '');
  const named = words.filter(
    (word) => !between.has(word.toLowerCase()) && !granting.test(word) && !refusing.test(word),
  );
  const clients = named.filter(isClient);
  const daemons = named.filter((word, at) => !isClient(word, at) && /^[\w.-]+$/.test(word));
  const isVerdict = words.some((word) => granting.test(word) || refusing.test(word));
  if (clients.length === 0 && words.some((word) => /^(?:any|all)$/i.test(word))) clients.push('ALL');
  const isAll = ({ length }: readonly string[]): boolean => length === 1 && /^all$/i.test(daemons[0] ?? '');
  // as nginx has it: allow 10.0.0.0/8; deny all;
  if (isVerdict && (daemons.length === 0 || isAll(daemons))) daemons.splice(0, 1, 'ALL');
  if (daemons.length === 0 || clients.length === 0) return undefined;
  // said aloud, because the words may stand in either file
  const verdict = words.some((word) => refusing.test(word))
    ? ' : deny'
    : words.some((word) => granting.test(word))
      ? ' : allow'
      : '';
  return `write ${show(`${daemons.join(' ')}: ${clients.join(' ')}${verdict}`)}`;
}
