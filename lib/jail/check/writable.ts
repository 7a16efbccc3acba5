// Who can change something in a jail.

import type { BytePath } from '../../binary/path.ts';
import { errorCode, type FileRoot } from '../../binary/root.ts';
import { isStranger, isWriter, octal, type Person, type Writer, writersOf } from '../../trust/writer.ts';
import type { JailUser } from '../packs/pack.ts';
import type { CheckedJail } from './jail.ts';

interface Access {
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly hasAcl: boolean;
  /** The list, if it has been read; else it counts for what it grants at most, whomever it names. */
  readonly acl?: Uint8Array | undefined;
}

/** A user as the judgement of who can write knows him. */
export function toPerson({ uid, gid, groups }: JailUser): Person {
  return { uid, gids: [gid, ...groups.map((group) => group.gid)] };
}

/**
 * How one of the users can write to it, or make it writable for himself, as the rest of a sentence; undefined if none can. Without
 * users: how anybody but root can.
 */
export function writerOf(access: Access, users: readonly JailUser[]): string | undefined {
  const people = users.map(toPerson);
  // a list that has not been read is as good as one that cannot be understood
  const acl = access.acl ?? (access.hasAcl ? Buffer.alloc(0) : undefined);
  const writer = writersOf({ ...access, acl }).find((one) =>
    people.length === 0 ? isStranger(one) : people.some((person) => isWriter(one, person)),
  );
  return writer && howOf(writer, octal(access.mode));
}

/** The same for an entry of a jail, of which the list is read if it matters whom it names. */
export function writerIn(
  entry: Access & { readonly path: BytePath },
  { root, users }: Pick<CheckedJail, 'root' | 'users'>,
): string | undefined {
  const isRead = entry.hasAcl && (entry.mode & 0o022) === 0o020;
  return writerOf(isRead ? { ...entry, acl: aclOf(root, entry.path) } : entry, users);
}

function aclOf(root: FileRoot, path: BytePath): Uint8Array | undefined {
  try {
    return root.lstat(path)?.acl;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}

function howOf(writer: Writer, mode: string): string {
  switch (writer.kind) {
    case 'owner':
      return `it belongs to uid ${writer.uid}`;
    case 'everybody':
      return `everybody can write it (mode ${mode})`;
    case 'listed':
      return `uid ${writer.uid} can write it through an access control list`;
    case 'group':
      return `group ${writer.gid} can write it ${writer.isListed ? 'through an access control list' : `(mode ${mode})`}`;
    case 'unknown':
      return `an access control list lets others write it (mode ${mode})`;
    default:
      return writer satisfies never;
  }
}
