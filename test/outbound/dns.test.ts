// The name server of a jail: what it reads, and what it answers.
import * as fc from 'fast-check';
import t from 'tap';

import {
  answers,
  answerTo,
  readQuestion,
  shortAnswer,
  typeA,
  type Question,
} from '../../lib/outbound/dns.ts';

const label = (text: string): Buffer => Buffer.from(`${String.fromCharCode(text.length)}${text}`, 'latin1');

interface Parts {
  readonly flags?: number;
  readonly counts?: readonly [number, number, number, number];
  readonly labels?: readonly string[];
  readonly type?: number;
  readonly kind?: number;
  readonly more?: string;
}

// RFC 1035, section 4
function message({
  flags = 0x0100,
  counts = [1, 0, 0, 0],
  labels = ['a', 'example'],
  type = 1,
  kind = 1,
  more = '',
}: Parts): Buffer {
  const head = Buffer.alloc(12);
  [0xbeef, flags, ...counts].forEach((value, i) => head.writeUInt16BE(value, 2 * i));
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(type, 0);
  tail.writeUInt16BE(kind, 2);
  return Buffer.concat([head, ...labels.map(label), Buffer.alloc(1), tail, Buffer.from(more, 'hex')]);
}

const read = (parts: Parts) => readQuestion(message(parts));

t.test('a question is read', async (t) => {
  t.match(read({}), { labels: ['a', 'example'], type: 1 });
  t.match(read({ labels: ['A', 'exAMPle'], type: 28 }), { labels: ['A', 'exAMPle'], type: 28 });
  // EDNS (RFC 6891): OPT with a cookie
  t.match(read({ counts: [1, 0, 0, 1], more: '0000291000000000000c000a0008aabbccddeeff0011' }), {
    labels: ['a', 'example'],
  });
  t.match(read({ labels: ['a\0b', 'a.b'] }), { labels: ['a\0b', 'a.b'] }, 'any byte; the reader decides');
  t.match(read({ labels: [] }), { labels: [] }, 'the root');
  t.match(
    read({ labels: [...Array.from({ length: 3 }, () => 'x'.repeat(63)), 'x'.repeat(61)] }),
    { type: 1 },
    '255 bytes',
  );
});

t.test('what is no such question gets a code, or nothing', async (t) => {
  const { malformed, notImplemented, refused } = answers;
  const rows: readonly (readonly [what: string, message: Buffer, expected: unknown])[] = [
    ['too short', Buffer.alloc(11), undefined],
    ['an answer', message({ flags: 0x8100 }), undefined],
    ['an update', message({ flags: 0x2900 }), notImplemented],
    ['two questions', message({ counts: [2, 0, 0, 0] }), malformed],
    ['no question', message({ counts: [0, 0, 0, 0] }), malformed],
    ['a question with an answer', message({ counts: [1, 1, 0, 0] }), malformed],
    ['class CHAOS', message({ kind: 3 }), refused],
    [
      'a pointer',
      Buffer.concat([message({}).subarray(0, 12), Buffer.from('c00c00010001', 'hex')]),
      malformed,
    ],
    [
      'a pointer behind a label',
      Buffer.concat([message({}).subarray(0, 14), Buffer.from('c00c00010001', 'hex')]),
      malformed,
    ],
    ['a label of 64 bytes', message({ labels: ['x'.repeat(64)] }), malformed],
    [
      '256 bytes',
      message({ labels: [...Array.from({ length: 3 }, () => 'x'.repeat(63)), 'x'.repeat(62)] }),
      malformed,
    ],
    ['cut in a label', message({}).subarray(0, 16), malformed],
    ['cut behind the name', message({}).subarray(0, 24), malformed],
  ];
  for (const [what, bytes, expected] of rows) t.equal(readQuestion(bytes), expected, what);
});

t.test('an answer repeats the question, in the same letters', async (t) => {
  const question = read({ labels: ['exAmple'] }) as Question;
  const answer = answerTo(question, answers.none, Buffer.from([198, 18, 0, 16]));
  t.equal(
    answer.toString('hex'),
    'beef818000010001000000000765784 16d706c6500 0001 0001c00c000100010000001e0004c6120010'.replaceAll(
      ' ',
      '',
    ),
  );
  const missing = answerTo(question, answers.noName);
  t.equal(missing.toString('hex'), 'beef8183000100000000000007657841 6d706c650000010001'.replaceAll(' ', ''));
  t.equal(shortAnswer(message({}), answers.malformed).toString('hex'), 'beef81810000000000000000');
});

t.test(
  'any bytes are a question, a code or nothing, and an answer is no longer than it must be',
  async (t) => {
    const changed = fc
      .tuple(
        fc.constantFrom(message({}), message({ labels: ['x'.repeat(63), 'y'] })),
        fc.array(fc.tuple(fc.nat(80), fc.nat(255))),
        fc.nat(90),
      )
      .map(([base, changes, length]) => {
        const bytes = Buffer.from(base);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        return bytes.subarray(0, length);
      });
    t.doesNotThrow(() =>
      fc.assert(
        fc.property(
          fc.oneof(
            changed,
            fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
          ),
          (bytes) => {
            const found = readQuestion(bytes);
            if (typeof found !== 'object') return true;
            const name = found.labels.reduce((sum, one) => sum + one.length + 1, 1);
            const size = answerTo(found, answers.none, Buffer.alloc(found.type === typeA ? 4 : 16)).length;
            return (
              name <= 255 &&
              found.labels.every((one) => one.length > 0 && one.length < 64) &&
              size <= 512 - 200 + 16
            );
          },
        ),
        { numRuns: 3000 },
      ),
    );
  },
);
