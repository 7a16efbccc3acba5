// The listening sockets of a service in the tables of the kernel, and what has changed between two looks.
import t from 'tap';

import { differenceOf } from '../../../../lib/service/adopt/seen/comparison.ts';
import { listeningSockets } from '../../../../lib/service/adopt/seen/listening-sockets.ts';

const head =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const inet = (local: string, state: string, inode: number): string =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 100 0 0 10 0\n`;
const unix = (flags: string, inode: number, path: string): string =>
  `0000000000000000: 00000002 00000000 ${flags} 0001 01 ${inode} ${path}\n`;

const tables = {
  tcp: `${head}${inet('0100007F:0035', '0A', 1)}${inet('00000000:0050', '0A', 2)}${inet('0100007F:1F90', '01', 3)}${inet('00000000:C000', '0A', 4)}${inet('00000000:1F91', '0A', 99)}`,
  tcp6: `${head}${inet('00000000000000000000000000000000:0050', '0A', 5)}${inet('000080FE00000000FF005450B6AD1DFE:0016', '0A', 6)}`,
  udp: `${head}${inet('00000000:0035', '07', 7)}${inet('00000000:C001', '07', 8)}${inet('0100007F:0036', '01', 9)}`,
  udp6: head,
  unix: `Num RefCount Protocol Flags Type St Inode Path\n${unix('00010000', 10, '/var/run/web.42.sock')}${unix('00000000', 11, '/run/web.sock')}${unix('00010000', 12, '@0001f')}${unix('00010000', 13, '@web')}`,
};

t.test('addresses, ports and names are read, those of other programs and of clients are not', async (t) => {
  const inodes = new Set(Array.from({ length: 20 }, (_, index) => String(index + 1)));
  const found = listeningSockets({ tables, inodes, pids: new Set([42]), ephemeral: [32_768, 60_999] });
  t.same(found, [
    'tcp 127.0.0.1:53',
    'tcp 0.0.0.0:80',
    'tcp 0.0.0.0:any',
    'tcp [::]:80',
    'tcp [fe80::5054:ff:fe1d:adb6]:22',
    'udp 0.0.0.0:53',
    'unix /run/web.PID.sock',
    'unix @web',
  ]);
});

t.test('a socket that was there at one of two looks is neither missing nor added', async (t) => {
  const look = (...sockets: readonly string[]) => ({
    sockets: new Set(sockets),
    users: new Set<string>(),
    pidFiles: new Set<string>(),
  });
  const looks = [look('a', 'b', 'x'), look('a', 'b', 'y')] as const;
  t.same(differenceOf('sockets', looks, look('a', 'b')), { missing: [], added: [] });
  t.same(differenceOf('sockets', looks, look('a', 'x', 'y', 'z')), { missing: ['b'], added: ['z'] });
});
