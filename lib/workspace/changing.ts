// What programs have changed in a workspace (--workspace), and how it comes to the host or is thrown away.
import { closeSync, constants, openSync, realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

import { JailError, UsageError, type ErrnoName } from '../errors.ts';
import { layersOf, makePlace, sourceFile, workspacePlace } from '../launch/host/workspace.ts';
import { native } from '../native.ts';
import { bytePath, isWithin, joinPath, pathBytes, showPath, type BytePath } from '../tree/path.ts';
import { openFileRoot, type FileStatus } from '../tree/root.ts';
import { errnoName, reason } from '../words/errno.ts';
import { commandLine } from '../words/shell-word.ts';
import { toBuffer, type Bytes } from '../words/quote.ts';
import { checkKeys, takeRequest } from '../values/keys.ts';
import { differences, spellOut, type ChangeKind, type Difference, type Sides } from './changes.ts';
import { applyDifference, applyRights, ctimeOf, forget } from './apply-difference.ts';
import { keepTimes, readCommitted, removePlace } from './kept.ts';
import { executedFiles, matcher, type Matcher } from './executed.ts';

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

// No program may write to the layers meanwhile.
async function withWorkspace<T>(
  request: WorkspaceRequest,
  use: (opened: Opened) => T | Promise<T>,
): Promise<T> {
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
    return await use({
      host,
      upper,
      place,
      directory,
      startedMs: source.mtimeMs,
      committed: readCommitted(place),
    });
  } finally {
    for (const one of open) one.close();
  }
}

// Files of the host whose content, owner or mode has changed later have a later ctime (inode(7)). A directory changes with its entries,
// so these are asked if it is to go.
function changedOnHost(opened: Opened, path: BytePath, { now, before }: Omit<Difference, 'path'>): boolean {
  const { host, startedMs, committed } = opened;
  if (before === undefined) return false;
  if (before.kind !== 'directory') return ctimeOf(opened, path) > (committed[path] ?? startedMs);
  if (now?.kind === 'directory') return false;
  return (host.list(path) ?? []).some((name) => {
    const child = joinPath(path, name);
    return changedOnHost(opened, child, { kind: 'deleted', now: undefined, before: host.lstat(child) });
  });
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

const isNewDirectory = (kind: ChangeKind, now: FileStatus | undefined): boolean =>
  (kind === 'added' || kind === 'changed') && now?.kind === 'directory';

interface Chosen {
  readonly all: readonly Difference[];
  readonly chosen: readonly Difference[];
  readonly named: ReadonlySet<string>;
}

function choose(opened: Opened, { paths }: WorkspaceRequest): Chosen {
  const all = [...differences(opened)];
  const named = paths === undefined ? undefined : toPaths(opened.directory, paths);
  const missing = named?.find((one) => one !== '/' && !all.some(({ path }) => isWithin(path, one)));
  if (missing !== undefined)
    throw new UsageError(`${showPath(missing.slice(1) as BytePath)}: nothing has changed there`, {
      hint: commandLine('uchroot-jail', 'changes', opened.directory),
    });
  // a file needs the directories above it, also in the place of a file
  const chosen = all.filter(
    ({ path, kind, now }) =>
      named === undefined ||
      named.some((one) => isWithin(path, one) || (isNewDirectory(kind, now) && isWithin(one, path))),
  );
  return { all, chosen, named: new Set(named) };
}

function toChange(opened: Opened, isExecuted: Matcher, one: Difference): WorkspaceChange {
  const { path, kind, now, before } = one;
  const shown = now ?? before;
  return {
    path: showPath(path.slice(1) as BytePath),
    change: kind,
    kind: shown?.kind ?? 'other',
    ...(now?.kind === 'file' ? { sizeBytes: now.sizeBytes } : {}),
    ...(kind !== 'left' && isExecuted(path, now?.kind) ? { executed: true } : {}),
    ...(kind !== 'left' && changedOnHost(opened, path, one) ? { conflict: true } : {}),
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

function refuse(
  changes: readonly WorkspaceChange[],
  why: string,
  hint: string,
  code: ErrnoName = 'EEXIST',
): void {
  if (changes.length === 0) return;
  const names = changes.slice(0, 10).map(({ path }) => path);
  const more = changes.length > names.length ? ` and ${changes.length - names.length} more` : '';
  throw new JailError(`${why}: ${names.join(', ')}${more}`, { code, path: names[0], hint });
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
  return withWorkspace(request, async (opened) => {
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
    // of root, everything
    if (process.geteuid?.() !== 0)
      refuse(
        changes.filter(
          (_, at) => committed[at]?.now?.kind === 'file' && (committed[at].now.mode & 0o400) === 0,
        ),
        'its owner may not read it',
        'let a program in the workspace give it other permissions, or discard it',
        'EACCES',
      );
    const isWhole = committed.length === all.length;
    // Otherwise an opaque directory that is half forgotten would hide what this commit brings.
    spellOut(opened);
    // The next commit asks again only about what the host changes from now on, also if this one is interrupted.
    const begun = committed.flatMap(({ path, before }) =>
      before === undefined ? [] : [[path, ctimeOf(opened, path)] as const],
    );
    const times: Record<string, number> = {
      ...(isWhole ? {} : opened.committed),
      ...Object.fromEntries(begun),
    };
    keepTimes(opened, times);
    for (const one of committed) times[one.path] = applying(one, () => applyDifference(opened, one));
    // last: no file can be made in a directory that its owner may not write to
    for (const one of committed) if (isDirectory(one)) applying(one, () => applyRights(opened, one));
    if (isWhole) {
      const { place, directory } = opened;
      // what the host changes from now on is new to the next program
      await removePlace(place, () => makePlace(place, directory, statSync(pathBytes(directory))));
      return changes;
    }
    for (const one of [...committed].reverse()) forget(opened.upper, one);
    keepTimes(opened, times);
    return changes;
  });
}

const isDirectory = ({ now, kind }: Difference): boolean => kind !== 'left' && now?.kind === 'directory';

function applying<T>({ path }: Difference, apply: () => T): T {
  try {
    return apply();
  } catch (error) {
    const shown = showPath(path.slice(1) as BytePath);
    const errno = Math.abs((error as NodeJS.ErrnoException).errno ?? 0);
    if (errno === 0) throw error;
    throw new JailError(`${shown}: ${reason(errno)}`, {
      code: errnoName(errno),
      path: shown,
      hint: 'the commit has stopped here. When the cause is gone, give it again: it does the rest',
      cause: error,
    });
  }
}

/** Throws changes away: those of `paths`, or the whole workspace. @throws as workspaceChanges */
export async function discardWorkspace(asked: WorkspaceRequest): Promise<readonly WorkspaceChange[]> {
  const request = take(asked);
  return withWorkspace(request, async (opened) => {
    const { all, chosen } = choose(opened, request);
    const changes = chosen.map((one) => toChange(opened, () => false, one));
    if (chosen.length === all.length) await removePlace(opened.place);
    else {
      spellOut(opened);
      for (const one of [...chosen].reverse()) forget(opened.upper, one);
    }
    return changes;
  });
}
