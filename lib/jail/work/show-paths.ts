// Shows a list of paths in one line.

import { type BytePath, showPath } from '../../tree/path.ts';

const FEW = 5;

/** The first five paths, and the number of the others. */
export function showPaths(paths: readonly BytePath[]): string {
  const more = paths.length > FEW ? `, and ${paths.length - FEW} more` : '';
  return `${paths.slice(0, FEW).map(showPath).join(', ')}${more}`;
}
