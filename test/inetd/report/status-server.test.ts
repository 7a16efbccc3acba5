// The socket of `uchroot-inetd status`, where something else can listen, or nothing can.
import { createServer, type Server as HttpServer } from 'node:http';
import { createServer as createNetServer, type Server } from 'node:net';

import t, { type Test } from 'tap';

import { askStatus, openStatusServer } from '../../../lib/inetd/report/status-server.ts';
import { findAddressProblem } from '../../../lib/inetd/service-problem.ts';
import { Inetd } from '../../../lib/inetd/inetd.ts';
import { Metrics } from '../../../lib/inetd/report/metrics.ts';
import { makeDirectory } from '../../support/directory.ts';

async function listen(t: Test, server: Server | HttpServer): Promise<string> {
  const path = `${makeDirectory(t)}/socket`;
  await new Promise<void>((done) => server.listen(path, () => done()));
  t.teardown(() => server.close());
  return path;
}

t.test('who never answers is told after some time', async (t) => {
  const path = await listen(
    t,
    createNetServer((socket) => t.teardown(() => socket.destroy())),
  );
  await t.rejects(askStatus(path, 'status', 50), {
    name: 'UsageError',
    message: `${path}: no answer within 0.05 seconds`,
  });
});

t.test('another server is not taken for uchroot-inetd', async (t) => {
  for (const server of [
    createNetServer((socket) => socket.end('hello\n')),
    createServer((_, response) => response.writeHead(404, { 'content-type': 'application/json' }).end('{}')),
    createServer((_, response) => response.end('hello')),
  ]) {
    const path = await listen(t, server);
    await t.rejects(askStatus(path, 'metrics'), {
      name: 'UsageError',
      message: `${path}: no uchroot-inetd answers: protocol error`,
    });
  }
});

t.test('a path that is too long is refused, and not cut', async (t) => {
  const path = `/tmp/${'x'.repeat(120)}`;
  const wanted = { code: 'ENAMETOOLONG', hint: /at most 107 bytes/ };
  t.match(findAddressProblem({ kind: 'unix', path }), wanted);
  await t.rejects(openStatusServer(path, new Inetd(), new Metrics()), wanted);
});

t.test('the age of a connection does not depend on the clock', async (t) => {
  const inetd = new Inetd();
  const connection = {
    id: 1,
    service: 'report',
    peer: { address: '192.0.2.1', port: 7 },
    sinceMs: Date.now() + 86_400_000, // the clock was set back since then
    beginMs: performance.now() - 2000,
    pid: 4711,
    waitMs: 1,
    rule: undefined,
  };
  inetd.connections.set(connection, undefined);
  const path = `${makeDirectory(t)}/socket`;
  t.teardown(await openStatusServer(path, inetd, new Metrics()));
  const { connections } = JSON.parse(await askStatus(path, 'status'));
  t.match(connections, [{ sinceMs: connection.sinceMs, pid: 4711 }]);
  t.ok(connections[0].ageMs >= 2000 && connections[0].ageMs < 60_000);
  t.notMatch(connections[0], { beginMs: Number });
});
