// The service's side of a launch that may call the names of a list: answers its questions, and dials for it. The bytes of a connection
// never come here (native/outbound/outboundrelay.cc).
import type { Denied } from '../errors.ts';
import { native, type GateHandle } from '../native.ts';
import { fromOctets, parseAddress, showAddress, toOctets, type Words } from '../values/address.ts';
import { Consent, type OnConnect, type WantedConnection } from './consent.ts';
import { answers, answerTo, readQuestion, shortAnswer, typeA, typeAaaa, type Question } from './dns.ts';
import { hasPort, type Entry } from './entry.ts';
import { FakeAddresses, mayMakeUp } from './fake-address.ts';
import { askSystem, missingMs, ownAddresses, type Found } from './host-lookup.ts';
import { ListFile, type WarnOfList } from './list-file.ts';
import { toName } from './name.ts';
import { filesOf, ownSockets, pathsOf } from './paths.ts';
import { entriesOf, entryFor, isOfJail, judgeAddress, judgeLiteral } from './outbound-policy.ts';

// So long the thread of the relay does not ask again.
const keptMs = 5000;

/** What is refused is told once, and no more than this often for each launch. */
const mostDenied = 100;

const loopback: readonly Words[] = ['127.0.0.1', '::1'].map((text) => parseAddress(text) ?? '');

// Of dials with addresses that are left: which of them have succeeded is not told.
const mostDials = 4096;

let lastCaller = 0;

/** A connection that is being dialed. */
interface Dial {
  readonly port: number;
  readonly left: readonly Words[];
}

// The entry that the service has in mind.
const allowedName = (name: string, port: number): Entry => ({
  kind: 'name',
  name,
  ports: [[port, port]],
  text: `${name}:${port}`,
});

const [kindQuery, kindConnection, , kindDoor] = [0, 1, 2, 3];

/** What a gate needs of its launch. */
export interface GateOptions {
  readonly list: readonly Entry[];
  /**
   * Those of the launch's network, in the order of the plan (socketsOf()). Without rules of the kernel, after the first ones: sockets for
   * connections to further ports.
   */
  readonly sockets: readonly number[];
  readonly onDenied: (denied: Denied) => void;
  /** The path of a socket without links, or why the program may not come there. */
  readonly toSocket: (path: string) => Buffer | string;
  /** What is wrong with a file of the list. */
  readonly onWarning: WarnOfList;
  /** Is asked about what no entry allows. */
  readonly onConnect?: OnConnect | undefined;
  /** Listening sockets of the host, and the port of the program to which each leads. */
  readonly ports: readonly (readonly [fd: number, inside: number])[];
  /** uid, gid and groups of the program on the host; none: those of this process. */
  readonly ids: readonly number[];
}

/** A gate of one launch. It ends with close(), and so do all connections. */
export class Gate {
  readonly #own: readonly Entry[];
  readonly #files: readonly ListFile[];
  readonly #onDenied: (denied: Denied) => void;
  readonly #toSocket: GateOptions['toSocket'];
  readonly #onWarning: WarnOfList;
  readonly #consent: Consent | undefined;
  readonly #handle: GateHandle;
  readonly #fake = new FakeAddresses();
  readonly #found = new Map<string, Found | Promise<Found>>();
  readonly #dials = new Map<number, Dial>();
  readonly #told = new Set<string>();
  readonly #madeUp = new Set<string>();
  #isClosed = false;
  readonly #caller = `outbound ${++lastCaller}`;

  /** @throws a system error */
  constructor({ list, sockets, onDenied, toSocket, onWarning, onConnect, ports, ids }: GateOptions) {
    this.#own = list.filter(({ isRead }) => isRead !== true);
    this.#files = filesOf(list).map((path) => new ListFile(path, onWarning));
    // the first reading says which addresses have routes
    void this.#list;
    this.#onDenied = onDenied;
    this.#toSocket = toSocket;
    this.#onWarning = onWarning;
    this.#consent = onConnect && new Consent(onConnect);
    const [own, doors] = [ownSockets(list), sockets.length - pathsOf(list).length];
    const further = ports.length > 0 ? doors - 1 : doors;
    const given = [
      ...(own === 0 ? [-1, -1, -1] : sockets.slice(0, own)),
      ...(further === doors ? [-1] : sockets.slice(further, doors)),
      ...sockets.slice(doors),
      ...sockets.slice(own, further),
    ];
    this.#handle = native.openGate(given, (...asked) => void this.#decide(...asked), ids, ports.flat());
  }

  // A lack of descriptors or memory is a reason to refuse, and not the end of the service.
  async #decide(kind: number, id: number, bytes: Buffer, number: number): Promise<void> {
    try {
      if (kind === kindQuery) await this.#answer(id, bytes);
      else if (kind === kindConnection) await this.#connect(id, fromOctets(bytes), number);
      else if (kind === kindDoor) this.#dialDoor(id, number);
      else this.#dialNext(id);
    } catch (error) {
      if (kind === kindQuery) native.answerQuery(this.#handle, id, Buffer.alloc(0), 0);
      else native.refuseConnection(this.#handle, id);
      const { errno, message } = error as NodeJS.ErrnoException;
      if (errno === undefined) throw error;
      if (this.#told.has(message)) return;
      this.#told.add(message);
      this.#onWarning({
        message: `connect-to: a call of the program was refused: ${message}`,
        hint: undefined,
      });
    }
  }

  get #list(): readonly Entry[] {
    return this.#files.length === 0
      ? this.#own
      : [...this.#own, ...this.#files.flatMap(({ entries }) => entries)];
  }

  close(): void {
    this.#isClosed = true;
    native.closeGate(this.#handle);
  }

  #tell(denied: Denied): void {
    const key = JSON.stringify(denied);
    if (this.#isClosed || this.#told.has(key) || this.#told.size >= mostDenied) return;
    this.#told.add(key);
    this.#onDenied(denied);
  }

  async #answer(id: number, message: Buffer): Promise<void> {
    const question = readQuestion(message);
    const answer =
      typeof question === 'object'
        ? await this.#answerTo(question)
        : question === undefined
          ? Buffer.alloc(0)
          : shortAnswer(message, question);
    // the last four bits of the flags; what has failed may work the next time
    const hasFailed = answer.length < 4 || ((answer[3] ?? 0) & 15) === answers.failed;
    native.answerQuery(this.#handle, id, answer, hasFailed ? 0 : keptMs);
  }

  async #answerTo(question: Question): Promise<Buffer> {
    const { labels, type } = question;
    // RFC 4343, section 2.1: a dot in a label ends none
    const text = labels.map((label) => label.replaceAll('.', '\\.')).join('.');
    const name = toName(text);
    const isForAddress = type === typeA || type === typeAaaa;
    // RFC 6761, section 6.3
    if (name !== undefined && /(?:^|\.)localhost$/.test(name)) {
      const own = toOctets(loopback[type === typeA ? 0 : 1] ?? '');
      return answerTo(
        question,
        answers.none,
        isForAddress ? own.subarray(type === typeA ? 12 : 0) : undefined,
      );
    }
    const entries = name === undefined ? [] : entriesOf(this.#list, name);
    if (name !== undefined && entries.length === 0 && this.#consent !== undefined)
      return this.#answerWith(name, question);
    if (name === undefined || entries.length === 0) {
      const entry = name === undefined ? {} : { entry: `${name}:PORT` };
      if (isForAddress) this.#tell({ name: text, reason: 'no entry has this name', ...entry });
      return answerTo(question, answers.noName);
    }
    const { state, addresses } = await this.#lookUp(name, entries);
    if (state === 'failed') return answerTo(question, answers.failed);
    if (state === 'missing' || this.#allowed(name, entries, addresses, undefined).length === 0)
      return answerTo(question, answers.noName);
    return this.#answerWith(name, question);
  }

  #answerWith(name: string, question: Question): Buffer {
    const isForAddress = question.type === typeA || question.type === typeAaaa;
    if (!isForAddress) return answerTo(question, answers.none);
    const fake = this.#fake.of(name);
    if (fake === undefined) return answerTo(question, answers.failed);
    return answerTo(question, answers.none, question.type === typeA ? fake.four : fake.six);
  }

  #lookUp(name: string, entries: readonly Entry[]): Found | Promise<Found> {
    if (entries.some(({ kind }) => kind === 'loopback'))
      return { addresses: loopback, state: 'found', untilMs: 0 };
    const before = this.#found.get(name);
    if (before instanceof Promise || (before !== undefined && before.untilMs > performance.now()))
      return before;
    const isMadeUp = !entries.some(({ kind }) => kind === 'name');
    if (isMadeUp && !mayMakeUp(this.#madeUp, name)) {
      this.#tell({ name, reason: 'the program has asked for too many names' });
      return { addresses: [], state: 'failed', untilMs: 0 };
    }
    const asked = this.#ask(name, isMadeUp);
    this.#found.set(name, asked);
    return asked;
  }

  async #ask(name: string, isMadeUp: boolean): Promise<Found> {
    const found = await askSystem(name, this.#caller, isMadeUp);
    this.#found.set(name, found);
    // a program makes up names beneath a domain
    if (found.state !== 'found') setTimeout(() => this.#found.delete(name), missingMs).unref();
    return found;
  }

  // The addresses that may be dialed. If there is none, that is told.
  #allowed(
    name: string,
    entries: readonly Entry[],
    addresses: readonly Words[],
    port: number | undefined,
  ): readonly Words[] {
    const reasons = addresses.map((address) => judgeAddress(entries, address, ownAddresses()));
    const allowed = addresses.filter((_, at) => reasons[at] === undefined);
    const [address, reason] = [addresses[0], reasons[0]];
    if (allowed.length === 0 && address !== undefined && reason !== undefined)
      this.#tell({
        name,
        address: showAddress(address),
        ...(port === undefined ? {} : { port }),
        reason,
        ...entryFor(name, port, address),
      });
    return allowed;
  }

  async #connect(id: number, address: Words, port: number): Promise<void> {
    const allowed = isOfJail(address)
      ? await this.#allowedOf(address, port)
      : await this.#allowedLiteral(address, port);
    this.#dials.set(id, { port, left: allowed });
    this.#dialNext(id);
  }

  async #allowedOf(address: Words, port: number): Promise<readonly Words[]> {
    const name = this.#fake.nameOf(address);
    // the jail itself, or an address that was never given out
    if (name === undefined) return [];
    const entries = entriesOf(this.#list, name);
    const fitting: Entry[] = entries.filter((entry) => hasPort(entry, port));
    if (fitting.length === 0) {
      const refused = { name, port, reason: 'no entry has this port', entry: `${name}:${port}` };
      if (!(await this.#isAllowed({ name, port }, refused))) return [];
      fitting.push(allowedName(name, port));
    }
    const { addresses } = await this.#lookUp(name, [...entries, ...fitting]);
    return this.#allowed(name, fitting, addresses, port);
  }

  // Whether the service allows what no entry does. If not, that is told.
  async #isAllowed(wanted: WantedConnection, refused: Denied): Promise<boolean> {
    const reason = this.#consent === undefined ? refused.reason : await this.#consent.reasonAgainst(wanted);
    if (reason !== undefined) this.#tell({ ...refused, reason });
    return reason === undefined;
  }

  async #allowedLiteral(address: Words, port: number): Promise<readonly Words[]> {
    const denied = judgeLiteral(this.#list, address, port, ownAddresses());
    if (denied === undefined) return [address];
    // what an entry has to name exactly is not asked about
    const isAsked = judgeAddress([allowedName('', port)], address, ownAddresses()) === undefined;
    if (isAsked && (await this.#isAllowed({ address: showAddress(address), port }, denied))) return [address];
    if (!isAsked) this.#tell(denied);
    return [];
  }

  // The server makes its socket anew when it starts, and its directory too: so the way is walked each time.
  #dialDoor(id: number, door: number): void {
    const path = pathsOf(this.#own)[door] ?? '';
    const found = this.#toSocket(path);
    if (typeof found !== 'string') return native.dialPath(this.#handle, id, found);
    this.#tell({ name: `unix:${path}`, reason: found });
    return native.refuseConnection(this.#handle, id);
  }

  // The next address of the name; without one the connection is reset.
  #dialNext(id: number): void {
    const { port = 0, left: [next, ...left] = [] } = this.#dials.get(id) ?? {};
    this.#dials.delete(id);
    if (next === undefined) return native.refuseConnection(this.#handle, id);
    if (left.length > 0) this.#dials.set(id, { port, left });
    if (this.#dials.size > mostDials) this.#dials.delete(this.#dials.keys().next().value ?? 0);
    return native.dial(this.#handle, id, toOctets(next), port, keptMs);
  }
}
