import * as fc from 'fast-check';
import t from 'tap';

import { smallFilter } from '../../../lib/launch/seccomp/small-filter.ts';
import { audit, run, type Call } from '../../support/launch/seccomp/interpreter.ts';

const verdicts: Readonly<Record<number, string>> = {
  0x7fff0000: 'allowed',
  0x00050001: 'EPERM',
  0x80000000: 'killed',
};

function judge(filter: Buffer, call: Call): string {
  const { answer } = run(filter, call);
  return verdicts[answer] ?? `answer ${answer.toString(16)}`;
}

const TIOCSTI = 0x5412n;
const TIOCLINUX = 0x541cn;

// ausyscall(8): the numbers of each call table.
const tables = [
  { machine: 'x64', table: 'x64', ioctl: 16, keyrings: [248, 249, 250] },
  { machine: 'x64', table: 'i386', ioctl: 54, keyrings: [286, 287, 288] },
  { machine: 'arm64', table: 'arm64', ioctl: 29, keyrings: [217, 218, 219] },
  { machine: 'arm64', table: 'arm', ioctl: 54, keyrings: [309, 310, 311] },
] as const;

for (const { machine, table, ioctl, keyrings } of tables) {
  const filter = smallFilter(machine);
  const call = (number: number, ...args: readonly bigint[]): string =>
    judge(filter, { architecture: audit[table], number, args });

  t.test(`${table} on ${machine}: terminal injection is refused`, async (t) => {
    t.equal(call(ioctl, 0n, TIOCSTI), 'EPERM');
    t.equal(call(ioctl, 0n, TIOCLINUX), 'EPERM');
  });

  t.test(`${table} on ${machine}: high bits, which the kernel ignores, do not help`, async (t) => {
    for (const high of [1n << 32n, 1n << 63n, 0xffffffff00000000n]) {
      t.equal(call(ioctl, 0n, TIOCSTI | high), 'EPERM');
      t.equal(call(ioctl, 0n, TIOCLINUX | high), 'EPERM');
    }
  });

  t.test(
    `${table} on ${machine}: every other request is allowed, whatever the other arguments are`,
    async (t) => {
      for (const request of [0n, TIOCSTI - 1n, TIOCSTI + 1n, TIOCLINUX + 1n, 0x5401n, TIOCSTI << 32n]) {
        t.equal(call(ioctl, TIOCSTI, request, TIOCLINUX), 'allowed');
      }
    },
  );

  t.test(`${table} on ${machine}: the keyrings are refused`, async (t) => {
    for (const number of keyrings) t.equal(call(number, 0n, 5n), 'EPERM');
  });

  t.test(`${table} on ${machine}: every other call is allowed`, async (t) => {
    const refused = new Set<number>([ioctl, ...keyrings]);
    for (let number = 0; number < 1024; number++) {
      if (refused.has(number) || call(number, TIOCSTI, TIOCSTI) === 'allowed') continue;
      t.fail(`call ${number} is not allowed`);
    }
    t.equal(call(0), 'allowed');
  });
}

t.test('the x32 call table, which is the same calls under other numbers, is refused', async (t) => {
  const filter = smallFilter('x64');
  for (const number of [0x40000000, 0x40000000 + 514, 0x40000000 + 16, 0xffffffff]) {
    t.equal(judge(filter, { architecture: audit.x64, number }), 'EPERM');
  }
  t.equal(judge(filter, { architecture: audit.x64, number: 0x3fffffff }), 'allowed');
});

t.test('a call table that the filter does not know is killed', async (t) => {
  for (const machine of ['x64', 'arm64'] as const) {
    const known: readonly number[] = machine === 'x64' ? [audit.x64, audit.i386] : [audit.arm64, audit.arm];
    const filter = smallFilter(machine);
    t.doesNotThrow(() =>
      fc.assert(
        fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.nat(), (architecture, number) => {
          fc.pre(!known.includes(architecture));
          return judge(filter, { architecture, number }) === 'killed';
        }),
      ),
    );
    const others = Object.values(audit).filter((architecture) => !known.includes(architecture));
    for (const architecture of others) t.equal(judge(filter, { architecture, number: 0 }), 'killed');
  }
});

t.test('every instruction has an answer in front of it, on every path', async (t) => {
  for (const machine of ['x64', 'arm64'] as const) {
    const filter = smallFilter(machine);
    const instructions = filter.length / 8;
    for (let at = 0; at < instructions; at++) {
      const code = filter.readUInt16LE(at * 8);
      const furthest = at + 1 + Math.max(filter.readUInt8(at * 8 + 2), filter.readUInt8(at * 8 + 3));
      t.ok(code === 0x06 || furthest < instructions, `${machine} ${at}`);
    }
    t.equal(filter.readUInt16LE(filter.length - 8), 0x06);
  }
});

t.test('another architecture is an error', async (t) => {
  t.throws(() => smallFilter('ia32'), { name: 'UsageError', message: /x64 and arm64, not on ia32/ });
});
