import { isIPv6 } from 'node:net';
import * as fc from 'fast-check';
import t from 'tap';

import {
  formatQuad,
  formatWords,
  networkWords,
  parseQuad,
  parseWords,
  parseZoned,
  shareOf,
  unmapAddress,
} from '../../lib/values/address.ts';
import { atoi, scanInt, scanUnsigned } from '../../lib/tcpwrappers/text/latin1.ts';

t.test('an IPv4 address has four parts, decimal, octal or hexadecimal', async (t) => {
  t.equal(parseQuad('10.0.0.1'), 0x0a000001);
  t.equal(parseQuad('012.0x0A.0.1'), 0x0a0a0001);
  t.equal(parseQuad('0.0.0.0'), 0);
  t.equal(parseQuad('255.0.255.254'), 0xff00fffe);
  t.equal(parseQuad('0377.0XfF.09.00'.replace('09', '011')), 0xffff0900);
  for (const text of [
    '10.0.1',
    '10',
    '1.2.3.4.5',
    '1..2.3',
    '.1.2.3',
    '1.2.3.',
    '1.2.3.4.',
    '1...',
    '256.0.0.1',
    '0.0.0.256',
    '0.0400.0.1',
    '1.2.3.4x',
    '+1.2.3.4',
    '/1.2.3.4',
    ':1.2.3.4',
    '08.0.0.1',
    'a.b.c.d',
    '',
  ])
    t.equal(parseQuad(text), undefined, text);
});

t.test('inet_addr(3) stops at white space, and fewer parts fill the address', async (t) => {
  t.equal(parseQuad('1.2.3.4 x'), 0x01020304);
  t.equal(parseQuad('1.2.3 .4'), 0x01020003);
  t.equal(parseQuad('1.2.65535 .4'), 0x0102ffff);
  t.equal(parseQuad('1.2.65536 .4'), undefined);
  t.equal(parseQuad('1.16777215 .3.4'), 0x01ffffff);
  t.equal(parseQuad('16909060\t.2.3.4'), 0x01020304);
  t.equal(parseQuad(' 1.2.3.4'), undefined);
});

t.test('255.255.255.255 is none: inet_addr(3) says -1 for an error', async (t) => {
  t.equal(parseQuad('255.255.255.255'), undefined);
  t.equal(parseQuad('0377.0377.0377.0377'), undefined);
});

t.test('IPv6 addresses are those that node:net knows', async (t) => {
  const texts = fc.oneof(
    fc.ipV6(),
    fc
      .array(fc.constantFrom(':', '::', 'a', '0', '00001', 'ffff', '1.2.3.4', '01.2.3.4', 'g'), {
        maxLength: 12,
      })
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(texts, (text) => (parseWords(text) !== undefined) === isIPv6(text)),
    { numRuns: 2000 },
  );
  t.pass();
});

t.test('one address in two spellings is one', async (t) => {
  t.equal(parseWords('2001:DB8::1'), parseWords('2001:0db8:0:0:0:0:0:1'));
  t.equal(parseWords('::1.2.3.4'), parseWords('::102:304'));
  t.equal(parseWords('::255.0.254.1'), parseWords('::ff00:fe01'));
  t.not(parseWords('::1'), parseWords('::2'));
  t.equal(parseWords('1:2:3::5:6:7:8'), parseWords('1:2:3:0:5:6:7:8'));
  t.equal(parseWords('1:2:3:4::5:6:7:8'), undefined);
});

t.test('a zone is a number, or an interface behind a link-local address', async (t) => {
  t.same(parseZoned('::1'), { words: parseWords('::1') });
  t.equal(parseZoned('x'), undefined);
  t.match(parseZoned('fe80::1%eth0'), { zone: 'eth0' });
  t.match(parseZoned('fe80::1%3'), { zone: undefined });
  t.match(parseZoned('2001:db8::1%3'), { zone: undefined });
  t.match(parseZoned('::1%4294967295'), { zone: undefined });
  for (const text of ['febf::1', 'ff01::1', 'ff02::1', 'fff1::1', 'ff12::1'])
    t.match(parseZoned(`${text}%eth0`), { zone: 'eth0' }, text);
  for (const text of [
    '2001:db8::1%eth0',
    'fec0::1%eth0',
    'ff03::1%eth0',
    'fe01::1%eth0',
    'fe80::1%',
    '::1%4294967296',
    '::1%42949672950',
    '%eth0',
  ])
    t.equal(parseZoned(text), undefined, text);
});

t.test('networks are cut at any bit', async (t) => {
  const all = parseWords('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff') ?? '';
  t.equal(networkWords(all, 0), '');
  t.equal(networkWords(all, 128), all);
  t.equal(networkWords(all, 17), '\uffff\u8000');
  t.equal(networkWords(all, 31), '\uffff\ufffe');
  t.equal(networkWords(all, 32), '\uffff\uffff');
});

t.test('addresses are written in their shortest form', async (t) => {
  t.equal(formatQuad(0xff000a01n), '255.0.10.1');
  t.equal(formatWords(0x20010db8_0000_0000_0000_0000_0001_000an), '2001:db8::1:a');
  t.equal(formatWords(1n), '::1');
});

t.test('mapped addresses in dotted form are IPv4 ones', async (t) => {
  t.equal(unmapAddress('::FFFF:10.0.0.1'), '10.0.0.1');
  for (const text of ['::ffff:a00:1', '0::ffff:10.0.0.1', '::ffff:10.0.1', '10.0.0.1'])
    t.equal(unmapAddress(text), text);
});

t.test('numbers wrap as in C', async (t) => {
  t.same(
    ['8x', '+8', ' \v8', '-1', 'x', '', '4294967304', '99999999999999999999', '-99999999999999999999'].map(
      atoi,
    ),
    [8, 8, 8, -1, 0, 0, 8, -1, 0],
  );
  t.same(['9223372036854775807', '-9223372036854775807', '-9223372036854775808'].map(atoi), [-1, 1, 0]);
  t.same(
    ['99999999999999999999', '-99999999999999999999'].map((text) => scanUnsigned(text, 10)),
    [4294967295, 4294967295],
  );
  t.same([scanInt('5'), scanInt('5x'), scanInt(''), scanInt('+-5')], [5, undefined, undefined, undefined]);
  t.same(
    [scanUnsigned('4294967318', 10), scanUnsigned('-4294967274', 10), scanUnsigned('22x', 10)],
    [22, 22, undefined],
  );
  t.same([scanUnsigned('022', 8), scanUnsigned('8', 8), scanUnsigned('40000000022', 8)], [18, undefined, 18]);
});

t.test('a site counts as one client, and each link-local address as another one', async (t) => {
  t.equal(shareOf('2001:db8:1::1'), shareOf('2001:DB8:1:ffff::2'));
  t.not(shareOf('2001:db8:1::1'), shareOf('2001:db8:2::1'));
  t.equal(shareOf('::ffff:192.0.2.1'), '192.0.2.1');
  t.not(shareOf('fe80::1%eth0'), shareOf('fe80::2%eth0'));
  t.not(shareOf('fe80::1%eth0'), shareOf('fe80::1%eth1'));
  t.equal(shareOf('FE80::1%eth0'), shareOf('fe80:0::1%eth0'));
  t.not(shareOf('febf:ffff::1'), shareOf('febf:ffff::2'));
  t.equal(shareOf('fec0::1'), shareOf('fec0::2'));
});
