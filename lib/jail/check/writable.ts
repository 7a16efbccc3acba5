// Who can change something in a jail.

import type { JailUser } from '../packs/pack.ts';

interface Access {
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly hasAcl: boolean;
}

/**
 * How one of the users can write to it, or make it writable for himself, as the rest of a sentence; undefined if none can. Without
 * users: how anybody but root can. Of an access control list it is not asked whom it names, but what it grants at most: that
 * is what stands in the place of the group's bits (acl(5)).
 */
export function writerOf({ mode, uid, gid, hasAcl }: Access, users: readonly JailUser[]): string | undefined {
  const isAnybody = users.length === 0;
  if (isAnybody ? uid !== 0 : users.some((user) => user.uid === uid)) return `it belongs to uid ${uid}`;
  if ((mode & 0o002) !== 0) return `everybody can write it (mode ${octal(mode)})`;
  if ((mode & 0o020) === 0) return undefined;
  if (hasAcl) return `an access control list lets others write it (mode ${octal(mode)})`;
  const isMember = isAnybody
    ? gid !== 0
    : users.some((user) => user.gid === gid || user.groups.some((group) => group.gid === gid));
  return isMember ? `group ${gid} can write it (mode ${octal(mode)})` : undefined;
}

/** Permission bits as chmod(1) takes them. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
