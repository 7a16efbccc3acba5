// The files and directories of the host that a service sees in its jail: its data and its configuration. Pure.
import { dirname } from 'node:path';

import {
  directoryLinks,
  hasCredentials,
  type InstalledService,
  listOf,
  ownDirectories,
  textOf,
} from './installed-service.ts';
import { type HostMount, writablePaths } from './unit-mounts.ts';

/** A path of the host that the service sees at the same path of its jail. */
export interface ServicePath extends HostMount {
  /** It need not be there when the service starts. */
  readonly isOptional: boolean;
  /** A database of the whole host, such as `/etc/hosts`. */
  readonly isOfHost?: true;
  /** It lies in /run, and the daemon has made it: systemd-tmpfiles(8) makes it again at each boot. */
  readonly isMadeAtBoot?: true;
}

// Where a daemon keeps what is its own. /run has the sockets by which the host's clients find it. /run/lock and the logs of runit
// belong to other programs too.
export const isData = (path: string): boolean =>
  /^\/(var\/(lib|cache|log|spool)|run|srv)\/./.test(path) &&
  !/^\/(run\/lock$|var\/log\/runit(\/|$))/.test(path);

/** Directories with files of many packages, which init, cron, logrotate and the like read. */
export const ofMany: RegExp =
  /^\/etc\/(alternatives|default|init\.d|init|rc.\.d|runit|sv|cron.*|logrotate\.d|systemd|apparmor\.d|ufw|pam\.d|sudoers\.d|network|dhcp|ppp|resolvconf|insserv.*|bash_completion\.d|sysctl\.d|modprobe\.d|security|udev|rsyslog\.d|dpkg|apt|profile\.d|X11|logcheck|monit|tmpfiles\.d|update-motd\.d)(\/|$)/;

/** Whether a path is a log among those of others, which is mounted alone. */
export const isLoneLog = ({ path, isReadOnly }: HostMount): boolean =>
  !isReadOnly && /^\/var\/log\/[^/]+\.log$/.test(path);

// The directories and files directly in /etc that hold these paths.
const topsOf = (paths: readonly string[]): readonly string[] => [
  ...new Set(
    paths
      .filter((path) => path.startsWith('/etc/') && !ofMany.test(path))
      .map((path) => path.split('/').slice(0, 3).join('/')),
  ),
];

/** The configuration that belongs to the daemon's own packages or to its unit, which ReadWritePaths= may let it write. */
export function ownConfiguration(
  packed: readonly string[],
  { settings }: Pick<InstalledService, 'settings'>,
): readonly string[] {
  const named = listOf(settings, 'ConfigurationDirectory').map((name) => `/etc/${name}`);
  return [...topsOf(packed), ...named];
}

/** A directory that the builder has found for data of a package. */
export interface PackageData {
  readonly path: string;
  readonly package: string;
}

/**
 * The data of the daemon: those of its own packages. Any other program of the unit, such as systemctl(1) in ExecStartPost=, is in the
 * jail as well, and the data of its package are not this service's. `packed` are the files of the own packages.
 */
export function ownData(
  found: readonly PackageData[],
  packages: readonly string[],
  packed: readonly string[],
): readonly PackageData[] {
  const files = new Set(packed);
  return found.filter(({ path, package: name }) => packages.includes(name) || files.has(path));
}

// /var/run is a link to /run.
const plain = (path: string): string => path.replace(/^\/var\/run\//, '/run/');

const entry = (path: string, isReadOnly: boolean, isOptional: boolean): ServicePath => ({
  path,
  isReadOnly,
  isOptional,
});

/**
 * All paths of a service. A path inside another one of the same kind is left out. `given` are the paths that the caller has named; they
 * come first.
 */
export function servicePaths(
  { unit, settings }: InstalledService,
  found: {
    readonly data: readonly string[];
    readonly configuration: readonly string[];
    readonly ofHost?: readonly string[];
  },
  given: readonly ServicePath[],
): readonly ServicePath[] {
  const own = ownDirectories(settings).flatMap(({ variable, paths }) =>
    paths.map((path) => entry(path, variable === 'CONFIGURATION_DIRECTORY', false)),
  );
  const pidDirectory = dirname(plain(textOf(settings, 'PIDFile') || '/'));
  const all = [
    ...given,
    ...own,
    ...directoryLinks(settings).map((path) => entry(path, path.startsWith('/etc/'), true)),
    ...writablePaths(settings).map((path) => entry(plain(path), false, true)),
    ...found.data.map((path) => entry(plain(path), false, true)),
    ...(pidDirectory.split('/').length > 2 ? [entry(pidDirectory, false, true)] : []),
    ...found.configuration.map((path) => entry(path, true, true)),
    ...(found.ofHost ?? []).map((path) => ({
      path,
      isReadOnly: true,
      isOptional: true,
      isOfHost: true as const,
    })),
    ...(hasCredentials(settings) ? [entry(`/run/credentials/${unit}`, true, true)] : []),
  ];
  const first = new Map<string, ServicePath>();
  for (const one of all) if (!first.has(one.path)) first.set(one.path, one);
  // What was found in a directory that the unit lets its service write is writable without a jail too.
  const named = new Set(given.map(({ path }) => path));
  const isInside = (one: ServicePath, other: ServicePath): boolean =>
    one.path.startsWith(`${other.path}/`) &&
    (one.isReadOnly === other.isReadOnly || (one.isReadOnly && !named.has(one.path)));
  const kept = [...first.values()].filter(
    (one) => ![...first.values()].some((other) => isInside(one, other)),
  );
  return kept.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
