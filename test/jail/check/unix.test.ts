import t from 'tap';

import { parseBound } from '../../../lib/jail/check/unix.ts';

t.test('sockets with a path are told from those without and from abstract ones', async (t) => {
  const bound = parseBound(
    Buffer.from(`Num       RefCount Protocol Flags    Type St Inode Path
ffff9a5c01d6a000: 00000002 00000000 00010000 0001 01 19261 /run/docker.sock
ffff9a5c01d6a400: 00000002 00000000 00010000 0001 01 19262 @abstract
ffff9a5c01d6a800: 00000003 00000000 00000000 0001 03 19263
ffff9a5c01d6ac00: 00000002 00000000 00010000 0001 01 19264 /srv/a b/x y
ffff9a5c01d6ac00: 00000002 00000000 00010000 0001 01 19264 relative
`),
  );
  t.same([...bound], ['/run/docker.sock', '/srv/a b/x y']);
});
