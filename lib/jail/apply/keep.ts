// What becomes of a file or a link that is in the jail already: somebody may have changed it there.

import { type BytePath, pathBytes, showPath } from '../../binary/path.ts';
import type { DirectoryRoot, FileStatus } from '../../binary/root.ts';
import { native } from '../../native.ts';
import { hashInJail } from '../manifest/hash.ts';
import type { Recorded } from '../manifest/manifest.ts';
import { CACHE_PATH } from '../plan/cache.ts';

export interface Verdict {
  /** False: what is planned takes its place. */
  readonly stays: boolean;
  /** Not as it was made, and it stays so. */
  readonly isEdited?: boolean;
  readonly warning?: string;
}

const TAKE_PLACE: Verdict = { stays: false };
const STAY: Verdict = { stays: true };

/** `record` is what is planned for the path of `present`, `old` what the manifest says was made there. */
export async function judge(
  jail: DirectoryRoot,
  old: Recorded | undefined,
  record: Recorded,
  present: FileStatus | undefined,
): Promise<Verdict> {
  if (old?.kind !== 'file' && old?.kind !== 'link')
    return present === undefined || old !== undefined ? TAKE_PLACE : judgeUnknown(jail, record, present);
  const path = showPath(record.path);
  if (present === undefined)
    return { stays: false, warning: `${path} had been removed in the jail: it is put there again` };
  const content = await contentOf(jail, record.path, present);
  if (content === contentIn(record)) {
    // file capabilities are not looked at: who may set them in the jail can do anything there
    const isSame = hasAttributes(record, present) && old.keepPrivileges === record.keepPrivileges;
    return isSame && !isShared(jail, record.path) ? STAY : TAKE_PLACE;
  }
  if (content === contentIn(old) || record.path === CACHE_PATH) return TAKE_PLACE;
  if (!isConfiguration(record, present))
    return {
      stays: false,
      warning: `${path} had been changed in the jail: that of the host takes its place`,
    };
  const news = contentIn(record) === contentIn(old) ? '' : ', although that of the host is another one now';
  return { stays: true, isEdited: true, warning: `${path} was changed in the jail: it stays${news}` };
}

/** A file of a jail that was made by other means. */
async function judgeUnknown(jail: DirectoryRoot, record: Recorded, present: FileStatus): Promise<Verdict> {
  if (record.kind !== 'file' || present.kind !== 'file' || !isConfiguration(record, present))
    return TAKE_PLACE;
  if ((await contentOf(jail, record.path, present)) === contentIn(record)) return TAKE_PLACE;
  return {
    stays: true,
    isEdited: true,
    warning: `${showPath(record.path)} was in the jail before: it stays`,
  };
}

/** What somebody who runs the jail may have edited; the loader's cache holds what the jail's own held, see cacheFor. */
function isConfiguration({ path }: Recorded, { kind, uid }: FileStatus): boolean {
  return (
    path.startsWith('/etc/') && path !== CACHE_PATH && uid === 0 && (kind === 'file' || kind === 'symlink')
  );
}

function contentIn({ kind, sha256, target }: Recorded): string | undefined {
  return kind === 'link' ? `-> ${target}` : sha256;
}

async function contentOf(
  jail: DirectoryRoot,
  path: BytePath,
  present: FileStatus,
): Promise<string | undefined> {
  if (present.target !== undefined) return `-> ${present.target}`;
  return present.kind === 'file' ? hashInJail(jail, path) : undefined;
}

/** It has another name, perhaps outside the jail: a link(2) to the host's own file. */
function isShared(jail: DirectoryRoot, path: BytePath): boolean {
  return native.inRootLstat(jail.fd, pathBytes(path)).nlink > 1;
}

function hasAttributes({ kind, mode, uid, gid }: Recorded, present: FileStatus): boolean {
  return kind === 'link' || (present.mode === mode && present.uid === uid && present.gid === gid);
}
