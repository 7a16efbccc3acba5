// A problem in a file of rules, and where it is.

/** A problem that was found while reading. Codes are API, messages may change. */
export interface Finding {
  readonly file: string;
  /** From 1; undefined for the file as a whole. */
  readonly line?: number;
  /** In bytes, from 1. */
  readonly column?: number;
  /** `error`: a client is refused or let in by mistake; `warning`: the text does not do what it seems to do. */
  readonly level: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export type Remark = Pick<Finding, 'level' | 'code' | 'message' | 'hint'>;

const MAX_FINDINGS = 1000;

/** Whether the limit is reached: a hostile file must not fill the memory with findings. */
export const isFull = (findings: readonly Finding[]): boolean => findings.length > MAX_FINDINGS;

/** Appends a finding; after a thousand, one that says that there are more. */
export function addFinding(findings: Finding[], finding: Finding): void {
  const message = `more than ${MAX_FINDINGS} findings; the rest is not told`;
  if (findings.length < MAX_FINDINGS) findings.push(finding);
  else if (!isFull(findings))
    findings.push({ file: finding.file, level: 'warning', code: 'too-many-findings', message });
}
