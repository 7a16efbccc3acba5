import t from 'tap';

import { NEED_USER, resolve } from '../../../lib/tcpwrappers/connection/need.ts';
import { resolveNow } from '../../support/resolve-now.ts';
import { makeRequest } from '../../../lib/tcpwrappers/connection/request-info.ts';
import { decide } from '../../../lib/tcpwrappers/decide/ruling.ts';
import { makeHosts } from '../../support/tcpwrappers/hosts.ts';

const hosts = makeHosts({ allow: 'sshd: .example.com: spawn echo %N\n', deny: 'ALL: ALL\n' });

t.test('look-ups may take their time', async (t) => {
  const asked: string[] = [];
  const request = makeRequest({ daemon: 'sshd', client: { address: '10.0.0.1' } });
  const decision = await resolve(decide(hosts, request), async (need) => {
    asked.push(need.kind === 'name' ? need.end : need.kind);
    await Promise.resolve();
    return `${asked.at(-1)}.example.com`;
  });
  t.match(decision, { verdict: 'granted', effects: [{ kind: 'spawn', command: 'echo server.example.com' }] });
  t.same(asked, ['client', 'server']);
});

t.test('what a request has learned is not asked again', async (t) => {
  const request = makeRequest({ daemon: 'sshd', client: { address: '10.0.0.1' } });
  t.equal(resolveNow(decide(hosts, request), () => 'host.example.com').verdict, 'granted');
  const again = resolveNow(decide(hosts, request), () => {
    throw new Error('asked again');
  });
  t.equal(again.verdict, 'granted');
});

t.test('an ident server has ten seconds, as from tcpd', async (t) => {
  t.same(NEED_USER, { kind: 'user', timeoutSeconds: 10 });
  t.equal(makeRequest({ daemon: 'sshd', client: { address: '10.0.0.1' } }).identTimeoutSeconds, 10);
});
