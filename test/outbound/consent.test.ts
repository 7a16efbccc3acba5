// The questions to a service about connections that no entry allows.
import { mock } from 'node:test';

import t from 'tap';

import { Consent, type OnConnect, type WantedConnection } from '../../lib/outbound/consent.ts';

t.test('only true allows a connection', async (t) => {
  for (const answer of [false, undefined, 1, 'yes', {}, Promise.resolve(false)]) {
    const consent = new Consent((() => answer) as unknown as OnConnect);
    t.equal(await consent.reasonAgainst({ name: 'a.example', port: 443 }), 'onConnect does not allow it');
  }
  for (const answer of [true, Promise.resolve(true)])
    t.equal(await new Consent(() => answer).reasonAgainst({ address: '192.0.2.1', port: 1 }), undefined);
});

t.test('an error is a denial', async (t) => {
  const port = 443;
  const thrown = new Consent(() => {
    throw new Error('no database');
  });
  t.equal(await thrown.reasonAgainst({ name: 'a.example', port }), 'onConnect has failed: no database');
  // oxlint-disable-next-line prefer-promise-reject-errors
  const rejected = new Consent(() => Promise.reject('gone'));
  t.equal(await rejected.reasonAgainst({ name: 'a.example', port }), 'onConnect has failed: gone');
});

t.test('an answer that does not come in 30 seconds is a denial', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const consent = new Consent(() => new Promise(() => {}));
  const reason = consent.reasonAgainst({ name: 'a.example', port: 443 });
  mock.timers.tick(30_000);
  t.equal(await reason, 'onConnect has not answered within 30 seconds');
});

t.test('each name or address and port is asked about once, and not without end', async (t) => {
  const asked: WantedConnection[] = [];
  const consent = new Consent(async (wanted) => asked.push(wanted) > 0);
  const wanted = [
    { name: 'a.example', port: 443 },
    { name: 'a.example', port: 80 },
    { address: '192.0.2.1', port: 80 },
  ];
  const both = [...wanted, ...wanted].map((one) => consent.reasonAgainst(one));
  t.same(await Promise.all(both), Array(6).fill(undefined));
  t.same(asked, wanted);
  for (let port = 1; port < 5000; port++) void consent.reasonAgainst({ name: 'b.example', port });
  t.equal(asked.length, 4096);
  t.equal(
    await consent.reasonAgainst({ name: 'c.example', port: 1 }),
    'the program has called too many names',
  );
});
