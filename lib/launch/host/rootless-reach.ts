// A program without root has the caller's ids, and root inside is root of the host to its files. So it may write to all of these that it can
// reach. Files that the next launch takes from the host must not be among them.
import { bytePath, isWithin, joinPath, parentPath, pathBytes, type BytePath } from '../../tree/path.ts';
import { LaunchError } from '../../errors.ts';
import { filesOf } from '../../outbound/paths.ts';
import { quote } from '../../words/quote.ts';
import type { Way } from '../../trust/way.ts';
import type { NormalRequest } from '../request/request.ts';
import { absolutePath } from './directory.ts';
import type { Ways } from './host-ways.ts';

// Without links. What does not exist fails the launch later, with its own message.
function real(path: BytePath, ways: Ways): BytePath | undefined {
  const way = ways.get(path);
  const end = way?.endsInEntry === true ? way.components.at(-1) : undefined;
  return end && bytePath(end.path);
}

// The directories in which a link on the way, or its end, can be replaced.
function directoriesOf({ components, endsInEntry = false }: Way): readonly BytePath[] {
  const paths = components.map((one) => bytePath(one.path));
  return [...paths.map(parentPath), ...(endsInEntry ? [] : paths.slice(-1))];
}

interface Named {
  readonly what: string;
  readonly path: BytePath;
}

// Directories of the host that the program can write.
function writablePlaces({ jail, view, readOnly, ephemeral }: NormalRequest): readonly BytePath[] {
  const tree = bytePath(jail);
  const places = view.flatMap((entry) => {
    if (entry.kind === 'bind') return entry.readOnly ? [] : [bytePath(entry.source)];
    return entry.kind === 'writable' && readOnly ? [joinPath(tree, bytePath(entry.target.subarray(1)))] : [];
  });
  const jails = readOnly || ephemeral !== undefined ? [] : [tree];
  const stores = ephemeral === undefined || ephemeral === true ? [] : [bytePath(ephemeral)];
  return [...jails, ...stores, ...places];
}

const named = (what: string, path: string | Buffer | undefined): readonly Named[] =>
  path === undefined ? [] : [{ what, path: bytePath(typeof path === 'string' ? absolutePath(path) : path) }];

// The paths of the host that the launch opens.
function openedPaths({
  jail,
  view,
  ephemeral,
  pidFile,
  seccomp,
  connectTo,
}: NormalRequest): readonly Named[] {
  return [
    ...named('jail', jail),
    ...view.flatMap((entry) =>
      entry.kind === 'bind' && entry.isReference !== true ? named('bind', entry.source) : [],
    ),
    ...named('ephemeral', ephemeral === true ? undefined : ephemeral),
    ...named('pid file', pidFile),
    ...named('seccomp', seccomp?.file),
    ...filesOf(connectTo).flatMap((path) => named('connect-to', path)),
  ];
}

const STORE = '/.uchroot';
const storeIn = (source: Buffer): BytePath => `${bytePath(source)}${STORE}` as BytePath;

/** The paths whose ways refuseOwnReach() needs. */
export function pathsOfReach(request: NormalRequest): readonly BytePath[] {
  if (request.insecurePath) return [];
  const stores = request.view.flatMap((entry) =>
    entry.kind === 'bind' && !entry.readOnly ? [storeIn(entry.source)] : [],
  );
  return [...writablePlaces(request), ...openedPaths(request).map(({ path }) => path), ...stores];
}

// The manifest of a jail says which files of the host an update copies. In the jail itself, a mount protects it.
function refuseManifests({ view }: NormalRequest, ways: Ways): void {
  for (const entry of view) {
    if (entry.kind !== 'bind' || entry.readOnly) continue;
    const place = real(bytePath(entry.source), ways);
    if (place === undefined) continue;
    const isInStore = `${place}/`.includes(`${STORE}/`);
    if (!isInStore && real(storeIn(entry.source), ways) === undefined) continue;
    const path = quote(pathBytes(place));
    const hint =
      'bind a directory in it, or let the program only read it: --ro-bind   (or accept the risk with --insecure-path)';
    throw new LaunchError(
      `bind: ${path} holds the manifest of a jail, which the program could write: an update of that jail would copy whatever the program names`,
      { step: 'open_tree', code: 'ERR_INSECURE_PATH', path, hint },
    );
  }
}

/**
 * Refuses a bind by which the program could write the manifest of a jail. Also refuses a path of the host in a directory that the program
 * can write: the program could put a link there, and the next launch would follow it with the rights of the caller.
 *
 * @throws LaunchError ERR_INSECURE_PATH
 */
export function refuseOwnReach(request: NormalRequest, ways: Ways): void {
  if (request.insecurePath) return;
  const places = writablePlaces(request).flatMap((place) => real(place, ways) ?? []);
  refuseManifests(request, ways);
  for (const { what, path } of openedPaths(request)) {
    const way = ways.get(path);
    const directories = way === undefined ? [] : directoriesOf(way);
    const place = places.find((one) => directories.some((directory) => isWithin(directory, one)));
    if (place === undefined) continue;
    throw new LaunchError(
      `${what}: ${quote(pathBytes(path))} lies in ${quote(pathBytes(place))}, which the program can write: it could put a link there for the next launch`,
      {
        step: 'open_tree',
        code: 'ERR_INSECURE_PATH',
        path: quote(pathBytes(path)),
        hint: 'keep it elsewhere, or let the program only read that directory (--read-only, --ro-bind)   (or accept the risk with --insecure-path)',
      },
    );
  }
}
