// What `uchroot-jail check` says: for people, as JSON, as SARIF; and what its rules are.

import { showPath } from '../binary/path.ts';
import type { CheckReport } from '../jail/check/check.ts';
import type { Finding } from '../jail/check/finding.ts';
import { ruleOf } from '../jail/check/ignore.ts';
import type { Rule } from '../jail/check/rule.ts';
import { rules } from '../jail/check/rules.ts';
import { checkSarif } from '../jail/check/sarif.ts';
import { absolute } from '../jail/host/hostpath.ts';
import { fromText } from '../jail/manifest/path-text.ts';
import type { Bytes } from '../quote.ts';
import { summaryOf } from './jail-report.ts';
import { type CheckFormat, readVersion } from './common-options.ts';
import { jsonDocument, printedJson } from '../json.ts';

export function showCheck(directory: Bytes, report: CheckReport, format: CheckFormat): string {
  switch (format) {
    case 'json':
      return jsonDocument(report);
    case 'sarif': {
      const jail = Buffer.from(absolute(directory), 'latin1');
      return printedJson(checkSarif(report, rules, { directory: jail, version: readVersion() }));
    }
    case 'text':
      return showFindings(directory, report);
    default:
      return format satisfies never;
  }
}

/** A heading for each rule that has found something, a line for each finding, and one that counts. */
function showFindings(directory: Bytes, report: CheckReport): string {
  const { findings, counts } = report;
  const lines = findings.map((finding, index) => {
    const before = findings[index - 1];
    const isSame = finding.rule === before?.rule && finding.severity === before.severity;
    const heading = isSame ? '' : headingOf(finding);
    return `${heading}${lineOf(finding)}`;
  });
  const counted = [
    countOf(counts.error, 'error'),
    countOf(counts.warning, 'warning'),
    countOf(counts.note, 'note'),
    ...(counts.fixed > 0 ? [`${counts.fixed} fixed`] : []),
  ].join(', ');
  return `${lines.join('')}${summaryOf(directory, report).trimEnd()}: ${counted}\n`;
}

function headingOf({ rule, severity }: Finding): string {
  return `${severity} ${rule}: ${ruleOf(rule, rules).summary}\n`;
}

function lineOf({ path, message, remedy, fixed }: Finding): string {
  const done = fixed === undefined ? '' : fixed ? ' (fixed)' : ' (not fixed)';
  return `  ${showPath(fromText(path))}: ${message}${done} → ${remedy}\n`;
}

function countOf(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** One rule, or all of them. @throws UsageError if there is no such rule */
export function explainRule(id: string): string {
  return (id === 'all' ? rules : [ruleOf(id, rules)]).map(explanationOf).join('\n');
}

function explanationOf({ id, group, severity, summary, attack, remedy }: Rule): string {
  return `${id} (${group}, ${severity})\n  ${summary}\n  ${attack}\n  Remedy: ${remedy}\n`;
}
