// Which addresses exclude each other: compared with what the kernel says.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import t from 'tap';

import { parseListenAddress, type ListenAddress } from '../../../lib/inetd/listen/listen-address.ts';
import { findOverlap } from '../../../lib/inetd/listen/address-overlap.ts';
import { native } from '../../../lib/native.ts';

const STREAM = 1;

const overlapOf = (...texts: readonly string[]) => findOverlap([['one', texts.map(parseListenAddress)]]);

function listen({ address, port, isOnly6 }: ListenAddress & { readonly kind: 'internet' }): number {
  return native.bindInternet({ type: STREAM, address, port, isOnly6 });
}

// Whether the kernel lets both listen at once.
function areBothTaken(one: string, other: string): boolean {
  const fds: number[] = [];
  try {
    for (const text of [one, other]) fds.push(listen(parseListenAddress(text) as never));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  } finally {
    for (const fd of fds) native.closeDescriptor(fd);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '::', () => done()));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

t.test('two addresses overlap if the kernel takes only one of them', async (t) => {
  const port = await freePort();
  const texts = [
    `${port}`,
    `${port}/tcp6`,
    `0.0.0.0:${port}`,
    `127.0.0.1:${port}`,
    `127.0.0.2:${port}`,
    `[::1]:${port}`,
    `[0:0::1]:${port}`,
    `[::1%lo]:${port}`,
    `[::1]:${port}/tcp6`,
    `[::ffff:127.0.0.1]:${port}`,
    `[::ffff:7f00:2]:${port}`,
  ];
  for (const one of texts)
    for (const other of texts)
      t.equal(overlapOf(one, other) === undefined, areBothTaken(one, other), `${one} and ${other}`);
});

t.test('a free port, datagrams, paths and sockets of systemd', async (t) => {
  const cases: readonly (readonly [one: string, other: string, overlaps: boolean])[] = [
    ['127.0.0.1:0', '127.0.0.1:0', true],
    ['127.0.0.1:0', '0.0.0.0:0', false],
    ['127.0.0.1:7/udp', '127.0.0.1:7', false],
    ['127.0.0.1:7/udp', '0.0.0.0:7/udp', false],
    ['127.0.0.1:7/udp', '127.0.0.1:7/udp', true],
    ['/run/a', '/run/b', false],
    ['/run/a', '/run/b/../a', true],
    ['@a', '@a', true],
    ['@a/../b', '@b', false],
    // a service gets it once
    ['systemd', 'systemd:a', false],
  ];
  for (const [one, other, overlaps] of cases)
    t.equal(overlapOf(one, other) !== undefined, overlaps, `${one} and ${other}`);
  const between = (one: string, other: string) =>
    findOverlap([
      ['one', [parseListenAddress('1'), parseListenAddress(one)]],
      ['two', [parseListenAddress('2'), parseListenAddress(other)]],
    ]);
  t.match(between('systemd', 'systemd:a'), {
    service: 'two',
    index: 1,
    earlier: 'one',
    hint: /systemd:NAME/,
  });
  t.equal(between('systemd:a', 'systemd:b'), undefined);
  t.equal(
    between('127.0.0.1:7', '0.0.0.0:7')?.message,
    'listen: 0.0.0.0:7: the service one listens on 127.0.0.1:7 already',
  );
});
