// The addresses that stand for names in a jail, and the messages that make them local there.
import t from 'tap';

import { toEntries } from '../../lib/outbound/entry.ts';
import {
  FakeAddresses,
  fakeNets,
  mayMakeUp,
  mostNames,
  ownAddresses,
} from '../../lib/outbound/fake-address.ts';
import { caughtNets, routeMessages, ruleMessages } from '../../lib/outbound/network.ts';
import { fromOctets, parseAddress, showAddress } from '../../lib/values/address.ts';

const mapped = (four: Buffer): string =>
  fromOctets(Buffer.concat([Buffer.from('00000000000000000000ffff', 'hex'), four]));

t.test('a name has one address of each family, which lead back to it', async (t) => {
  const fake = new FakeAddresses();
  const first = fake.of('a.example');
  const second = fake.of('b.example');
  t.equal(first?.four.join('.'), '198.18.0.16');
  t.equal(second?.four.join('.'), '198.18.0.17');
  t.equal(showAddress(fromOctets(first?.six ?? Buffer.alloc(16))), 'fd75:6368:726f:6f74::10');
  t.same(fake.of('a.example'), first);
  t.equal(fake.nameOf(mapped(second?.four ?? Buffer.alloc(4))), 'b.example');
  t.equal(fake.nameOf(fromOctets(second?.six ?? Buffer.alloc(16))), 'b.example');
});

t.test('a program makes up so many names, and asks for each as often as it likes', async (t) => {
  const names = new Set<string>();
  for (let i = 0; i < mostNames; i++) mayMakeUp(names, `n${i}.example`);
  t.ok(mayMakeUp(names, 'n0.example'), 'also after thousands of questions');
  t.notOk(mayMakeUp(names, 'other.example'));
  t.equal(names.size, mostNames);
});

t.test('no other address has a name', async (t) => {
  const fake = new FakeAddresses();
  fake.of('a.example');
  const others = [
    '198.18.0.1',
    '198.18.0.15',
    '198.18.0.17',
    '198.19.255.255',
    '198.20.0.16',
    '9.9.9.9',
    '127.0.0.1',
    '::1',
  ];
  for (const text of [
    ...others,
    'fd75:6368:726f:6f74::1',
    'fd75:6368:726f:6f74::11',
    'fd75:6368:726f:6f74:1::10',
    'fd75:6368:726f:6f75::10',
  ])
    t.equal(fake.nameOf(parseAddress(text) ?? ''), undefined, text);
});

t.test('a program cannot use up memory by names', async (t) => {
  const fake = new FakeAddresses();
  for (let i = 0; i < mostNames; i++) fake.of(`n${i}.example`);
  t.equal(fake.of('more.example'), undefined);
  t.ok(fake.of('n0.example'));
  t.equal(fake.of(`n${mostNames - 1}.example`)?.four.join('.'), '198.18.16.15');
});

t.test('the networks of the entries are caught, besides those of the names', async (t) => {
  const list = toEntries(
    ['a.example:443', '192.0.2.0/24:1', '[2001:db8::/32]:2', 'db=10.0.0.0/8:3'],
    'connectTo',
  );
  t.same(caughtNets([]), fakeNets);
  t.equal(caughtNets(list).length, 4, 'a network that a name must lead to is no network of the jail');
});

t.test('each message has its length, ends at a multiple of four, and one of them is answered', async (t) => {
  const list = toEntries(['192.0.2.0/24:1', '[::/0]:2'], 'connectTo');
  const rows = [
    [routeMessages(list), ownAddresses.length + 4, 'addresses, and networks'],
    [ruleMessages(list, 1), 1 + 2 + 2 + 4 + 1, 'a table, a chain, what is spared, a rule for each'],
  ] as const;
  for (const [bytes, count, what] of rows) {
    let [asked, messages, family] = [0, 0, 0];
    let at = 0;
    while (at < bytes.length) {
      const length = bytes.readUInt32LE(at);
      t.ok(length >= 20 && length % 4 === 0);
      if (bytes === rows[0][0]) t.ok(family <= (family = bytes[at + 16] ?? 0), 'IPv4 comes first');
      if ((bytes.readUInt16LE(at + 6) & 4) !== 0) asked++;
      at += length;
      messages++;
    }
    t.same([at, asked, messages], [bytes.length, 1, count], what);
  }
});
