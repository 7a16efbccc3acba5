// What is wrong with the lines that a decision went through: what `check` finds, beside the rules.

import { Checked, type CheckFinding } from '../check/checked.ts';
import { checkText } from '../check/text.ts';
import type { Rule, Tables } from '../rule/rule.ts';

/** Findings of a decision. */
export interface Defects {
  /** By the rule that they are about. */
  readonly byRule: ReadonlyMap<Rule, readonly CheckFinding[]>;
  /** About lines that are no rules, and files as a whole. */
  readonly others: readonly CheckFinding[];
}

// Warnings are for those who write rules; of these, one says why a rule is passed.
function explains({ rule, severity }: CheckFinding): boolean {
  if (rule === 'world-writable' || rule === 'file-owner') return false;
  return severity === 'error' || rule === 'pattern-file-missing';
}

function place({ line, column }: CheckFinding): number {
  return (line ?? 0) * 1e6 + (column ?? 0);
}

/** What is wrong with the lines up to the rule that matched, or with all. */
export function findDefects({ allow, deny }: Tables, matched: Rule | undefined): Defects {
  const byRule = new Map<Rule, CheckFinding[]>();
  const others: CheckFinding[] = [];
  for (const { table } of [allow, deny]) {
    const isLast = matched !== undefined && table.rules.includes(matched);
    const checked = new Checked(table);
    checkText(checked);
    const rules = new Map(table.rules.map((rule) => [rule.line, rule]));
    for (const finding of checked.findings.filter(explains).toSorted((a, b) => place(a) - place(b))) {
      const line = finding.line === undefined ? undefined : checked.lineOf(finding.line);
      if (isLast && line !== undefined && line > matched.line) break;
      const rule = line === undefined ? undefined : rules.get(line);
      if (rule === undefined) others.push(finding);
      else byRule.set(rule, [...(byRule.get(rule) ?? []), finding]);
    }
    if (isLast) break;
  }
  return { byRule, others };
}
