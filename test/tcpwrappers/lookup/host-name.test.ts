import t from 'tap';

import { judgeName, lookUpName } from '../../../lib/tcpwrappers/lookup/host-name.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const host = { isLast: true, name: bytes('host.example.com'), isNumeric: false } as const;
const right = { ...host, canonical: bytes('host.example.com'), hasAddress: true } as const;

t.test('a name is believed that is canonical and leads back to the address', async (t) => {
  t.same(judgeName('10.0.0.1', right), { value: 'host.example.com' });
  t.same(judgeName('10.0.0.1', { ...right, canonical: bytes('HOST.example.com') }), {
    value: 'host.example.com',
  });
});

const doubts: readonly (readonly [what: string, facts: object])[] = [
  ['is an alias', { canonical: bytes('other.example.com') }],
  ['has no canonical name', { canonical: bytes('') }],
  ['leads to other addresses', { hasAddress: false }],
  ['leads to none', { forwardError: 'Name or service not known' }],
  ['is an address in numbers', { name: bytes('10.0.0.1'), isNumeric: true }],
  // who lets the second answer wait is not better off than who gives a wrong one
  ['was not followed in time', { isLast: false }],
];
for (const [what, facts] of doubts)
  t.test(`a name that ${what} is paranoid, and it is said why`, async (t) => {
    const { value, problem } = judgeName('10.0.0.1', { ...right, ...facts });
    t.equal(value, 'paranoid');
    t.type(problem, 'string');
  });

t.test('localhost may be an alias, but not of another address', async (t) => {
  const localhost = { ...right, name: bytes('LocalHost'), canonical: bytes('vm.example.com') };
  t.same(judgeName('127.0.0.1', localhost), { value: 'LocalHost' });
  t.equal(judgeName('10.0.0.1', { ...localhost, hasAddress: false }).value, 'paranoid');
});

t.test('no name is unknown', async (t) => {
  t.match(judgeName('10.0.0.1', { isLast: true, reverseError: 'Name or service not known' }), {
    value: 'unknown',
    problem: 'Name or service not known',
  });
});

t.test('names come from the system, which knows /etc/hosts, and mapped addresses are IPv4', async (t) => {
  t.same(await lookUpName('127.0.0.1', 10_000), { value: 'localhost' });
  t.same(await lookUpName('::ffff:127.0.0.1', 10_000), { value: 'localhost' });
});

t.test('what is no address has no name, and nobody is asked', async (t) => {
  t.match(await lookUpName('localhost', 10_000), { value: 'unknown', problem: 'no address' });
  t.match(await lookUpName('unknown', 10_000), { value: 'unknown', problem: 'no address' });
});
