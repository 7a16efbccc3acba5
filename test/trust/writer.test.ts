import t from 'tap';

import { isRootsAlone, isStranger, isWriter, writersOf } from '../../lib/trust/writer.ts';

t.test('root is no writer of its own files, and uid 1 is one of his', async (t) => {
  for (const kind of ['owner', 'listed'] as const) {
    t.equal(isWriter({ kind, uid: 0 }, { uid: 0, gids: [0] }), false, `${kind} 0`);
    t.equal(isWriter({ kind, uid: 1 }, { uid: 1, gids: [1] }), true, `${kind} 1`);
    t.equal(isWriter({ kind, uid: 1 }, { uid: 2, gids: [1] }), false, `${kind} of another`);
  }
});

t.test('a user whom a list names is a stranger, unless it is root', async (t) => {
  t.equal(isStranger({ kind: 'listed', uid: 0 }), false);
  t.equal(isStranger({ kind: 'listed', uid: 1 }), true);
  t.equal(isStranger({ kind: 'group', gid: 0, isListed: true, except: [] }), false);
  t.equal(isStranger({ kind: 'group', gid: 1, isListed: true, except: [] }), true);
});

t.test(
  'a file is written by root alone if root owns it, and no bit lets a group or others write',
  async (t) => {
    t.ok(isRootsAlone({ uid: 0, mode: 0o100755 }));
    t.notOk(isRootsAlone({ uid: 0, mode: 0o100775 }), 'a group, or a list of which this is the mask');
    t.notOk(isRootsAlone({ uid: 0, mode: 0o100757 }));
    t.notOk(isRootsAlone({ uid: 1000, mode: 0o100444 }), 'the owner can change the mode');
  },
);

t.test(
  'a group lets its members write, but for those whom a list names, and for root in group 0',
  async (t) => {
    const isIn = (
      gid: number,
      uid: number,
      gids: readonly number[],
      except: readonly number[] = [],
    ): boolean => isWriter({ kind: 'group', gid, isListed: false, except }, { uid, gids });
    t.ok(isIn(5, 1, [5, 6]));
    t.ok(isIn(5, 0, [5]));
    t.ok(isIn(0, 1, [0]));
    t.ok(isIn(1, 0, [1]));
    t.notOk(isIn(0, 0, [0]));
    t.notOk(isIn(5, 1, [6]));
    t.notOk(isIn(5, 1, [5], [1]));
    t.ok(isIn(5, 1, [5], [2]));
  },
);

t.test('the owner, everybody, the group, and whom a list names can write', async (t) => {
  const gid = 7;
  t.same(writersOf({ mode: 0o755, uid: 0, gid }), []);
  t.same(writersOf({ mode: 0o755, uid: 5, gid }), [{ kind: 'owner', uid: 5 }]);
  t.same(writersOf({ mode: 0o707, uid: 0, gid }), [{ kind: 'everybody' }]);
  const group = { kind: 'group', gid, isListed: false, except: [] };
  t.same(writersOf({ mode: 0o720, uid: 0, gid }), [group]);
  t.same(writersOf({ mode: 0o100_751, uid: 0, gid }), []);
  t.same(writersOf({ mode: 0o720, uid: 0, gid, acl: Buffer.alloc(3) }), [{ kind: 'unknown' }]);
  // version 2; user:9:rw-, group::rw-, group:8:rw-
  const acl = Buffer.from('02000000020006000900000004000600000000000800060008000000', 'hex');
  t.same(writersOf({ mode: 0o720, uid: 0, gid, acl }), [
    { kind: 'listed', uid: 9 },
    { ...group, isListed: true, except: [9] },
    { kind: 'group', gid: 8, isListed: true, except: [9] },
  ]);
});
