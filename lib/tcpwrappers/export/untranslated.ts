// What of the rules has no counterpart elsewhere.

import type { Rule } from '../rule/rule.ts';

/** A word or an option of a rule that could not be translated, and what stands for it. */
export interface Untranslated {
  readonly file: string;
  readonly line: number;
  /** As it stands in the rule; one byte a character. */
  readonly word: string;
  readonly message: string;
}

/** What is translated cannot be told from what is not: nothing is written. */
export interface Unusable extends Untranslated {
  readonly hint: string;
}

/** Collects them, each once. */
export class Losses {
  readonly #all = new Map<string, Untranslated>();

  add({ file, line }: Pick<Rule, 'file' | 'line'>, word: string, message: string): void {
    const key = `${file}\n${line}\n${word}\n${message}`;
    if (!this.#all.has(key)) this.#all.set(key, { file, line, word, message });
  }

  all(): readonly Untranslated[] {
    return [...this.#all.values()];
  }
}
