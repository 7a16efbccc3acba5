import t from 'tap';

import { tcpFilter } from '../../../lib/launch/seccomp/tcp-filter.ts';
import { audit, run } from '../../support/launch/seccomp/interpreter.ts';

const verdicts: Readonly<Record<number, string>> = {
  0x00050002: 'ENOENT',
  0x7fff0000: 'allowed',
  0x00050001: 'EPERM',
  0x00050026: 'ENOSYS',
  0x0005005d: 'EPROTONOSUPPORT',
  0x0005005f: 'EOPNOTSUPP',
  0x80000000: 'killed',
};

function judge(
  machine: 'x64' | 'arm64',
  architecture: number,
  number: number,
  args: readonly bigint[],
): string {
  const { answer } = run(tcpFilter(machine), { architecture, number, args });
  return verdicts[answer] ?? `answer ${answer.toString(16)}`;
}

// ausyscall(8): the numbers of each call table.
const tables = [
  { machine: 'x64', table: 'x64', socket: 41, setsockopt: 54, sends: [44, 46, 307] },
  { machine: 'x64', table: 'i386', socket: 359, setsockopt: 366, sends: [369, 370, 345] },
  { machine: 'arm64', table: 'arm64', socket: 198, setsockopt: 208, sends: [206, 211, 269] },
  { machine: 'arm64', table: 'arm', socket: 281, setsockopt: 294, sends: [290, 296, 374] },
] as const;

const [unix, inet, inet6, netlink, smc] = [1n, 2n, 10n, 16n, 43n];
const [stream, datagram, raw] = [1n, 2n, 3n];
const [tcp, udp, smcOfInet, multipath] = [6n, 17n, 256n, 262n];
const [nonblock, cloexec] = [0o4000n, 0o2000000n];
const fastOpen = 0x20000000n;

for (const { machine, table, socket, setsockopt, sends } of tables) {
  const call = (number: number, ...args: readonly bigint[]): string =>
    judge(machine, audit[table], number, args);

  t.test(`${table} on ${machine}: streams of the internet are TCP`, async (t) => {
    for (const family of [inet, inet6]) {
      for (const type of [stream, stream | nonblock, stream | cloexec | nonblock]) {
        t.equal(call(socket, family, type, 0n), 'allowed');
        t.equal(call(socket, family, type, tcp), 'allowed');
        for (const protocol of [multipath, smcOfInet, 132n, multipath | (1n << 32n)])
          t.equal(call(socket, family, type, protocol), 'EPROTONOSUPPORT');
      }
    }
    t.equal(call(socket, smc, stream, 0n), 'EPROTONOSUPPORT');
    t.equal(call(socket, smc | (1n << 32n), stream, 0n), 'EPROTONOSUPPORT');
  });

  t.test(`${table} on ${machine}: other sockets are allowed`, async (t) => {
    t.equal(call(socket, inet, datagram, 0n), 'allowed');
    t.equal(call(socket, inet6, datagram | cloexec, udp), 'allowed');
    t.equal(call(socket, inet, raw, 1n), 'allowed');
    t.equal(call(socket, unix, stream, 0n), 'allowed');
    t.equal(call(socket, netlink, raw, 0n), 'allowed');
  });

  t.test(`${table} on ${machine}: TCP Fast Open is refused, whatever other flags say`, async (t) => {
    const [sendto, sendmsg, sendmmsg] = sends;
    for (const flags of [fastOpen, fastOpen | 0x4000n, fastOpen | (1n << 40n)]) {
      t.equal(call(sendto, 3n, 0n, 1n, flags), 'EOPNOTSUPP');
      t.equal(call(sendmsg, 3n, 0n, flags), 'EOPNOTSUPP');
      t.equal(call(sendmmsg, 3n, 0n, 1n, flags), 'EOPNOTSUPP');
    }
    for (const flags of [0n, 0x4000n, 0xdfffffffn, fastOpen << 32n]) {
      t.equal(call(sendto, 3n, fastOpen, fastOpen, flags), 'allowed');
      t.equal(call(sendmsg, 3n, fastOpen, flags), 'allowed');
      t.equal(call(sendmmsg, 3n, fastOpen, fastOpen, flags), 'allowed');
    }
  });

  t.test(`${table} on ${machine}: a TCP socket gets no layer that could connect otherwise`, async (t) => {
    const [layer, cork, tls] = [31n, 3n, 282n];
    t.equal(call(setsockopt, 3n, tcp, layer), 'ENOENT');
    t.equal(call(setsockopt, 3n, tcp | (1n << 32n), layer | (1n << 32n)), 'ENOENT');
    for (const [level, option] of [
      [tcp, cork],
      [tls, layer],
      [1n, layer],
      [layer, tcp],
    ] as const)
      t.equal(call(setsockopt, 3n, level, option), 'allowed');
  });

  t.test(`${table} on ${machine}: no call hides another`, async (t) => {
    t.equal(call(425), 'EPERM', 'io_uring_setup');
    if (table === 'i386') t.equal(call(102), 'ENOSYS', 'socketcall');
    const own = new Set<number>([socket, setsockopt, ...sends, 425, ...(table === 'i386' ? [102] : [])]);
    for (let number = 0; number < 1024; number++) {
      if (own.has(number) || call(number, inet, stream, multipath, fastOpen) === 'allowed') continue;
      t.fail(`call ${number} is not allowed`);
    }
  });
}

t.test('a call table that the filter does not know is killed', async (t) => {
  t.equal(judge('x64', audit.arm64, 0, []), 'killed');
  t.equal(judge('arm64', audit.x64, 0, []), 'killed');
});
