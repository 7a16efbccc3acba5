// The findings of a check as they come, and in order.

import { toText } from '../text.ts';
import { type Finding, type Found, SEVERITIES, type Severity } from './finding.ts';
import type { Ignored } from './ignore.ts';
import type { Rule } from './rule.ts';

const MOST = 10_000;

export interface Reported {
  readonly rule: Rule;
  readonly found: Found;
  readonly finding: Finding;
}

export interface Report {
  add(rule: Rule, found: Found): void;
  /** By severity, then in the order of the rules, then by path. */
  all(): readonly Reported[];
  count(severity: Severity): number;
}

/** Keeps a number of findings of each rule: a hostile jail must not fill our memory. */
export function openReport(rules: readonly Rule[], isIgnored: Ignored): Report {
  const kept = new Map<Rule, Found[]>();
  const counts = new Map<Rule, number>();

  function reportedOf(rule: Rule): readonly Reported[] {
    const all = (kept.get(rule) ?? []).toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
    const more = (counts.get(rule) ?? 0) - all.length;
    const last = all.at(-1);
    if (more > 0 && last !== undefined)
      all.push({ path: last.path, message: `and ${more} more, here and elsewhere`, remedy: last.remedy });
    return all.map((found) => ({ rule, found, finding: toFinding(rule, found) }));
  }

  return {
    add: (rule, found) => {
      if (isIgnored(rule.id, found.path)) return;
      counts.set(rule, (counts.get(rule) ?? 0) + 1);
      const list = kept.get(rule) ?? [];
      kept.set(rule, list);
      if (list.length < MOST) list.push(found);
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

function toFinding({ id, severity }: Rule, { path, message, remedy }: Found): Finding {
  return { rule: id, severity, path: toText(path), message, remedy };
}
