// uchroot-tcpd check: the findings about hosts.allow and hosts.deny as text, JSON or SARIF.

import { existsSync } from 'node:fs';

import { JailError } from '../errors.ts';
import { showReport } from '../findings/output.ts';
import { countFindings, findRule, statusOf, toSeverity } from '../findings/finding-severity.ts';
import { type Bytes, quote } from '../quote.ts';
import { listRules } from '../tcpwrappers/check/catalog.ts';
import { checkHosts, type CheckFinding } from '../tcpwrappers/check/check.ts';
import { type Command, has, valueOf, valuesOf } from './dispatch.ts';
import { CHECK_FORMATS, type CheckFormat, toFormat } from './format.ts';
import { fileOptions, toHostsOptions } from './tcpd-options.ts';
import { readVersion } from './version.ts';

const rules = listRules();

export const check: Command<undefined> = {
  synopsis:
    'check [--allow FILE] [--deny FILE] [--dialect DIALECT] [--fail-on error|warning|note] [--format text|json|sarif] [--ignore RULE]...',
  options: {
    ...fileOptions,
    'fail-on': 'value',
    format: 'value',
    ignore: 'value',
    daemon: 'value',
    inetd: 'value',
    'no-lookups': 'flag',
    'implicit-allow': 'flag',
  },
  operands: [0, 0],
  failureStatus: 2,
  run: async (read) => {
    const format = toFormat(valueOf(read, 'format'), CHECK_FORMATS);
    const lowest = toSeverity(valueOf(read, 'fail-on')?.text ?? 'error');
    const files = toHostsOptions(read);
    for (const file of [files.allow, files.deny, valueOf(read, 'inetd')?.bytes]) requireFile(file);
    const findings = await checkHosts({
      ...files,
      ignore: valuesOf(read, 'ignore').map(({ text }) => findRule(text, rules).id),
      daemons: valuesOf(read, 'daemon').map(({ text }) => text),
      inetd: valueOf(read, 'inetd')?.text,
      implicitAllow: has(read, 'implicit-allow'),
      lookups: has(read, 'no-lookups') ? false : undefined,
    });
    const isUnread = findings.some(({ rule }) => rule === 'cannot-open');
    const status = isUnread ? 2 : statusOf(countFindings(findings), lowest);
    return { text: show(findings, format), status };
  },
};

// A file that was named must exist; the default files in /etc need not.
function requireFile(file: Bytes | undefined): void {
  if (file === undefined || existsSync(file as string)) return;
  throw new JailError(`${quote(file)} is not there`, { code: 'ENOENT' });
}

function show(findings: readonly CheckFinding[], format: CheckFormat): string {
  const counts = countFindings(findings);
  return showReport(format, {
    findings,
    counts,
    textOf: lineOf,
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

function lineOf({ rule, severity, file, line, column, message, remedy }: CheckFinding): string {
  const place = [quote(file), line, column].filter((part) => part !== undefined).join(':');
  return `${place}: ${severity} ${rule}: ${message} → ${remedy}\n`;
}
