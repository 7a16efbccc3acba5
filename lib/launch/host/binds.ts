// Judges the paths of the host that a launch mounts: sources of binds, and the directory of --ephemeral-dir.
import { bytePath, pathBytes, showPath, trimSlashes, type BytePath } from '../../tree/path.ts';
import { readList } from '../../outbound/list-file.ts';
import { filesOf, pathsOf } from '../../outbound/paths.ts';
import { quote } from '../../words/quote.ts';
import { isLink, type Way } from '../../trust/way.ts';
import { namespacesOf, type NormalView } from '../request/isolation-value.ts';
import { mayActAsRoot } from '../request/rights.ts';
import type { NormalRequest } from '../request/request.ts';
import { acceptDirectory, judgeDirectory, refuseLink, type DirectoryFinding } from './directory.ts';
import { hostDanger } from './host-danger.ts';
import { waysTo, type Ways } from './host-ways.ts';
import { pathsOfReach, refuseOwnReach } from './rootless-reach.ts';
import type { Account } from './account.ts';
import { planWorkspace } from './workspace.ts';

type Warn = (warning: DirectoryFinding) => void;

function storeOf({ ephemeral }: NormalRequest): BytePath | undefined {
  return ephemeral === undefined || ephemeral === true ? undefined : bytePath(ephemeral);
}

// Whether the program may own what the next launch takes from the host: without root it has the ids of the caller. A set-user-ID program
// of the jail decides for itself what it does as root.
const canReach = (request: NormalRequest, account: Account): boolean =>
  account.outside !== undefined ||
  (namespacesOf(request).includes('mount') && mayActAsRoot({ ...request, allowNewPrivs: false }));

/** The paths of the host whose ways are judged. */
export function judgedPaths(request: NormalRequest, account: Account): readonly BytePath[] {
  const isReaching = canReach(request, account);
  const sockets = socketPaths(request);
  const lists = listPaths(request);
  if (
    request.view.length + sockets.length + lists.length === 0 &&
    request.ephemeral === undefined &&
    !isReaching
  )
    return [];
  const binds = request.view.flatMap((entry) => (isOfHost(entry) ? [bytePath(entry.source)] : []));
  const store = storeOf(request);
  const reach = isReaching ? pathsOfReach(request) : [];
  return [...new Set([...binds, ...sockets, ...lists, ...(store === undefined ? [] : [store]), ...reach])];
}

function dangerIn(
  title: string,
  source: BytePath,
  isReadOnly: boolean,
  way: Way | undefined,
): DirectoryFinding | undefined {
  const danger = hostDanger(source, isReadOnly, way);
  if (danger === undefined) return undefined;
  const named = trimSlashes(source);
  const other = named === danger.realPath ? '' : ` (${showPath(danger.realPath)})`;
  const isProject = title === 'workspace';
  const how = isProject ? danger.how.replace('the program could write', 'a commit would write') : danger.how;
  const instead = isProject ? 'name the directory of a project' : danger.instead;
  return {
    refuses: true,
    path: quote(pathBytes(source)),
    message: `${title}: ${showPath(named)}${other} ${how}`,
    hint: danger.isForReading && !isProject ? `${instead}: --ro-bind (readOnly)` : instead,
  };
}

const listPaths = ({ connectTo }: NormalRequest): readonly BytePath[] => filesOf(connectTo).map(bytePath);

const socketPaths = ({ connectTo }: NormalRequest): readonly BytePath[] => pathsOf(connectTo).map(bytePath);

/** A finding for each bind or socket of a path that must not come into a jail (lib/trust/danger.ts). */
export function bindDangers(
  request: NormalRequest,
  account: Account,
  ways: Ways = waysTo(judgedPaths(request, account)),
): readonly DirectoryFinding[] {
  const ofSockets = socketPaths(request).flatMap(
    (path) => dangerIn('connect-to', path, true, ways.get(path)) ?? [],
  );
  const ofBinds = request.view.flatMap((entry) => {
    if (!isOfHost(entry)) return [];
    const source = bytePath(entry.source);
    // the program sees the files of the owner of a workspace as its own, and reads his secrets
    return dangerIn(entry.kind, source, entry.kind === 'bind' && entry.readOnly, ways.get(source)) ?? [];
  });
  return [...ofBinds, ...ofSockets];
}

// The path without links, as `ways` has found it.
function realPath(path: Buffer, ways: Ways): Buffer {
  const way = ways.get(bytePath(path));
  const end = way?.endsInEntry === true ? way.components.at(-1) : undefined;
  return way?.components.some(isLink) === true && end !== undefined ? Buffer.from(end.path) : path;
}

type OfHost = Extract<NormalView, { readonly source: Buffer }>;

const isOfHost = (entry: NormalView): entry is OfHost =>
  entry.kind === 'bind' ? entry.isReference !== true : entry.kind === 'workspace';

function realEntry(entry: NormalView, ways: Ways, account: Account): NormalView {
  if (!isOfHost(entry)) return entry;
  const real = { ...entry, source: realPath(entry.source, ways) };
  return real.kind === 'workspace' ? planWorkspace(real, account) : real;
}

/**
 * Judges the way to each source of a bind, and to the directory of --ephemeral-dir. The program's user must not be able to put another
 * file of the host in its place, because the launch would show that file to the program. In the directory of --ephemeral-dir he must not
 * be able to make entries either: through a link `upper` the program would see other files. Nor may a link on the way be another's than
 * root's.
 *
 * @param ways those of judgedPaths(), if they have been looked at on other threads
 * @returns the request, which opens what was judged: by paths without links
 * @throws LaunchError ERR_INSECURE_PATH
 */
export function judgeBinds<Request extends NormalRequest>(
  request: Request,
  account: Account,
  warn: Warn,
  ways: Ways = waysTo(judgedPaths(request, account)),
): Request {
  if (ways.size === 0) return request;
  if (canReach(request, account)) refuseOwnReach(request, ways);
  const dangers = bindDangers(request, account, ways);
  acceptDirectory(dangers, request.insecurePath, { step: 'open_tree' }).forEach(warn);
  const judge = (path: BytePath, title: string, way: Way): void => {
    const to = { step: 'open_tree', title, name: quote(pathBytes(path)) };
    const warnings = acceptDirectory(judgeDirectory(way, account, to), request.insecurePath, to);
    // what is in a workspace is its owner's
    if (path !== workspace) warnings.forEach(warn);
    if (!request.insecurePath) refuseLink(way, to);
  };
  const store = storeOf(request);
  const workspace = request.view.find(({ kind }) => kind === 'workspace')?.target.toString('latin1');
  const lists = listPaths(request);
  for (const [path, way] of ways) {
    // the end too: the program's user must not write to it
    if (lists.includes(path)) judge(path, 'connect-to', { ...way, endsInEntry: false });
    if (path === store) judge(path, 'ephemeral', { ...way, endsInEntry: false });
    if (request.view.some((entry) => isOfHost(entry) && bytePath(entry.source) === path))
      judge(path, path === workspace ? 'workspace' : 'bind', way);
  }
  const { ephemeral, view, connectTo } = request;
  const read = filesOf(connectTo).flatMap((path) => readList(path));
  return {
    ...request,
    ephemeral: ephemeral instanceof Buffer ? realPath(ephemeral, ways) : ephemeral,
    connectTo: read.length === 0 ? connectTo : [...connectTo, ...read],
    view: view.map((entry) => realEntry(entry, ways, account)),
  };
}
