// A guard between networks: real clients, at other addresses than its own, with names and users.
import { join } from 'node:path';

import t from 'tap';

import { unlessRoot } from '../support/root.ts';
import { addAddresses, connectFrom, openNetworks, startInside } from '../support/tcpwrappers/networks.ts';
import { openFiles } from '../support/tcpwrappers/open.ts';

const skip = unlessRoot('ip', 'unshare', 'bash', 'python3');
const fixture = join(import.meta.dirname, '../support/fixture/guarded.js');

// What the server's resolver knows.
const HOSTS = `127.0.0.1 localhost
10.231.0.2 friend.test
10.231.9.9 honest.test liar.test
10.231.1.2 liar.test
10.231.2.2 real.test alias.test
fd00:231:0::2 friend6.test
`;

const TRUSTED = 'netgroup 1 hosts';

// Answers for port 113 that whoever asks is joe, and says from where it was asked.
const IDENTD = `import socket
s = socket.create_server(('0.0.0.0', 113)); print('ready', flush=True)
while True:
  c, a = s.accept(); q = c.recv(99).decode().strip(); print(a[0], flush=True)
  c.sendall(f'{q}:USERID:UNIX:joe\\r\\n'.encode()); c.close()
`;

t.test('names, users and networks count as the rules say', { skip }, async (t) => {
  const { server, clients } = openNetworks(t, 4);
  const { path, write } = openFiles(t, {
    allow: `service: @trusted
service: joe@10.231.3.0/255.255.255.0
service: [fd00:231:0::]/48 EXCEPT [fd00:231:2::]/64
service: alias.test
`,
    deny: `service: PARANOID: twist echo "%n, really?"
service: UNKNOWN: banners @/banners
ALL: ALL
`,
    'banners/service': 'no name: %n %a\n',
  });
  const guarded = await startInside(
    t,
    server,
    {
      hosts: HOSTS,
      'nsswitch.conf': 'hosts: files\nnetgroup: files\n',
      netgroup: 'trusted (friend.test,,)\n',
    },
    [process.execPath, fixture, path('allow'), path('deny')],
  );
  const port = Number(await guarded.next());
  const from = async (i: number, address: string): Promise<[string, Record<string, unknown>]> => {
    const client = clients[i];
    if (client === undefined) throw new Error(`there is no client ${i}`);
    const heard = connectFrom(client, address, port);
    return [heard, JSON.parse(await guarded.next()) as Record<string, unknown>];
  };

  t.match(await from(0, '10.231.0.1'), [
    'served\n',
    {
      verdict: 'granted',
      lookups: [TRUSTED, 'name friend.test'],
      log: 'connect from friend.test (10.231.0.2)',
    },
  ]);
  t.match(await from(1, '10.231.1.1'), [
    'paranoid, really?\n',
    { verdict: 'delegated', lookups: [TRUSTED, 'name paranoid'], log: /^twist 10\.231\.1\.2 to echo/ },
  ]);
  // the name that stands first is the canonical one
  t.match(await from(2, '10.231.2.1'), ['', { verdict: 'denied', lookups: [TRUSTED, 'name real.test'] }]);
  t.match(await from(3, '10.231.3.1'), [
    'no name: unknown 10.231.3.2\r\n',
    { verdict: 'denied', lookups: [TRUSTED, 'name unknown', 'user unknown', 'banner 15 bytes'] },
  ]);
  t.match(await from(0, 'fd00:231:0::1'), [
    'served\n',
    { verdict: 'granted', lookups: [TRUSTED, 'name friend6.test'], log: /\(fd00:231::2\)$/ },
  ]);
  t.match(await from(1, 'fd00:231:1::1'), [
    'no name: unknown fd00:231:1::2\r\n',
    { verdict: 'denied', log: 'refused connect from fd00:231:1::2 (fd00:231:1::2)' },
  ]);

  const asked = await startInside(t, clients[3] ?? server, {}, ['python3', '-c', IDENTD]);
  t.equal(await asked.next(), 'ready');
  t.match(await from(3, '10.231.3.1'), [
    'served\n',
    {
      verdict: 'granted',
      lookups: [TRUSTED, 'name unknown', 'user joe'],
      log: 'connect from joe@10.231.3.2 (10.231.3.2)',
    },
  ]);
  t.equal(await asked.next(), '10.231.3.1', 'asked from the address that the client has connected to');

  write('allow', 'service: 10.231.2.2\n');
  t.match(await from(2, '10.231.2.1'), ['served\n', { verdict: 'granted', lookups: [] }]);
  t.match(await from(0, '10.231.0.1'), ['', { verdict: 'denied' }]);
});

// A name server that knows one client, and does not answer about any other.
const DNS = `import socket, struct
def encode(name): return b''.join(bytes([len(p)]) + p.encode() for p in name.split('.')) + b'\\0'
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 53)); print('ready', flush=True)
while True:
  q, a = s.recvfrom(999); at = 12; parts = []
  while q[at]: parts.append(q[at+1:at+1+q[at]].decode().lower()); at += q[at] + 1
  question = q[12:at+5]; kind = struct.unpack('>H', q[at+1:at+3])[0]; name = '.'.join(parts)
  if name == '2.1.231.10.in-addr.arpa': data = encode('good.test')
  elif name == 'good.test' and kind == 1: data = socket.inet_aton('10.231.1.2')
  else: continue
  answer = b'\\xc0\\x0c' + struct.pack('>HHIH', kind, 1, 60, len(data)) + data
  s.sendto(q[:2] + struct.pack('>HHHHH', 0x8180, 1, 1, 0, 0) + question + answer, a)
`;

// Connects from each of the addresses, so many times, and stays.
const CROWD = `import socket, sys, time
to, port, count, *addresses = sys.argv[1:]
held = [socket.create_connection((to, int(port)), source_address=(a, 0)) for a in addresses for _ in range(int(count))]
print('connected', flush=True); time.sleep(600)
`;

t.test('a stranger whose addresses have dead reverse DNS locks out nobody else', { skip }, async (t) => {
  const { server, clients } = openNetworks(t, 2);
  const [stranger, good] = clients;
  if (stranger === undefined || good === undefined) throw new Error('there are two clients');
  const network = Array.from({ length: 100 }, (_, i) => `fd00:231:0::1:${i}`);
  addAddresses(stranger, network);
  const { path } = openFiles(t, { allow: 'service: good.test\n', deny: 'ALL: ALL\n' });
  const resolver = 'nameserver 127.0.0.1\noptions timeout:30\n'; // not 5 s: the name server may be slow
  const files = { hosts: '', 'nsswitch.conf': 'hosts: files dns\n', 'resolv.conf': resolver };
  const dns = await startInside(t, server, files, ['python3', '-c', DNS]);
  t.equal(await dns.next(), 'ready');
  const guarded = await startInside(t, server, files, [
    process.execPath,
    fixture,
    path('allow'),
    path('deny'),
    '20',
  ]);
  const port = await guarded.next();
  const crowd = async (to: string, count: number, addresses: readonly string[]): Promise<void> => {
    const command = ['python3', '-c', CROWD, to, port, String(count), ...addresses];
    t.equal(await (await startInside(t, stranger, {}, command)).next(), 'connected');
  };
  await crowd('10.231.0.1', 200, ['10.231.0.2']);
  await crowd('fd00:231:0::1', 1, network);
  // none of the stranger's has been decided yet when they are served
  for (let i = 0; i < 8; i++) {
    t.equal(connectFrom(good, '10.231.1.1', Number(port)), 'served\n');
    t.match(JSON.parse(await guarded.next()), { verdict: 'granted', lookups: ['name good.test'] });
  }
});
