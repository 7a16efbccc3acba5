// Fixes what can be fixed without losing anything. Everything is done by descriptor: a path may lead to something else by now.

import { chmodSync, chownSync, constants, fchmodSync, fsyncSync } from 'node:fs';

import { type BytePath, isWithin, joinPath, lastComponent, pathBytes } from '../../tree/path.ts';
import { type DirectoryRoot, O_PATH } from '../../tree/root.ts';
import { type InRootStatus, native } from '../../native.ts';
import { onHost } from '../../trust/owner.ts';
import { commandLine } from '../../words/shell-word.ts';
import { errorCode, lookOr } from '../../words/system-error.ts';
import { setOwner } from '../apply/commit.ts';
import { type MayWrite, openWritable } from '../apply/present-object.ts';
import { openStore, type Store } from '../apply/store.ts';
import { hashFile, withRegular } from '../manifest/file-hash.ts';
import { STORE } from '../manifest/layout.ts';
import type { Recorded } from '../manifest/manifest.ts';
import type { Entry, FileEntry } from '../manifest/planned-entry.ts';
import { withOpen } from '../work/closing.ts';
import type { Reported } from './check-report.ts';
import type { Fix } from './check-rule.ts';
import type { Entry as CheckedEntry } from './checked-entry.ts';
import type { CheckedJail } from './checked-jail.ts';

/**
 * Applies the fixes of all findings in order, and returns the findings that were fixed. A restored file needs no other fix; its
 * remedy becomes the update that does the same. Data that may be somebody's is neither replaced nor chowned, unless its
 * path is in `replace` or below a path in it.
 */
export async function fixAll(
  jail: CheckedJail,
  reported: readonly Reported[],
  replace: readonly BytePath[],
): Promise<readonly Reported[]> {
  const mayWrite = openWritable(jail.root);
  const restored = new Set<BytePath>();
  const fixed: Reported[] = [];
  for (const one of reported) {
    const { path, fixes } = one.found;
    if (fixes === undefined) continue;
    const isNamed = replace.some((named) => isWithin(path, named));
    if (!isNamed && fixes.some((fix) => isAboutData(jail, mayWrite, one, fix))) continue;
    const isDone = restored.has(path) || (await fixOne(jail, path, fixes, one.entry));
    if (!isDone) continue;
    const restoring = fixes.find((fix) => fix.kind === 'restore');
    if (restoring === undefined) fixed.push(one);
    else {
      restored.add(path);
      const remedy = commandLine('uchroot-jail', 'update', jail.directory, '--replace', path);
      fixed.push({ ...one, finding: { ...one.finding, remedy } });
    }
  }
  return fixed;
}

/** Whether a fix could destroy or give away data. */
function isAboutData(jail: CheckedJail, mayWrite: MayWrite, { found, entry }: Reported, fix: Fix): boolean {
  const { path } = found;
  // the root directory, a device or a pipe contains no data
  if (fix.kind === 'owner') return path !== '/' && (entry?.kind === 'file' || entry?.kind === 'directory');
  if (fix.kind !== 'restore') return false;
  // a path that cannot be looked up counts as used
  return lookOr(true, () => jail.root.lstat(path) !== undefined) || mayWrite(path, undefined);
}

async function fixOne(
  jail: CheckedJail,
  path: BytePath,
  fixes: readonly Fix[],
  entry: CheckedEntry | undefined,
): Promise<boolean> {
  try {
    for (const fix of fixes) {
      const isDone =
        fix.kind === 'restore' ? await restore(jail, fix.recorded) : change(jail, path, fix, entry);
      if (!isDone) return false;
    }
    return true;
  } catch (error) {
    // the jail may change at any moment, and its file system may refuse anything: then nothing is fixed
    if (errorCode(error) === undefined) throw error;
    return false;
  }
}

function change(
  jail: CheckedJail,
  path: BytePath,
  fix: Exclude<Fix, { readonly kind: 'restore' }>,
  entry: CheckedEntry | undefined,
): boolean {
  // O_PATH does not open a fifo or a device (open(2))
  const flags = fix.kind === 'attribute' ? constants.O_RDONLY | constants.O_NONBLOCK : O_PATH;
  return withOpen(jail.root, path, flags | constants.O_NOFOLLOW, (fd) => {
    const status = native.inRootFstat(fd);
    // somebody may have put another object in its place
    if (!isSafe(status, fix) || (entry !== undefined && status.ino !== entry.inode)) return false;
    // through /proc, since fchmod takes no O_PATH descriptor before Linux 6.6; a magic link leads to the object itself
    const self = `/proc/self/fd/${fd}`;
    if (fix.kind === 'mode') chmodSync(self, (status.mode & 0o7777 & ~fix.clear) | (fix.set ?? 0));
    // this also clears set-user-ID and set-group-ID (chown(2)): they must not apply to content of the former owner
    else if (fix.kind === 'owner') {
      const { uid, gid } = onHost(jail.owner, fix);
      chownSync(self, uid, gid);
    } else native.removeAttribute(fd, fix.name);
    return true;
  });
}

// A file with several names may be one of the host's: changing it would change it there too.
function isSafe({ mode, nlink }: InRootStatus, fix: Fix): boolean {
  const type = mode & constants.S_IFMT;
  if (type === constants.S_IFLNK && fix.kind !== 'owner') return false;
  return type === constants.S_IFDIR || nlink === 1;
}

/** Replaced files are kept there, because somebody may want to look at them. */
const REPLACED: BytePath = joinPath(STORE, 'replaced' as BytePath);

// Restores a path of the jail as the manifest records it, and keeps the object that it replaces. Returns false if that is impossible:
// the source has changed, or a directory is in the way.
// @throws JailError EBUSY if somebody works on the jail; system errors
async function restore(jail: CheckedJail, recorded: Recorded): Promise<boolean> {
  const { root } = jail;
  const { path, kind } = recorded;
  const present = root.lstat(path);
  if (present?.kind === 'directory' || (present !== undefined && kind === 'directory')) return false;
  const store = await openStore(root); // this locks the jail as well
  try {
    const staged =
      kind === 'file' ? await stageFile(jail, recorded, store) : store.stageEntry(toEntry(recorded));
    if (staged === undefined) return false;
    if (present !== undefined) return replace(root, staged, path);
    native.inRootRenameNew(root.fd, pathBytes(staged), pathBytes(path));
    return true;
  } finally {
    store.rollBack();
    store.close();
  }
}

// An exchange is one step: it keeps whatever lies there at that moment, and an interruption loses nothing.
function replace(root: DirectoryRoot, staged: BytePath, path: BytePath): boolean {
  const kept = nameKept(root, path);
  native.inRootRenameNew(root.fd, pathBytes(staged), pathBytes(kept));
  native.inRootExchange(root.fd, pathBytes(kept), pathBytes(path));
  if (root.lstat(kept)?.kind !== 'directory') return true;
  native.inRootExchange(root.fd, pathBytes(kept), pathBytes(path)); // a directory has just come there: it is not ours to move
  native.inRootUnlink(root.fd, pathBytes(kept));
  return false;
}

// Numbered: the same file may be replaced again.
function nameKept(root: DirectoryRoot, path: BytePath): BytePath {
  if (root.lstat(REPLACED) === undefined) native.inRootMkdir(root.fd, pathBytes(REPLACED), 0o700);
  const name = lastComponent(path).slice(0, 200); // a name has at most 255 bytes (path_resolution(7))
  for (let number = 1; ; number++) {
    const kept = joinPath(REPLACED, `${number}-${name}` as BytePath);
    if (root.lstat(kept) === undefined) return kept;
  }
}

// A planned device has its file type in the mode.
function toEntry(recorded: Recorded): Exclude<Entry, FileEntry> {
  const mode = recorded.kind === 'device' ? recorded.mode | constants.S_IFCHR : recorded.mode;
  return { ...recorded, mode } as Exclude<Entry, FileEntry>;
}

async function stageFile(
  { host }: CheckedJail,
  { source, sha256, mode, uid, gid, keepPrivileges }: Recorded,
  store: Store,
): Promise<BytePath | undefined> {
  if (source === undefined || host === undefined) return undefined;
  return withRegular(host.root, source, async (file) => {
    if ((await hashFile(file.fd)) !== sha256) return undefined;
    const { staged, made: copied } = await store.stage((fd) => {
      native.copyFile(file.fd, fd);
      setOwner(fd, { uid, gid });
      fchmodSync(fd, mode); // after chown, which clears the set-user-ID bit
      if (keepPrivileges === true) native.copyCapabilities(file.fd, fd);
      fsyncSync(fd);
      return hashFile(fd);
    });
    // somebody may have written to the source meanwhile
    return copied === sha256 ? staged : undefined;
  });
}
