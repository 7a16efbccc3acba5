// The bytes of a payload, read by the struct in native/compiled/payload.h.
import { readFileSync } from 'node:fs';

import * as fc from 'fast-check';
import t from 'tap';

import {
  checksumBytes,
  encodePayload,
  headerBytes,
  machines,
  type Payload,
} from '../../../lib/launch/compile/payload.ts';

type Table = readonly [offset: number, count: number];

const header = readFileSync(new URL('../../../../native/compiled/payload.h', import.meta.url), 'utf8');
const struct = /^struct Payload \{(.*?)^\};/ms.exec(header)?.[1] ?? '';

/** All fields of the header, by name, and the number of bytes that they take. */
function readHeader(bytes: Buffer): {
  numbers: Record<string, bigint | number>;
  tables: Record<string, Table>;
  size: number;
} {
  const numbers: Record<string, bigint | number> = {};
  const tables: Record<string, Table> = {};
  let size = 0;
  for (const [, type = '', name = ''] of struct.matchAll(/^ {2}(\w+) (\w+);/gm)) {
    if (type === 'PayloadTable') tables[name] = [bytes.readUInt32LE(size), bytes.readUInt32LE(size + 4)];
    else if (type === 'uint64_t') numbers[name] = bytes.readBigUInt64LE(size);
    else if (type === 'int64_t') numbers[name] = bytes.readBigInt64LE(size);
    else numbers[name] = type === 'int32_t' ? bytes.readInt32LE(size) : bytes.readUInt32LE(size);
    size += type === 'uint32_t' || type === 'int32_t' ? 4 : 8;
  }
  return { numbers, tables, size };
}

const stringAt = (bytes: Buffer, offset: number): string =>
  offset < headerBytes ? `no string at ${offset}` : bytes.toString('utf8', offset, bytes.indexOf(0, offset));

/** The rows of a table of 32-bit numbers. */
function rowsOf(bytes: Buffer, [offset, count]: Table, columns: number): readonly (readonly number[])[] {
  if (offset % 4 !== 0 || offset < headerBytes) throw new Error(`a table at ${offset}`);
  return Array.from({ length: count }, (_, row) =>
    Array.from({ length: columns }, (_, column) => bytes.readUInt32LE(offset + (row * columns + column) * 4)),
  );
}

const stringsOf = (bytes: Buffer, table: Table): readonly string[] =>
  rowsOf(bytes, table, 1).map(([offset = 0]) => stringAt(bytes, offset));

const wayOf = (bytes: Buffer, table: Table): readonly unknown[] =>
  rowsOf(bytes, table, 7).map(([name = 0, shown = 0, mode, uid, gid, acl = 0, aclBytes = 0]) => ({
    name: stringAt(bytes, name),
    shown: stringAt(bytes, shown),
    mode,
    uid,
    gid,
    acl: bytes.toString('latin1', acl, acl + aclBytes),
  }));

const buffers = (...texts: readonly string[]): readonly Buffer[] => texts.map((text) => Buffer.from(text));

const root = { name: Buffer.from('/'), shown: '/', mode: 0o40755, uid: 0, gid: 0 };

const whole: Payload = {
  architecture: 'x64',
  anyInode: false,
  anyPath: false,
  identity: { inode: 2n ** 63n + 5n, birthTimeNs: -7n, device: 0x8fffff00n },
  components: [
    { ...root, acl: Buffer.from('list') },
    { name: Buffer.from('srv'), shown: '"/srv"', mode: 0o755, uid: 1000, gid: 4_294_967_294 },
  ],
  environment: {
    beginnings: buffers('TERM=', 'LD_'),
    keepsOthers: false,
    entries: buffers('HOME=/'),
    fallbacks: buffers('LANG=C', 'TZ=UTC', 'USER=x'),
    directories: buffers('STATE_DIRECTORY='),
    jail: Buffer.from('/srv/jail'),
  },
  plan: Buffer.from('the plan'),
  words: {
    heads: ['chroot:', 'execve:'],
    reasons: [
      { step: 1, errno: 2, text: 'not found', hint: 'look' },
      { step: 0, errno: 13, text: 'not allowed', hint: undefined },
    ],
    errors: [{ errno: 2, name: 'ENOENT', text: 'No such file' }],
  },
  statusFd: 3,
  service: { final: 250, passing: 251, passingErrnos: [11, 12, 28] },
  pidFile: { way: [root], name: Buffer.from('x.pid'), shown: '/x.pid' },
  planText: 'plan\n',
  helpText: 'help\n',
  versionText: 'version\n',
};

t.test('a payload has each value where payload.h says', async (t) => {
  const bytes = encodePayload(whole);
  const { numbers, tables, size } = readHeader(bytes);
  t.equal(size, headerBytes);
  const { checksum, magic, machine, sizeBytes, flags, inode, birthTimeNs, statusFd, notifyFd } = numbers;
  t.same(
    { checksum, magic, machine, sizeBytes, flags, inode, birthTimeNs, statusFd, notifyFd },
    {
      checksum: 0n,
      magic: Number(/kPayloadMagic = (\w+)/.exec(header)?.[1]),
      machine: 62,
      sizeBytes: bytes.length,
      flags: 0,
      inode: 2n ** 63n + 5n,
      birthTimeNs: -7n,
      statusFd: 3,
      notifyFd: -1,
    },
  );
  t.equal(
    bytes.toString('latin1', checksumBytes, checksumBytes + 4),
    'UCL2',
    'the magic number is behind it',
  );
  t.same([numbers['finalStatus'], numbers['passingStatus']], [250, 251]);
  const texts = ['pidFile', 'pidFileShown', 'planText', 'helpText', 'versionText', 'jailPath'];
  t.same(
    texts.map((name) => stringAt(bytes, Number(numbers[name]))),
    ['x.pid', '/x.pid', 'plan\n', 'help\n', 'version\n', '/srv/jail'],
  );
  const table = (name: string): Table => tables[name] ?? [0, 0];
  const [plan, planBytes] = table('plan');
  t.equal(plan % 8, 0);
  t.equal(bytes.toString('latin1', plan, plan + planBytes), 'the plan');
  t.same(wayOf(bytes, table('components')), [
    { name: '/', shown: '/', mode: 0o40755, uid: 0, gid: 0, acl: 'list' },
    { name: 'srv', shown: '"/srv"', mode: 0o755, uid: 1000, gid: 4_294_967_294, acl: '' },
  ]);
  t.same(wayOf(bytes, table('pidWay')), [{ name: '/', shown: '/', mode: 0o40755, uid: 0, gid: 0, acl: '' }]);
  t.same(stringsOf(bytes, table('words')), ['chroot:', 'execve:']);
  t.same(stringsOf(bytes, table('beginnings')), ['TERM=', 'LD_']);
  t.same(stringsOf(bytes, table('entries')), ['HOME=/']);
  t.same(stringsOf(bytes, table('fallbacks')), ['LANG=C', 'TZ=UTC', 'USER=x']);
  t.same(stringsOf(bytes, table('directories')), ['STATE_DIRECTORY=']);
  t.same(rowsOf(bytes, table('passing'), 1), [[11], [12], [28]]);
  t.same(
    rowsOf(bytes, table('errors'), 3).map(([errno, name = 0, text = 0]) => [
      errno,
      stringAt(bytes, name),
      stringAt(bytes, text),
    ]),
    [[2, 'ENOENT', 'No such file']],
  );
  t.same(
    rowsOf(bytes, table('reasons'), 4).map(([step, errno, text = 0, hint = 0]) => [
      step,
      errno,
      stringAt(bytes, text),
      hint === 0 ? undefined : stringAt(bytes, hint),
    ]),
    [
      [1, 2, 'not found', 'look'],
      [0, 13, 'not allowed', undefined],
    ],
  );
});

t.test('each option has its flag, and each machine its number of elf.h', async (t) => {
  const flagsOf = (more: Partial<Payload>): unknown =>
    readHeader(encodePayload({ ...whole, ...more })).numbers['flags'];
  const flag = (name: string): number => Number(new RegExp(`${name} = (\\d+)`).exec(header)?.[1]);
  t.equal(flagsOf({ anyInode: true }), flag('FLAG_ANY_INODE'));
  t.equal(flagsOf({ anyPath: true }), flag('FLAG_ANY_PATH'));
  const environment = { ...whole.environment, keepsOthers: true };
  t.equal(flagsOf({ environment }), flag('FLAG_KEEP_ENV'));
  t.equal(flagsOf({ environment, anyInode: true, anyPath: true }), 7);
  const { machine } = readHeader(encodePayload({ ...whole, architecture: 'arm64' })).numbers;
  t.equal(machine, 183);
  t.same(machines, { x64: 62, arm64: 183 });
});

t.test('a launch without a pid file, a status descriptor and service statuses tells so', async (t) => {
  const bytes = encodePayload({ ...whole, pidFile: undefined, statusFd: undefined, service: undefined });
  const { numbers, tables } = readHeader(bytes);
  const { pidFile, pidFileShown, statusFd, finalStatus, passingStatus } = numbers;
  t.same(
    { pidFile, pidFileShown, statusFd, finalStatus, passingStatus },
    { pidFile: 0, pidFileShown: 0, statusFd: -1, finalStatus: 0, passingStatus: 0 },
  );
  t.same([tables['pidWay']?.[1], tables['passing']?.[1]], [0, 0]);
});

// gnu_dev_makedev of glibc
const device = (major: bigint, minor: bigint): bigint =>
  ((major & 0xfffn) << 8n) |
  ((major & 0xffff_f000n) << 32n) |
  (minor & 0xffn) |
  ((minor & 0xffff_ff00n) << 12n);

t.test('a device is told by its major and its minor number', async (t) => {
  const number = fc.bigInt({ min: 0n, max: 0xffff_ffffn });
  const isKept = (major: bigint, minor: bigint): boolean => {
    const identity = { ...whole.identity, device: device(major, minor) };
    const { deviceMajor, deviceMinor } = readHeader(encodePayload({ ...whole, identity })).numbers;
    return deviceMajor === Number(major) && deviceMinor === Number(minor);
  };
  t.ok(isKept(0xffff_ffffn, 0n));
  t.ok(isKept(0n, 0xffff_ffffn));
  t.doesNotThrow(() => fc.assert(fc.property(number, number, isKept), { numRuns: 50 }));
});

t.test('strings have no gaps between them, equal ones are stored once, and the end is marked', async (t) => {
  const bytes = encodePayload({
    ...whole,
    components: [],
    environment: {
      beginnings: buffers('A=', 'A='),
      keepsOthers: false,
      entries: [],
      fallbacks: [],
      directories: [],
      jail: Buffer.from('j'),
    },
    plan: Buffer.from('01234567'),
    words: { heads: [], reasons: [], errors: [] },
    service: undefined,
    pidFile: undefined,
    planText: 'plan',
    helpText: 'plan',
    versionText: 'v',
  });
  // the plan, two texts, a gap before the empty tables, the beginning, a gap before the table of its two places
  const rest = '01234567plan\0v\0\0A=\0\0';
  const at = headerBytes + rest.indexOf('A=');
  const places = Buffer.alloc(8);
  places.writeUInt32LE(at, 0);
  places.writeUInt32LE(at, 4);
  const expected = Buffer.concat([Buffer.from(rest), places, Buffer.from('j\0'), Buffer.of(0, 1)]);
  t.same(bytes.subarray(headerBytes).toString('latin1'), expected.toString('latin1'));
});
