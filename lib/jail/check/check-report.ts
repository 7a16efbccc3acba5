// Collects the findings of a check, and puts them in order.

import { type BytePath, bytePath, showPath } from '../../binary/path.ts';
import { UsageError } from '../../errors.ts';
import { byWeight, CappedList } from '../../findings/capped-list.ts';
import { findRule, SEVERITIES, type Severity } from '../../findings/finding-severity.ts';
import type { Bytes } from '../../quote.ts';
import { fromText, toText } from '../manifest/path-text.ts';
import type { Finding, Found, Rule } from './check-rule.ts';
import type { CheckedJail } from './checked-jail.ts';
import type { Entry } from './checked-entry.ts';
import { decision } from './remedies.ts';

const MOST = 10_000;

export interface Reported {
  readonly found: Found;
  readonly finding: Finding;
  /** The entry that it was found at; undefined for a finding about the whole jail. */
  readonly entry: Entry | undefined;
}

export interface Report {
  add(rule: Rule, found: Found, entry?: Entry): void;
  isIgnored(rule: Rule, found: Found): boolean;
  /** By severity, then in the order of the rules, then root's before those of others, then by path. */
  all(): readonly Reported[];
  count(severity: Severity): number;
  /** How many findings of each rule `all` leaves out. */
  cut(): Readonly<Record<string, number>>;
}

type Kept = Omit<Reported, 'finding'>;

/** The findings of one rule and one severity. */
interface Bucket {
  readonly rule: Rule;
  readonly severity: Severity;
  /** Limited by owner: the files of users, who can make as many as they like, must not push root's files out. */
  readonly kept: CappedList<Kept>;
}

/** Tells whether findings of a rule at a path are unwanted. */
export type Ignored = (rule: string, path: BytePath) => boolean;

/** An empty report that lists a limited number of findings for each rule, but counts all of them. */
export function openReport(rules: readonly Rule[], isIgnored: Ignored): Report {
  const buckets = new Map<string, Bucket>();

  function bucketOf(rule: Rule, severity: Severity): Bucket {
    const key = keyOf(rule.id, severity);
    const known = buckets.get(key);
    if (known !== undefined) return known;
    const bucket: Bucket = { rule, severity, kept: new CappedList(MOST) };
    buckets.set(key, bucket);
    return bucket;
  }

  return {
    add: (rule, found, entry) => {
      if (isIgnored(rule.id, found.path)) return;
      const one = { found, entry };
      const { kept } = bucketOf(rule, found.severity ?? rule.severity);
      kept.add(isOfRoot(one) ? 'root' : 'others', one);
    },
    isIgnored: (rule, { path }) => isIgnored(rule.id, path),
    all: () =>
      SEVERITIES.flatMap((severity) =>
        rules.flatMap(({ id }) => {
          const bucket = buckets.get(keyOf(id, severity));
          return bucket === undefined ? [] : reportedOf(bucket);
        }),
      ),
    count: (severity) => {
      let count = 0;
      for (const bucket of buckets.values()) if (bucket.severity === severity) count += bucket.kept.count;
      return count;
    },
    cut: () => {
      const cut: Record<string, number> = {};
      for (const bucket of buckets.values()) {
        const more = moreOf(bucket);
        if (more > 0) cut[bucket.rule.id] = (cut[bucket.rule.id] ?? 0) + more;
      }
      return cut;
    },
  };
}

function isOfRoot({ found, entry }: Kept): boolean {
  return (found.uid ?? entry?.uid ?? 0) === 0;
}

function moreOf({ kept }: Bucket): number {
  return kept.count - Math.min(MOST, kept.items.length);
}

function reportedOf(bucket: Bucket): readonly Reported[] {
  const { rule, severity, kept } = bucket;
  const all = kept.items.toSorted(inOrder).slice(0, MOST);
  const more = moreOf(bucket);
  if (more > 0) all.push({ found: leftOut(more), entry: undefined });
  return all.map(({ found, entry }) => {
    const { path, message, remedy } = found;
    return { found, entry, finding: { rule: rule.id, severity, path: toText(path), message, remedy } };
  });
}

function inOrder(a: Kept, b: Kept): number {
  const isFirst = Number(isOfRoot(b)) - Number(isOfRoot(a));
  return isFirst || (a.found.path < b.found.path ? -1 : Number(a.found.path > b.found.path));
}

function leftOut(more: number): Found {
  return {
    path: bytePath('/'),
    message: `and ${more} more, which are not listed`,
    remedy: decision('mend the others first, and check again'),
  };
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

function keyOf(rule: string, of: string): string {
  return `${rule}\0${of}`;
}

/** Shows one entry to every rule with `lookAt`; of several findings with one cause, only the most specific is added. */
export function openMeeting(
  rules: readonly Rule[],
  jail: CheckedJail,
  report: Report,
): (entry: Entry) => void {
  const looking = rules.flatMap((rule) => (rule.lookAt === undefined ? [] : [{ rule, lookAt: rule.lookAt }]));
  return (entry) => {
    const all: { readonly rule: Rule; readonly found: Found }[] = [];
    for (const { rule, lookAt } of looking) {
      const found = lookAt(entry, jail);
      // an ignored finding covers no other
      if (found !== undefined && !report.isIgnored(rule, found)) all.push({ rule, found });
    }
    if (all.length === 0) return;
    const covered = new Set(all.flatMap(({ rule }) => rule.covers ?? []));
    for (const { rule, found } of all) if (!covered.has(rule.id)) report.add(rule, found, entry);
  };
}

/** Where the ids of rules are listed. */
export const LISTING = 'uchroot-jail check --explain all lists them';

/**
 * Reads what is not wanted: the id of a rule, or an id, a colon, and a path at and below which its findings are not wanted.
 * @throws UsageError for an unknown rule, or a path that is not absolute
 */
export function parseIgnored(wanted: readonly Bytes[], rules: readonly Pick<Rule, 'id'>[]): Ignored {
  const ignored = wanted.map((one) => {
    const text = typeof one === 'string' ? fromText(one) : bytePath(one);
    const colon = text.indexOf(':');
    const { id: rule } = findRule(colon < 0 ? text : text.slice(0, colon), rules, LISTING);
    const path = colon < 0 ? '/' : text.slice(colon + 1);
    if (!path.startsWith('/'))
      throw new UsageError(`${showPath(text)}: the path must be absolute, as the jail sees it`);
    return { rule, path, below: path.endsWith('/') ? path : `${path}/` };
  });
  return (rule, path) =>
    ignored.some((one) => one.rule === rule && (path === one.path || path.startsWith(one.below)));
}
