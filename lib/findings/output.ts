// The report of a check as text, JSON or SARIF. Pure.

import { jsonDocument, printedJson } from '../words/json.ts';
import { type Counts, SEVERITIES } from './finding-severity.ts';
import { type SarifLog, toSarif } from './sarif.ts';

/** The parts of a report in which the checks differ. */
export interface Output<Finding> {
  readonly findings: readonly Finding[];
  readonly counts: Counts;
  /** The text for a finding, with all line ends; `before` is the finding that is shown above it. */
  readonly textOf: (finding: Finding, before: Finding | undefined) => string;
  /** The last line of the text, around the counts. */
  readonly beforeCounts?: string;
  readonly afterCounts?: string;
  /** The JSON document, without its version. */
  readonly document: object;
  readonly sarif: () => SarifLog;
}

export function showReport<Finding>(
  format: 'text' | 'json' | 'sarif',
  { findings, counts, textOf, beforeCounts = '', afterCounts = '', document, sarif }: Output<Finding>,
): string {
  switch (format) {
    case 'json':
      return jsonDocument(document);
    case 'sarif':
      return printedJson(toSarif(sarif()));
    case 'text': {
      const lines = findings.map((finding, index) => textOf(finding, findings[index - 1]));
      return `${lines.join('')}${beforeCounts}${showCounts(counts)}${afterCounts}\n`;
    }
    default:
      return format satisfies never;
  }
}

function showCounts(counts: Counts): string {
  return SEVERITIES.map((word) => `${counts[word]} ${word}${counts[word] === 1 ? '' : 's'}`).join(', ');
}
