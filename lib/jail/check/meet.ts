// Shows one entry to all rules that look at one.

import type { Entry } from './entry.ts';
import type { Found } from './finding.ts';
import type { CheckedJail } from './jail.ts';
import type { Report } from './report.ts';
import type { Rule } from './rule.ts';

/** What looks at an entry for `report`; of several findings with one cause the one that says most is added. */
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
      // what is ignored covers nothing
      if (found !== undefined && !report.isIgnored(rule, found)) all.push({ rule, found });
    }
    if (all.length === 0) return;
    const covered = new Set(all.flatMap(({ rule }) => rule.covers ?? []));
    for (const { rule, found } of all) if (!covered.has(rule.id)) report.add(rule, found, entry);
  };
}
