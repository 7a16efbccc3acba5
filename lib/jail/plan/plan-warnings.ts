// Warnings about what a plan leaves out.
import { type BytePath, showPath } from '../../tree/path.ts';
import { commandLine } from '../../words/shell-word.ts';
import { toText } from '../manifest/path-text.ts';
import { type JailWarning, plainWarnings } from '../work/jail-warning.ts';
import { showPaths } from '../work/show-paths.ts';
import type { JailPlan } from './jail-plan.ts';
import { wantedWarnings } from './package.ts';
import { accountWarning } from './unknown-accounts.ts';

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
