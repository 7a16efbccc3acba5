// The output of `uchroot-jail check`: the report as text, JSON or SARIF, and the explanations of its rules.

import { pathBytes, showPath } from '../../tree/path.ts';
import { showReport } from '../../findings/output.ts';
import type { SarifLog, SarifResult } from '../../findings/sarif.ts';
import { findRule } from '../../findings/finding-severity.ts';
import { LISTING } from '../../jail/check/check-report.ts';
import type { Finding, Rule } from '../../jail/check/check-rule.ts';
import type { CheckReport } from '../../jail/check/jail-check.ts';
import { rules } from '../../jail/check/rules.ts';
import { absolute } from '../../jail/host/given-path.ts';
import { fromText } from '../../jail/manifest/path-text.ts';
import type { Bytes } from '../../words/quote.ts';
import { readVersion } from '../../version.ts';
import { type CheckFormat } from '../common-options.ts';
import { summaryOf } from './jail-report.ts';

export function showCheck(directory: Bytes, report: CheckReport, format: CheckFormat): string {
  const { findings, counts } = report;
  return showReport(format, {
    findings,
    counts,
    textOf: (finding, before) => {
      const isSame = finding.rule === before?.rule && finding.severity === before.severity;
      const { rule, severity, path, message, remedy, fixed } = finding;
      const heading = isSame ? '' : `${severity} ${rule}: ${ruleOf(rule).summary}\n`;
      const done = fixed === undefined ? '' : fixed ? ' (fixed)' : ' (not fixed)';
      return `${heading}  ${showPath(fromText(path))}: ${message}${done} → ${remedy}\n`;
    },
    beforeCounts: `${summaryOf(directory, report).trimEnd()}: `,
    afterCounts: counts.fixed > 0 ? `, ${counts.fixed} fixed` : '',
    document: report,
    sarif: () => checkSarif(findings, Buffer.from(absolute(directory), 'latin1'), readVersion()),
  });
}

/** A SARIF log with all rules; `directory` is the absolute path of the jail on the host. */
export function checkSarif(findings: readonly Finding[], directory: Buffer, version: string): SarifLog {
  return {
    tool: 'uchroot-jail',
    version,
    bases: { JAIL: directory, HOST: Buffer.from('/') },
    rules: rules.map(({ group, attack, ...rule }) => ({
      ...rule,
      detail: attack,
      tags: ['security', group],
    })),
    results: findings.map(toResult),
  };
}

function toResult({ path, fixed, ...finding }: Finding): SarifResult {
  const isOutside = finding.rule.startsWith('path-') && path !== '/';
  return {
    ...finding,
    path: pathBytes(fromText(path)),
    base: isOutside ? 'HOST' : 'JAIL',
    suppressed: fixed === true ? 'fixed by uchroot-jail check --fix' : undefined,
  };
}

/** The text about one rule, or about all. @throws UsageError if there is no such rule */
export function explainRule(id: string): string {
  return (id === 'all' ? rules : [ruleOf(id)])
    .map(({ id, group, severity, summary, attack, remedy }) => {
      return `${id} (${group}, ${severity})\n  ${summary}\n  ${attack}\n  Remedy: ${remedy}\n`;
    })
    .join('\n');
}

const ruleOf = (id: string): Rule => findRule(id, rules, LISTING);
