// Warnings about a jail that was built, and errors with their possible cause.

import { type BytePath, showPath } from '../binary/path.ts';
import { JailError } from '../errors.ts';
import type { Left } from './apply/left.ts';
import { fromText } from './manifest/path-text.ts';
import { accountWarning } from './plan/unknown-accounts.ts';
import type { JailPlan } from './plan/jail-plan.ts';
import { showPaths } from './work/show-paths.ts';

interface Told {
  readonly left: readonly Left[];
  readonly warnings: readonly string[];
}

/** Warnings about files that were left out and that a program may need. */
export function warningsOf(
  { secrets, vanished, incomplete, onlyHere, accounts, wanted }: JailPlan,
  directory: BytePath,
): readonly string[] {
  const lost = [...new Set(incomplete.map(({ path }) => path))];
  return [
    ...(secrets.length === 0
      ? []
      : [
          `left out because not world-readable: ${secrets.map(showPath).join(', ')}; ${copyWords(secrets)} copies them`,
        ]),
    ...(vanished.length === 0 ? [] : [`no longer on the host: ${showPaths(vanished)}`]),
    ...(lost.length === 0
      ? []
      : [`copied files need ${showPaths(lost)}, which the host does not have either`]),
    ...(onlyHere.length === 0
      ? []
      : [`no build for every processor: ${showPaths(onlyHere)}; the jail may not work on another machine`]),
    ...wantedWarnings(wanted, showPath(directory)),
    ...accounts.map((account) => accountWarning(account, showPath(directory))),
  ];
}

function wantedWarnings({ programs, packages }: JailPlan['wanted'], directory: string): readonly string[] {
  const paths = programs.map(({ path }) => showPath(path)).join(' ');
  const [first] = programs;
  return [
    ...(first === undefined
      ? []
      : [
          `${showPath(first.by)} may start ${paths}, not in the jail: uchroot-jail build ${directory} ${paths} adds that`,
        ]),
    ...(packages.length === 0
      ? []
      : [
          `further parts of its programs are not in the jail: uchroot-jail build ${directory} ` +
            `${packages.map((name) => `--package ${name}`).join(' ')} adds them`,
        ]),
  ];
}

function copyWords(paths: readonly BytePath[]): string {
  return paths.map((path) => `--copy ${showPath(path)}`).join(' ');
}

/** @throws JailError ERR_CHECK if a self-check of the jail failed */
export function refuseFailures<T extends Told & { readonly failures: readonly string[] }>(
  made: T,
): Omit<T, 'failures'> {
  const { failures, ...rest } = made;
  const [first, ...others] = failures;
  if (first === undefined) return rest;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  throw new JailError(`the jail is built, but something does not work in it: ${first}${more}`, {
    code: 'ERR_CHECK',
    hint: hintOf(made),
  });
}

/** Adds the unchanged paths to an error as a hint: an old file may be the cause. @throws as `verify` */
export function withHint<T>(left: readonly Left[], verify: () => T): T {
  try {
    return verify();
  } catch (error) {
    if (!(error instanceof JailError)) throw error;
    const { message, code, path } = error;
    throw new JailError(message, { code, path, hint: error.hint ?? hintOf({ left, warnings: [] }) });
  }
}

// A library of another version, or a device that could not be created, may be the cause.
function hintOf({ left, warnings }: Told): string | undefined {
  const paths = left.filter(({ because }) => because !== 'writable').map(({ path }) => fromText(path));
  const words =
    paths.length === 0
      ? []
      : [`left as they are in the jail: ${showPaths(paths)}; --replace PATH makes them as planned`];
  return [...words, ...warnings.slice(0, 3)].join('; ') || undefined;
}
