import t from 'tap';

import { isRootsAlone, isStranger, isWriter } from '../../lib/trust/writer.ts';

t.test('root is no writer of its own files, and uid 1 is one of his', async (t) => {
  for (const kind of ['owner', 'listed'] as const) {
    t.equal(isWriter({ kind, uid: 0 }, { uid: 0, gids: [0] }), false, `${kind} 0`);
    t.equal(isWriter({ kind, uid: 1 }, { uid: 1, gids: [1] }), true, `${kind} 1`);
    t.equal(isWriter({ kind, uid: 1 }, { uid: 2, gids: [1] }), false, `${kind} of another`);
  }
});

t.test('whoever a list names is a stranger, unless it is root', async (t) => {
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
