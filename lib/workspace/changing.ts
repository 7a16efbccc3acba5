// What programs have changed in a workspace (--workspace), and how it comes to the host or is thrown away.
import { constants, fstatSync } from 'node:fs';
import { resolve } from 'node:path';

import { UsageError } from '../errors.ts';
import { native } from '../native.ts';
import { removeTree } from '../jail/host/tree.ts';
import { withOpen } from '../jail/work/closing.ts';
import { makePlace } from '../launch/host/workspace.ts';
import {
  bytePath,
  isWithin,
  joinPath,
  lastComponent,
  parentPath,
  showPath,
  type BytePath,
} from '../tree/path.ts';
import { O_PATH, type FileStatus } from '../tree/root.ts';
import { commandLine } from '../words/shell-word.ts';
import { toBuffer, type Bytes } from '../words/quote.ts';
import { checkKeys, takeRequest } from '../values/keys.ts';
import {
  differences,
  isCopy,
  spellOut,
  type ChangeKind,
  type Difference,
  type WorkspaceChange,
} from './changes.ts';
import { applyDifference, applyRights, ctimeOf, forget, sweep } from './apply-difference.ts';
import { keepTimes, removePlace } from './kept.ts';
import { executedFiles, matcher, type Matcher } from './executed.ts';
import { movesOf } from './moved.ts';
import { withLeads } from './led.ts';
import { refuseCommit } from './refusals.ts';
import { failed, withWorkspace, type Opened } from './opened.ts';

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

// Files of the host whose content, owner or mode has changed later have a later ctime (inode(7)). A directory changes with its entries,
// so these are asked if it is to go.
function changedOnHost(opened: Opened, path: BytePath, { now, before }: Omit<Difference, 'path'>): boolean {
  const { host, startedMs, committed } = opened;
  if (before === undefined)
    return now !== undefined && isCopy(opened, path) && hasChanged(opened, parentPath(path));
  if (before.kind !== 'directory') return ctimeOf(opened, path) > (committed[path] ?? startedMs);
  if (now?.kind === 'directory') return false;
  return (host.list(path) ?? []).some((name) => {
    const child = joinPath(path, name);
    return changedOnHost(opened, child, { kind: 'deleted', now: undefined, before: host.lstat(child) });
  });
}

// Whether entries of a directory of the host have come or gone. Those of a directory that is gone itself have gone with it.
function hasChanged(opened: Opened, directory: BytePath): boolean {
  if (opened.host.lstat(directory)?.kind !== 'directory') return hasChanged(opened, parentPath(directory));
  return ctimeOf(opened, directory) > (opened.committed[directory] ?? opened.startedMs);
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

/** The changes that a request is about. */
interface Chosen {
  readonly all: readonly Difference[];
  readonly chosen: readonly Difference[];
  readonly named: ReadonlySet<string>;
}

/** @param isWithParents also the new directories above them @throws UsageError for a path without a change */
export function choose(opened: Opened, { paths }: WorkspaceRequest, isWithParents = true): Chosen {
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
      named.some(
        (one) => isWithin(path, one) || (isWithParents && isNewDirectory(kind, now) && isWithin(one, path)),
      ),
  );
  return { all, chosen, named: new Set(named) };
}

function toChange(opened: Opened, isExecuted: Matcher, one: Difference, from?: BytePath): WorkspaceChange {
  const { path, kind, now, before } = one;
  const shown = now ?? before;
  return {
    path: showPath(path.slice(1) as BytePath),
    change: kind,
    kind: shown?.kind ?? 'other',
    ...(now?.kind === 'file' ? { sizeBytes: now.sizeBytes } : {}),
    ...(now?.target === undefined ? {} : { target: showPath(now.target) }),
    ...(kind === 'mode' && now && before ? { modes: [before.mode & 0o777, now.mode & 0o777] } : {}),
    ...(from === undefined ? {} : { from: showPath(from.slice(1) as BytePath) }),
    ...(kind !== 'left' && isExecuted(path, now?.kind) ? { executed: true } : {}),
    ...(kind !== 'left' && from === undefined && changedOnHost(opened, path, one) ? { conflict: true } : {}),
  };
}

const keys = new Set(['directory', 'paths', 'executed', 'overwrite']);
/** The request, checked. @throws UsageError */
export const take = (request: WorkspaceRequest): WorkspaceRequest =>
  takeRequest(request, (own) => checkKeys(own, keys, "{directory: '/home/sam/project'}"));

const executedIn = (opened: Opened, { executed }: WorkspaceRequest): Matcher =>
  withLeads(opened, matcher(executed ?? executedFiles));

/** What programs have changed in a workspace. @throws UsageError, JailError ENOENT, EBUSY or of a system error */
export async function workspaceChanges(asked: WorkspaceRequest): Promise<readonly WorkspaceChange[]> {
  const request = take(asked);
  return withWorkspace(request, (opened) => {
    const isExecuted = executedIn(opened, request);
    const { all, chosen } = choose(opened, request);
    const moves = movesOf(opened, all);
    return chosen.map((one) => toChange(opened, isExecuted, one, moves.get(one.path)));
  });
}

/**
 * Brings the changes of a workspace to the host. First everything is judged, and then each file is replaced by rename(2). After an
 * interruption a second call does the rest. Files keep the owner that they have on the host; new ones get the owner of the workspace.
 *
 * @throws UsageError; JailError EEXIST, before anything is written: the host has changed a file too, or executes it, and it was not named
 */
export async function commitWorkspace(asked: WorkspaceRequest): Promise<readonly WorkspaceChange[]> {
  const request = take(asked);
  return withWorkspace(request, async (opened) => {
    const { all, chosen, named } = choose(opened, request);
    const committed = chosen.filter(({ kind }) => kind !== 'left');
    const isExecuted = executedIn(opened, request);
    const moves = movesOf(opened, all);
    const changes = committed.map((one) => toChange(opened, isExecuted, one, moves.get(one.path)));
    refuseCommit(opened, { committed, changes, named, isForced: request.overwrite === true });
    const isWhole = committed.length === all.length;
    sweep(opened, all);
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
    // a directory of the host changes with what this commit puts into it, and that is no change of the host's
    const quiet = [...new Set(committed.map(({ path }) => parentPath(path)))].filter(
      (path) => !hasChanged(opened, path),
    );
    keepTimes(opened, times);
    for (const one of committed) times[one.path] = applying(one, () => applyDifference(opened, one));
    // last: no file can be made in a directory that its owner may not write to
    for (const one of committed)
      if (one.now?.kind === 'directory') applying(one, () => applyRights(opened, one));
    // before the layer forgets them: a crash of the host must not lose both
    native.inRootSync(opened.host.fd);
    if (isWhole) {
      const { place, directory, host } = opened;
      // what the host changes from now on is new to the next program
      await removePlace(place, () => makePlace(place, directory, fstatSync(host.fd)));
      return changes;
    }
    for (const path of quiet) if (opened.host.lstat(path)) times[path] = ctimeOf(opened, path);
    for (const one of [...committed].reverse()) applying(one, () => forget(opened, one));
    keepTimes(opened, times);
    return changes;
  });
}

function applying<T>({ path }: Difference, apply: () => T): T {
  try {
    return apply();
  } catch (error) {
    const hint = 'the commit has stopped here. When the cause is gone, give it again: it does the rest';
    throw failed(showPath(path.slice(1) as BytePath), error, hint);
  }
}

/** Throws changes away: those of `paths`, or the whole workspace. @throws as workspaceChanges */
export async function discardWorkspace(asked: WorkspaceRequest): Promise<readonly WorkspaceChange[]> {
  const request = take(asked);
  return withWorkspace(request, async (opened) => {
    const { all, chosen } = choose(opened, request, false);
    const changes = chosen.map((one) => toChange(opened, () => false, one));
    sweep(opened, all);
    if (chosen.length === all.length) await removePlace(opened.place);
    else {
      spellOut(opened);
      for (const one of [...chosen].reverse()) await discardOne(opened, one);
    }
    return changes;
  });
}

async function discardOne(opened: Opened, one: Difference): Promise<void> {
  const { upper, directory } = opened;
  if (one.kind !== 'left' || one.now?.kind !== 'directory') return forget(opened, one);
  // it can be too deep for a path
  const above = parentPath(one.path);
  await withOpen(upper, above, O_PATH | constants.O_DIRECTORY, (fd) =>
    removeTree({ fd, path: joinPath(directory, above.slice(1) as BytePath) }, lastComponent(one.path)),
  );
}
