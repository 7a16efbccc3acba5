// Rules that can never be reached, because earlier rules match all their clients, and what no rule covers. Reports only
// what is certain. Pure.

import { ANY_CLIENT, ANY_DAEMON, type PatternList } from '../rule/pattern.ts';
import type { Rule, Table } from '../rule/rule-table.ts';
import { show } from '../text/latin1.ts';
import type { Told } from './catalog.ts';
import { type Cover, coverClient, coverDaemon } from './cover.ts';

/** A rule that can never be reached. */
export interface Shadow {
  readonly rule: Rule;
  /** The first of the rules that match its clients, and all of them. */
  readonly by: Rule;
  readonly blockers: readonly Rule[];
  /** Whether `by` has the same words. */
  readonly isSame: boolean;
}

type Lists = Pick<Rule, 'daemons' | 'clients'>;

/** The first rule for each pair of a daemon and a client, by their keys. */
type First = Map<string, Map<string, Rule>>;

/** Pairs that are remembered; later rules are not examined. */
const MAX_PAIRS = 2_000_000;

// The covers of the words in the first part of a list, without words that never match.
function coversOf<Word>(
  list: PatternList<Word>,
  coverOf: (word: Word) => Cover | undefined,
): readonly Cover[] {
  return (list[0] ?? []).map(coverOf).filter((cover) => cover !== undefined);
}

// Nothing is certain if a word of the first part has no cover.
function isWhole<Word>(list: PatternList<Word>, covers: readonly Cover[]): boolean {
  return covers.length > 0 && covers.length === list[0]?.length;
}

// Exceptions lead past a rule, and so does a command that fails (libwrap goes on after a failed aclexec).
function stops({ daemons, clients, options }: Rule): boolean {
  return (
    daemons.length === 1 && clients.length === 1 && !options.some(({ option }) => option.kind === 'aclexec')
  );
}

interface Covered {
  readonly rule: Rule;
  readonly daemons: readonly Cover[];
  readonly clients: readonly Cover[];
}

function coveredBy({ daemons, clients }: Lists): Omit<Covered, 'rule'> {
  return { daemons: coversOf(daemons, coverDaemon), clients: coversOf(clients, coverClient) };
}

// Yields each rule before it is added.
function* addRules(first: First, rules: readonly Rule[]): Generator<Covered, void> {
  let pairs = 0;
  for (const rule of rules) {
    const { daemons, clients } = coveredBy(rule);
    yield { rule, daemons, clients };
    pairs += daemons.length * clients.length;
    if (pairs > MAX_PAIRS) return;
    if (stops(rule)) addPairs(first, rule, daemons, clients);
  }
}

// The rules that match every client of two lists; undefined if that is not certain.
function allBlockers(
  first: First,
  lists: Lists,
  { daemons, clients }: Omit<Covered, 'rule'>,
): readonly Rule[] | undefined {
  if (!isWhole(lists.daemons, daemons) || !isWhole(lists.clients, clients)) return undefined;
  return blockersOf(first, daemons, clients);
}

/** The unreachable ones of rules in the order in which they are tried: hosts.allow, then hosts.deny. */
export function findShadows(rules: readonly Rule[]): readonly Shadow[] {
  const first: First = new Map();
  const shadows: Shadow[] = [];
  for (const { rule, ...covered } of addRules(first, rules)) {
    const blockers = allBlockers(first, rule, covered) ?? [];
    const [by] = blockers;
    if (by !== undefined) shadows.push({ rule, by, blockers, isSame: isSame(rule, by) });
  }
  return shadows;
}

/** Returns a function that tells whether the rules, in any order, certainly match every client of two lists. */
function openCoverage(rules: readonly Rule[]): (lists: Lists) => boolean {
  const first: First = new Map();
  Array.from(addRules(first, rules));
  return (lists) => allBlockers(first, lists, coveredBy(lists)) !== undefined;
}

function addPairs(first: First, rule: Rule, daemons: readonly Cover[], clients: readonly Cover[]): void {
  for (const daemon of daemons) {
    const rules = first.get(daemon.own) ?? new Map<string, Rule>();
    first.set(daemon.own, rules);
    for (const client of clients) if (!rules.has(client.own)) rules.set(client.own, rule);
  }
}

// The rule for each pair of a daemon and a client, or undefined if one pair has none.
function blockersOf(
  first: First,
  daemons: readonly Cover[],
  clients: readonly Cover[],
): readonly Rule[] | undefined {
  const blockers: Rule[] = [];
  for (const daemon of daemons)
    for (const client of clients) {
      const blocker = blockerOf(first, daemon, client);
      if (blocker === undefined) return undefined;
      blockers.push(blocker);
    }
  return blockers;
}

function blockerOf(first: First, daemon: Cover, client: Cover): Rule | undefined {
  for (const one of daemon.wider) {
    const rules = first.get(one);
    if (rules === undefined) continue;
    for (const other of client.wider) {
      const found = rules.get(other);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function keysOf<Word>(list: PatternList<Word>, coverOf: (word: Word) => Cover | undefined): string {
  return list
    .map((part) =>
      part
        .map((word) => coverOf(word)?.own ?? '?')
        .toSorted()
        .join('\n'),
    )
    .join('\nEXCEPT\n');
}

// Whether two rules have the same words in their lists, in any order.
function isSame(a: Rule, b: Rule): boolean {
  return (
    keysOf(a.daemons, coverDaemon) === keysOf(b.daemons, coverDaemon) &&
    keysOf(a.clients, coverClient) === keysOf(b.clients, coverClient)
  );
}

function effectOf({ options }: Rule): string {
  return JSON.stringify(options.map(({ option }) => option));
}

// Moving a rule helps if an earlier rule of the same file does something else.
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

/** Reports unreachable rules, of all rules in the order in which they are tried. */
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

// Whether a rule refuses all daemons and clients, except for exceptions.
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

/** Whether every client is matched by some rule: a rule of hosts.deny is for all, and others cover its exceptions. */
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
