// The owner of a jail: root, or an ordinary user. An ordinary user trusts his own files as he trusts root's: he can change them
// anyway. So he sees his own ids as 0, as in a user namespace of his own (user_namespaces(7)), and one judgement serves both.
import { toBuffer } from '../words/quote.ts';
import { listedWriters, replaceUid } from './acl.ts';
import type { Access } from './writer.ts';
import type { Way } from './way.ts';

/** The ids of a process on the host. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

// The group of the account, if this process may give files to it (chown(2)). The current one can be another after newgrp(1), and the
// files of a jail must not change hands with it.
function ownGroup(egid: number): number {
  try {
    // loaded here: a launch in place does not need it
    const { gid } = process.getBuiltinModule('node:os').userInfo();
    return process.getgroups?.().includes(gid) === true ? gid : egid;
  } catch {
    return egid; // a uid without an account
  }
}

let last: { readonly owner: Owner; readonly egid: number } | undefined;

/** This process, as the owner of what it makes. Root gives its files to group 0, whatever its own group is. */
export function caller(): Owner {
  const uid = process.geteuid?.() ?? 0;
  const egid = process.getegid?.() ?? 0;
  if (last === undefined || last.owner.uid !== uid || last.egid !== egid)
    last = { owner: { uid, gid: uid === 0 ? 0 : ownGroup(egid) }, egid };
  return last.owner;
}

/** Whether it is a user without root's privileges. */
export const isOrdinary = ({ uid }: Owner): boolean => uid !== 0;

/**
 * Ids of the host as their owner sees them, those of an access control list too. His group counts as its number if it lets its other
 * members write, and not everybody. With a list, the group bits of the mode are no answer to that.
 */
export function seenBy(owner: Owner, { uid, gid, mode, acl }: Access): Owner & { readonly acl?: Uint8Array } {
  const isShared =
    (mode & 0o022) === 0o020 && (acl === undefined || listedWriters(toBuffer(acl))?.owningGroup !== false);
  return {
    uid: uid === owner.uid ? 0 : uid,
    gid: gid === owner.gid && !isShared ? 0 : gid,
    ...listSeenBy(owner, acl),
  };
}

// A list that names its owner lets nobody else in.
function listSeenBy({ uid }: Owner, acl: Uint8Array | undefined): { readonly acl?: Uint8Array } {
  return acl === undefined ? {} : { acl: replaceUid(toBuffer(acl), uid, 0) };
}

/** The ids of the host for ids as their owner sees them. */
export function onHost(owner: Owner, { uid, gid }: Owner): Owner {
  return { uid: uid === 0 ? owner.uid : uid, gid: gid === 0 ? owner.gid : gid };
}

/** A way as its owner sees it. */
export function waySeenBy(owner: Owner, way: Way): Way {
  const { uid } = owner;
  if (uid === 0) return way;
  const components = way.components.map((one) => {
    const seen = { ...one, ...listSeenBy(owner, one.acl) };
    return one.uid === uid ? { ...seen, uid: 0, isCallers: true } : seen;
  });
  return { ...way, components };
}
