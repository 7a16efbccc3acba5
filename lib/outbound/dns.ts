// The messages of a name server that answers one question and asks nobody: RFC 1035. Pure.

/** A question for addresses, or for something else about a name. */
export interface Question {
  /** The labels, one byte a character. A label may have any byte: it is no name of a host then. */
  readonly labels: readonly string[];
  readonly type: number;
  /** The message up to the end of the question: an answer repeats it, in the same letters. */
  readonly asked: Buffer;
}

/** RFC 1035, section 4.1.1. */
export const answers = {
  none: 0,
  malformed: 1,
  failed: 2,
  noName: 3,
  notImplemented: 4,
  refused: 5,
} as const;

export const [typeA, typeAaaa] = [1, 28];
const headerBytes = 12;
const internet = 1;
const mostLabel = 63;
const mostName = 255;
// Low enough that a program asks again when the name leads elsewhere.
const ttlSeconds = 30;

type Code = (typeof answers)[keyof typeof answers];

/**
 * Reads a message. A number: the code of an answer without anything. Undefined: no answer, because it asks nothing.
 *
 * A question has no pointers, since there is nothing before it to point to. What follows it, such as EDNS, is not read.
 */
export function readQuestion(message: Buffer): Question | Code | undefined {
  if (message.length < headerBytes) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & 0x8000) !== 0) return undefined;
  if (((flags >> 11) & 15) !== 0) return answers.notImplemented;
  if (message.readUInt16BE(4) !== 1 || message.readUInt16BE(6) !== 0) return answers.malformed;
  const labels: string[] = [];
  let at = headerBytes;
  for (;;) {
    const length = message[at++];
    if (length === undefined || length > mostLabel) return answers.malformed;
    if (length === 0) break;
    labels.push(message.toString('latin1', at, at + length));
    at += length;
    if (at - headerBytes >= mostName || at >= message.length) return answers.malformed;
  }
  if (at + 4 > message.length) return answers.malformed;
  if (message.readUInt16BE(at + 2) !== internet) return answers.refused;
  return { labels, type: message.readUInt16BE(at), asked: message.subarray(0, at + 4) };
}

// QR, RA, and from the question: opcode and RD.
function header(message: Buffer, code: Code, questions: number, found: number): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  bytes.writeUInt16BE(message.readUInt16BE(0), 0);
  bytes.writeUInt16BE(0x8080 | (message.readUInt16BE(2) & 0x7900) | code, 2);
  bytes.writeUInt16BE(questions, 4);
  bytes.writeUInt16BE(found, 6);
  return bytes;
}

/** An answer to a message whose question cannot be read. */
export const shortAnswer = (message: Buffer, code: Code): Buffer => header(message, code, 0, 0);

/** The answer to a question. @param address 4 bytes for A, 16 for AAAA; undefined: there is none */
export function answerTo({ asked, type }: Question, code: Code, address?: Uint8Array): Buffer {
  const head = header(asked, code, 1, address === undefined ? 0 : 1);
  const question = asked.subarray(headerBytes);
  if (address === undefined) return Buffer.concat([head, question]);
  const record = Buffer.alloc(12);
  record.writeUInt16BE(0xc000 | headerBytes, 0); // the name of the question
  record.writeUInt16BE(type, 2);
  record.writeUInt16BE(internet, 4);
  record.writeUInt32BE(ttlSeconds, 6);
  record.writeUInt16BE(address.length, 10);
  return Buffer.concat([head, question, record, address]);
}
