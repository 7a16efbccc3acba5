// The mounts that a unit makes itself (systemd.exec(5)), at the same places of its jail. Pure.
import { isWithin } from '../../../tree/path.ts';
import { environmentFiles, listOf, type Settings, settingsWithFile } from './installed-service.ts';

type Bind = readonly [source: string, place: string, isOptional: boolean, flags: number];

const bindsOf = (settings: Settings, name: 'BindPaths' | 'BindReadOnlyPaths'): readonly Bind[] =>
  (settings[name] ?? []) as readonly Bind[];

const emptyOf = (settings: Settings): readonly (readonly [place: string, options: string])[] =>
  (settings.TemporaryFileSystem ?? []) as readonly (readonly [string, string])[];

const limits = ['ReadOnlyPaths', 'InaccessiblePaths', 'NoExecPaths'] as const;

/** The paths of a setting, without the signs before them. */
export const pathsOf = (settings: Settings, name: string): readonly string[] =>
  listOf(settings, name).map((path) => path.replace(/^[-+]+/, ''));

const limitsOf = (settings: Settings, name: (typeof limits)[number]): readonly string[] =>
  pathsOf(settings, name).filter((path) => path !== '/'); // a setting for / also applies to the jail

// Each jail has its own: pid files and sockets, what is temporary, and what the kernel shows.
const ownPlaces = /^(\/var)?\/(run|tmp)$|^\/(dev|proc|sys)$/;

/** The paths that a unit lets its service write and that are the host's (ReadWritePaths=). */
export function writablePaths(settings: Settings): readonly string[] {
  return pathsOf(settings, 'ReadWritePaths').filter((path) => !ownPlaces.test(path));
}

// The jail has copies of these, or lies in them.
const systemPlaces = /^\/(var|var\/lib(\/uchroot)?|etc|usr|boot|s?bin|lib(x?32|64)?)?$/;

/** The first writable path that belongs to the system, so that a jail cannot share it; undefined if there is none. */
export function unshareable(settings: Settings): string | undefined {
  return writablePaths(settings).find((path) => systemPlaces.test(path));
}

/** The first path of these mounts that a setting cannot express; undefined if there is none. */
export function unmountable(settings: Settings): string | undefined {
  return [
    ...bindsOf(settings, 'BindPaths').flatMap(([source, place]) => [source, place]),
    ...bindsOf(settings, 'BindReadOnlyPaths').flatMap(([source, place]) => [source, place]),
    ...emptyOf(settings).map(([place]) => place),
    ...limits.flatMap((name) => limitsOf(settings, name)),
  ].find((path) => /[\s"'\\:]/.test(path));
}

/** A path of the host that a setting of systemd mounts. */
export interface HostMount {
  readonly path: string;
  readonly isReadOnly: boolean;
}

/** The paths of the host that these mounts show below `root`, the jail. */
export function hostMounts(settings: Settings, root: string): readonly HostMount[] {
  const shown = (name: 'BindPaths' | 'BindReadOnlyPaths'): readonly HostMount[] =>
    bindsOf(settings, name)
      .filter(([, place]) => isWithin(place, root === '' ? '/' : root))
      .map(([path]) => ({ path, isReadOnly: name === 'BindReadOnlyPaths' }));
  return [...shown('BindPaths'), ...shown('BindReadOnlyPaths')];
}

/** Paths of the host as they are bound: one that the unit has in ReadWritePaths= stays writable. */
export function boundPaths<T extends HostMount>(settings: Settings, paths: readonly T[]): readonly T[] {
  const isWritable = new Set(pathsOf(settings, 'ReadWritePaths'));
  return paths.map((one) => ({ ...one, isReadOnly: one.isReadOnly && !isWritable.has(one.path) }));
}

const isWritten = (path: string, written: readonly HostMount[]): boolean =>
  written.some((top) => !top.isReadOnly && isWithin(path, top.path));

/**
 * The optional files of EnvironmentFile= that are not there and lie in a directory that the service can write: it could put a link there,
 * which systemd would follow as root. The launchers have the variables of the adoption, so a later file would count for nothing.
 */
export function forgeableEnvironment(
  settings: Settings,
  written: readonly HostMount[],
  isOnHost: (path: string) => boolean,
): readonly string[] {
  return environmentFiles(settings)
    .filter(([path, isOptional]) => isOptional && !isOnHost(path))
    .map(([path]) => path)
    .filter((path) => isWritten(path, written));
}

/**
 * The files of StandardOutput= and StandardError= in a directory that the service can write: it could put a link there, to which systemd
 * would write as root. The log of systemd takes their place.
 */
export function forgeableLogs(settings: Settings, written: readonly HostMount[]): readonly string[] {
  if (settingsWithFile(settings).includes('StandardInput')) return [];
  return listOf(settings, 'StandardFiles').filter((path) => isWritten(path, written));
}

/** The places of the unit's own mounts. */
export function mountedPlaces(settings: Settings): readonly string[] {
  const binds = [...bindsOf(settings, 'BindPaths'), ...bindsOf(settings, 'BindReadOnlyPaths')];
  return [...binds.map(([, place]) => place), ...emptyOf(settings).map(([place]) => place)];
}

/** Whether a path of the jail is mounted: it is one of `paths`, or the unit mounts it. */
export function isMounted(
  settings: Settings,
  paths: readonly { readonly path: string }[],
  path: string,
): boolean {
  const places = [...paths.map((one) => one.path), ...mountedPlaces(settings)];
  return places.some((top) => isWithin(path, top));
}

/**
 * A place of the unit's own mounts that the service could replace by a link: it lies in one of the paths that the service can write, or
 * directly in /run and need not be mounted. A launcher starts behind these mounts, which systemd then makes at a place of the host.
 */
export function replaceablePlace(settings: Settings, written: readonly string[]): string | undefined {
  const binds = [...bindsOf(settings, 'BindPaths'), ...bindsOf(settings, 'BindReadOnlyPaths')];
  const tops = [...written, ...bindsOf(settings, 'BindPaths').map(([, place]) => place)];
  const optional = binds.filter(([, , isOptional]) => isOptional).map(([, place]) => place);
  return (
    optional.find((place) => /^(\/var)?\/run\/[^/]+$/.test(place)) ??
    mountedPlaces(settings).find((place) => tops.some((top) => top !== place && isWithin(place, top)))
  );
}

const named = (path: string): string => path.replaceAll('%', '%%');

// In a jail /var/run is a link to /run. systemd would follow it on the host.
const placed = (path: string): string => named(path.replace(/^\/var\/run(?=\/|$)/, '/run'));

/** The settings for these mounts below `root`, the jail. */
export function unitMounts(settings: Settings, root: string): readonly string[] {
  const bind =
    (name: 'BindPaths' | 'BindReadOnlyPaths') =>
    ([source, place, isOptional, flags]: Bind): string =>
      `${name}=${isOptional ? '-' : ''}${named(source)}:${root}${placed(place)}${flags === 0 ? ':norbind' : ''}`;
  return [
    ...bindsOf(settings, 'BindPaths').map(bind('BindPaths')),
    ...bindsOf(settings, 'BindReadOnlyPaths').map(bind('BindReadOnlyPaths')),
    ...emptyOf(settings)
      .filter(([place]) => place !== '/') // the jail shows nothing of the host's root directory anyway
      .map(
        ([place, options]) =>
          `TemporaryFileSystem=${root}${placed(place)}${options === '' ? '' : `:${named(options)}`}`,
      ),
    ...limits.flatMap((name) => limitsOf(settings, name).map((path) => `${name}=-${root}${placed(path)}`)),
  ];
}
