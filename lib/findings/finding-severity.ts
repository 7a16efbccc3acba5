// The common part of the findings of both checks: rule, severity, message, remedy, and the exit status. Pure.

import { UsageError } from '../errors.ts';
import { didYouMean } from '../words/nearest.ts';
import { quote } from '../words/quote.ts';

export type Severity = 'error' | 'warning' | 'note';

/** The worst first. */
export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note'];

/** How a rule is described to a user. */
export interface DescribedRule<Id extends string = string> {
  /** API: it never changes. */
  readonly id: Id;
  readonly severity: Severity;
  /** The fault that it finds, one sentence. */
  readonly summary: string;
  /** The remedy for findings that have none of their own. */
  readonly remedy: string;
}

/** A fault, without its place: each check has its own kind of places. */
export interface DescribedFinding<Id extends string = string> {
  /** Id of the rule. */
  readonly rule: Id;
  readonly severity: Severity;
  /** The fault, in one line without control characters. */
  readonly message: string;
  readonly remedy: string;
}

export type Counts = Readonly<Record<Severity, number>>;

/** How many of the findings have each severity. */
export function countFindings(findings: readonly { readonly severity: Severity }[]): Counts {
  const count = (wanted: Severity) => findings.filter(({ severity }) => severity === wanted).length;
  return { error: count('error'), warning: count('warning'), note: count('note') };
}

/** The rule with this id. @throws UsageError if there is none; its hint is the nearest id, or else `otherwise` */
export function findRule<Rule extends { readonly id: string }>(
  id: string,
  rules: readonly Rule[],
  otherwise?: string,
): Rule {
  const rule = rules.find((one) => one.id === id);
  if (rule !== undefined) return rule;
  const ids = rules.map((one) => one.id);
  const longer = id.length < 4 ? undefined : ids.find((one) => one.includes(id));
  throw new UsageError(`there is no rule ${quote(id)}`, {
    hint: didYouMean(id, ids) ?? (longer === undefined ? otherwise : `did you mean ${longer}?`),
  });
}

/** The value of --fail-on. @throws UsageError if there is no such severity */
export function toSeverity(text: string): Severity {
  const severity = SEVERITIES.find((one) => one === text);
  if (severity !== undefined) return severity;
  throw new UsageError(`--fail-on ${quote(text)}: it is one of error, warning and note`, {
    hint:
      didYouMean(text, SEVERITIES, undefined, { info: 'note', warn: 'warning', high: 'error' }) ??
      'write --fail-on error',
  });
}

// Monitoring goes by these numbers. 2 means that the check could not be done.
const STATUS: Readonly<Record<Severity, number>> = { error: 1, warning: 3, note: 4 };

/** The exit status for the worst finding; 0 if nothing is as bad as `lowest`, the severity of --fail-on. */
export function statusOf(counts: Counts, lowest: Severity): number {
  const asked = SEVERITIES.slice(0, SEVERITIES.indexOf(lowest) + 1);
  const worst = asked.find((severity) => counts[severity] > 0);
  return worst === undefined ? 0 : STATUS[worst];
}
