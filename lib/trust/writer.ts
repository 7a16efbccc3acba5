// Finds out who can write to a file, or can make it writable for himself: by owner, mode and access control list. Pure.
import { toBuffer } from '../words/quote.ts';
import { listedWriters } from './acl.ts';

/** Somebody who is to be jailed, with all groups that he has or could have, his primary group included. */
export interface Person {
  readonly uid: number;
  readonly gids: readonly number[];
}

/** The facts about an object that decide who can write to it. */
export interface Access {
  /** Permission bits; a file type in it is ignored. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** system.posix_acl_access. The group bits of the mode are its mask: if they forbid writing, it may be left out. */
  readonly acl?: Uint8Array | undefined;
}

/** Somebody other than root who can write. */
export type Writer =
  | { readonly kind: 'owner'; readonly uid: number }
  | { readonly kind: 'everybody' }
  /** `except`: users for whom the membership does not count. */
  | Readonly<{ kind: 'group'; gid: number; isListed: boolean; except: readonly number[] }>
  | { readonly kind: 'listed'; readonly uid: number }
  /** Somebody whom a malformed list may name. */
  | { readonly kind: 'unknown' };

/** All who can write. Root as the owner is left out. */
export function writersOf({ mode, uid, gid, acl }: Access): readonly Writer[] {
  const owner: readonly Writer[] = uid === 0 ? [] : [{ kind: 'owner', uid }];
  if ((mode & 0o002) !== 0) return [...owner, { kind: 'everybody' }];
  if ((mode & 0o020) === 0) return owner;
  if (acl === undefined) return [...owner, { kind: 'group', gid, isListed: false, except: [] }];
  const listed = listedWriters(toBuffer(acl));
  if (listed === undefined) return [...owner, { kind: 'unknown' }];
  const groups = [...(listed.owningGroup ? [gid] : []), ...listed.gids];
  return [
    ...owner,
    ...listed.uids.map((id): Writer => ({ kind: 'listed', uid: id })),
    ...groups.map((id): Writer => ({ kind: 'group', gid: id, isListed: true, except: listed.namedUids })),
  ];
}

/**
 * Whether nobody but root can write, by owner and mode alone. An access control list need not be read: the group bits are its mask
 * (acl(5)).
 */
export function isRootsAlone({ mode, uid }: Pick<Access, 'mode' | 'uid'>): boolean {
  return uid === 0 && (mode & 0o022) === 0;
}

/** Whether a person is the writer, or belongs to the group that is. Root gains nothing as an owner or by group 0. */
export function isWriter(writer: Writer, { uid, gids }: Person): boolean {
  if (writer.kind === 'everybody' || writer.kind === 'unknown') return true;
  if (writer.kind !== 'group') return uid !== 0 && writer.uid === uid;
  return !(uid === 0 && writer.gid === 0) && gids.includes(writer.gid) && !writer.except.includes(uid);
}

/** Whether the writer can be somebody other than root. */
export function isStranger(writer: Writer): boolean {
  return !(writer.kind === 'listed' && writer.uid === 0) && !(writer.kind === 'group' && writer.gid === 0);
}

/** Permission bits as chmod(1) takes them. */
export const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0');
