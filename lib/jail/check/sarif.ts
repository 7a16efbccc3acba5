// The findings of a check as SARIF 2.1.0, which code scanning services read (OASIS, "Static Analysis Results Interchange Format").

import { pathBytes } from '../../binary/path.ts';
import { fromText } from '../text.ts';
import type { CheckReport } from './check.ts';
import type { Finding } from './finding.ts';
import type { Rule } from './rule.ts';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

/** One run, with all rules; `directory` is the jail on the host, an absolute path. */
export function toSarif(
  { findings }: Pick<CheckReport, 'findings'>,
  rules: readonly Rule[],
  { directory, version }: { readonly directory: Buffer; readonly version: string },
): object {
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'uchroot-jail', semanticVersion: version, rules: rules.map(toDescriptor) } },
        originalUriBaseIds: { JAIL: { uri: `file://${uriOf(directory)}/` }, HOST: { uri: 'file:///' } },
        columnKind: 'utf16CodeUnits',
        results: findings.map((finding) => toResult(finding, rules)),
      },
    ],
  };
}

function toDescriptor({ id, group, severity, summary, attack, remedy }: Rule): object {
  return {
    id,
    name: id,
    shortDescription: { text: summary },
    fullDescription: { text: `${summary} ${attack}` },
    help: { text: `${attack}\n\nRemedy: ${remedy}` },
    defaultConfiguration: { level: severity },
    properties: { tags: ['security', group] },
  };
}

function toResult({ rule, severity, path, message, remedy, fixed }: Finding, rules: readonly Rule[]): object {
  const ruleIndex = rules.findIndex(({ id }) => id === rule);
  const isOutside = rules[ruleIndex]?.group === 'path' && path !== '/' && rule.startsWith('path-');
  const uri = uriOf(pathBytes(fromText(path))).slice(1) || '.';
  return {
    ruleId: rule,
    ruleIndex,
    level: severity,
    message: { text: `${message}. Remedy: ${remedy}` },
    locations: [{ physicalLocation: { artifactLocation: { uri, uriBaseId: isOutside ? 'HOST' : 'JAIL' } } }],
    ...(fixed === true && {
      suppressions: [
        { kind: 'external', status: 'accepted', justification: 'fixed by uchroot-jail check --fix' },
      ],
    }),
  };
}

/** A path as part of a URI: every byte that is not unreserved, nor a slash, is escaped (RFC 3986, section 2.3). */
function uriOf(path: Buffer): string {
  return [...path]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9._~/-]/.test(character)
        ? character
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
