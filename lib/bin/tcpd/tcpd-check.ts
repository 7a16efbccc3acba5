// uchroot-tcpd check: the findings about hosts.allow and hosts.deny as text, JSON or SARIF.

import { existsSync } from 'node:fs';

import { option } from '../../values/command-option.ts';
import { countFindings, findRule, statusOf, toSeverity } from '../../findings/finding-severity.ts';
import { showReport } from '../../findings/output.ts';
import { quote } from '../../words/quote.ts';
import { listRules } from '../../tcpwrappers/check/catalog.ts';
import { type CheckFinding, checkHosts } from '../../tcpwrappers/check/hosts-check.ts';
import { readVersion } from '../../version.ts';
import { type Command, has, pathOf, valueOf, valuesOf } from '../dispatch.ts';
import { CHECK_FORMATS, type CheckFormat, toFormat } from '../common-options.ts';
import { missingFile } from '../../service/tcpd/named-files.ts';
import { toNamedFiles } from './tcpd-options.ts';

const rules = listRules();

export const check: Command<undefined> = {
  synopsis: 'check [OPTION]...',
  summary: 'reports what is wrong with the files, by file:line:column, and what to do',
  options: [
    option('--fail-on error|warning|note', 'fail on findings of this severity and worse (default: error)'),
    option('--format text|json|sarif', 'how the findings are printed (default: text)'),
    option('--ignore RULE', 'leave out the findings of a rule; may be repeated'),
    option('--daemon NAME', 'assume that a daemon of this name is installed; may be repeated'),
    option('--inetd FILE', 'the configuration of inetd (default /etc/inetd.conf)'),
    option('--no-lookups', 'do not look host names up'),
    option('--implicit-allow', 'report rules that grant without the option allow'),
  ],
  statuses: '0 no errors, 1 errors, 2 it could not be checked; with --fail-on: 3 warnings, 4 notes.',
  operands: [0, 0],
  failureStatus: 2,
  run: async (read) => {
    const format = toFormat(valueOf(read, 'format'), CHECK_FORMATS);
    const lowest = toSeverity(valueOf(read, 'fail-on')?.text ?? 'error');
    const files = toNamedFiles(read);
    const inetd = pathOf(read, 'inetd', '/etc/inetd.conf');
    if (inetd !== undefined && !existsSync(inetd)) throw missingFile(inetd);
    const findings = await checkHosts({
      ...files,
      ignore: valuesOf(read, 'ignore').map(
        ({ text }) => findRule(text, rules, `the rules are ${rules.map(({ id }) => id).join(', ')}`).id,
      ),
      daemons: valuesOf(read, 'daemon').map(({ text }) => text),
      inetd: inetd?.toString(),
      implicitAllow: has(read, 'implicit-allow'),
      lookups: has(read, 'no-lookups') ? false : undefined,
    });
    const isUnread = findings.some(({ rule }) => rule === 'cannot-open');
    const status = isUnread ? 2 : statusOf(countFindings(findings), lowest);
    return { text: show(findings, format), status };
  },
};

function show(findings: readonly CheckFinding[], format: CheckFormat): string {
  const counts = countFindings(findings);
  return showReport(format, {
    findings,
    counts,
    textOf: ({ rule, severity, file, line, column, message, remedy }) => {
      const place = [quote(file), line, column].filter((part) => part !== undefined).join(':');
      return `${place}: ${severity} ${rule}: ${message} → ${remedy}\n`;
    },
    document: { findings, counts },
    sarif: () => ({
      tool: 'uchroot-tcpd',
      version: readVersion(),
      bases: { HOST: Buffer.from('/') },
      rules: rules.map((rule) => Object.assign({ tags: ['security'] }, rule)),
      results: findings.map(({ file, ...finding }) =>
        Object.assign(finding, { path: Buffer.from(file), base: 'HOST' }),
      ),
    }),
  });
}
