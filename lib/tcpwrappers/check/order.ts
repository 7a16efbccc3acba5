// What is wrong with rules among each other: nobody comes to them, or what they leave open. Pure.

import { ANY_CLIENT, ANY_DAEMON } from '../rule/any.ts';
import type { Rule, Table } from '../rule/rule.ts';
import { show } from '../text/show.ts';
import type { Told } from './catalog.ts';
import { findShadows, openCoverage, type Shadow } from './shadow.ts';

function effectOf({ options }: Rule): string {
  return JSON.stringify(options.map(({ option }) => option));
}

// To move a rule helps if one in front of it, in the same file, does something else.
function remedyOf({ rule, blockers, isSame }: Shadow): string {
  const inFile = blockers.filter(({ file }) => file === rule.file);
  const others = inFile.filter((by) => effectOf(by) !== effectOf(rule));
  const [first] = others.toSorted((a, b) => a.line - b.line);
  if (first !== undefined)
    return isSame
      ? 'remove one of the two: the first counts'
      : `move it in front of line ${first.line}, or remove it`;
  const elsewhere = blockers.find(({ file }) => file !== rule.file);
  if (elsewhere === undefined) return 'remove it: it changes nothing';
  return `remove it, or except its clients in ${show(elsewhere.file)}, line ${elsewhere.line}: EXCEPT`;
}

/** The rules that nobody comes to, of all rules in the order in which they are tried. */
export function tellShadows(rules: readonly Rule[]): readonly (readonly [Rule, Told])[] {
  return findShadows(rules).map((shadow) => {
    const { rule, by, isSame } = shadow;
    const place = rule.file === by.file ? `line ${by.line}` : `${show(by.file)}, line ${by.line},`;
    return [
      rule,
      {
        rule: isSame ? 'duplicate-rule' : 'shadowed-rule',
        at: 0,
        message: `nobody comes to this rule: ${place} ${isSame ? 'has the same words' : 'matches before it'}`,
        remedy: remedyOf(shadow),
      },
    ];
  });
}

// Whether a rule is for all daemons and clients, but for exceptions.
function isForAll({ daemons, clients, doubt }: Rule): boolean {
  return (
    doubt === true &&
    daemons.length <= 2 &&
    clients.length <= 2 &&
    daemons[0]?.some(({ daemon, host }) => daemon.kind === 'all' && host === undefined) === true &&
    clients[0]?.some(
      ({ host, user }) => host.kind === 'text' && host.text.kind === 'all' && user === undefined,
    ) === true
  );
}

/** Whether no client is let in for want of a rule: one of hosts.deny is for all, and others are for what it excepts. */
export function coversAll(allow: Table, deny: Table): boolean {
  if (deny.unread !== undefined || deny.refused !== undefined) return true;
  const broad = deny.rules.filter(isForAll);
  if (broad.length === 0) return false;
  const isCovered = openCoverage([...allow.rules, ...deny.rules]);
  return broad.some(({ daemons: [, daemons = []], clients: [, clients = []] }) => {
    const excepted = [
      { isEmpty: daemons.length === 0, daemons: [daemons], clients: ANY_CLIENT },
      { isEmpty: clients.length === 0, daemons: ANY_DAEMON, clients: [clients] },
    ];
    return excepted.every((lists) => lists.isEmpty || isCovered(lists));
  });
}
