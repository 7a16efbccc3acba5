// How an ordinary user sees the ids of what is his.
import { userInfo } from 'node:os';

import t from 'tap';

import { listedWriters } from '../../lib/trust/acl.ts';
import { caller, isOrdinary, onHost, seenBy, waySeenBy } from '../../lib/trust/owner.ts';
import type { Way } from '../../lib/trust/way.ts';

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

t.test('an owner sees his ids as 0, and 0 is his on the host', async (t) => {
  t.ok(isOrdinary(sam));
  t.notOk(isOrdinary({ uid: 0, gid: 5 }));
  t.same(onHost(sam, { uid: 0, gid: 0 }), sam);
  t.same(onHost({ uid: 1000, gid: 2000 }, { uid: 5, gid: 0 }), { uid: 5, gid: 2000 });
  t.same(onHost({ uid: 1000, gid: 2000 }, { uid: 0, gid: 6 }), { uid: 1000, gid: 6 });
  t.same(onHost(sam, { uid: 1, gid: 1 }), { uid: 1, gid: 1 });
});

t.test('directories of the caller are marked as his', async (t) => {
  const [his, other] = [1000, 5].map((uid) => ({ uid, gid: 1000, mode: 0o40755 }));
  const way = { components: [other, his], isHostRoot: false } as unknown as Way;
  t.equal(waySeenBy({ uid: 0, gid: 0 }, way), way);
  t.strictSame(waySeenBy(sam, way).components, [other, { ...his, uid: 0, isCallers: true }]);
});

t.test('a process gives files to the group of its account, if it is in it', async (t) => {
  const { gid } = userInfo();
  let ids = { uid: 0, egid: 0, groups: [] as number[] };
  t.intercept(process, 'geteuid', { value: () => ids.uid });
  t.intercept(process, 'getegid', { value: () => ids.egid });
  t.intercept(process, 'getgroups', { value: () => ids.groups });
  const as = (uid: number, egid: number, ...groups: number[]) => {
    ids = { uid, egid, groups };
    return caller();
  };
  t.same(as(1000, 70_001, 70_001), { uid: 1000, gid: 70_001 });
  t.equal(caller(), caller());
  t.same(as(1001, 70_001, 70_001, gid), { uid: 1001, gid }, 'another user');
  t.same(as(1001, 70_002, 70_002), { uid: 1001, gid: 70_002 }, 'another group');
  t.same(as(0, 70_002, 70_002), { uid: 0, gid: 0 });
  t.same(as(1, 70_002, 70_002), { uid: 1, gid: 70_002 });
});
