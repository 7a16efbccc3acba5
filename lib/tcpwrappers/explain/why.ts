// Why a rule does not match a request of which all that counts has been looked up.

import { walkTable } from '../match/match.ts';
import type { Request } from '../request/request.ts';
import { ANY_CLIENT, ANY_DAEMON } from '../rule/any.ts';
import type { PatternList } from '../rule/pattern.ts';
import type { Rule } from '../rule/rule.ts';
import { wordText } from '../rule/word.ts';
import { show } from '../text/show.ts';

// A rule of one word is a question about that word.
function isMatch(rule: Rule, words: Partial<Pick<Rule, 'daemons' | 'clients'>>, request: Request): boolean {
  const asked = { ...rule, daemons: ANY_DAEMON, clients: ANY_CLIENT, ...words };
  const found = walkTable({ file: rule.file, role: 'allow', rules: [asked], findings: [] }).find(request);
  return found === asked;
}

// None of the words, or the one that matches and the one by which it is excepted.
function whyNotList<Word extends { readonly at: number }>(
  rule: Rule,
  list: PatternList<Word>,
  who: string,
  isWord: (word: Word) => boolean,
): string | undefined {
  const text = ({ at }: Word) => show(wordText(rule, at));
  let matched: Word | undefined;
  let isIn = false;
  for (const part of list) {
    const found = part.find(isWord);
    if (found === undefined) break;
    matched = found;
    isIn = !isIn;
  }
  if (isIn) return undefined;
  if (matched !== undefined) return `${who} is excepted by ${text(matched)}`;
  const words = (list[0] ?? []).map(text);
  return words.length === 1
    ? `${who} is not ${words[0]}`
    : `${who} is none of ${words.join(' ') || 'no words'}`;
}

/** Why a rule does not match, in a few words. */
export function whyNot(rule: Rule, request: Request): string {
  const { client, server, daemon, user } = request;
  const port = server.port === undefined ? '' : ` at port ${server.port}`;
  const name = client.name === undefined ? '' : `, name ${show(client.name)}`;
  const who = `${show(client.address)}${name}${user === undefined ? '' : `, user ${show(user)}`}`;
  return (
    whyNotList(rule, rule.daemons, `${show(daemon)}${port}`, (word) =>
      isMatch(rule, { daemons: [[word]] }, request),
    ) ??
    whyNotList(rule, rule.clients, who, (word) => isMatch(rule, { clients: [[word]] }, request)) ??
    'it cannot be told'
  );
}
