// Makes a jail as a copy of a template. The copy gets its name when it is complete.

import { closeSync } from 'node:fs';

import { type BytePath, bytePath, isWithin, pathBytes, showPath, showPaths } from '../tree/path.ts';
import { type DirectoryRoot, openFileRoot } from '../tree/root.ts';
import { isRecorded } from '../tree/by-reference.ts';
import { walk } from '../tree/walk.ts';
import { JailError, UsageError } from '../errors.ts';
import { commandLine } from '../words/shell-word.ts';
import { takeRequest } from '../values/keys.ts';
import { list, optional } from '../values/validators.ts';
import { native, type SkipReason, type TreeCounts } from '../native.ts';
import type { Bytes } from '../words/quote.ts';
import { caller } from '../trust/owner.ts';
import { errorCode } from '../words/system-error.ts';
import { withSettled } from './apply/settled.ts';
import { absolute } from './host/given-path.ts';
import { findJailDirectory, type JailDirectory } from './host/jail-directory.ts';
import { hiddenName, inRoot, lookAt, openAt, openPlace, type Place, renameAt } from './host/jail-place.ts';
import { forgetRecord, record } from './host/reference-record.ts';
import { type CopyReport, copyTree, type Directory, removeAbandoned, removeTree } from './host/tree.ts';
import type { Manifest } from './manifest/manifest.ts';
import { checkRows, inJail, type JailWork, WORK } from './request/jail-request.ts';
import { closing } from './work/closing.ts';
import { throwIfAborted, toJailError, withJailErrors } from './work/jail-error.ts';

export interface CloneRequest extends JailWork {
  /** A jail that buildJail has made. */
  readonly template: Bytes;
  /** Paths of the jail that keep set-user-ID, set-group-ID and file capabilities, in addition to those of the template. */
  readonly keepPrivileges?: readonly Bytes[] | undefined;
  /** Write everything to disk before the jail gets its name. */
  readonly sync?: boolean | undefined;
}

export interface CloneReport extends TreeCounts {
  /** Entries that could not be copied: a line for each reason, with the first paths. */
  readonly skipped: readonly string[];
}

/**
 * Copies a template with its manifest to a directory that does not exist or is empty. If the file system can share blocks
 * (ioctl_ficlone(2)), content is shared until one side writes. Hard links, devices and metadata are copied. Links are not
 * followed, and mounts in the template are left out. The template may be in use. If the copy fails or is aborted, it is removed.
 *
 * Without `sync`, a power cut in the next half minute can lose content, as after `cp -a`. Writing 200 MB to disk takes longer
 * than copying them. The jail can be cloned again, and its manifest shows what is missing.
 * @throws UsageError if DIRECTORY is not free; JailError ERR_NO_MANIFEST if the template is not a jail, ERR_INSECURE_PATH as
 * buildJail, EBUSY while the template is updated, ERR_MANIFEST after an update that was interrupted, or the code of a system error; AbortError.
 */
export async function cloneJail(asked: CloneRequest): Promise<CloneReport> {
  const request = takeRequest(asked, (own) =>
    checkRows(own, ['template', ...WORK, 'sync'], ['keepPrivileges']),
  );
  const privileged = toPrivileged(request.keepPrivileges, 'keepPrivileges');
  throwIfAborted(request.signal);
  const work = () =>
    closing(findJailDirectory(pathBytes(absolute(request.template))), (source) =>
      withSettled(source, (root, manifest) => clone(source, templateOf(root, manifest), privileged, request)),
    );
  return withJailErrors(work, absolute(request.directory));
}

const toPrivileged = optional(list(inJail('/usr/bin/sudo'), ['/usr/bin/sudo']), []);

async function clone(
  source: JailDirectory,
  template: Template,
  asked: readonly BytePath[],
  request: CloneRequest,
): Promise<CloneReport> {
  const place = openPlace(absolute(request.directory), true);
  let unrecord: (() => void) | undefined;
  try {
    if (isWithin(place.path, source.path) || isWithin(source.path, place.path))
      throw new UsageError(`${showPath(source.path)} and ${showPath(place.path)}: one is inside the other`, {
        hint: commandLine('uchroot-jail', 'clone', source.path, `${source.path}-2` as BytePath),
      });
    const isThere = checkFree(place);
    await removeAbandoned(place, 'clone');
    const { signal, onProgress } = request;
    const { files: totalFiles, sizeBytes: totalSizeBytes, privileged } = template;
    const tell = ({ files, sizeBytes }: TreeCounts) =>
      onProgress?.({ phase: 'copy', files, totalFiles, sizeBytes, totalSizeBytes });
    const copy = async (target: Directory) => {
      const report = await copyTree(source, target, [...asked, ...privileged], { signal, onProgress: tell });
      if (isRecorded(source.fd)) unrecord = record({ fd: target.fd, path: place.path });
      else forgetRecord(place.path); // of another jail that was there
      return report;
    };
    return toReport(await fill(place, isThere, request, copy));
  } catch (error) {
    unrecord?.();
    place.parent.undo();
    throw error;
  } finally {
    place.parent.close();
  }
}

// Until the copy is complete, it has a name that cannot be guessed, and only its owner can enter it.
async function fill(
  place: Place,
  isThere: boolean,
  { sync, signal }: CloneRequest,
  copy: (target: Directory) => Promise<CopyReport>,
): Promise<CopyReport> {
  const temporary = hiddenName(place.name, 'clone');
  makeTemporary(place, temporary);
  try {
    const fd = openAt(place, temporary);
    return await closing({ close: () => closeSync(fd) }, async () => {
      native.lockFile(fd); // another run must not remove it as abandoned
      const report = await copy({ fd, path: place.path });
      if (sync === true) native.inRootSync(fd);
      throwIfAborted(signal);
      publish(place, temporary, isThere);
      return report;
    });
  } catch (error) {
    await removeTree(place.parent, temporary);
    throw error;
  }
}

function makeTemporary({ parent, path }: Place, temporary: BytePath): void {
  try {
    native.inRootMkdir(parent.fd, pathBytes(inRoot(temporary)), 0o700);
  } catch (error) {
    throw toJailError(error, path);
  }
}

/** True for an empty directory, false if nothing is there. @throws UsageError for anything else */
function checkFree(place: Place): boolean {
  const { name, path, parent } = place;
  const present = lookAt(place, name);
  if (present === undefined) return false;
  const shown = showPath(path);
  if (present.kind !== 'directory')
    throw new UsageError(`${shown} is there already, and is no directory`, { hint: 'name a new one' });
  if (present.dev !== native.inRootFstat(parent.fd).dev)
    throw new UsageError(`something is mounted on ${shown}: a clone cannot take its place`, {
      hint: 'name a directory below it',
    });
  return closing(findJailDirectory(pathBytes(path)), (found) => {
    const names = openFileRoot(found.fd, caller()).list(bytePath('/')) ?? [];
    if (names.length === 0) return true;
    throw new UsageError(`${shown} is not empty`, { hint: 'name a new or an empty directory' });
  });
}

function publish(place: Place, temporary: BytePath, isThere: boolean): void {
  try {
    // rename(2) replaces a directory only if it is empty.
    if (isThere)
      native.inRootRename(place.parent.fd, pathBytes(inRoot(temporary)), pathBytes(inRoot(place.name)));
    else renameAt(place, temporary, place.name);
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'EEXIST' && code !== 'ENOTEMPTY' && code !== 'ENOTDIR' && code !== 'EBUSY') throw error;
    const path = showPath(place.path);
    throw new JailError(`another process has made ${path} meanwhile`, { code, path });
  }
}

function toReport({ skipped, skippedCount, ...counts }: CopyReport): CloneReport {
  const lines = Object.entries(WORDS).flatMap(([reason, words]) => {
    const paths = skipped.filter((each) => each.reason === reason).map(({ path }) => path);
    return paths.length === 0 ? [] : [`${words}: ${showPaths(paths)}`];
  });
  const rest = skippedCount - skipped.length;
  return { ...counts, skipped: rest > 0 ? [...lines, `and ${rest} more that are not named here`] : lines };
}

const WORDS: Readonly<Record<SkipReason, string>> = {
  vanished: 'vanished while the template was copied',
  changed: 'left out, because it changed while the template was copied',
  busy: 'left out, because a process holds a lease on it',
  mount: 'mounts in the template are left out',
  socket: 'sockets are left out',
  device: 'not made, because mknod is not permitted here',
  denied: 'left out, because this user may not read it',
  owner: 'yours in the copy, because only root can give files to others',
  attribute: 'not all extended attributes could be copied',
  privileges: 'set-user-ID, set-group-ID or file capabilities were not copied',
};

interface Template {
  /** Paths that were built with set-user-ID, set-group-ID or file capabilities. */
  readonly privileged: readonly BytePath[];
  readonly files: number;
  readonly sizeBytes: number;
}

function templateOf(jail: DirectoryRoot, manifest: Manifest): Template {
  const files = manifest.entries.filter(({ kind }) => kind === 'file');
  // The recipe names the path on the host, which can be a link. The mode shows set-user-ID too.
  const kept = new Set(manifest.recipe.keepPrivileges);
  const marked = files.filter(({ path, source, mode }) => kept.has(source ?? path) || (mode & 0o6000) !== 0);
  return {
    privileged: [
      ...marked.map(({ path }) => path),
      ...manifest.recipe.keepPrivileges.map((path) => walk(jail, path).path),
    ],
    files: files.length,
    sizeBytes: files.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
  };
}
