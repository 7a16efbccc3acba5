// Refuses a plan that cannot become the jail that was asked for, and warns of files that a plan leaves out.

import { type BytePath, isWithin, showPath, showPaths } from '../../tree/path.ts';
import { JailError, UsageError } from '../../errors.ts';
import { commandLine } from '../../words/shell-word.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { type Recipe, takesBack } from '../manifest/recipe.ts';
import { packOf } from '../packs/index.ts';
import { lacks } from '../work/missing-file.ts';
import type { JailPlan } from './jail-plan.ts';
import { clash } from './selection.ts';
import { toText } from '../manifest/path-text.ts';
import { type JailWarning, plainWarnings } from '../work/jail-warning.ts';
import { wantedWarnings } from './package.ts';
import { accountWarning } from './unknown-accounts.ts';

/** The command that takes a program or copy out of the recipe of a jail. */
export function leavingOut(directory: BytePath, path: BytePath): string {
  return commandLine('uchroot-jail', 'build', directory, '--without', path);
}

interface Asked {
  readonly directory: BytePath;
  readonly without: readonly BytePath[];
  readonly present: Manifest | undefined;
}

/** @throws JailError, UsageError: the host has no such thing, or it cannot be left out. */
export function checkPlan(plan: JailPlan, recipe: Recipe, { directory, without, present }: Asked): void {
  const before = present?.recipe;
  // A jail that was built so stays valid: a warning tells it.
  const hidden = plan.hidden.find(
    ({ path, to }) =>
      recipe.copies.some((copy) => copy.to === to && before?.copies.includes(copy) !== true) ||
      present?.entries.some((entry) => entry.path === path && entry.kind !== 'directory') === true,
  );
  if (hidden !== undefined) throw clash(hidden);
  const [missing] = plan.missing;
  if (missing !== undefined) {
    const path = showPath(missing.path);
    const isCopy = missing.role === 'program' && recipe.copies.some(({ to }) => to === missing.path);
    throw isCopy
      ? lacks(missing, '', `leave ${path} out as a program: --copy has it already`)
      : lacks(missing);
  }
  const [absent] = plan.absent;
  if (absent !== undefined) {
    const path = showPath(absent);
    if (recipe.without.some((out) => isWithin(absent, out)))
      throw new UsageError(`${path} was asked for, and is to be left out as well`, {
        hint: 'do without --without, or without what was asked for',
      });
    const to = recipe.copies.find(({ from }) => from === absent)?.to ?? absent;
    const isOld = before !== undefined && takesBack(before, to);
    if (without.length > 0 && !isOld)
      throw new UsageError(`${path} was asked for, but it needs a file that is to be left out`, {
        hint: `try it without --without ${without.map(showPath).join(', ')}`,
      });
    throw new JailError(`${path}, which was asked for, is not on the host`, {
      code: 'ENOENT',
      path,
      ...(isOld && { hint: `bring it back to the host, or do without it: ${leavingOut(directory, to)}` }),
    });
  }
  const unused = plan.unused.find(
    (path) => without.includes(path) && !(before !== undefined && takesBack(before, path)),
  );
  if (unused !== undefined)
    throw new UsageError(`${showPath(unused)} cannot be left out: the jail would have nothing of it`, {
      hint: '--plan shows the largest parts, and what is there',
    });
  const [barren] = plan.barren;
  if (barren !== undefined)
    throw new JailError(`the host has nothing of the pack ${barren}, which was asked for`, {
      code: 'ERR_MISSING',
      hint: `it is ${packOf(barren).summary}`,
    });
}

/** A mistyped path must be an error, and not look like a replaced or kept one. @throws UsageError */
export function checkNamed(
  participle: 'replaced' | 'kept',
  paths: readonly BytePath[],
  plan: JailPlan,
  before: Manifest | undefined,
): void {
  for (const named of paths) {
    const isIn = ({ path }: { readonly path: BytePath }) => isWithin(path, named);
    if (plan.entries.some(isIn) || before?.entries.some(isIn) === true) continue;
    throw new UsageError(`${showPath(named)} cannot be ${participle}: the builder makes no such path`, {
      hint: 'use the path that the report shows as left, without links in it',
    });
  }
}

function secretWarning(secrets: readonly BytePath[]): JailWarning {
  const names = secrets.map(showPath);
  const copies = commandLine(...secrets.flatMap((path) => ['--copy', path]));
  const message = `left out because not world-readable: ${names.join(', ')}; ${copies} copies them`;
  return { kind: 'secret', paths: secrets.map(toText), message };
}

/** Warnings about files that were left out and that a program may need. */
export function warningsOf(
  { secrets, special, hidden, vanished, incomplete, onlyHere, accounts, wanted }: JailPlan,
  directory: BytePath,
): readonly JailWarning[] {
  const lost = [...new Set(incomplete.map(({ path }) => path))];
  const covered = hidden.map(({ path }) => path);
  const told = [
    [special, `neither file nor directory, and so left out: ${showPaths(special)}`],
    [covered, `not copied over a directory: ${showPaths(covered)}`],
    [vanished, `no longer on the host: ${showPaths(vanished)}`],
    [lost, `copied files need ${showPaths(lost)}, which the host does not have either`],
    [
      onlyHere,
      `no build for every processor: ${showPaths(onlyHere)}; the jail may not work on another machine`,
    ],
  ] as const;
  return [
    ...(secrets.length === 0 ? [] : [secretWarning(secrets)]),
    ...plainWarnings(told.filter(([paths]) => paths.length > 0).map(([, warning]) => warning)),
    ...wantedWarnings(wanted, directory),
    ...accounts.map((account) => accountWarning(account, directory)),
  ];
}
