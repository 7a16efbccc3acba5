// The trees that a launch opens for its view: a plan has room for so many. Pure.
import { UsageError } from '../../errors.ts';

// kMaxTrees of native/plan/plan.h, less the jail and the directory of --ephemeral
const mostTrees = 62;
const treesOf: Readonly<Record<string, number>> = { bind: 1, proc: 1, writable: 1, workspace: 2 };

/** @throws UsageError with this hint, if there are too many */
export function checkTrees(
  view: readonly { readonly kind: string }[],
  isRootless: boolean,
  hint: string | undefined,
): void {
  const trees = isRootless ? { ...treesOf, proc: 2, dev: 6 } : treesOf;
  if (view.reduce((sum, { kind }) => sum + (trees[kind] ?? 0), 0) <= mostTrees) return;
  throw new UsageError(`a launch has at most ${mostTrees} of bind, proc and writable`, { hint });
}
