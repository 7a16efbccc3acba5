// Where the changes of a workspace are kept: one place for each directory, with the layers of an overlay.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { posix } from 'node:path';

import { LaunchError } from '../../errors.ts';
import { native } from '../../native.ts';
import { mountOf, readMounts } from '../../tree/mountinfo.ts';
import { bytePath, pathBytes, showPath, type BytePath } from '../../tree/path.ts';
import { errnoName, reason } from '../../words/errno.ts';
import type { NormalView, NormalWorkspace } from '../request/isolation-value.ts';
import type { NormalRequest } from '../request/request.ts';
import type { Account } from './account.ts';
import { readingKernel } from './kernel-file.ts';

const below = (path: string, name: string): string => posix.join(path, name);

/** The directory in which all workspaces of this user are kept. */
function workspacesDirectory(): string {
  if (process.geteuid?.() === 0) return '/var/lib/uchroot/workspaces';
  const { XDG_STATE_HOME: state, HOME: home = '/' } = process.env;
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

function failure(path: string, error: unknown): LaunchError {
  if (error instanceof LaunchError) return error;
  const { errno = 0, code } = error as NodeJS.ErrnoException;
  return new LaunchError(`workspace: ${path}: ${reason(-errno)}`, {
    step: 'open_tree',
    code: errnoName(-errno),
    errno: -errno,
    path,
    hint:
      code === 'EACCES' || code === 'EPERM'
        ? 'the changes are kept there: only the user who starts uchroot may be able to write to it'
        : `the changes are kept there: see that a directory can be made: findmnt -T ${path}`,
  });
}

/** The upper directory is the root of the overlay, so its owner and mode are those that the program sees. */
export function makePlace(place: string, source: BytePath, { uid, gid, mode }: Stats): void {
  const made = mkdtempSync(`${workspacesDirectory()}/.new-`);
  try {
    mkdirSync(layersOf(made), { mode: 0o700 });
    for (const name of ['lower', 'work', 'upper']) mkdirSync(below(layersOf(made), name), { mode: 0o700 });
    const upper = below(layersOf(made), 'upper');
    // all of them: an idmapped mount shows files of this owner
    const own = [layersOf(made), ...['lower', 'work', 'upper'].map((name) => below(layersOf(made), name))];
    if (process.geteuid?.() === 0) own.forEach((path) => chownSync(path, uid, gid));
    chmodSync(upper, mode & 0o777);
    writeFileSync(sourceFile(made), pathBytes(source), { mode: 0o600 });
    renameSync(made, place);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    // another launch has made it meanwhile
    if (!existsSync(sourceFile(place))) throw error;
  }
}

/** Makes the places of the workspaces that are new. @throws LaunchError */
export function makeWorkspaces({ view }: Pick<NormalRequest, 'view'>): void {
  for (const entry of view) {
    if (entry.kind !== 'workspace') continue;
    const source = bytePath(entry.source);
    const place = workspacePlace(source);
    try {
      mkdirSync(workspacesDirectory(), { recursive: true, mode: 0o700 });
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
function isNoexec(source: BytePath): boolean {
  const mounts = readMounts(readingKernel('open_tree', () => readFileSync('/proc/self/mountinfo')));
  return mountOf(mounts, source)?.options.has('noexec') === true;
}

/** The descriptors that the plan uses for workspaces. */
export const mapFdsOf = (view: readonly NormalView[]): readonly number[] =>
  view.flatMap((entry) => (entry.kind === 'workspace' && entry.mapFd !== undefined ? [entry.mapFd] : []));

/** The entry as the plan needs it. `source` has no links. @throws LaunchError */
export function planWorkspace(entry: NormalWorkspace, account: Account): NormalWorkspace {
  const source = bytePath(entry.source);
  try {
    const mapFd = mapFdFor(statSync(entry.source), account);
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
