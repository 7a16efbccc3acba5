// Ratios, their goals, and whether the goals are met.

/** The middle value, or the mean of the two middle values. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** One row; `goal` is `['<=', limit]`, `['>=', limit]`, or undefined if the figure has no goal. */
export function row(figure, ratio, goal, unit = 'x') {
  return { figure, ratio, goal, unit };
}

/** How far a row is from its goal: up to 1 meets it, 2 is twice off. */
function missedBy({ ratio, goal }) {
  if (goal === undefined) return 0;
  return goal[0] === '<=' ? ratio / goal[1] : goal[1] / ratio;
}

/** Rows that miss their goal by more than `tolerance` times. */
export function misses(rows, tolerance = 1) {
  // negated, so that NaN counts as a miss
  return rows.filter((each) => !(missedBy(each) <= tolerance));
}

function written(value, unit) {
  if (unit !== 'x') return `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`;
  if (value < 0.1) return `1/${Math.round(1 / value)}`;
  return value < 10 ? value.toFixed(2) : String(Math.round(value));
}

/** The rows of a group as a Markdown table. */
export function toTable(title, rows) {
  const lines = rows.map((each) => [
    each.figure,
    written(each.ratio, each.unit),
    each.goal === undefined ? '' : `${each.goal[0]} ${written(each.goal[1], each.unit)}`,
    each.goal === undefined ? '' : misses([each]).length === 0 ? 'ok' : 'miss',
  ]);
  const head = [title, 'ratio', 'goal', ''];
  const widths = head.map((word, i) => Math.max(word.length, ...lines.map((line) => line[i].length)));
  const format = (cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [format(head), rule, ...lines.map(format)].join('\n');
}
