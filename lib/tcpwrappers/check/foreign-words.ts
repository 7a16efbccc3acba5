// Words that other programs have, and misspelt words with a meaning: here they are names of hosts or daemons. Pure.

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
      'write networks, such as 10.0.0.0/28',
    );
}

/** The same of a list of daemons. */
export function checkForeignDaemon(word: string, at: number, tell: Tell): void {
  const [, port] = /^([0-9]{1,5})\/(?:tcp|udp)$/i.exec(word) ?? [];
  const text = word.toLowerCase();
  if (port !== undefined)
    tell('odd-daemon', at, `${show(word)} is the name of a daemon here`, `write ${port}`);
  else if (text === 'any' || text === 'every')
    tell('reserved-word', at, `${show(word)} is the name of a daemon here`, 'write ALL');
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
