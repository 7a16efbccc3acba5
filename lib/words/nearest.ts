// Finds the known word that was most likely meant by a misspelt or foreign one.
import { words } from './word-list.ts';

// Edit distance; two neighbours in the wrong order count once (optimal string alignment).
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const before = rows[i - 1] ?? [];
      row.push(
        Math.min(
          (before[j] ?? 0) + 1,
          (row[j - 1] ?? 0) + 1,
          (before[j - 1] ?? 0) + (isSame ? 0 : 1),
          isSwapped ? (rows[i - 2]?.[j - 2] ?? 0) + 1 : Infinity,
        ),
      );
    }
    rows.push(row);
  }
  return rows.at(-1)?.at(-1) ?? 0;
}

/** The one of `known` that a misspelt word most likely stands for. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  // Of two that are equally near, the one that the word begins with: lss is ls, not less.
  const isBeginning = (name: string): number => (word.startsWith(name) || name.startsWith(word) ? 0 : 1);
  // two wrong letters in a word of three are no resemblance
  const most = word.length < 5 ? 1 : Math.max(2, word.length / 3);
  const ranked = known
    // each further letter counts at least once: a word of any length costs nothing, whoever has chosen it
    .filter((name) => Math.abs(name.length - word.length) <= most)
    .map((name) => ({ name, away: distance(word.toLowerCase(), name.toLowerCase()) }))
    .toSorted((a, b) => a.away - b.away || isBeginning(a.name) - isBeginning(b.name));
  const [best] = ranked;
  const isNear = best !== undefined && best.away <= most && best.away < word.length;
  return isNear ? best.name : undefined;
}

/** Words of other programs and libraries, each with our word for it, or with a hint. */
export type Foreign = Readonly<Record<string, string>>;

/** Foreign words, written as `theirs:ours`. */
export function pairs(text: string): Foreign {
  return Object.fromEntries(words(text).map((pair) => pair.split(':') as [string, string]));
}

/** A hint for a misspelt or foreign word; undefined if it resembles no known one. */
export function didYouMean(
  word: string,
  known: readonly string[],
  quoted = (name: string): string => name,
  foreign: Foreign = {},
): string | undefined {
  // dockerode writes WorkingDir for workingDir
  const plain = word.length > 1 ? word.charAt(0).toLowerCase() + word.slice(1) : word;
  const found = [word, plain].find((name) => Object.hasOwn(foreign, name));
  const ours = found === undefined ? '' : (foreign[found] ?? '');
  if (ours.includes(' ')) return ours;
  const meant = known.includes(ours) ? ours : nearest(word, known);
  return meant === undefined ? undefined : `did you mean ${quoted(meant)}?`;
}
