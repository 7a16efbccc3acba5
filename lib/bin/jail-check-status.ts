// The exit status of `uchroot-jail check`: what monitoring goes by.

import { UsageError } from '../errors.ts';
import type { CheckReport } from '../jail/check/check.ts';
import { SEVERITIES, type Severity } from '../jail/check/finding.ts';
import { nearest } from '../nearest.ts';
import { quote } from '../quote.ts';

// 2 is that it could not be checked.
const STATUS: Readonly<Record<Severity, number>> = { error: 1, warning: 3, note: 4 };

/** @throws UsageError if there is no such severity */
export function checkSeverity(text: string): Severity {
  const severity = SEVERITIES.find((one) => one === text);
  if (severity !== undefined) return severity;
  const meant = nearest(text, SEVERITIES);
  throw new UsageError(`--fail-on ${quote(text)}: it is one of error, warning and note`, {
    hint: meant === undefined ? undefined : `did you mean ${meant}?`,
  });
}

/** That of the worst finding; 0 if there is none of severity `lowest` or worse. */
export function statusOf({ counts }: Pick<CheckReport, 'counts'>, lowest: Severity): number {
  const asked = SEVERITIES.slice(0, SEVERITIES.indexOf(lowest) + 1);
  const worst = asked.find((severity) => counts[severity] > 0);
  return worst === undefined ? 0 : STATUS[worst];
}
