// What programs have changed in a workspace (--workspace), and how it comes to the host or is thrown away.
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { resolve } from 'node:path';

import { JailError, UsageError } from '../errors.ts';
import { layersOf, sourceFile, workspacePlace } from '../launch/host/workspace.ts';
import { native } from '../native.ts';
import { bytePath, pathBytes, showPath, type BytePath } from '../tree/path.ts';
import { openFileRoot } from '../tree/root.ts';
import { commandLine } from '../words/shell-word.ts';
import { toBuffer, type Bytes } from '../words/quote.ts';
import { checkKeys, takeRequest } from '../values/keys.ts';
import { differences, spellOut, type ChangeKind, type Difference, type Sides } from './changes.ts';
import { applyDifference, forget } from './apply-difference.ts';
import { executedFiles, matcher } from './executed.ts';

/** A change of a workspace. */
export interface WorkspaceChange {
  /** Path from the workspace on, without a slash before it. */
  readonly path: string;
  readonly change: ChangeKind;
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** Of a file, as the program left it. */
  readonly sizeBytes?: number;
  /** Programs of the host execute such a file: `commit` takes it by name only. */
  readonly executed?: true;
  /** The host has changed it too since the workspace began. */
  readonly conflict?: true;
}

export interface WorkspaceRequest {
  /** The directory that was the workspace. */
  readonly directory: Bytes;
  /** Paths in it, with everything beneath. Default: all. */
  readonly paths?: readonly Bytes[] | undefined;
  /** Patterns of files that the host executes, in place of `executedFiles`. */
  readonly executed?: readonly string[] | undefined;
  /** Only for commit: also overwrites what the host has changed. */
  readonly overwrite?: boolean | undefined;
}

interface Opened extends Sides {
  readonly place: string;
  readonly directory: BytePath;
  readonly startedMs: number;
  readonly committed: Readonly<Record<string, number>>;
}

const committedFile = (place: string): string => `${place}/committed`;

function readCommitted(place: string): Readonly<Record<string, number>> {
  try {
    return JSON.parse(readFileSync(committedFile(place), 'utf8')) as Record<string, number>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

// No program may write to the layers meanwhile.
function withWorkspace<T>(request: WorkspaceRequest, use: (opened: Opened) => T): T {
  const asked = toBuffer(request.directory);
  const shown = showPath(bytePath(asked));
  let directory: BytePath;
  try {
    directory = bytePath(realpathSync.native(asked, 'buffer'));
  } catch (error) {
    throw new JailError(`${shown}: the directory is not there`, {
      code: 'ENOENT',
      path: shown,
      cause: error,
    });
  }
  const place = workspacePlace(directory);
  const source = statSync(sourceFile(place), { throwIfNoEntry: false });
  if (source === undefined)
    throw new JailError(`${shown} is no workspace of this user`, {
      code: 'ENOENT',
      path: shown,
      hint: commandLine('uchroot', '--isolate', '--workspace', bytePath(asked), 'USER', 'JAIL', 'PROGRAM'),
    });
  const lock = openSync(layersOf(place), constants.O_RDONLY | constants.O_DIRECTORY);
  const open: { close(): void }[] = [{ close: () => closeSync(lock) }];
  try {
    if (!native.lockFile(lock))
      throw new JailError(`${shown}: a program works in it`, {
        code: 'EBUSY',
        path: shown,
        hint: 'wait until it has ended',
      });
    const host = openFileRoot(pathBytes(directory));
    open.push(host);
    const upper = openFileRoot(`${layersOf(place)}/upper`);
    open.push(upper);
    return use({ host, upper, place, directory, startedMs: source.mtimeMs, committed: readCommitted(place) });
  } finally {
    for (const one of open) one.close();
  }
}

// Files of the host whose content, owner or mode has changed later have a later ctime (inode(7)).
function changedOnHost({ host, startedMs, committed }: Opened, { path, before }: Difference): boolean {
  if (before === undefined) return false;
  const fd = native.inRootOpen(host.fd, pathBytes(path), 0o10000000 | constants.O_NOFOLLOW);
  try {
    const { ctimeMs } = fstatSync(fd);
    // a directory changes with its entries
    return before.kind !== 'directory' && ctimeMs > (committed[path] ?? startedMs);
  } finally {
    native.closeDescriptor(fd);
  }
}

function toPaths(directory: BytePath, paths: readonly Bytes[]): readonly BytePath[] {
  return paths.map((given) => {
    const path = bytePath(toBuffer(given));
    const whole = bytePath(Buffer.from(resolve(directory, path), 'latin1'));
    if (whole === directory || directory === '/') return '/' as BytePath;
    if (whole.startsWith(`${directory}/`)) return whole.slice(directory.length) as BytePath;
    throw new UsageError(`${showPath(path)} is not in the workspace`, {
      hint: `give a path beneath ${showPath(directory)}`,
    });
  });
}

const isBeneath = (path: string, above: string): boolean =>
  above === '/' || path === above || path.startsWith(`${above}/`);

interface Chosen {
  readonly all: readonly Difference[];
  readonly chosen: readonly Difference[];
  readonly named: ReadonlySet<string>;
}

function choose(opened: Opened, { paths }: WorkspaceRequest): Chosen {
  const all = [...differences(opened)];
  const named = paths === undefined ? undefined : toPaths(opened.directory, paths);
  const missing = named?.find((one) => one !== '/' && !all.some(({ path }) => isBeneath(path, one)));
  if (missing !== undefined)
    throw new UsageError(`${showPath(missing.slice(1) as BytePath)}: nothing has changed there`, {
      hint: commandLine('uchroot-jail', 'changes', opened.directory),
    });
  // a file needs the directories above it
  const chosen = all.filter(
    ({ path, kind }) =>
      named === undefined ||
      named.some((one) => isBeneath(path, one) || (kind === 'added' && isBeneath(one, path))),
  );
  return { all, chosen, named: new Set(named) };
}

function toChange(opened: Opened, isExecuted: (path: BytePath) => boolean, one: Difference): WorkspaceChange {
  const { path, kind, now, before } = one;
  const shown = now ?? before;
  return {
    path: showPath(path.slice(1) as BytePath),
    change: kind,
    kind: shown?.kind ?? 'other',
    ...(now?.kind === 'file' ? { sizeBytes: now.sizeBytes } : {}),
    ...(kind !== 'left' && isExecuted(path) ? { executed: true } : {}),
    ...(kind !== 'left' && changedOnHost(opened, one) ? { conflict: true } : {}),
  };
}

const keys = new Set(['directory', 'paths', 'executed', 'overwrite']);
const take = (request: WorkspaceRequest): WorkspaceRequest =>
  takeRequest(request, (own) => checkKeys(own, keys, "{directory: '/home/sam/project'}"));

/** What programs have changed in a workspace. @throws UsageError, JailError ENOENT, EBUSY or of a system error */
export async function workspaceChanges(asked: WorkspaceRequest): Promise<readonly WorkspaceChange[]> {
  const request = take(asked);
  const isExecuted = matcher(request.executed ?? executedFiles);
  return withWorkspace(request, (opened) =>
    choose(opened, request).chosen.map((one) => toChange(opened, isExecuted, one)),
  );
}

function refuse(changes: readonly WorkspaceChange[], why: string, hint: string): void {
  if (changes.length === 0) return;
  const names = changes.slice(0, 10).map(({ path }) => path);
  const more = changes.length > names.length ? ` and ${changes.length - names.length} more` : '';
  throw new JailError(`${why}: ${names.join(', ')}${more}`, { code: 'EEXIST', path: names[0], hint });
}

/**
 * Brings the changes of a workspace to the host. First everything is judged, and then each file is replaced by rename(2). After an
 * interruption a second call does the rest. Files keep the owner that they have on the host; new ones get the owner of the workspace.
 *
 * @throws UsageError; JailError EEXIST, before anything is written: the host has changed a file too, or executes it, and it was not named
 */
export async function commitWorkspace(asked: WorkspaceRequest): Promise<readonly WorkspaceChange[]> {
  const request = take(asked);
  const isExecuted = matcher(request.executed ?? executedFiles);
  return withWorkspace(request, (opened) => {
    const { all, chosen, named } = choose(opened, request);
    const committed = chosen.filter(({ kind }) => kind !== 'left');
    const changes = committed.map((one) => toChange(opened, isExecuted, one));
    if (request.overwrite !== true)
      refuse(
        changes.filter(({ conflict }) => conflict === true),
        'the host has changed it too',
        'commit the other paths by name, or give --overwrite to replace what the host has',
      );
    refuse(
      changes.filter((change, at) => change.executed === true && !named.has(committed[at]?.path ?? '')),
      'programs of the host execute it',
      'look at it, and commit it by its own name',
    );
    const isWhole = committed.length === all.length;
    if (!isWhole) spellOut(opened);
    // an interrupted commit has changed the host itself
    const begun = Object.fromEntries(committed.map(({ path }) => [path, Number.MAX_VALUE]));
    const times: Record<string, number> = { ...(isWhole ? {} : opened.committed), ...begun };
    keepTimes(opened, times);
    for (const one of committed) times[one.path] = applyDifference(opened, one);
    for (const one of [...committed].reverse()) forget(opened.upper, one);
    if (isWhole) restart(opened);
    keepTimes(opened, times);
    return changes;
  });
}

// By path, the ctime that commits have given it.
function keepTimes({ place }: Opened, times: Readonly<Record<string, number>>): void {
  const next = `${committedFile(place)}.new`;
  writeFileSync(next, JSON.stringify(times), { mode: 0o600 });
  renameSync(next, committedFile(place));
}

// Nothing is left: what the host changes from now on is new to the next program.
function restart({ place, upper }: Opened): void {
  // first: what this commit has written is older than the next program
  const now = new Date();
  utimesSync(sourceFile(place), now, now);
  for (const name of upper.list('/' as BytePath) ?? [])
    rmSync(Buffer.concat([Buffer.from(`${layersOf(place)}/upper/`), pathBytes(name)]), {
      recursive: true,
      force: true,
    });
}

/** Throws changes away: those of `paths`, or the whole workspace. @throws as workspaceChanges */
export async function discardWorkspace(asked: WorkspaceRequest): Promise<readonly WorkspaceChange[]> {
  const request = take(asked);
  return withWorkspace(request, (opened) => {
    const { all, chosen } = choose(opened, request);
    const changes = chosen.map((one) => toChange(opened, () => false, one));
    if (chosen.length === all.length) rmSync(opened.place, { recursive: true });
    else {
      spellOut(opened);
      for (const one of [...chosen].reverse()) forget(opened.upper, one);
    }
    return changes;
  });
}
