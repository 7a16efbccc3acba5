// What an adoption would give away: paths of the host that must not come into a jail (lib/trust/danger.ts).
import { existsSync } from 'node:fs';

import { bytePath, isWithin } from '../../../tree/path.ts';
import { hostDanger } from '../../../launch/host/host-danger.ts';
import { commandLine } from '../../../words/shell-word.ts';
import type { AdoptionWishes } from '../adoption-record.ts';
import type { InstalledService } from '../installed/installed-service.ts';
import { ownConfiguration, type PackageData } from '../installed/service-paths.ts';
import { boundPaths, type HostMount, hostMounts, pathsOf } from '../installed/unit-mounts.ts';
import type { Refusal } from './service-refusal.ts';
import type { StateProblem } from './state-problem.ts';

/** A path of the host that must not come into this jail. */
export interface GivenAway extends HostMount {
  /** Why, in one sentence. */
  readonly message: string;
  /** Whether it does no harm if it can only be read. */
  readonly isForReading: boolean;
}

/**
 * Those of the paths that give the host away.
 *
 * @param isOwn whether a path of /etc belongs to the service: it may write that, since only its own programs read it
 */
function givenAway(
  paths: readonly HostMount[],
  isOwn: (path: string) => boolean = () => false,
): readonly GivenAway[] {
  return paths.flatMap(({ path, isReadOnly }) => {
    const danger = hostDanger(bytePath(path), isReadOnly);
    if (danger === undefined || (danger.path === '/etc' && isOwn(path))) return [];
    const { realPath, how, isForReading } = danger;
    const other = realPath === bytePath(path) ? '' : `, which is ${realPath},`;
    return [{ path, isReadOnly, isForReading, message: `${path}${other} ${how}` }];
  });
}

// systemd follows links when it mounts, at each start. What lies in a directory that the service can write is there already; only a path
// that it shall not write is mounted once more.
function replaceable(paths: readonly HostMount[]): readonly GivenAway[] {
  return paths.flatMap(({ path, isReadOnly }) => {
    const outer = paths.find((one) => !one.isReadOnly && one.path !== path && isWithin(path, one.path));
    if (!isReadOnly || outer === undefined) return [];
    const message = `${path} lies in ${outer.path}, which the service can write: it could put a link there, and the next start would follow it`;
    return [{ path, isReadOnly, isForReading: false, message }];
  });
}

/** What the unit and the caller name that gives the host away. `packed` are the files of the service's own packages. */
export function givenBy(
  service: InstalledService,
  packed: readonly string[],
  named: readonly HostMount[],
): readonly GivenAway[] {
  const { settings } = service;
  const written = new Set(pathsOf(settings, 'ReadWritePaths'));
  const own = ownConfiguration(packed, service);
  const bound = boundPaths(settings, named);
  const isOwn = (path: string): boolean => written.has(path) && own.some((top) => isWithin(path, top));
  return [...givenAway([...bound, ...hostMounts(settings, '')], isOwn), ...replaceable(bound)];
}

/**
 * What an adopted service sees now that gives the host away. An earlier version may have written its drop-in. `mounts` are those that
 * systemd makes for it.
 */
export function givenNow(
  { settings }: Pick<InstalledService, 'settings'>,
  mounts: readonly HostMount[],
): readonly GivenAway[] {
  const written = new Set(pathsOf(settings, 'ReadWritePaths'));
  return givenAway(mounts, (path) => written.has(path));
}

/** What status says of it, with the remedy. */
export const givenProblem =
  (unit: string, { paths }: Pick<AdoptionWishes, 'paths'>) =>
  ({ path, message }: GivenAway): StateProblem => ({
    message: `it sees what must not be in its jail: ${message}`,
    remedy: paths.some((one) => one.path === path)
      ? `${commandLine('uchroot-service', 'release', unit)}, and adopt it again without ${path}, or with --insecure-path`
      : commandLine('uchroot-service', 'update', unit),
  });

/** A warning for each path that a service saw before an update and does not see any more. */
export function lostWarnings(
  unit: string,
  before: readonly string[],
  now: readonly HostMount[],
): readonly string[] {
  const lost = before.filter((path) => existsSync(path) && !now.some((one) => isWithin(path, one.path)));
  return lost.map((path) => {
    const [danger] = givenAway([{ path, isReadOnly: false }]);
    if (danger !== undefined) return `${path} is not bound any more, since ${danger.message}`;
    const again = `${commandLine('uchroot-service', 'release', unit)}, and adopt it with ${commandLine('--bind', path)}`;
    return `${path} is not bound any more: it belongs neither to its package nor to its unit; if it is needed: ${again}`;
  });
}

/** What follows a command line that brings in a path of the host: nothing, unless that must be accepted. */
export function acceptance(path: string): string {
  const [danger] = givenAway([{ path, isReadOnly: true }]);
  return danger === undefined ? '' : ` --insecure-path   # ${danger.message}`;
}

/** The directories of packages that may be bound, and a warning for each package whose directories may not. */
export function safeData(data: readonly PackageData[]): {
  readonly paths: readonly string[];
  readonly warnings: readonly string[];
} {
  const all = [...new Set(data.map((one) => one.package))].map((name) => {
    const paths = data.filter((one) => one.package === name).map(({ path }) => path);
    // a package with such a directory is a part of the host, and no service of it is alone in its other directories either
    const [danger] = givenAway(paths.map((path) => ({ path, isReadOnly: false })));
    if (danger === undefined) return { paths, warnings: [] };
    const warning = `the directories of package ${name} are not bound, since ${danger.message}`;
    return { paths: [], warnings: [warning] };
  });
  return {
    paths: all.flatMap(({ paths }) => paths),
    warnings: all.flatMap(({ warnings }) => warnings),
  };
}

/**
 * Why a service cannot be adopted with paths that give the host away; undefined if there are none, or the caller accepts them.
 *
 * @param isAdopted its options can only be changed after a release
 */
export function dangerRefusal(
  unit: string,
  { paths, insecurePath }: Pick<AdoptionWishes, 'paths' | 'insecurePath'>,
  [first]: readonly GivenAway[],
  isAdopted: boolean,
): Refusal | undefined {
  if (first === undefined || insecurePath === true) return undefined;
  const { path, message, isReadOnly, isForReading } = first;
  const accept = 'or accept the risk with --insecure-path';
  if (!paths.some((one) => one.path === path)) {
    const edit = commandLine('systemctl', 'edit', '--full', unit);
    return {
      message: `${unit} cannot be adopted: its unit names ${path}, and ${message}`,
      hint: `take it out of the unit: ${edit}   # ${accept}`,
    };
  }
  const option = isReadOnly ? '--ro-bind' : '--bind';
  const instead = isForReading ? commandLine('--ro-bind', path) : `leave ${option} ${path} out`;
  const release = isAdopted ? `${commandLine('uchroot-service', 'release', unit)}, and adopt it again: ` : '';
  return {
    message: `${unit}: ${option} ${path}: ${message}`,
    hint: `${release}${instead}   # ${accept}`,
  };
}
