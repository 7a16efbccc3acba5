// Whom a program may call: names, the addresses that they lead to, and addresses in numbers.
import t from 'tap';

import { toEntries, type Entry } from '../../lib/outbound/entry.ts';
import {
  entriesOf,
  entryFor,
  isOfJail,
  judgeAddress,
  judgeLiteral,
} from '../../lib/outbound/outbound-policy.ts';
import { parseAddress, type Words } from '../../lib/values/address.ts';

const list = (...texts: readonly string[]): readonly Entry[] => toEntries(texts, 'connectTo');
const words = (text: string): Words => parseAddress(text) ?? '';
const none: ReadonlySet<Words> = new Set();

t.test('a name is on the list itself, or beneath a domain', async (t) => {
  const entries = list(
    'a.example:1',
    '.zone.example:2',
    'a.zone.example:3',
    '192.0.2.0/24:4',
    'host-loopback:5',
  );
  const texts = (name: string) => entriesOf(entries, name).map(({ text }) => text);
  t.same(texts('a.example'), ['a.example:1']);
  t.same(texts('b.a.example'), []);
  t.same(texts('zone.example'), [], 'the domain itself is not beneath it');
  t.same(texts('a.zone.example'), ['.zone.example:2', 'a.zone.example:3']);
  t.same(texts('x.y.zone.example'), ['.zone.example:2']);
  t.same(texts('evilzone.example'), []);
  t.same(texts('zone.example.evil'), []);
  t.same(texts('host-loopback'), ['host-loopback:5']);
  t.same(texts(''), []);
});

t.test('a name may not lead to special addresses', async (t) => {
  const entries = list('a.example:80');
  const rows: readonly (readonly [address: string, reason: RegExp | undefined])[] = [
    ['9.9.9.9', undefined],
    ['2a00::1', undefined],
    ['0.0.0.0', /no address of a host/],
    ['0.1.2.3', /no address of a host/],
    ['::', /no address of a host/],
    ['127.0.0.1', /loopback/],
    ['127.9.9.9', /loopback/],
    ['::1', /loopback/],
    ['::ffff:127.0.0.1', /loopback/],
    ['::127.0.0.1', /another form/],
    ['10.0.0.1', /private/],
    ['172.16.0.1', /private/],
    ['172.31.255.255', /private/],
    ['172.32.0.0', undefined],
    ['192.168.1.1', /private/],
    ['::ffff:10.0.0.1', /private/],
    ['64:ff9b::a00:1', /another form/],
    ['64:ff9b:1::1', /another form/],
    ['2002:a00:1::', /another form/],
    ['2001:0:1::', /protocols/],
    ['100.64.0.1', /provider/],
    ['100.100.100.200', /metadata/],
    ['169.254.169.254', /metadata/],
    ['::ffff:169.254.169.254', /metadata/],
    ['168.63.129.16', /metadata/],
    ['fd00:ec2::254', /metadata/],
    ['169.254.1.1', /link-local/],
    ['fe80::1', /link-local/],
    ['fc00::1', /private/],
    ['fd12::1', /private/],
    ['fec0::1', /private/],
    ['192.0.0.1', /protocols/],
    ['192.0.2.1', /documents/],
    ['2001:db8::1', /documents/],
    ['198.18.0.20', /by which a jail names hosts/],
    ['fd75:6368:726f:6f74::10', /by which a jail names hosts/],
    ['224.0.0.251', /multicast/],
    ['ff02::1', /multicast/],
    ['240.0.0.1', /without hosts/],
    ['255.255.255.255', /without hosts/],
    ['100::1', /without hosts/],
  ];
  for (const [address, reason] of rows) {
    const said = judgeAddress(entries, words(address), none);
    if (reason === undefined) t.equal(said, undefined, address);
    else t.match(said, reason, address);
  }
});

t.test('an entry with a network allows what the network is made for', async (t) => {
  const judge = (entry: string, address: string) => judgeAddress(list(entry), words(address), none);
  t.equal(judge('db=10.0.0.0/8:1', '10.1.2.3'), undefined);
  t.match(judge('db=10.0.0.0/8:1', '192.168.0.1'), /not in the network of the entry/);
  t.match(judge('db=10.0.0.0/8:1', '9.9.9.9'), /not in the network of the entry/);
  t.match(
    judge('db=0.0.0.0/0:1', '10.1.2.3'),
    /private/,
    'a wide network is not meant to be the private ones',
  );
  t.equal(judge('db=0.0.0.0/0:1', '9.9.9.9'), undefined);
  t.match(judge('db=169.254.0.0/16:1', '169.254.169.254'), /metadata/);
  t.equal(judge('db=169.254.169.254:1', '169.254.169.254'), undefined);
  t.match(judge('db=0.0.0.0/0:1', '127.0.0.1'), /loopback/);
  t.match(judge('db=[::/0]:1', '::1'), /loopback/);
  t.equal(judge('db=[fd00::/8]:1', 'fd12::1'), undefined);
  t.equal(
    judgeAddress(list('db=10.0.0.0/8:1', 'db:1'), words('9.9.9.9'), none),
    undefined,
    'one entry is enough',
  );
  t.equal(judgeAddress(list('host-loopback:1'), words('127.0.0.1'), none), undefined);
  t.match(judgeAddress([], words('9.9.9.9'), none), /no entry/);
});

t.test('the addresses of this host need an entry of exactly this address', async (t) => {
  const own = new Set([words('9.9.9.9')]);
  t.match(judgeAddress(list('a:1'), words('9.9.9.9'), own), /address of this host/);
  t.equal(judgeAddress(list('a=9.9.9.9:1'), words('9.9.9.9'), own), undefined);
  for (const wide of ['9.9.9.8/31', '0.0.0.0/0']) {
    t.match(judgeAddress(list(`a=${wide}:1`), words('9.9.9.9'), own), /address of this host/);
    t.same(judgeLiteral(list(`${wide}:1`), words('9.9.9.9'), 1, own), {
      address: '9.9.9.9',
      port: 1,
      reason: 'it is an address of this host',
      entry: '9.9.9.9:1',
    });
  }
  t.equal(judgeLiteral(list('0.0.0.0/0:1', '9.9.9.9:1'), words('9.9.9.9'), 1, own), undefined);
  t.match(judgeLiteral(list('0.0.0.0/0:1', '9.9.9.9:2'), words('9.9.9.9'), 1, own), { entry: '9.9.9.9:1' });
});

t.test('a network of IPv6 has no addresses of IPv4', async (t) => {
  const entries = list('a=[::/0]:1', '[::/0]:1');
  t.match(judgeAddress(entriesOf(entries, 'a'), words('9.9.9.9'), none), /not in the network/);
  t.match(judgeLiteral(entries, words('9.9.9.9'), 1, none), { reason: 'no entry allows it' });
  t.equal(judgeLiteral(entries, words('2a00::1'), 1, none), undefined);
});

t.test('an address in numbers needs an entry in numbers', async (t) => {
  const judge = (address: string, port: number, ...texts: readonly string[]) =>
    judgeLiteral(list(...texts), words(address), port, none);
  t.equal(judge('192.0.2.7', 5432, '192.0.2.7:5432'), undefined);
  t.equal(judge('10.0.0.1', 1, '10.0.0.0/8:1'), undefined);
  t.same(judge('192.0.2.7', 80, '192.0.2.7:5432', 'a.example:80'), {
    address: '192.0.2.7',
    port: 80,
    reason: 'no entry allows it',
    entry: '192.0.2.7:80',
  });
  t.match(judge('10.0.0.1', 80, '0.0.0.0/0:80'), { reason: 'it is a private network', entry: '10.0.0.1:80' });
  t.match(judge('224.0.0.1', 80, '0.0.0.0/0:80'), { reason: 'it is multicast', entry: undefined });
  t.match(judge('2001:db8::1', 80), { entry: '[2001:db8::1]:80' });
});

t.test('the entry that would allow it stands beside a refusal', async (t) => {
  t.same(entryFor('a.example', 80, words('10.0.0.1')), { entry: 'a.example=10.0.0.1:80' });
  t.same(entryFor('a.example', undefined, words('fd12::1')), { entry: 'a.example=[fd12::1]:PORT' });
  t.same(entryFor('a.example', 80, words('127.0.0.1')), {}, 'no entry can');
});

t.test('addresses of the jail itself belong to no host', async (t) => {
  for (const address of ['198.18.0.1', '198.19.255.255', 'fd75:6368:726f:6f74::1', '127.0.0.1', '::1'])
    t.ok(isOfJail(words(address)), address);
  for (const address of ['198.20.0.1', 'fd75:6368:726f:6f75::1', '9.9.9.9', '::2'])
    t.notOk(isOfJail(words(address)), address);
});

t.test('an IPv4 address in the form of IPv6 is judged by both', async (t) => {
  const nets = list('[64:ff9b::/96]:1', '[2002::/16]:1', '[64:ff9b:1::/48]:1');
  const own = new Set([words('9.9.9.9')]);
  const rows: readonly (readonly [address: string, reason: RegExp | undefined])[] = [
    ['64:ff9b::9.9.9.8', undefined],
    ['2002:909:908::1', undefined],
    ['64:ff9b:1::9.9.9.8', undefined],
    ['64:ff9b::10.1.2.3', /a private network in another form/],
    ['64:ff9b:1::10.1.2.3', /a private network/],
    ['2002:a01:203::1', /a private network/],
    ['64:ff9b::169.254.169.254', /the metadata service/],
    ['64:ff9b::127.0.0.1', /the loopback of the host/],
    ['2002:7f00:1::1', /the loopback of the host/],
    ['64:ff9b::9.9.9.9', /an address of this host/],
  ];
  for (const [address, reason] of rows) {
    const denied = judgeLiteral(nets, words(address), 1, own);
    if (reason === undefined) t.equal(denied, undefined, address);
    else t.match(denied, { reason }, address);
    for (const net of ['[64:ff9b::/96]', '[2002::/16]', '[64:ff9b:1::/48]'])
      if (reason !== undefined)
        t.ok(judgeAddress(list(`a=${net}:1`), words(address), own), `${address} by name`);
  }
  const exact = '64:ff9b::10.1.2.3';
  t.equal(judgeLiteral(list(`[${exact}]:1`), words(exact), 1, own), undefined);
  t.equal(judgeAddress(list(`a=[${exact}]:1`), words(exact), own), undefined);
  t.same(entryFor('a', 1, words(exact)), { entry: 'a=[64:ff9b::a01:203]:1' });
  t.same(entryFor('a', 1, words('64:ff9b::127.0.0.1')), {});
  t.match(judgeLiteral(list('[64:ff9b::127.0.0.1]:1'), words('64:ff9b::127.0.0.1'), 1, own), {
    reason: /the loopback/,
  });
});
