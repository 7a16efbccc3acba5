// The owner and the mode that the jail's copy of a host's file or directory gets.

import type { FileStatus } from '../../tree/root.ts';
import { toBuffer } from '../../words/quote.ts';
import { groupPermissions } from '../../trust/acl.ts';

/** Ids of the jail's users: their files may keep the owner. */
export interface Owners {
  readonly uids: ReadonlySet<number>;
  readonly gids: ReadonlySet<number>;
}

export function owned(uid: number, gid: number): { readonly uid?: number; readonly gid?: number } {
  return { ...(uid !== 0 && { uid }), ...(gid !== 0 && { gid }) };
}

/** Root, except for a file that others cannot read and whose owner or group is one of the jail's. */
export function ownersOf(status: FileStatus, owners: Owners): { readonly uid: number; readonly gid: number } {
  if ((status.mode & 0o004) !== 0) return { uid: 0, gid: 0 };
  const gid = (status.mode & 0o040) !== 0 && owners.gids.has(status.gid) ? status.gid : 0;
  return { uid: gid === 0 && owners.uids.has(status.uid) ? status.uid : 0, gid };
}

/** The owner and group on the host, if they are the jail's; otherwise root. */
export function ownersOfCopy(
  { uid, gid }: FileStatus,
  owners: Owners,
): { readonly uid: number; readonly gid: number } {
  return { uid: owners.uids.has(uid) ? uid : 0, gid: owners.gids.has(gid) ? gid : 0 };
}

/**
 * Only root, and an owner or group of the jail, may write. An access control list is not copied. The group bits, which are its mask
 * (acl(5)), become those of the owning group.
 */
export function keptMode({ mode, acl }: FileStatus, gid: number): number {
  const kept = mode & (gid === 0 ? 0o755 : 0o775);
  return acl === undefined ? kept : kept & (0o705 | (groupPermissions(toBuffer(acl)) << 3));
}
