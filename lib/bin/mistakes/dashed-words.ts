// Dashes that stand where two hyphens belong. Pure.
import { commandLine, stripReturns } from '../../words/shell-word.ts';

/** What is told about an error. */
export interface Told {
  readonly message: string;
  readonly hint?: string | undefined;
}

// Two hyphens that a web page or a word processor has made one dash (U+2010 to U+2015, and U+2212), in UTF-8 as latin1.
const dash = /^(?:\xe2\x80[\x90-\x95]|\xe2\x88\x92)+-*(?=\w)/;

/** The remedy for a line that ends in a carriage return, as in a script from Windows. */
export function returnHint(words: readonly string[]): string | undefined {
  return words.at(-1)?.endsWith('\r') === true
    ? `${stripReturns('SCRIPT')}   # the line ends in a carriage return, as in files of Windows`
    : undefined;
}

/** The right words, if the first one that is no option begins with a dash. A byte a character. */
export function withHyphens(words: readonly string[], first = ''): Told | undefined {
  if (!dash.test(first)) return undefined;
  const right = words.map((word) => word.replace(dash, '--'));
  const name = first.replace(dash, '');
  return {
    message: `a dash stands before ${name} in place of two hyphens`,
    hint: commandLine('uchroot', ...right),
  };
}
