// What is wrong with a file of rules, and where.

/** A place in a file, for people and for editors. */
export interface Place {
  readonly file: string;
  /** From 1; undefined where it is about the file as a whole. */
  readonly line?: number;
  /** In bytes, from 1. */
  readonly column?: number;
}

/** Something that was found while reading. Codes are API, messages may change. */
export interface Finding extends Place {
  /** `error`: somebody is refused, or let in, by mistake; `warning`: it does not do what it looks like. */
  readonly level: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

const MAX_FINDINGS = 1000;

/** A list of findings that ends after a thousand of them: a file made to fill the memory does not. */
export class Findings {
  readonly all: Finding[] = [];

  get isFull(): boolean {
    return this.all.length > MAX_FINDINGS;
  }

  add(finding: Finding): void {
    if (this.all.length < MAX_FINDINGS) this.all.push(finding);
    else if (this.all.length === MAX_FINDINGS)
      this.all.push({
        file: finding.file,
        level: 'warning',
        code: 'too-many-findings',
        message: `more than ${MAX_FINDINGS} findings; the rest is not told`,
      });
  }
}
