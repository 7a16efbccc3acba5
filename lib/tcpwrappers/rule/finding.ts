// What is wrong with a file of rules, and where.

/** Something that was found while reading. Codes are API, messages may change. */
export interface Finding {
  readonly file: string;
  /** From 1; undefined where it is about the file as a whole. */
  readonly line?: number;
  /** In bytes, from 1. */
  readonly column?: number;
  /** `error`: somebody is refused, or let in, by mistake; `warning`: it does not do what it looks like. */
  readonly level: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** What to say, without the place. */
export type Remark = Pick<Finding, 'level' | 'code' | 'message' | 'hint'>;

const MAX_FINDINGS = 1000;

/** Whether no more findings are told: a file made to fill the memory with them does not. */
export function isFull(findings: readonly Finding[]): boolean {
  return findings.length > MAX_FINDINGS;
}

/** Appends a finding, if there are not too many; after a thousand one that says that there are more. */
export function addFinding(findings: Finding[], finding: Finding): void {
  if (findings.length < MAX_FINDINGS) findings.push(finding);
  else if (findings.length === MAX_FINDINGS)
    findings.push({
      file: finding.file,
      level: 'warning',
      code: 'too-many-findings',
      message: `more than ${MAX_FINDINGS} findings; the rest is not told`,
    });
}
