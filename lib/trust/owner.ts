// Who makes and owns a jail: root, or an ordinary user. An ordinary user trusts what is his as he trusts what is root's: he can change it
// anyway. So he sees his own ids as 0, as in a user namespace of his own (user_namespaces(7)), and one judgement serves both.
import type { Access } from './writer.ts';
import type { Way } from './way.ts';

/** The ids of a process on the host. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** This process, as the owner of what it makes. Root gives its files to group 0, whatever its own group is. */
export function caller(): Owner {
  const uid = process.geteuid?.() ?? 0;
  return { uid, gid: uid === 0 ? 0 : (process.getegid?.() ?? 0) };
}

/** Whether it is a user without root's privileges. */
export const isOrdinary = ({ uid }: Owner): boolean => uid !== 0;

/**
 * Ids of the host as their owner sees them. His group counts as its number if it lets its other members write, and not everybody.
 */
export function seenBy(owner: Owner, { uid, gid, mode }: Access): Owner {
  const isShared = (mode & 0o022) === 0o020;
  return { uid: uid === owner.uid ? 0 : uid, gid: gid === owner.gid && !isShared ? 0 : gid };
}

/** The ids of the host for ids as their owner sees them. */
export function onHost(owner: Owner, { uid, gid }: Owner): Owner {
  return { uid: uid === 0 ? owner.uid : uid, gid: gid === 0 ? owner.gid : gid };
}

/** A way as its owner sees it. */
export function waySeenBy({ uid }: Owner, way: Way): Way {
  if (uid === 0) return way;
  const components = way.components.map((one) =>
    one.uid === uid ? { ...one, uid: 0, isCallers: true } : one,
  );
  return { ...way, components };
}
