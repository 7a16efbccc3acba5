// Finds out whom an access control list allows to write, from the bytes of system.posix_acl_access (acl(5),
// linux/posix_acl_xattr.h). Pure.

/** The users and groups that an access control list allows to write. */
export interface ListedWriters {
  /** The members of the group that owns the object. */
  readonly owningGroup: boolean;
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  /** Each user with an entry of his own: only that entry counts for him, not those of his groups. */
  readonly namedUids: readonly number[];
}

const headerBytes = 4;
const entryBytes = 8;
const version = 2;
const tags = {
  userObject: 0x01,
  user: 0x02,
  groupObject: 0x04,
  group: 0x08,
  mask: 0x10,
  other: 0x20,
} as const;
const knownTags: readonly number[] = Object.values(tags);
const write = 2;

type Entry = Readonly<Record<'tag' | 'permissions' | 'id', number>>;

// struct posix_acl_xattr_entry {u16 tag; u16 perm; u32 id;} after a u32 version
function entriesOf(bytes: Buffer): readonly Entry[] | undefined {
  if (bytes.length < headerBytes || (bytes.length - headerBytes) % entryBytes !== 0) return undefined;
  if (bytes.readUInt32LE(0) !== version) return undefined;
  const entries: Entry[] = [];
  for (let at = headerBytes; at < bytes.length; at += entryBytes)
    entries.push({
      tag: bytes.readUInt16LE(at),
      permissions: bytes.readUInt16LE(at + 2),
      id: bytes.readUInt32LE(at + 4),
    });
  return entries.every(({ tag }) => knownTags.includes(tag)) ? entries : undefined;
}

function idsOf(entries: readonly Entry[], tag: number): readonly number[] {
  return entries.filter((entry) => entry.tag === tag).map(({ id }) => id);
}

/** A copy of a list in which another uid takes the place of one. A malformed list stays as it is. */
export function replaceUid(bytes: Buffer, uid: number, by: number): Buffer {
  const copy = Buffer.from(bytes);
  for (const [i, { tag, id }] of (entriesOf(bytes) ?? []).entries())
    if (tag === tags.user && id === uid) copy.writeUInt32LE(by, headerBytes + i * entryBytes + 4);
  return copy;
}

/** The permissions of the owning group in a list, 0…7, without regard to the mask; 0 if the list is malformed. */
export function groupPermissions(bytes: Buffer): number {
  return entriesOf(bytes)?.find(({ tag }) => tag === tags.groupObject)?.permissions ?? 0;
}

/** Whom a list lets write within its mask; undefined if the list is malformed. */
export function listedWriters(bytes: Buffer): ListedWriters | undefined {
  const entries = entriesOf(bytes);
  if (entries === undefined) return undefined;
  const mask = entries.find(({ tag }) => tag === tags.mask)?.permissions ?? write;
  const writing = entries.filter(({ permissions }) => (permissions & mask & write) !== 0);
  return {
    owningGroup: writing.some(({ tag }) => tag === tags.groupObject),
    uids: idsOf(writing, tags.user),
    gids: idsOf(writing, tags.group),
    namedUids: idsOf(entries, tags.user),
  };
}
