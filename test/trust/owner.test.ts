// How an ordinary user sees the ids of what is his.
import t from 'tap';

import { listedWriters } from '../../lib/trust/acl.ts';
import { seenBy } from '../../lib/trust/owner.ts';

const sam = { uid: 1000, gid: 1000 };

// user::rwx, user:UID:rwx, group::GROUP, mask::rwx, other::---
function list(uid: number, group: number): Buffer {
  const bytes = Buffer.alloc(4 + 5 * 8);
  bytes.writeUInt32LE(2);
  for (const [i, [tag, permissions, id]] of [
    [0x01, 7, 0],
    [0x02, 7, uid],
    [0x04, group, 0],
    [0x10, 7, 0],
    [0x20, 0, 0],
  ].entries()) {
    bytes.writeUInt16LE(tag ?? 0, 4 + i * 8);
    bytes.writeUInt16LE(permissions ?? 0, 6 + i * 8);
    bytes.writeUInt32LE(id ?? 0, 8 + i * 8);
  }
  return bytes;
}

t.test("the owner's ids are 0, but for a group that lets its other members write", async (t) => {
  t.same(seenBy(sam, { ...sam, mode: 0o755 }), { uid: 0, gid: 0 });
  t.same(seenBy(sam, { ...sam, mode: 0o775 }), { uid: 0, gid: 1000 });
  t.same(seenBy(sam, { uid: 5, gid: 6, mode: 0o755 }), { uid: 5, gid: 6 });
});

t.test(
  'with a list the group bits are its mask: the list says whether the group may write, and whom it names',
  async (t) => {
    const seen = seenBy(sam, { ...sam, mode: 0o770, acl: list(1000, 5) });
    t.same([seen.uid, seen.gid], [0, 0]);
    t.same(listedWriters(Buffer.from(seen.acl ?? [])), {
      owningGroup: false,
      uids: [0],
      gids: [],
      namedUids: [0],
    });
    const shared = seenBy(sam, { ...sam, mode: 0o770, acl: list(7, 7) });
    t.equal(shared.gid, 1000);
    t.same(listedWriters(Buffer.from(shared.acl ?? [])), {
      owningGroup: true,
      uids: [7],
      gids: [],
      namedUids: [7],
    });
    t.equal(seenBy(sam, { ...sam, mode: 0o770, acl: Buffer.alloc(3) }).gid, 1000, 'a malformed list');
  },
);
