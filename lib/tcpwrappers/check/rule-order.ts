// Rules that can never be reached, because earlier rules match all their clients, and what no rule covers. Reports
// only what is certain. Pure.

import { ANY_CLIENT, ANY_DAEMON } from '../rule/pattern.ts';
import type { Rule, Table } from '../rule/rule-table.ts';
import { show } from '../text/latin1.ts';
import type { Checked } from './checked-file.ts';
import { type Cover, coverClient, coverDaemon } from './cover.ts';

type Lists = Pick<Rule, 'daemons' | 'clients'>;

/** A rule that can never be reached. */
interface Shadow {
  readonly rule: Rule;
  /** The first of the rules that match its clients, and all of them. */
  readonly by: Rule;
  readonly blockers: readonly Rule[];
  /** Whether `by` has the same words. */
  readonly isSame: boolean;
}

/** Pairs that are remembered; later rules are not examined. */
const MAX_PAIRS = 2_000_000;

/** The covers of the words in the first parts of both lists, without words that never match. */
interface Covers {
  readonly daemons: readonly Cover[];
  readonly clients: readonly Cover[];
}

function coverLists({ daemons: [daemons = []], clients: [clients = []] }: Lists): Covers {
  return {
    daemons: daemons.map(coverDaemon).filter((cover) => cover !== undefined),
    clients: clients.map(coverClient).filter((cover) => cover !== undefined),
  };
}

/** The first rule for each pair of a daemon and a client, by their keys. */
class FirstRules {
  readonly #rules = new Map<string, Map<string, Rule>>();
  #pairs = 0;

  /** Whether a rule was added: only so many pairs are. */
  add(rule: Rule, covers = coverLists(rule)): boolean {
    this.#pairs += covers.daemons.length * covers.clients.length;
    if (this.#pairs > MAX_PAIRS) return false;
    // exceptions lead past a rule, and so does a command that fails: libwrap goes on after a failed aclexec
    if (rule.daemons.length > 1 || rule.clients.length > 1) return true;
    if (rule.options.some(({ option }) => option.kind === 'aclexec')) return true;
    for (const daemon of covers.daemons) {
      const rules = this.#rules.get(daemon.own) ?? new Map<string, Rule>();
      this.#rules.set(daemon.own, rules);
      for (const client of covers.clients) if (!rules.has(client.own)) rules.set(client.own, rule);
    }
    return true;
  }

  /** The rules that match every client of two lists; undefined if that is not certain. */
  blockersOf({ daemons, clients }: Lists, covers: Covers): readonly Rule[] | undefined {
    const pairs = covers.daemons.length * covers.clients.length;
    // a word without a cover may match anybody
    if (pairs === 0 || pairs !== (daemons[0]?.length ?? 0) * (clients[0]?.length ?? 0)) return undefined;
    const blockers: Rule[] = [];
    for (const daemon of covers.daemons)
      for (const client of covers.clients) {
        const blocker = this.#blockerOf(daemon, client);
        if (blocker === undefined) return undefined;
        blockers.push(blocker);
      }
    return blockers;
  }

  #blockerOf(daemon: Cover, client: Cover): Rule | undefined {
    for (const daemonKey of daemon.wider) {
      const rules = this.#rules.get(daemonKey);
      if (rules === undefined) continue;
      for (const clientKey of client.wider) {
        const found = rules.get(clientKey);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }
}

/** The unreachable ones of rules in the order in which they are tried: hosts.allow, then hosts.deny. */
export function findShadows(rules: readonly Rule[]): readonly Shadow[] {
  const first = new FirstRules();
  const shadows: Shadow[] = [];
  for (const rule of rules) {
    const covers = coverLists(rule);
    const blockers = first.blockersOf(rule, covers) ?? [];
    const [by] = blockers;
    if (by !== undefined) shadows.push({ rule, by, blockers, isSame: wordsOf(rule) === wordsOf(by) });
    if (!first.add(rule, covers)) break;
  }
  return shadows;
}

function keysOf(covers: readonly (Cover | undefined)[]): readonly string[] {
  return covers.map((cover) => cover?.own ?? '?').toSorted();
}

// The words of both lists, in any order.
function wordsOf({ daemons, clients }: Lists): string {
  return JSON.stringify([
    daemons.map((part) => keysOf(part.map(coverDaemon))),
    clients.map((part) => keysOf(part.map(coverClient))),
  ]);
}

const effectOf = ({ options }: Rule): string => JSON.stringify(options.map(({ option }) => option));

// Moving a rule helps if an earlier rule of the same file does something else.
function remedyOf({ rule, blockers, isSame }: Shadow): string {
  const [first] = blockers
    .filter((by) => by.file === rule.file && effectOf(by) !== effectOf(rule))
    .toSorted((a, b) => a.line - b.line);
  if (first !== undefined)
    return isSame
      ? 'remove one of the two: the first counts'
      : `move it in front of line ${first.line}, or remove it`;
  const elsewhere = blockers.find(({ file }) => file !== rule.file);
  if (elsewhere === undefined) return 'remove it: it changes nothing';
  return `remove it, or except its clients in ${show(elsewhere.file)}, line ${elsewhere.line}: EXCEPT`;
}

/** Reports unreachable rules of both files. */
export function checkShadows(all: readonly Checked[]): void {
  const owners = new Map(all.flatMap((checked) => checked.rules.map((rule) => [rule, checked] as const)));
  for (const shadow of findShadows([...owners.keys()])) {
    const { rule, by, isSame } = shadow;
    const place = rule.file === by.file ? `line ${by.line}` : `${show(by.file)}, line ${by.line},`;
    const message = `this rule is never reached: ${place} ${isSame ? 'has the same words' : 'matches before it'}`;
    const id = isSame ? 'duplicate-rule' : 'shadowed-rule';
    owners.get(rule)?.tellIn(rule)(id, 0, message, remedyOf(shadow));
  }
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
  const all = new FirstRules();
  [...allow.rules, ...deny.rules].every((rule) => all.add(rule));
  return broad.some(({ daemons: [, daemons = []], clients: [, clients = []] }) => {
    const excepted: Lists[] = [];
    if (daemons.length > 0) excepted.push({ daemons: [daemons], clients: ANY_CLIENT });
    if (clients.length > 0) excepted.push({ daemons: ANY_DAEMON, clients: [clients] });
    return excepted.every((lists) => all.blockersOf(lists, coverLists(lists)) !== undefined);
  });
}
