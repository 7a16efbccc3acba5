// The clients of the soak. Each connects from an address of its own kind, and says what was wrong with what it got.
import { connect } from 'node:net';

const PATIENCE_MS = 30_000;
const GIGABYTE = 2 ** 30;
const chunk = Buffer.alloc(65_536, 'x');

let number = 0;

/** An address 127.kind.x.y. */
const addressOf = (kind, spread = 60_000) => {
  const host = (number++ % spread) + 1;
  return `127.${kind}.${host >> 8}.${host & 255}`;
};

/** A connection, with what it got and how it ended. */
function open(port, localAddress, onConnect) {
  const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true });
  const got = { text: '', bytes: 0, error: undefined, ms: 0 };
  const begin = performance.now();
  socket.on('data', (bytes) => {
    got.bytes += bytes.length;
    if (got.text.length < 256) got.text += bytes.toString('latin1', 0, 256);
  });
  socket.once('connect', () => onConnect(socket));
  const ended = new Promise((done) => {
    socket.once('end', done);
    socket.once('close', done);
    socket.on('error', ({ code }) => (got.error = code));
    socket.setTimeout(PATIENCE_MS, () => {
      got.error = 'timeout';
      socket.destroy();
    });
  });
  return ended.then(() => {
    socket.destroy();
    got.ms = performance.now() - begin;
    return got;
  });
}

const say = (socket) => socket.end(`hello ${socket.localPort}\n`);

async function echo(port, address, isRight = ({ text }) => /^hello [0-9]+\n$/.test(text)) {
  const got = await open(port, address, say);
  return { ...got, wrong: isRight(got) ? undefined : `got '${got.text}', ${got.error}` };
}

const isRefused = ({ bytes, error }) =>
  bytes === 0 && (error === undefined || error === 'ECONNRESET' || error === 'EPIPE');

async function refused(port, address, onConnect) {
  const got = await open(port, address, onConnect);
  return {
    ...got,
    ms: 0,
    wrong: isRefused(got) ? undefined : `got '${got.text}', ${got.error}`,
    isReset: got.error === 'ECONNRESET',
  };
}

// nothing is expected of what a client that goes away gets
async function leave(port, onConnect) {
  const got = await open(port, addressOf(1), onConnect);
  return { ...got, ms: 0, wrong: got.error === 'timeout' ? 'it was held' : undefined };
}

function sendGigabyte(socket) {
  let sent = 0;
  const more = () => {
    while (sent < GIGABYTE) {
      sent += chunk.length;
      if (socket.write(chunk)) continue;
      socket.once('drain', more);
      return;
    }
    socket.end();
  };
  more();
}

async function gigabyte(port) {
  const got = await open(port, addressOf(1), sendGigabyte);
  return {
    ...got,
    ms: 0,
    wrong: got.bytes === GIGABYTE ? undefined : `${got.bytes} bytes came back, ${got.error}`,
  };
}

/** By name: how often among so many connections, and what it does with the ports of the services. */
export const kinds = {
  echo: [500, ({ echo: port }) => echo(port, addressOf(1))],
  silent: [60, ({ echo: port }) => leave(port, (socket) => setTimeout(() => socket.end(), 500))],
  gone: [40, ({ echo: port }) => leave(port, (socket) => socket.resetAndDestroy())],
  reset: [
    60,
    ({ echo: port }) => leave(port, (socket) => socket.write('half a line', () => socket.resetAndDestroy())),
  ],
  halfClosed: [60, ({ echo: port }) => leave(port, (socket) => socket.end())],
  denied: [150, ({ echo: port }) => refused(port, addressOf(3), say)],
  deniedSilent: [20, ({ echo: port }) => refused(port, addressOf(3), () => undefined)],
  deadIdent: [5, ({ echo: port }) => echo(port, addressOf(2))],
  slowName: [20, ({ echo: port }) => echo(port, addressOf(4))],
  perSource: [
    60,
    ({ source: port }) =>
      echo(port, addressOf(1, 8), (got) => isRefused(got) || got.text.startsWith('hello')),
  ],
  rate: [25, ({ rate: port }) => echo(port, addressOf(1))],
};

/** A few of these, besides. */
export const rare = {
  gigabyte: ({ echo: port }) => gigabyte(port),
  deniedGigabyte: ({ echo: port }) => refused(port, addressOf(3), sendGigabyte),
  noName: ({ echo: port }) => refused(port, addressOf(5), say),
};
