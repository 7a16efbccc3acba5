// What an adoption would give away: paths of the host that must not come into a jail (lib/trust/danger.ts).
import { existsSync } from 'node:fs';

import { bytePath, isWithin, showPath } from '../../../tree/path.ts';
import { judgeWay, remedyOf } from '../../../trust/way.ts';
import { hostDanger } from '../../../launch/host/host-danger.ts';
import { wayTo } from '../../../launch/host/host-ways.ts';
import { commandLine } from '../../../words/shell-word.ts';
import { type AdoptionOptions, type HostFacts, variablesOf } from '../adoption.ts';
import { followedPaths } from '../identity.ts';
import { type InstalledService, openedByRoot } from '../installed/installed-service.ts';
import { ownConfiguration, type PackageData } from '../installed/service-paths.ts';
import {
  boundPaths,
  forgeableEnvironment,
  forgeableLogs,
  type HostMount,
  hostMounts,
  pathsOf,
  writablePaths,
} from '../installed/unit-mounts.ts';
import type { Refusal } from '../service-refusal.ts';

/** A path of the host that must not come into this jail. */
export interface GivenAway extends HostMount {
  /** Why, in one sentence. */
  readonly message: string;
  /** Whether it does no harm if it can only be read. */
  readonly isForReading: boolean;
}

/**
 * The paths among these that give the host away.
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

// At each start systemd follows links as root of the host: when it mounts, opens files and runs lines with all privileges. A path that
// is mounted at its own place in a directory which the service can write is there already.
function replaceable(
  service: InstalledService,
  bound: readonly HostMount[],
  variables: ReadonlyMap<string, string> = new Map(),
): readonly GivenAway[] {
  const { settings, lines } = service;
  const mounts = hostMounts(settings, '');
  const written = [...bound, ...mounts].flatMap(({ path, isReadOnly }) => (isReadOnly ? [] : [path]));
  const onHost = lines.some(({ flags }) => flags.includes('privileged'))
    ? lines.filter(({ kind }) => kind !== 'ExecStart')
    : [];
  const dropped = new Set([
    ...forgeableEnvironment(settings, bound, existsSync),
    ...forgeableLogs(settings, bound),
  ]);
  const opened = openedByRoot(settings).filter((path) => !dropped.has(path));
  const used = [...opened, ...followedPaths(service, onHost, written, variables)];
  const followed = [
    ...bound.filter(({ isReadOnly }) => isReadOnly),
    ...mounts,
    ...used.map((path) => ({ path, isReadOnly: true })),
  ];
  // an adopted service has the mounts of its unit twice
  const once = new Map(followed.map((one) => [one.path, one]));
  return [...once.values()].flatMap(({ path, isReadOnly }) => {
    const outer = outerOf(path, written);
    if (outer === undefined) return [];
    const message = `${path} lies in ${outer}, which the service can write: it could put a link there, and the next start would follow it as root of the host`;
    return [{ path, isReadOnly, isForReading: false, message }];
  });
}

// The directory of these in which a path lies, or a link on the way to it.
function outerOf(path: string, directories: readonly string[]): string | undefined {
  const ways = [path, ...wayTo(bytePath(path)).components.map((one) => Buffer.from(one.path).toString())];
  return directories.find((one) => ways.some((way) => way !== one && isWithin(way, one)));
}

/** A warning for each path that a user other than root could replace by a link: systemd would follow it at the next start. */
export function replaceableWarnings(paths: readonly HostMount[]): readonly string[] {
  return paths.flatMap(({ path }) => {
    const [finding] = judgeWay(wayTo(bytePath(path)), []);
    if (finding === undefined) return [];
    const place = showPath(bytePath(Buffer.from(finding.component.path)));
    return `another user could put a link at ${path}, and the next start would follow it as root of the host: ${place} ${finding.how}; ${remedyOf(finding, place)}`;
  });
}

/** What the unit and the caller name that gives the host away. `packed` are the files of the service's own packages. */
export function givenBy(
  service: InstalledService,
  { packed, environment, named: ofHost }: Pick<HostFacts, 'packed' | 'environment' | 'named'>,
  named: readonly HostMount[],
): readonly GivenAway[] {
  const { settings } = service;
  // its accounts own these
  const owned = ofHost.flatMap(({ path, isReadOnly }) => (isReadOnly ? [] : [path]));
  const written = new Set([...pathsOf(settings, 'ReadWritePaths'), ...owned]);
  const own = ownConfiguration(packed, service);
  const bound = boundPaths(settings, named);
  const isOwn = (path: string): boolean => written.has(path) && own.some((top) => isWithin(path, top));
  return [
    ...givenAway([...bound, ...hostMounts(settings, '')], isOwn),
    ...replaceable(service, bound, variablesOf(service, environment)),
  ];
}

/**
 * What an adopted service sees now that gives the host away. `mounts` are those that systemd makes for it. `chosen` are the paths of its
 * adoption that the caller has not named.
 */
export function givenNow(
  service: InstalledService,
  mounts: readonly HostMount[],
  chosen: readonly HostMount[],
): readonly GivenAway[] {
  const owned = chosen.flatMap(({ path, isReadOnly }) => (isReadOnly ? [] : [path]));
  const written = new Set([...pathsOf(service.settings, 'ReadWritePaths'), ...owned]);
  return [...givenAway(mounts, (path) => written.has(path)), ...replaceable(service, [])];
}

/** What is wrong with a service. */
export interface StateProblem {
  readonly message: string;
  /** A command, or what to do first. */
  readonly remedy: string;
}

/** What status says of it, with the remedy. */
export const givenProblem =
  (unit: string, { paths }: Pick<AdoptionOptions, 'paths'>) =>
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

/** The paths of ReadWritePaths= that have something in them which must not come into a jail, as `/var/spool` has the tables of cron. */
export const coarsePaths = ({ settings }: InstalledService): readonly string[] =>
  writablePaths(settings).filter((path) => {
    const danger = hostDanger(bytePath(path), false);
    return danger !== undefined && danger.path !== path && isWithin(danger.path, path);
  });

/** Whether a path of the host gives nothing away. */
export const isSafe = (mount: HostMount): boolean => givenAway([mount]).length === 0;

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
  { paths, insecurePath }: Pick<AdoptionOptions, 'paths' | 'insecurePath'>,
  [first]: readonly GivenAway[],
  isAdopted: boolean,
): Refusal | undefined {
  if (first === undefined || insecurePath) return undefined;
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
