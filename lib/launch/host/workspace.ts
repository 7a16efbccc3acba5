// Where the changes of a workspace are kept: one place for each directory, with the layers of an overlay.
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, statSync, writeFileSync, type Stats } from 'node:fs';
import { posix } from 'node:path';

import { LaunchError } from '../../errors.ts';
import { native } from '../../native.ts';
import { mountOf } from '../../tree/mountinfo.ts';
import { bytePath, isWithin, pathBytes, showPath, type BytePath } from '../../tree/path.ts';
import { caller, waySeenBy, type Owner } from '../../trust/owner.ts';
import { judgeWay, remedyOf, type WayComponent } from '../../trust/way.ts';
import { octal } from '../../trust/writer.ts';
import { errnoName, reason } from '../../words/errno.ts';
import { quote } from '../../words/quote.ts';
import { shellWord } from '../../words/shell-word.ts';
import type { NormalView, NormalWorkspace } from '../request/isolation-value.ts';
import type { NormalRequest } from '../request/request.ts';
import { lookOr } from '../../words/system-error.ts';
import type { Account } from './account.ts';
import { hostMounts } from './host-danger.ts';
import { wayTo } from './host-ways.ts';

const below = (path: string, name: string): string => posix.join(path, name);

/** The directory in which all workspaces of this user are kept. */
function workspacesDirectory(): string {
  if (process.geteuid?.() === 0) return '/var/lib/uchroot/workspaces';
  const { XDG_STATE_HOME: state } = process.env;
  // HOME, or the home of the account
  const home = lookOr('/', () => process.getBuiltinModule('node:os').homedir());
  // XDG Base Directory Specification: a relative path is ignored
  return below(state?.startsWith('/') === true ? state : below(home, '.local/state'), 'uchroot/workspaces');
}

/** The place of the changes of a directory, which is given without links. */
export function workspacePlace(source: BytePath): string {
  const name = posix
    .basename(source)
    .replace(/[^\w.-]/g, '_')
    .slice(0, 64);
  const hash = createHash('sha256').update(pathBytes(source)).digest('hex').slice(0, 16);
  return below(workspacesDirectory(), `${name}-${hash}`);
}

/** The directory with the layers. */
export const layersOf = (place: string): string => below(place, 'layers');
/** The file with the path of the directory. */
export const sourceFile = (place: string): string => below(place, 'source');

const hintOf: Readonly<Record<string, string>> = {
  EACCES:
    'the changes are kept there: let HOME or XDG_STATE_HOME be a directory in which this user may write',
  EPERM: 'the changes are kept there: only the user who starts uchroot may be able to write to it',
};

function failure(path: string, error: unknown, hint?: string): LaunchError {
  if (error instanceof LaunchError) return error;
  const { errno = 0, code = '' } = error as NodeJS.ErrnoException;
  return new LaunchError(`workspace: ${path}: ${reason(-errno)}`, {
    step: 'open_tree',
    code: errnoName(-errno),
    errno: -errno,
    path,
    hint:
      hint ??
      hintOf[code] ??
      `the changes are kept there: see that a directory can be made: findmnt -T ${path}`,
  });
}

// mkdirSync() with `recursive` does not end where the kernel has ENOENT for a new name, as in /proc.
function makeDirectories(path: string): void {
  if (existsSync(path)) return;
  makeDirectories(posix.dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // another launch has made it meanwhile
    if (!existsSync(path)) throw error;
  }
}

// A group of one person, as usergroups of pam_umask(8).
const isPrivate = ({ uid, gid }: Owner, one: WayComponent): boolean => one.gid === gid && uid === gid;

/**
 * Makes the directory of the workspaces where it is not there. Whoever could write to it would choose what the program sees, and what a
 * commit brings to the host. The layers belong to the owner of the workspace, so nobody else may enter either.
 *
 * @throws LaunchError ERR_INSECURE_PATH; a system error
 */
export function checkedWorkspaces(): string {
  const path = workspacesDirectory();
  makeDirectories(path);
  const owner = caller();
  const way = wayTo(bytePath(Buffer.from(path)));
  const components = way.components.map((one) => (isPrivate(owner, one) ? { ...one, gid: 0 } : one));
  const [finding] = judgeWay(waySeenBy(owner, { ...way, components, endsInEntry: false }), []);
  const [shown, end] = [finding && quote(finding.component.path), components.at(-1)];
  const isOpen = finding === undefined && end !== undefined && (end.mode & 0o077) !== 0;
  if (finding === undefined && !isOpen) return path;
  throw new LaunchError(
    `workspace: ${shown ?? path} ${finding?.how ?? `can be entered by others (mode ${octal(end?.mode ?? 0)})`}, and the changes are kept ${shown === path || isOpen ? 'there' : 'below'}`,
    {
      step: 'open_tree',
      code: 'ERR_INSECURE_PATH',
      path: shown ?? path,
      hint: finding
        ? remedyOf(finding, shellWord(bytePath(finding.component.path)), owner.uid === 0)
        : `chmod 0700 ${shellWord(bytePath(Buffer.from(path)))}`,
    },
  );
}

/**
 * Makes the place of a workspace; its last file says that it is whole. The upper directory is the root of the overlay, so its owner and
 * mode are those that the program sees. Several launches may do this at a time.
 */
export function makePlace(place: string, source: BytePath, { uid, gid, mode }: Stats): void {
  const layers = layersOf(place);
  const own = [layers, ...['lower', 'work', 'upper'].map((name) => below(layers, name))];
  for (const path of own) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    // all of them: an idmapped mount shows files of this owner
    if (process.geteuid?.() === 0) chownSync(path, uid, gid);
  }
  chmodSync(below(layers, 'upper'), mode & 0o777);
  writeFileSync(sourceFile(place), pathBytes(source), { mode: 0o600 });
}

/** Makes the places of the workspaces that are new. @throws LaunchError */
export function makeWorkspaces({ view }: Pick<NormalRequest, 'view'>): void {
  for (const entry of view) {
    if (entry.kind !== 'workspace') continue;
    const source = bytePath(entry.source);
    const place = workspacePlace(source);
    try {
      checkedWorkspaces();
      if (!existsSync(sourceFile(place))) makePlace(place, source, statSync(entry.source));
    } catch (error) {
      throw failure(place, error);
    }
  }
}

const mapFds = new Map<string, number>();

// One for each pair of owner and user that a service has. They stay open.
function mapFdFor({ uid, gid }: Stats, account: Account): number | undefined {
  if (account.outside !== undefined || (uid === account.uid && gid === account.gid)) return undefined;
  // a plan that an ordinary user looks at
  if (process.geteuid?.() !== 0) return -1;
  const key = `${uid} ${gid} ${account.uid} ${account.gid}`;
  const fd = mapFds.get(key) ?? native.makeIdMap({ uid, gid, asUid: account.uid, asGid: account.gid });
  mapFds.set(key, fd);
  return fd;
}

// What the mount of the host forbids, an overlay would allow again.
const isNoexec = (source: BytePath): boolean => mountOf(hostMounts(), source)?.options.has('noexec') === true;

/** The descriptors that the plan uses for workspaces. */
export const mapFdsOf = (view: readonly NormalView[]): readonly number[] =>
  view.flatMap((entry) => (entry.kind === 'workspace' && entry.mapFd !== undefined ? [entry.mapFd] : []));

// A program would write to the layers of other workspaces, and an overlay on a directory beneath its own does not work.
function refuseOwnPlace(source: BytePath): void {
  const place = workspacesDirectory();
  if (!isWithin(bytePath(Buffer.from(place)), source)) return;
  throw new LaunchError(`workspace: ${showPath(source)} has ${place} in it, where the changes are kept`, {
    step: 'open_tree',
    code: 'ERR_INSECURE_PATH',
    path: showPath(source),
    hint: 'name the directory of a project in it',
  });
}

/** The entry as the plan needs it. `source` has no links. @throws LaunchError */
export function planWorkspace(entry: NormalWorkspace, account: Account): NormalWorkspace {
  const source = bytePath(entry.source);
  const status = directoryAt(source);
  refuseOwnPlace(source);
  try {
    const mapFd = mapFdFor(status, account);
    return {
      ...entry,
      layers: Buffer.from(layersOf(workspacePlace(source))),
      noexec: isNoexec(source),
      ...(mapFd === undefined ? {} : { mapFd }),
    };
  } catch (error) {
    throw failure(showPath(source), error);
  }
}

function directoryAt(source: BytePath): Stats {
  try {
    // a file has no `.` (path_resolution(7))
    return statSync(pathBytes(`${source}/.` as BytePath));
  } catch (error) {
    const isFile = (error as NodeJS.ErrnoException).code === 'ENOTDIR';
    const hint = isFile
      ? 'a workspace is a directory: name the one that holds the file'
      : 'name a directory of the host that is there';
    throw failure(showPath(source), error, hint);
  }
}
