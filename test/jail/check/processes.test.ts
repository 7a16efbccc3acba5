import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { parseBound, replacedIn } from '../../../lib/jail/check/processes.ts';

const of = (...lines: readonly string[]) =>
  replacedIn(Buffer.from(`${lines.join('\n')}\n`), {
    path: bytePath('/srv/jail'),
    built: () => new Set([bytePath('/srv/app/run'), bytePath('/srv/app/open')]),
  });

t.test('programs and libraries that were removed or replaced are told, each once', async (t) => {
  t.same(
    of(
      '5581d000-5581e000 r--p 00000000 fe:00 123                        /srv/jail/usr/bin/app (deleted)',
      '5581e000-5581f000 r-xp 00001000 fe:00 123                        /srv/jail/usr/bin/app (deleted)',
      '7f10a000-7f10b000 r-xp 00000000 fe:00 124                        /srv/jail/usr/lib/lib c.so.6 (deleted)',
      '7f10b000-7f10c000 r-xp 00000000 fe:00 125                        /srv/jail/.uchroot/replaced/1-ls',
      '7f10c000-7f10d000 r-xp 00000000 fe:00 126                        /usr/lib/ns.so (deleted)',
      '7f10d000-7f10e000 r-xp 00000000 fe:00 127                        /srv/jail/srv/app/run (deleted)',
    ),
    ['/usr/bin/app', '/usr/lib/lib c.so.6', '/.uchroot/replaced/1-ls', '/usr/lib/ns.so', '/srv/app/run'],
  );
});

t.test('present files, data, memory and files that a program makes itself are not told', async (t) => {
  t.same(
    of(
      '5581e000-5581f000 r-xp 00001000 fe:00 123                        /srv/jail/usr/bin/app',
      '5581f000-55820000 rw-p 00001000 fe:00 123                        /srv/jail/usr/lib/data (deleted)',
      '7f10b000-7f10c000 r-xp 00000000 00:01 7                          /memfd:jit (deleted)',
      '7f10b000-7f10c000 rwxp 00000000 fe:00 8                          /srv/jail/tmp/ffiQ (deleted)',
      '7f10c000-7f10d000 rwxp 00000000 fe:00 9                          /srv/jail/srv/app/own (deleted)',
      '7f10d000-7f10e000 r-xp 00000000 fe:00 10                         /srv/jail/srv/app/open',
      '7ffc1000-7ffc2000 r-xp 00000000 00:00 0                          [vdso]',
      '',
    ),
    [],
  );
});

t.test('sockets with a path are told from those without and from abstract ones', async (t) => {
  const bound = parseBound(
    Buffer.from(`Num       RefCount Protocol Flags    Type St Inode Path
ffff9a5c01d6a000: 00000002 00000000 00010000 0001 01 19261 /run/docker.sock
ffff9a5c01d6a400: 00000002 00000000 00010000 0001 01 19262 @abstract
ffff9a5c01d6a800: 00000003 00000000 00000000 0001 03 19263
ffff9a5c01d6ac00: 00000002 00000000 00010000 0001 01 19264 /srv/a b/x y
ffff9a5c01d6ac00: 00000002 00000000 00010000 0001 01   265 relative
`),
  );
  t.same(
    [...bound],
    [
      ['socket:[19261]', '/run/docker.sock'],
      ['socket:[19264]', '/srv/a b/x y'],
      ['socket:[265]', 'relative'],
    ],
  );
});
