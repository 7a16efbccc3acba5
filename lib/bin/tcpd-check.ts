// uchroot-tcpd check: findings for people, as JSON, as SARIF.

import { existsSync } from 'node:fs';

import { JailError, UsageError } from '../errors.ts';
import { jsonDocument, printedJson } from '../json.ts';
import { nearest } from '../nearest.ts';
import { option } from '../command-option.ts';
import { type Bytes, quote } from '../quote.ts';
import { toSarif } from '../sarif.ts';
import { CATALOG, type RuleId, type Severity } from '../tcpwrappers/check/catalog.ts';
import { type CheckFinding, checkHosts } from '../tcpwrappers/check/hosts-check.ts';
import { type Command, has, valueOf, valuesOf } from './dispatch.ts';
import { CHECK_FORMATS, type CheckFormat, readVersion, toFormat } from './common-options.ts';
import { toHostsOptions } from './tcpd-options.ts';

const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note'];

export const check: Command<undefined> = {
  synopsis: 'check [OPTION]...',
  summary: 'what is wrong with the files, file:line:column, and what to do',
  options: [
    option('--format FORMAT', 'text, json or sarif'),
    option('--ignore RULE', 'no findings of a rule; may be repeated'),
    option('--daemon NAME', 'a daemon of this name is there, whatever it seems; may be repeated'),
    option('--inetd FILE', 'the configuration of inetd (default /etc/inetd.conf)'),
    option('--no-lookups', 'do not look host names up'),
    option('--implicit-allow', 'tell of rules that grant without the option allow'),
  ],
  statuses: '0 no errors, 1 errors, 2 it could not be checked.',
  operands: [0, 0],
  failureStatus: 2,
  run: async (read) => {
    const format = toFormat(valueOf(read, 'format'), CHECK_FORMATS);
    const files = toHostsOptions(read);
    for (const file of [files.allow, files.deny, valueOf(read, 'inetd')?.bytes]) requireFile(file);
    const findings = await checkHosts({
      ...files,
      ignore: valuesOf(read, 'ignore').map(({ text }) => toRule(text)),
      daemons: valuesOf(read, 'daemon').map(({ text }) => text),
      inetd: valueOf(read, 'inetd')?.text,
      implicitAllow: has(read, 'implicit-allow'),
      lookups: has(read, 'no-lookups') ? false : undefined,
    });
    return { text: show(findings, format), status: statusOf(findings) };
  },
};

// A file that was asked for must be there; those of /etc need not be.
function requireFile(file: Bytes | undefined): void {
  if (file === undefined || existsSync(file as string)) return;
  throw new JailError(`${quote(file)} is not there`, { code: 'ENOENT' });
}

function statusOf(findings: readonly CheckFinding[]): number {
  if (findings.some(({ rule }) => rule === 'cannot-open')) return 2;
  return findings.some(({ severity }) => severity === 'error') ? 1 : 0;
}

function toRule(text: string): RuleId {
  if (Object.hasOwn(CATALOG, text)) return text as RuleId;
  const meant = nearest(text, Object.keys(CATALOG));
  throw new UsageError(`there is no rule ${quote(text)}`, {
    hint: meant === undefined ? undefined : `did you mean ${meant}?`,
  });
}

function show(findings: readonly CheckFinding[], format: CheckFormat): string {
  switch (format) {
    case 'json':
      return jsonDocument({ findings, counts: countsOf(findings) });
    case 'sarif':
      return printedJson(sarifOf(findings));
    case 'text': {
      const counts = Object.entries(countsOf(findings)).map(
        ([word, count]) => `${count} ${word}${count === 1 ? '' : 's'}`,
      );
      return `${findings.map(lineOf).join('')}${counts.join(', ')}\n`;
    }
    default:
      return format satisfies never;
  }
}

function countsOf(findings: readonly CheckFinding[]): Readonly<Record<Severity, number>> {
  const count = (wanted: Severity) => findings.filter(({ severity }) => severity === wanted).length;
  return Object.fromEntries(SEVERITIES.map((severity) => [severity, count(severity)])) as Record<
    Severity,
    number
  >;
}

function lineOf({ rule, severity, file, line, column, message, remedy }: CheckFinding): string {
  const place = [quote(file), line, column].filter((part) => part !== undefined).join(':');
  return `${place}: ${severity} ${rule}: ${message} → ${remedy}\n`;
}

function sarifOf(findings: readonly CheckFinding[]): object {
  return toSarif({
    tool: 'uchroot-tcpd',
    version: readVersion(),
    bases: { HOST: Buffer.from('/') },
    rules: Object.entries(CATALOG).map(([id, { severity, summary, remedy }]) => {
      return { id, severity, summary, remedy, tags: ['security'] };
    }),
    results: findings.map(({ file, ...finding }) =>
      Object.assign(finding, { path: Buffer.from(file), base: 'HOST' }),
    ),
  });
}
