// The findings of a check as they come, and in order.

import type { BytePath } from '../../binary/path.ts';
import { toText } from '../manifest/path-text.ts';
import { decision } from './command.ts';
import type { Entry } from './entry.ts';
import { type Finding, type Found, SEVERITIES, type Severity } from './finding.ts';
import type { Ignored } from './ignore.ts';
import type { Rule } from './rule.ts';

const MOST = 10_000;

export interface Reported {
  readonly found: Found;
  readonly finding: Finding;
  /** What was found so; undefined for what is about the whole jail. */
  readonly entry: Entry | undefined;
}

export interface Report {
  add(rule: Rule, found: Found, entry?: Entry): void;
  isIgnored(rule: Rule, found: Found): boolean;
  /** By severity, then in the order of the rules, root's before those of others, then by path. */
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
  /** Of what is root's. */
  readonly first: Kept[];
  /** Of what belongs to others, who can make as many as they like. */
  readonly rest: Kept[];
  count: number;
}

/** Keeps a number of findings of each rule: a hostile jail must not fill our memory, nor push root's files out. */
export function openReport(rules: readonly Rule[], isIgnored: Ignored): Report {
  const buckets = new Map<string, Bucket>();

  function bucketOf(rule: Rule, severity: Severity): Bucket {
    const key = keyOf(rule.id, severity);
    const known = buckets.get(key);
    if (known !== undefined) return known;
    const bucket: Bucket = { rule, severity, first: [], rest: [], count: 0 };
    buckets.set(key, bucket);
    return bucket;
  }

  function inOrder(): readonly Bucket[] {
    return SEVERITIES.flatMap((severity) =>
      rules.flatMap((rule) => buckets.get(keyOf(rule.id, severity)) ?? []),
    );
  }

  return {
    add: (rule, found, entry) => {
      if (isIgnored(rule.id, found.path)) return;
      const bucket = bucketOf(rule, found.severity ?? rule.severity);
      bucket.count++;
      const list = isOfRoot(found, entry) ? bucket.first : bucket.rest;
      if (list.length < MOST) list.push({ found, entry });
    },
    isIgnored: (rule, { path }) => isIgnored(rule.id, path),
    all: () => inOrder().flatMap(reportedOf),
    count: (severity) => {
      let count = 0;
      for (const bucket of buckets.values()) if (bucket.severity === severity) count += bucket.count;
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

function isOfRoot({ uid }: Found, entry: Entry | undefined): boolean {
  return (uid ?? entry?.uid ?? 0) === 0;
}

function moreOf({ count, first, rest }: Bucket): number {
  return count - Math.min(MOST, first.length + rest.length);
}

function reportedOf(bucket: Bucket): readonly Reported[] {
  const { rule, severity, first, rest } = bucket;
  const all = [...first.toSorted(byPath), ...rest.toSorted(byPath)].slice(0, MOST);
  const more = moreOf(bucket);
  if (more > 0) all.push({ found: leftOut(more), entry: undefined });
  return all.map(({ found, entry }) => ({ found, entry, finding: toFinding(rule, severity, found) }));
}

function leftOut(more: number): Found {
  return {
    path: '/' as BytePath,
    message: `and ${more} more, which are not listed`,
    remedy: decision('mend the others first, and check again'),
  };
}

function byPath({ found: a }: Kept, { found: b }: Kept): number {
  return order(a.path, b.path);
}

/** The findings after what could be fixed was: those that are there no more, `fixed`, and those that are left. */
export function settle(
  left: readonly Reported[],
  fixed: readonly Reported[],
  rules: readonly Rule[],
): readonly Finding[] {
  const still = new Set(left.map(({ finding }) => keyOf(finding.rule, finding.path)));
  const gone = fixed.filter(({ finding }) => !still.has(keyOf(finding.rule, finding.path)));
  const indexOf = new Map(rules.map(({ id }, index) => [id, index]));
  const ranks = ({ rule, severity }: Finding) =>
    SEVERITIES.indexOf(severity) * rules.length + (indexOf.get(rule) ?? 0);
  // stable: those of a rule stay in the order that they have
  return [
    ...gone.map(({ finding }) => toSettled(finding, true)),
    ...left.map(({ found, finding }) => (found.fixes ? toSettled(finding, false) : finding)),
  ].toSorted((a, b) => ranks(a) - ranks(b));
}

function keyOf(rule: string, of: string): string {
  return `${rule}\0${of}`;
}

function toSettled(finding: Finding, fixed: boolean): Finding {
  return { ...finding, fixed };
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function toFinding({ id }: Rule, severity: Severity, { path, message, remedy }: Found): Finding {
  return { rule: id, severity, path: toText(path), message, remedy };
}
