import { readFileSync } from 'node:fs';

import t from 'tap';

import { callNumbers } from '../../../lib/launch/seccomp/call-table.ts';
import { callGroups } from '../../../lib/launch/seccomp/default-policy.ts';
import { allowGroups, makeFilter, type FilterRequest } from '../../../lib/launch/seccomp/filter.ts';
import { isolateFilter } from '../../../lib/launch/seccomp/isolate-filter.ts';
import { answers, refusal } from '../../../lib/launch/seccomp/seccomp-data.ts';
import { packageDirectory } from '../../support/launch.ts';
import { audit, run } from '../../support/launch/seccomp/interpreter.ts';

const machines = ['x64', 'arm64'] as const;
const allowed = 0x7fff0000;
const [EPERM, ENOSYS, EAFNOSUPPORT, EPROTONOSUPPORT] = [0x50001, 0x50026, 0x50061, 0x5005d];

const isolated = {
  caps: [],
  kernel: '6.12.0',
  isIsolated: true,
  isLog: false,
  profile: undefined,
  allow: [],
  allowNewPrivs: false,
  hasInit: false,
} as const;

function filterOf(architecture: 'x64' | 'arm64', more: Partial<FilterRequest> = {}): Buffer {
  return makeFilter({ ...isolated, architecture, ...more }).bytes;
}

type Table = keyof typeof audit;

function judge(filter: Buffer, table: Table, call: string, args: readonly (number | bigint)[] = []): number {
  const number = callNumbers(table).get(call);
  if (number === undefined) throw new Error(`${table} has no ${call}`);
  return run(filter, { architecture: audit[table], number, args: args.map(BigInt) }).answer;
}

const forbidden = (
  'ptrace process_vm_readv process_vm_writev perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register bpf ' +
  'add_key request_key keyctl open_by_handle_at name_to_handle_at kexec_load kexec_file_load init_module finit_module ' +
  'delete_module mount umount2 pivot_root chroot open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr ' +
  'open_tree_attr setns swapon swapoff reboot settimeofday clock_settime acct quotactl quotactl_fd syslog sethostname'
).split(' ');

t.test(
  'the filter of an isolated launch is ready: run scripts/isolate-filter.mjs again if it differs',
  async (t) => {
    for (const architecture of machines) {
      const compiled = makeFilter({ ...isolated, architecture });
      t.strictSame(isolateFilter(architecture), compiled, architecture);
      t.equal(isolateFilter(architecture), isolateFilter(architecture), 'the same object each time');
      t.strictSame(
        makeFilter({ ...isolated, architecture, hasInit: true, hasStatus: true, kernel: '5.12' }),
        compiled,
      );
      t.strictSame(makeFilter({ ...isolated, architecture, caps: [21], allowNewPrivs: true }), compiled);
    }
    for (const more of [{ allow: ['keyring'] }, { allow: ['keyctl'] }, { isLog: true }])
      t.equal(
        makeFilter({ ...isolated, architecture: 'x64', ...more }).closesKeyrings,
        false,
        'no shared keyring then',
      );
    for (const architecture of machines)
      t.strictSame(
        isolateFilter(architecture, true),
        makeFilter({ ...isolated, architecture, noSetId: true }),
        `${architecture} --no-set-id`,
      );
    t.throws(() => isolateFilter('ia32'), { name: 'UsageError' });
  },
);

t.test('a launch can refuse further calls, each in its way, and the keyrings too', async (t) => {
  const refused = new Map([
    ['chroot', refusal(13)],
    ['keyctl', answers.killProcess],
  ]);
  for (const machine of machines) {
    const filter = filterOf(machine, { refused });
    t.equal(judge(filter, machine, 'chroot'), refusal(13));
    t.equal(judge(filter, machine, 'keyctl'), answers.killProcess);
    t.equal(judge(filter, machine, 'add_key'), EPERM);
    t.equal(judge(filter, machine, 'getpid'), answers.allow);
  }
  const { title, closesKeyrings } = makeFilter({ ...isolated, architecture: 'x64', refused });
  t.match(title, /; also refused: chroot, keyctl$/);
  t.ok(closesKeyrings);
});

for (const machine of machines) {
  const filter = filterOf(machine);

  t.test(`${machine}: no call that ordinary programs do not need`, async (t) => {
    for (const call of forbidden) t.equal(judge(filter, machine, call), EPERM, call);
    t.equal(judge(filter, machine, 'clone3'), ENOSYS, 'the C library then calls clone');
    t.equal(judge(filter, machine, 'lookup_dcookie'), ENOSYS);
  });

  t.test(`${machine}: all other calls are allowed`, async (t) => {
    const conditional = 'clone unshare personality socket socketpair ioctl clone3'.split(' ');
    const listed = new Set(Object.values(callGroups).flatMap((calls) => calls.split(' ')));
    for (const call of callNumbers(machine).keys()) {
      if (listed.has(call) || conditional.includes(call)) continue;
      if (judge(filter, machine, call, [1, 1, 1, 1, 1, 1]) !== allowed) t.fail(call);
    }
    t.equal(judge(filter, machine, 'read'), allowed);
    t.equal(judge(filter, machine, 'execve'), allowed);
  });

  t.test(`${machine}: new namespaces are refused, by any flag and with high bits`, async (t) => {
    for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
      for (const flags of [BigInt(flag), BigInt(flag) | 0x11n, BigInt(flag) | (1n << 40n)]) {
        t.equal(judge(filter, machine, 'clone', [flags]), EPERM);
        t.equal(judge(filter, machine, 'unshare', [flags]), EPERM);
      }
    }
    t.equal(judge(filter, machine, 'unshare', [0x80]), EPERM, 'CLONE_NEWTIME');
    t.equal(judge(filter, machine, 'clone', [0x80]), allowed, 'a signal here');
    t.equal(judge(filter, machine, 'clone', [0x3d0f00]), allowed, 'a thread');
    t.equal(judge(filter, machine, 'clone', [0x1200011]), allowed, 'fork');
    t.equal(judge(filter, machine, 'unshare', [0x600]), allowed, 'CLONE_FS | CLONE_FILES');
  });

  t.test(`${machine}: sockets of the usual families only`, async (t) => {
    const socket = (...args: readonly (number | bigint)[]): number => judge(filter, machine, 'socket', args);
    for (const family of [1, 2, 10])
      for (const type of [1, 2, 3, 0x80001, 0x80802])
        t.equal(socket(family, type), allowed, `${family} ${type}`);
    t.equal(socket(16, 3, 0), allowed, 'netlink for routes, as getaddrinfo uses it');
    for (const protocol of [4, 9, 12, 15, 16]) t.equal(socket(16, 3, protocol), EPROTONOSUPPORT);
    for (const family of [0, 3, 9, 15, 17, 21, 29, 30, 31, 38, 39, 40, 41, 44, 45])
      t.equal(socket(family, 1), EAFNOSUPPORT, String(family));
    t.equal(socket(2n | (38n << 32n), 1), allowed, 'the kernel takes 32 bits');
    t.equal(socket(38n | (2n << 32n), 1), EAFNOSUPPORT);
    t.equal(socket(2, 10), EPERM, 'SOCK_PACKET, which is AF_PACKET');
    t.equal(socket(2, 0x8080a), EPERM);
    t.equal(judge(filter, machine, 'socketpair', [1, 1]), allowed);
    t.equal(judge(filter, machine, 'socketpair', [40, 1]), EAFNOSUPPORT);
  });

  t.test(`${machine}: harmless personas, and the question for one`, async (t) => {
    for (const persona of [0, 8, 0x20000, 0x20008, 0xffffffff])
      t.equal(judge(filter, machine, 'personality', [persona]), allowed);
    // ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, MMAP_PAGE_ZERO
    for (const persona of [0x40000, 0x400000, 0x100000, 1, 9])
      t.equal(judge(filter, machine, 'personality', [persona]), EPERM);
  });

  t.test(`${machine}: terminal injection is refused, with high bits too`, async (t) => {
    for (const request of [0x5412, 0x541c])
      for (const high of [0n, 1n << 32n, 1n << 63n])
        t.equal(judge(filter, machine, 'ioctl', [0, BigInt(request) | high]), EPERM);
    t.equal(judge(filter, machine, 'ioctl', [0x5412, 0x5413]), allowed);
  });

  t.test(`${machine}: calls that are newer than the table do not exist`, async (t) => {
    const newest = Math.max(...callNumbers(machine).values());
    for (const number of [newest + 1, newest + 50, 0x3fffffff])
      t.equal(run(filter, { architecture: audit[machine], number }).answer, ENOSYS);
  });
}

t.test('32-bit programs are killed, and x32 does not exist', async (t) => {
  const killed = 0x80000000;
  for (const number of [0, 1, 4, 102, 400])
    for (const [machine, table] of [
      ['x64', 'i386'],
      ['arm64', 'arm'],
    ] as const)
      t.equal(run(filterOf(machine), { architecture: audit[table], number }).answer, killed);
  for (const number of [0, 1, 59, 514])
    t.equal(run(filterOf('x64'), { architecture: audit.x64, number: 0x40000000 + number }).answer, ENOSYS);
  t.equal(
    run(filterOf('x64'), { architecture: audit.x64, number: 0xffffffff }).answer,
    ENOSYS,
    '-1, which a tracer writes',
  );
});

t.test('--allow 32bit opens the table of 32-bit programs under the same rules', async (t) => {
  const x64 = filterOf('x64', { allow: ['32bit'] });
  for (const call of [
    ...forbidden.filter((call) => callNumbers('i386').has(call)),
    'umount',
    'stime',
    'clock_settime64',
    'iopl',
  ])
    t.equal(judge(x64, 'i386', call), EPERM, call);
  t.equal(judge(x64, 'i386', 'socketcall', [1]), ENOSYS, 'its arguments lie in memory');
  t.equal(judge(x64, 'i386', 'socket', [38]), EAFNOSUPPORT);
  t.equal(judge(x64, 'i386', 'vm86', [1]), ENOSYS);
  t.equal(judge(x64, 'i386', 'write'), allowed);
  t.equal(run(x64, { architecture: audit.x64, number: 0x40000001 }).answer, ENOSYS, 'x32 stays closed');
  const arm = filterOf('arm64', { allow: ['32bit'] });
  t.equal(judge(arm, 'arm', 'set_tls'), allowed, 'no 32-bit program of ARM starts without it');
  t.equal(judge(arm, 'arm', 'ptrace'), EPERM);
  t.equal(judge(arm, 'arm', 'pciconfig_read'), EPERM);
});

t.test('--allow gives back one call, or a group', async (t) => {
  for (const [group, names] of Object.entries(callGroups)) {
    for (const machine of machines) {
      const filter = filterOf(machine, { allow: [group] });
      const calls = names.split(' ').filter((call) => callNumbers(machine).has(call));
      for (const call of calls)
        t.equal(judge(filter, machine, call, [0x10000000, 0x5412]), allowed, `${group}: ${call}`);
      const others = forbidden.filter((call) => !names.split(' ').includes(call));
      for (const call of others)
        if (judge(filter, machine, call) !== EPERM) t.fail(`${group} gives back ${call}`);
    }
  }
  const one = filterOf('x64', { allow: ['ptrace', 'setns'] });
  t.same(
    ['ptrace', 'setns', 'kcmp', 'unshare'].map((call) => judge(one, 'x64', call, [0x20000])),
    [allowed, allowed, EPERM, EPERM],
  );
});

t.test(
  '--allow is for launches without --isolate too, where it gives back what every launch refuses',
  async (t) => {
    const filter = filterOf('x64', { isIsolated: false, allow: ['keyring'] });
    for (const table of ['x64', 'i386'] as const) {
      t.equal(judge(filter, table, 'keyctl'), allowed);
      t.equal(judge(filter, table, 'ioctl', [0, 0x5412]), EPERM);
      t.equal(judge(filter, table, 'ptrace'), allowed);
    }
  },
);

t.test('an unknown name is an error that tells the nearest', async (t) => {
  t.throws(() => filterOf('x64', { allow: ['ptrac'] }), {
    name: 'UsageError',
    message: "--allow: there is no system call or group 'ptrac'",
    hint: 'did you mean ptrace?',
  });
  t.throws(() => filterOf('x64', { allow: ['debgu'] }), { name: 'UsageError', hint: 'did you mean debug?' });
  t.throws(() => filterOf('x64', { allow: ['xxxxxxxxxxxxx'] }), {
    name: 'UsageError',
    hint: /^the groups are 32bit, bpf, /,
  });
  t.throws(() => filterOf('x64', { allow: ['__proto__'] }), { name: 'UsageError' });
});

t.test('the manual lists the groups with their calls', async (t) => {
  const page = readFileSync(`${packageDirectory}/doc/uchroot.md`, 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z0-9-]+)` \| ([^|]+) \| [^|]+ \|$/gm)].map(
    ([, group, calls = '']) => [group, calls.trim()],
  );
  const expected = allowGroups.map((group) => [
    group,
    group === '32bit' ? '–' : callGroups[group as keyof typeof callGroups].replaceAll(' ', ', '),
  ]);
  t.same(
    rows.filter(([group]) => allowGroups.includes(group ?? '')),
    expected,
  );
});
