// What clients of the soak live with: a DNS server that takes its time or never answers, and an identd that says nothing.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

const SLOW_MS = 300;
const [A, PTR] = [1, 12];

/** The labels of the only question, its type, and its end. */
function questionOf(query) {
  const labels = [];
  let at = 12;
  for (; query[at] !== 0; at += query[at] + 1)
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
  return { labels, type: query.readUInt16BE(at + 1), end: at + 5 };
}

const nameBytes = (name) =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ]);

// 127.4.x.y is h-4-x-y.slow.test, and the other way round (RFC 1035)
function dataFor({ labels, type }) {
  if (type === PTR && labels[2] === '4' && labels[3] === '127')
    return nameBytes(`h-${labels[2]}-${labels[1]}-${labels[0]}.slow.test`);
  const [, ...octets] = labels[0].split('-');
  return type === A && octets.length === 3 ? Buffer.from([127, ...octets.map(Number)]) : undefined;
}

function answerTo(query, question) {
  const data = dataFor(question);
  const head = Buffer.from(query.subarray(0, question.end));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(data === undefined ? 0 : 1, 6);
  head.fill(0, 8, 12);
  if (data === undefined) return head;
  const record = Buffer.alloc(12);
  record.writeUInt16BE(0xc00c, 0);
  record.writeUInt16BE(question.type, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(0, 6);
  record.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, record, data]);
}

/** Addresses 127.5.x.y never get an answer. */
export async function startSurroundings() {
  const dns = createSocket('udp4');
  dns.on('message', (query, { port, address }) => {
    const question = questionOf(query);
    if (question.labels[2] === '5') return;
    setTimeout(() => dns.send(answerTo(query, question), port, address), SLOW_MS);
  });
  dns.bind(53, '127.0.0.1');
  await once(dns, 'listening');
  const ident = createServer((socket) => socket.on('error', Boolean));
  ident.listen(113, '0.0.0.0');
  await once(ident, 'listening');
}
