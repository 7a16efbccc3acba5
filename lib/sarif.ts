// Findings as SARIF 2.1.0, which code scanning services read (OASIS, "Static Analysis Results Interchange Format").

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

type Level = 'error' | 'warning' | 'note';

/** What a tool looks for. */
interface SarifRule {
  readonly id: string;
  readonly severity: Level;
  /** What it finds, one sentence. */
  readonly summary: string;
  /** More about it. */
  readonly detail?: string;
  readonly remedy: string;
  readonly tags: readonly string[];
}

/** What it has found. */
export interface SarifResult {
  /** Id of its rule. */
  readonly rule: string;
  readonly severity: Level;
  readonly message: string;
  readonly remedy: string;
  /** Absolute path, below `base` if there is one. */
  readonly path: Buffer;
  /** One of the bases of the log. */
  readonly base: string;
  /** From 1. */
  readonly line?: number | undefined;
  /** In bytes, from 1. */
  readonly column?: number | undefined;
  /** Why it need not be looked at. */
  readonly suppressed?: string | undefined;
}

export interface SarifLog {
  /** Name of the tool, and its version. */
  readonly tool: string;
  readonly version: string;
  /** Directories on the host, absolute, by the names that results have for them. */
  readonly bases: Readonly<Record<string, Buffer>>;
  readonly rules: readonly SarifRule[];
  readonly results: readonly SarifResult[];
}

/** One run, with all rules. */
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
