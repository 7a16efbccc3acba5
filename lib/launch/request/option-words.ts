// An error about a key of a request, in the words of somebody who wrote options: the checks of both are the same, and speak of keys. Pure.
import { UsageError } from '../../errors.ts';
import type { KeyedOption } from './option-row.ts';

// `caps: ['a', 'b']` and `such as [0, 1]` are lists of a program. An option takes them with commas.
const listed = (items: string): string => items.replaceAll(', ', ',').replaceAll("'", '');

// The parts of a view that are no option of their own.
const viewParts: Readonly<Record<string, string>> = { bind: 'SOURCE of a bind', to: 'DEST of a bind' };

/** `oomScoreAdj` becomes `--oom-score-adj`, and `cpu: 1.5 (--cpu 1.5)` becomes `--cpu 1.5`. */
function inOptions(text: string, known: readonly KeyedOption[], mark: '--' | ''): string {
  const namesOf = (key: string) =>
    known.flatMap(([own, { name }]) => (own === key ? [`${mark}${name}`] : []));
  const spellings = (key: string): string => namesOf(key).join(' or ');
  const isKey = (word: string): boolean => namesOf(word).length > 0;
  const pick = (both: string, key: string, option: string): string =>
    isKey(key) ? (mark === '' ? option.slice(2) : option) : both;
  return (
    text
      .replace(/^view\[\d+\]\.(\w+)/, (_, part: string) => viewParts[part] ?? `--${part}`)
      // both are named: the option stays
      .replace(/ \((?:\w+: )?\{[^}]*\}\)/g, '')
      .replace(/(--[a-z-]+) \((\w+)\)/g, (both, option: string, key: string) => (isKey(key) ? option : both))
      .replace(/\b(\w+) \w+ \((--[a-z-]+ \w+)\)/g, pick)
      .replace(/\b(\w+): [^(),]+ \((--[a-z-]+ [^(),]+)\)/g, pick)
      .replace(/\b(\w+) \((--[a-z-]+)\)/g, pick)
      .replace(/\b(\w+): \[((?:'[^']*'|\d+)(?:, (?:'[^']*'|\d+))*)\]/g, (both, key: string, items: string) =>
        isKey(key) ? `${spellings(key)} ${listed(items)}` : both,
      )
      .replace(
        /such as \[((?:'[^']*'|\d+)(?:, (?:'[^']*'|\d+))*)\]/g,
        (_, items: string) => `such as ${listed(items)}`,
      )
      .replace(/\bleave (\w+) out\b/g, (both, key: string) =>
        isKey(key) ? `leave ${spellings(key)} out` : both,
      )
      // the option is named once, whatever file it can stand in
      .replace(/(--[a-z-]+) \([a-z-]+, \1\)/g, '$1')
      // a key begins the text, or is no word of English
      .replace(/^[a-z]\w*\b(?! \(--|\[)|(?<!-)\b[a-z]+[A-Z]\w*/g, (key) =>
        isKey(key) ? spellings(key) : key,
      )
  );
}

/**
 * The same error, which names the options of keys.
 *
 * @param mark what stands before the name of an option: nothing in a file of settings
 */
export function inOptionWords(
  error: UsageError,
  known: readonly KeyedOption[],
  mark: '--' | '' = '--',
): UsageError {
  const { message, hint } = error;
  return new UsageError(inOptions(message, known, mark), {
    hint: hint === undefined ? undefined : inOptions(hint, known, mark),
    cause: error,
  });
}
