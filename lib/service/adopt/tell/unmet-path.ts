// Paths that a unit names and its jail lacks.
import { existsSync } from 'node:fs';

import { isWithin } from '../../../tree/path.ts';
import { commandLine } from '../../../words/shell-word.ts';
import type { Adoption } from '../adoption.ts';
import type { ServicePath } from '../installed/service-paths.ts';
import type { Refusal } from './service-refusal.ts';
import { mountedPlaces } from '../installed/unit-mounts.ts';

/** The parts of an adoption that are examined. `isInJail` tells whether the jail itself has a path. */
export interface PathQuestion extends Pick<Adoption, 'service' | 'own'> {
  readonly paths: readonly Pick<ServicePath, 'path'>[];
  /** WorkingDirectory=, and the home of the user for `~`. */
  readonly cwd: string;
  readonly isInJail: (path: string) => boolean;
}

/** Whether a path of the jail is mounted. */
export function isMounted(
  { service, paths }: Pick<PathQuestion, 'service' | 'paths'>,
  path: string,
): boolean {
  const mounted = [...paths.map((one) => one.path), ...mountedPlaces(service.settings)];
  return mounted.some((top) => isWithin(path, top));
}

const isThere = (question: PathQuestion, path: string): boolean =>
  isMounted(question, path) || question.isInJail(path);

// by ProtectHome= of the drop-in, even if the jail has them
const isHidden = (path: string): boolean => /^\/(home|root)(\/|$)/.test(path);

/** Why the service cannot start in its WorkingDirectory=; undefined if it can. */
export function directoryRefusal(question: PathQuestion): Refusal | undefined {
  const { unit } = question.service;
  const cwd = question.cwd.replace(/(?<=.)\/+$/, '');
  const refused = `${unit} cannot be adopted: its WorkingDirectory=, ${cwd},`;
  if (isHidden(cwd) && !isMounted(question, cwd))
    return {
      message: `${refused} is hidden by ProtectHome=, which an adopted service has`,
      hint: `name another directory: ${commandLine('systemctl', 'edit', '--full', unit)}`,
    };
  if (!cwd.startsWith('/') || isThere(question, cwd)) return undefined;
  return {
    message: `${refused} is not in the jail`,
    hint: `${commandLine('--ro-bind', cwd)} brings it in; if the service writes there: ${commandLine('--bind', cwd)}`,
  };
}

const ofKernel = /^\/(dev|proc|sys|run|tmp)(\/|$)/;

/** A warning for each file or directory that a command line names. */
export function namedWarnings(question: PathQuestion): readonly string[] {
  const named = question.own
    .flatMap(({ argv }) => argv.slice(1))
    .flatMap((word) => /^(?:--?[\w-]+=)?(\/\S+)$/.exec(word)?.[1] ?? [])
    .filter((path) => path !== '/' && !ofKernel.test(path) && existsSync(path) && !isThere(question, path));
  return [...new Set(named)].map(
    (path) =>
      `its command line names ${path}, which is not in the jail: ${commandLine('--ro-bind', path)} brings it in`,
  );
}
