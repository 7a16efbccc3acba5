// The network of a jail that may call the names of a list, as messages to the kernel (netlink(7), rtnetlink(7), nf_tables). Pure.
//
// The addresses that stand for names, and the networks that entries name, are local there: what is sent to them arrives in the jail's own
// network, and a rule leads it to a socket that the service answers (tproxy). For all other addresses there is no route.
import { endianness } from 'node:os';

import { isMapped, parseAddress, toOctets, type Words } from '../values/address.ts';
import type { Entry } from './entry.ts';
import { fakeNets, ownAddresses } from './fake-address.ts';
import type { Net } from './special.ts';

const number = (bytes: 1 | 2 | 4, value: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  if (endianness() === 'LE') buffer.writeUIntLE(value, 0, bytes);
  else buffer.writeUIntBE(value, 0, bytes);
  return buffer;
};
const u8 = (value: number): Buffer => number(1, value);
const u16 = (value: number): Buffer => number(2, value);
const u32 = (value: number): Buffer => number(4, value);
const big32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
};
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);

const attribute = (type: number, value: Buffer): Buffer =>
  padded(Buffer.concat([u16(4 + value.length), u16(type), value]));
const nested = (type: number, ...values: readonly Buffer[]): Buffer =>
  attribute(0x8000 | type, Buffer.concat(values));
const text = (value: string): Buffer => Buffer.from(`${value}\0`);

const [request, acknowledged, create] = [1, 4, 0x400];

function message(type: number, flags: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(16 + body.length), u16(type), u16(flags), u32(0), u32(0), body]);
}

// The kernel answers the last one, and all that fail: hundreds of answers would not fit into a socket.
function answered(parts: readonly Buffer[]): Buffer {
  const last = Buffer.from(parts.at(-1) ?? []);
  u16((endianness() === 'LE' ? last.readUInt16LE(6) : last.readUInt16BE(6)) | acknowledged).copy(last, 6);
  return Buffer.concat([...parts.slice(0, -1), last]);
}

const loopback = 1; // the first device of each network
const [inet, inet6] = [2, 10];
const familyAt = 16; // the first byte after struct nlmsghdr

interface Target {
  readonly family: number;
  readonly octets: Buffer;
  readonly length: number;
}

function targetOf({ words, length }: Net): Target {
  const octets = toOctets(words);
  return isMapped(words) && length >= 96
    ? { family: inet, octets: octets.subarray(12), length: length - 96 }
    : { family: inet6, octets, length };
}

// RTM_NEWADDR: struct ifaddrmsg, IFA_LOCAL, IFA_ADDRESS. Without a search for duplicates (IFA_F_NODAD) an IPv6 address works at once.
function newAddress(words: Words): Buffer {
  const { family, octets, length } = targetOf({ words, length: 128 });
  const head = Buffer.concat([u8(family), u8(length), u8(2), u8(0), u32(loopback)]);
  return message(20, request | create, head, attribute(2, octets), attribute(1, octets));
}

// RTM_NEWROUTE: struct rtmsg for the table `local`, RTA_DST, RTA_OIF.
function newRoute(net: Net): Buffer {
  const { family, octets, length } = targetOf(net);
  const [table, byBoot, scope, local] = [255, 3, family === inet ? 254 : 0, 2];
  const head = Buffer.concat([
    u8(family),
    u8(length),
    u8(0),
    u8(0),
    u8(table),
    u8(byBoot),
    u8(scope),
    u8(local),
    u32(0),
  ]);
  return message(24, request | create, head, attribute(1, octets), attribute(4, u32(loopback)));
}

/** The networks whose connections arrive in the jail. */
export const caughtNets = (list: readonly Entry[]): readonly Net[] => [
  ...fakeNets,
  ...list.flatMap(({ kind, net }) => (kind === 'net' && net !== undefined ? [net] : [])),
];

/** Addresses and routes (NETLINK_ROUTE), those of IPv4 first: the others fail where IPv6 is off, and that is allowed (native/plan/outbound.cc). */
export const routeMessages = (list: readonly Entry[]): Buffer =>
  answered(
    [...ownAddresses.map(newAddress), ...caughtNets(list).map(newRoute)].toSorted(
      (one, other) => one.readUInt8(familyAt) - other.readUInt8(familyAt),
    ),
  );

// nf_tables: linux/netfilter/nf_tables.h
const subsystem = 10 << 8;
const [newTable, newChain, newRule] = [0, 3, 6];
const bothFamilies = 1; // NFPROTO_INET
const names = { table: 'uchroot', chain: 'outbound' };
const register = 1;

const headOf = (family: number, resource: number): Buffer => {
  const id = Buffer.alloc(2);
  id.writeUInt16BE(resource);
  return Buffer.concat([u8(family), u8(0), id]);
};

const table = (type: number, flags: number, ...parts: readonly Buffer[]): Buffer =>
  message(subsystem | type, request | create | flags, headOf(bothFamilies, 0), ...parts);

const expression = (name: string, ...parts: readonly Buffer[]): Buffer =>
  nested(1, attribute(1, text(name)), nested(2, ...parts));
const value = (type: number, bytes: Buffer): Buffer => nested(type, attribute(1, bytes));

const load = (key: number): Buffer =>
  expression('meta', attribute(2, big32(key)), attribute(1, big32(register)));
const equals = (bytes: Buffer): Buffer =>
  expression('cmp', attribute(1, big32(register)), attribute(2, big32(0)), value(3, bytes));

const [metaFamily, metaProtocol, tcp] = [15, 16, 6];

const maskOf = (bytes: number, length: number): Buffer =>
  Buffer.from(
    Array.from({ length: bytes }, (_, i) => (0xff00 >> Math.min(8, Math.max(0, length - 8 * i))) & 0xff),
  );

// The target address of the header, as far as it is of the network.
function matchTarget({ family, octets, length }: Target): readonly Buffer[] {
  if (length === 0) return [];
  const bytes = octets.length;
  const mask = maskOf(bytes, length);
  return [
    expression(
      'payload',
      attribute(1, big32(register)),
      attribute(2, big32(1)),
      attribute(3, big32(family === inet ? 16 : 24)),
      attribute(4, big32(bytes)),
    ),
    expression(
      'bitwise',
      attribute(1, big32(register)),
      attribute(2, big32(register)),
      attribute(3, big32(bytes)),
      value(4, mask),
      value(5, Buffer.alloc(bytes)),
    ),
    equals(Buffer.from(octets.map((octet, i) => octet & (mask[i] ?? 0)))),
  ];
}

const rule = (...steps: readonly Buffer[]): Buffer =>
  table(
    newRule,
    0x800,
    attribute(1, text(names.table)),
    attribute(2, text(names.chain)),
    nested(4, ...steps),
  );

// NF_ACCEPT: the jail's own servers stay its own, also if an entry names a network around them.
function spare(net: Net): Buffer {
  const target = targetOf(net);
  const verdict = nested(2, nested(2, attribute(1, big32(1))));
  return rule(
    load(metaFamily),
    equals(u8(target.family)),
    ...matchTarget(target),
    expression('immediate', attribute(1, big32(0)), verdict),
  );
}

function leadTo(port: number, net: Net): Buffer {
  const target = targetOf(net);
  const wanted = Buffer.alloc(2);
  wanted.writeUInt16BE(port);
  const steps = [
    load(metaFamily),
    equals(u8(target.family)),
    load(metaProtocol),
    equals(u8(tcp)),
    ...matchTarget(target),
    expression('immediate', attribute(1, big32(register)), value(2, wanted)),
    expression('tproxy', attribute(1, big32(target.family)), attribute(3, big32(register))),
  ];
  return rule(...steps);
}

const ofLoopback = ['127.0.0.0', '::1'].map((text, at): Net => ({
  words: parseAddress(text) ?? '',
  length: at === 0 ? 104 : 128,
}));

/** The rules that lead all connections to these networks to one port of the jail (NETLINK_NETFILTER). */
export function ruleMessages(list: readonly Entry[], port: number): Buffer {
  const [begin, end] = [16, 17].map((type) => message(type, request, headOf(0, 10)));
  const hook = nested(4, attribute(1, big32(0)), attribute(2, big32(0xffff_ff6a))); // before routing, at -150
  const rules = [...ofLoopback.map(spare), ...caughtNets(list).map((net) => leadTo(port, net))];
  const parts = [
    table(newTable, 0, attribute(1, text(names.table)), attribute(2, big32(0))),
    table(
      newChain,
      0,
      attribute(1, text(names.table)),
      attribute(3, text(names.chain)),
      hook,
      attribute(7, text('filter')),
    ),
    ...rules,
  ];
  return Buffer.concat([begin ?? Buffer.alloc(0), answered(parts), end ?? Buffer.alloc(0)]);
}
