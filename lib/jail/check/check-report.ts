// Collects the findings of a check, and puts them in order.

import { type BytePath, bytePath, showPath } from '../../tree/path.ts';
import { UsageError } from '../../errors.ts';
import { byWeight, CappedList } from '../../findings/capped-list.ts';
import { findRule, SEVERITIES, type Severity } from '../../findings/finding-severity.ts';
import type { Bytes } from '../../words/quote.ts';
import { fromText, toText } from '../manifest/path-text.ts';
import type { CompleteFound, Finding, Found, Rule } from './check-rule.ts';
import type { Entry } from './checked-entry.ts';
import type { CheckedJail } from './checked-jail.ts';
import { complete, decision } from './remedies.ts';

const MOST = 10_000;

export interface Reported {
  readonly found: CompleteFound;
  readonly finding: Finding;
  /** The entry that it was found at; undefined for a finding about the whole jail. */
  readonly entry: Entry | undefined;
}

/** The findings of one rule and one severity. */
interface Bucket {
  readonly rule: string;
  readonly severity: Severity;
  /** Limited by owner: the files of users, who can make as many as they like, must not push root's files out. */
  readonly kept: CappedList<Reported>;
}

/** Tells whether findings of a rule at a path are unwanted. */
export type Ignored = (rule: string, path: BytePath) => boolean;

/** Lists a limited number of findings for each rule, but counts all of them. */
export class Report {
  readonly isIgnored: Ignored;
  readonly #rules: readonly Rule[];
  readonly #buckets = new Map<string, Bucket>();

  constructor(rules: readonly Rule[], isIgnored: Ignored) {
    this.#rules = rules;
    this.isIgnored = isIgnored;
  }

  add({ id: rule, ...rest }: Rule, found: CompleteFound, entry?: Entry): void {
    const { path, message, remedy, severity = rest.severity } = found;
    if (this.isIgnored(rule, path)) return;
    const key = keyOf(rule, severity);
    const bucket = this.#buckets.get(key) ?? { rule, severity, kept: new CappedList(MOST) };
    this.#buckets.set(key, bucket);
    const one = { found, entry, finding: { rule, severity, path: toText(path), message, remedy } };
    bucket.kept.add(isOfRoot(one) ? 'root' : 'others', one);
  }

  /** By severity, then in the order of the rules, then root's before those of others, then by path. */
  all(): readonly Reported[] {
    return SEVERITIES.flatMap((severity) =>
      this.#rules.flatMap(({ id }) => {
        const bucket = this.#buckets.get(keyOf(id, severity));
        return bucket === undefined ? [] : reportedOf(bucket);
      }),
    );
  }

  count(severity: Severity): number {
    const buckets = [...this.#buckets.values()].filter((bucket) => bucket.severity === severity);
    return buckets.reduce((sum, { kept }) => sum + kept.count, 0);
  }

  /** How many findings of each rule `all` leaves out. */
  cut(): Readonly<Record<string, number>> {
    const cut: Record<string, number> = {};
    for (const { rule, kept } of this.#buckets.values())
      if (moreOf(kept) > 0) cut[rule] = (cut[rule] ?? 0) + moreOf(kept);
    return cut;
  }
}

const isOfRoot = ({ found, entry }: Reported): boolean => (found.uid ?? entry?.uid ?? 0) === 0;

const moreOf = ({ count, items }: CappedList<Reported>): number => count - Math.min(MOST, items.length);

function reportedOf({ rule, severity, kept }: Bucket): readonly Reported[] {
  const all = kept.items.toSorted(inOrder).slice(0, MOST);
  const more = moreOf(kept);
  if (more === 0) return all;
  const message = `and ${more} more, which are not listed`;
  const found = { path: bytePath('/'), message, remedy: decision('mend the others first, and check again') };
  return [...all, { found, entry: undefined, finding: { rule, severity, ...found } }];
}

function inOrder(a: Reported, b: Reported): number {
  const isFirst = Number(isOfRoot(b)) - Number(isOfRoot(a));
  return isFirst || (a.found.path < b.found.path ? -1 : Number(a.found.path > b.found.path));
}

/** The findings after fixing: those that were `fixed` and are gone, and those that are `left`. */
export function settle(
  left: readonly Reported[],
  fixed: readonly Reported[],
  rules: readonly Rule[],
): readonly Finding[] {
  const still = new Set(left.map(({ finding }) => keyOf(finding.rule, finding.path)));
  const gone = fixed.filter(({ finding }) => !still.has(keyOf(finding.rule, finding.path)));
  // the sort is stable: the findings of a rule stay in order
  return [
    ...gone.map(({ finding }) => Object.assign({}, finding, { fixed: true })),
    ...left.map(({ found, finding }) => (found.fixes ? { ...finding, fixed: false } : finding)),
  ].toSorted(byWeight(rules));
}

const keyOf = (rule: string, of: string): string => `${rule}\0${of}`;

/** Shows one entry to every rule with `lookAt`; of several findings with one cause, only the most specific is added. */
export function openMeeting(
  rules: readonly Rule[],
  jail: CheckedJail,
  report: Report,
): (entry: Entry) => void {
  const looking = rules.flatMap((rule) => (rule.lookAt === undefined ? [] : [{ rule, lookAt: rule.lookAt }]));
  return (entry) => {
    // loops: a jail may have millions of entries, and nearly all have no finding
    const all: { readonly rule: Rule; readonly found: Found }[] = [];
    for (const { rule, lookAt } of looking) {
      const found = lookAt(entry, jail);
      // an ignored finding covers no other
      if (found !== undefined && !report.isIgnored(rule.id, entry.path)) all.push({ rule, found });
    }
    if (all.length === 0) return;
    const covered = new Set(all.flatMap(({ rule }) => rule.covers ?? []));
    for (const { rule, found } of all)
      if (!covered.has(rule.id)) report.add(rule, complete(rule, found, jail, entry), entry);
  };
}

/** Where the ids of rules are listed. */
export const LISTING = 'uchroot-jail check --explain all lists them';

/** Reads ids of rules, or `ID:PATH` for a path and below. @throws UsageError for an unknown rule or a relative path */
export function parseIgnored(wanted: readonly Bytes[], rules: readonly Pick<Rule, 'id'>[]): Ignored {
  const ignored = wanted.map((one) => {
    const text = typeof one === 'string' ? fromText(one) : bytePath(one);
    const colon = text.indexOf(':');
    const { id: rule } = findRule(colon < 0 ? text : text.slice(0, colon), rules, LISTING);
    const path = colon < 0 ? '/' : text.slice(colon + 1);
    if (!path.startsWith('/'))
      throw new UsageError(`${showPath(text)}: the path must be absolute, as the jail sees it`, {
        hint: path === '' ? `write ${rule}` : `write ${rule}:/${path}`,
      });
    return { rule, path, below: path.endsWith('/') ? path : `${path}/` };
  });
  return (rule, path) =>
    ignored.some((one) => one.rule === rule && (path === one.path || path.startsWith(one.below)));
}
