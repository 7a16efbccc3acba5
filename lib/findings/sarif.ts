// Findings as SARIF 2.1.0, which code scanning services read (OASIS, "Static Analysis Results Interchange Format"). Pure.

import type { DescribedFinding, DescribedRule } from './finding-severity.ts';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

interface SarifRule extends DescribedRule {
  /** More than the summary says. */
  readonly detail?: string;
  readonly tags: readonly string[];
}

export interface SarifResult extends DescribedFinding {
  /** An absolute path; it is relative to the directory of `base`. */
  readonly path: Buffer;
  /** One of the bases of the log. */
  readonly base: string;
  /** From 1. */
  readonly line?: number | undefined;
  /** In bytes, from 1. */
  readonly column?: number | undefined;
  /** Why nobody needs to look at it. */
  readonly suppressed?: string | undefined;
}

export interface SarifLog {
  readonly tool: string;
  readonly version: string;
  /** Absolute directories of the host by the names that results use for them. */
  readonly bases: Readonly<Record<string, Buffer>>;
  readonly rules: readonly SarifRule[];
  readonly results: readonly SarifResult[];
}

/** A log of one run that describes all rules. */
export function toSarif({ tool, version, bases, rules, results }: SarifLog): object {
  const directories = Object.entries(bases).map(([name, path]) => [
    name,
    { uri: `file://${uriOf(path).replace(/\/?$/, '/')}` },
  ]);
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: tool, semanticVersion: version, rules: rules.map(toDescriptor) } },
        originalUriBaseIds: Object.fromEntries(directories) as object,
        columnKind: 'utf16CodeUnits',
        results: results.map((result) => toResult(result, rules)),
      },
    ],
  };
}

function toDescriptor({ id, severity, summary, detail, remedy, tags }: SarifRule): object {
  return {
    id,
    name: id,
    shortDescription: { text: summary },
    fullDescription: { text: detail === undefined ? summary : `${summary} ${detail}` },
    help: { text: `${detail ?? summary}\n\nRemedy: ${remedy}` },
    defaultConfiguration: { level: severity },
    properties: { tags },
  };
}

function toResult(result: SarifResult, rules: readonly SarifRule[]): object {
  const { rule, severity, message, remedy, path, base, line, column, suppressed } = result;
  const artifactLocation = { uri: uriOf(path).slice(1) || '.', uriBaseId: base };
  const region = line === undefined ? {} : { region: { startLine: line, startColumn: column } };
  return {
    ruleId: rule,
    ruleIndex: rules.findIndex(({ id }) => id === rule),
    level: severity,
    message: { text: `${message}. Remedy: ${remedy}` },
    locations: [{ physicalLocation: { artifactLocation, ...region } }],
    ...(suppressed !== undefined && {
      suppressions: [{ kind: 'external', status: 'accepted', justification: suppressed }],
    }),
  };
}

/** A path as a part of a URI: every byte except unreserved ones and slashes is escaped (RFC 3986, section 2.3). */
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
