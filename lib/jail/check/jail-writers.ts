// Who can write to something in a jail.

import type { BytePath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { isStranger, isWriter, octal, type Person, type Writer, writersOf } from '../../trust/writer.ts';
import type { JailUser } from '../packs/pack.ts';
import { lookOr } from '../work/jail-error.ts';

interface Access {
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly hasAcl: boolean;
}

/** A user as lib/trust describes one. */
export function toPerson({ uid, gid, groups }: JailUser): Person {
  return { uid, gids: [gid, ...groups.map((group) => group.gid)] };
}

/**
 * How one of the users can write to it, or make it writable for himself, as a sentence; undefined if none can. Without users:
 * how anybody but root can. An access control list that is not given is taken to name one of them.
 */
export function writerOf(access: Access, users: readonly JailUser[], list?: Uint8Array): string | undefined {
  const people = users.map(toPerson);
  // an empty list cannot be understood, and so counts for everybody
  const acl = list ?? (access.hasAcl ? Buffer.alloc(0) : undefined);
  const writer = writersOf({ ...access, acl }).find((one) =>
    people.length === 0 ? isStranger(one) : people.some((person) => isWriter(one, person)),
  );
  return writer && howOf(writer, octal(access.mode));
}

/** The access control list of an entry, if it matters whom it names. */
export function listOf(
  { path, mode, hasAcl }: Pick<Access, 'mode' | 'hasAcl'> & { readonly path: BytePath },
  { root }: { readonly root: FileRoot },
): Uint8Array | undefined {
  if (!hasAcl || (mode & 0o022) !== 0o020) return undefined;
  return lookOr(undefined, () => root.lstat(path)?.acl);
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
