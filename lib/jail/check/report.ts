// The findings of a check as they come, and in order.

import { toText } from '../manifest/text.ts';
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
  /** By severity, then in the order of the rules, then by path. */
  all(): readonly Reported[];
  count(severity: Severity): number;
}

type Kept = Omit<Reported, 'finding'>;

/** Keeps a number of findings of each rule: a hostile jail must not fill our memory. */
export function openReport(rules: readonly Rule[], isIgnored: Ignored): Report {
  const kept = new Map<Rule, Kept[]>();
  const counts = new Map<Rule, number>();

  function reportedOf(rule: Rule): readonly Reported[] {
    const all = (kept.get(rule) ?? []).toSorted((a, b) => order(a.found.path, b.found.path));
    const more = (counts.get(rule) ?? 0) - all.length;
    const last = all.at(-1)?.found;
    if (more > 0 && last !== undefined) {
      const found = { path: last.path, message: `and ${more} more, here and elsewhere`, remedy: last.remedy };
      all.push({ found, entry: undefined });
    }
    return all.map((one) => Object.assign({ finding: toFinding(rule, one.found) }, one));
  }

  return {
    add: (rule, found, entry) => {
      if (isIgnored(rule.id, found.path)) return;
      counts.set(rule, (counts.get(rule) ?? 0) + 1);
      const list = kept.get(rule) ?? [];
      kept.set(rule, list);
      if (list.length < MOST) list.push({ found, entry });
    },
    all: () =>
      SEVERITIES.flatMap((severity) =>
        rules.filter((rule) => rule.severity === severity && kept.has(rule)),
      ).flatMap(reportedOf),
    count: (severity) => {
      let count = 0;
      for (const [rule, number] of counts) if (rule.severity === severity) count += number;
      return count;
    },
  };
}

/** The findings after what could be fixed was: those that are left, and those that are there no more, `fixed`. */
export function settle(
  left: readonly Reported[],
  fixed: readonly Reported[],
  rules: readonly Rule[],
): readonly Finding[] {
  const still = new Set(left.map(({ finding }) => keyOf(finding)));
  const gone = fixed.filter(({ finding }) => !still.has(keyOf(finding)));
  const ranks = new Map(rules.map(({ id, severity }, index) => [id, [SEVERITIES.indexOf(severity), index]]));
  return [
    ...gone.map(({ finding }) => toSettled(finding, true)),
    ...left.map(({ found, finding }) => (found.fixes ? toSettled(finding, false) : finding)),
  ].toSorted((a, b) => {
    const [severity = 0, rule = 0] = ranks.get(a.rule) ?? [];
    const [otherSeverity = 0, otherRule = 0] = ranks.get(b.rule) ?? [];
    return severity - otherSeverity || rule - otherRule || order(a.path, b.path);
  });
}

function keyOf({ rule, path }: Finding): string {
  return `${rule}\0${path}`;
}

function toSettled(finding: Finding, fixed: boolean): Finding {
  return { ...finding, fixed };
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function toFinding({ id, severity }: Rule, { path, message, remedy }: Found): Finding {
  return { rule: id, severity, path: toText(path), message, remedy };
}
