// Names by a name server of the test's own: honest, lying, and silent.

import { join } from 'node:path';
import t, { type Test } from 'tap';

import { patientMs } from '../../support/patience.ts';
import { unlessRoot } from '../../support/root.ts';
import { openNetworks, startInside } from '../../support/tcpwrappers/networks.ts';

const skip = unlessRoot('ip', 'unshare', 'python3');
const fixture = join(import.meta.dirname, '../../support/fixture/names.js');

// Names by the last byte of the address, and what they lead to: an address, another name, or nothing, not even an answer.
// The ninth is called by how often it was asked about.
const SERVER = `import socket, struct
names = {1: 'good.test', 2: 'liar.test', 3: 'alias.test', 4: 'nowhere.test', 5: 'silent.test', 7: '10.0.0.7', 8: 'Good8.Test'}
leads = {'good.test': ('A', '10.0.0.1'), 'liar.test': ('A', '10.0.0.99'), 'alias.test': ('CNAME', 'good3.test'),
  'good3.test': ('A', '10.0.0.3'), '10.0.0.7': ('A', '10.0.0.7'), 'good8.test': ('A', '10.0.0.8')}
def encode(name): return b''.join(bytes([len(p)]) + p.encode() for p in name.split('.')) + b'\\0'
def record(name, kind, data): return encode(name) + struct.pack('>HHIH', kind, 1, 60, len(data)) + data
asked = 0
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 53)); print('ready', flush=True)
while True:
  q, a = s.recvfrom(999); at = 12; parts = []
  while q[at]: parts.append(q[at+1:at+1+q[at]].decode().lower()); at += q[at] + 1
  question = q[12:at+5]; kind = struct.unpack('>H', q[at+1:at+3])[0]; name = '.'.join(parts); answers = []
  if kind == 12:
    last = int(parts[0])
    if last == 6: continue
    if last == 9: asked += 1; names[9] = f'asked{asked}.test'; leads[names[9]] = ('A', '10.0.0.9')
    if last in names: answers.append(record(name, 12, encode(names[last])))
  elif name == 'silent.test': continue
  elif kind == 1:
    while name in leads:
      what, where = leads[name]
      if what == 'A': answers.append(record(name, 1, socket.inet_aton(where))); break
      answers.append(record(name, 5, encode(where))); name = where
  known = answers or kind == 28 or (kind == 1 and name in leads)
  s.sendto(q[:2] + struct.pack('>HHHHH', 0x8180 | (0 if known else 3), 1, len(answers), 0, 0) + question + b''.join(answers), a)
`;

interface Named {
  readonly value?: string;
  readonly problem?: string;
  readonly error?: string;
  readonly ms: number;
}

interface Looked {
  readonly names: readonly Named[];
  readonly statMs: number;
  readonly again?: Named;
}

async function lookUp(t: Test, addresses: readonly string[]): Promise<Looked> {
  const { server } = openNetworks(t, 0);
  const files = { hosts: '', 'nsswitch.conf': 'hosts: files dns\n', 'resolv.conf': 'nameserver 127.0.0.1\n' };
  const dns = await startInside(t, server, files, ['python3', '-c', SERVER]);
  t.equal(await dns.next(), 'ready');
  const looked = await startInside(t, server, files, [process.execPath, fixture, ...addresses]);
  return JSON.parse(await looked.next()) as Looked;
}

t.test('what the name server says is believed as libwrap does', { skip }, async (t) => {
  const addresses = [1, 2, 3, 4, 5, 6, 7, 8, 10].map((last) => `10.0.0.${last}`);
  const { names } = await lookUp(t, [...addresses, '::ffff:10.0.0.1']);
  t.match(names, [
    { value: 'good.test' },
    { value: 'paranoid', problem: /^host name\/address mismatch: 10\.0\.0\.2/ },
    { value: 'paranoid', problem: 'host name/name mismatch: alias.test != good3.test' },
    { value: 'paranoid', problem: /^can't verify hostname: nowhere\.test: / },
    // a name without a confirmation in time is no better than a wrong one
    { value: 'paranoid', problem: "can't verify hostname: no answer in time for silent.test" },
    { value: 'unknown', problem: 'no answer in time' },
    { value: 'paranoid', problem: /non-FQDN 10\.0\.0\.7$/ },
    { value: 'Good8.Test' },
    { value: 'unknown', problem: 'Name or service not known' },
    { value: 'good.test' },
  ]);
  t.ok(names.every(({ ms }) => ms < patientMs(2500)));
});

t.test(
  'a name server that is silent holds up nothing else, and not too many wait for it',
  { skip },
  async (t) => {
    const { names, statMs } = await lookUp(
      t,
      Array.from({ length: 70 }, (_, i) => `10.0.${i}.6`),
    );
    t.ok(statMs < patientMs(900), `16 calls of node:fs took ${statMs} ms`);
    t.equal(names.filter(({ problem }) => problem === 'no answer in time').length, 64);
    t.equal(names.filter(({ error }) => error === 'too many names are being looked up').length, 6);
  },
);

t.test(
  'an address is asked about once for all who want its name, who are in nobody else’s way',
  { skip },
  async (t) => {
    const { names } = await lookUp(t, [
      ...Array.from({ length: 200 }, () => '10.0.0.6'),
      ...Array.from({ length: 200 }, () => '10.0.0.9'),
      '10.0.0.1',
    ]);
    t.same(new Set(names.slice(0, 200).map(({ problem }) => problem)), new Set(['no answer in time']));
    t.same(new Set(names.slice(200).map(({ value }) => value)), new Set(['asked1.test', 'good.test']));
  },
);

t.test('what is found counts for some seconds, and then it is asked for again', { skip }, async (t) => {
  const { names, again } = await lookUp(t, ['10.0.0.9', 'again']);
  t.equal(names[0]?.value, 'asked1.test');
  t.match(again, { value: 'asked2.test' });
  t.ok(Number(again?.ms) > 4000, `after ${again?.ms} ms`);
});
