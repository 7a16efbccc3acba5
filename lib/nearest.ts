// The known word that a misspelt one most likely stands for.

// Edit distance.
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, left] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, right] of [...b].entries()) {
      next.push(
        Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (left === right ? 0 : 1)),
      );
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The one of `known` that a misspelt word most likely stands for. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((name) => ({ name, away: distance(word.toLowerCase(), name.toLowerCase()) }))
    .toSorted((a, b) => a.away - b.away);
  const [best] = ranked;
  // two wrong letters in a word of two letters are no resemblance
  const isNear = best !== undefined && best.away <= Math.max(2, word.length / 3) && best.away < word.length;
  return isNear ? best.name : undefined;
}

/** A hint for a misspelt word; undefined if it resembles no known one. */
export function didYouMean(
  word: string,
  known: readonly string[],
  quoted = (name: string): string => name,
): string | undefined {
  const meant = nearest(word, known);
  return meant === undefined ? undefined : `did you mean ${quoted(meant)}?`;
}
