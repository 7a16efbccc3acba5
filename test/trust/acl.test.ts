import t from 'tap';

import { listedWriters } from '../../lib/trust/acl.ts';

type Row = readonly [tag: number, permissions: number, id: number];

function list(rows: readonly Row[], rest = 0): Buffer {
  const bytes = Buffer.alloc(4 + rows.length * 8 + rest);
  bytes.writeUInt32LE(2, 0);
  rows.forEach(([tag, permissions, id], index) => {
    bytes.writeUInt16LE(tag, 4 + index * 8);
    bytes.writeUInt16LE(permissions, 6 + index * 8);
    bytes.writeUInt32LE(id, 8 + index * 8);
  });
  return bytes;
}

const nobody = { owningGroup: false, uids: [], gids: [], namedUids: [] };

t.test(
  'a list without entries lets nobody write, and one that is cut off cannot be understood',
  async (t) => {
    t.same(listedWriters(list([])), nobody);
    t.equal(listedWriters(list([], 4)), undefined);
    t.equal(listedWriters(list([]).subarray(0, 3)), undefined);
  },
);

t.test('a mask without write takes write away, though it lets read', async (t) => {
  t.same(
    listedWriters(
      list([
        [0x02, 6, 7],
        [0x10, 4, 0],
      ]),
    ),
    { ...nobody, namedUids: [7] },
  );
  t.same(
    listedWriters(
      list([
        [0x02, 6, 7],
        [0x10, 6, 0],
      ]),
    ),
    { ...nobody, uids: [7], namedUids: [7] },
  );
});

t.test('named users and named groups that can write are told apart', async (t) => {
  t.same(
    listedWriters(
      list([
        [0x02, 6, 7],
        [0x08, 6, 8],
        [0x08, 4, 9],
        [0x10, 6, 0],
      ]),
    ),
    { ...nobody, uids: [7], gids: [8], namedUids: [7] },
  );
});
