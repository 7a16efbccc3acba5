// Where the options of a rule are put into effect: at a connection among others, or in a process that is there for one.
// Options at one connection of a process that has others.

import type { Socket } from 'node:net';

import { native } from '../../native.ts';
import type { Effect } from '../decide/ruling.ts';
import { type CommandEnd, delegate } from './shell-command.ts';

/** Whether the client may go on: why not, or what was not done and does not matter that much. */
export type Done = { readonly refusal: string } | { readonly problem: string } | undefined;

/** What changes a process. */
export type ProcessChange = Extract<Effect, { readonly kind: 'nice' | 'umask' | 'user' | 'group' }>;

/** Does what options ask for. None of its methods throws or rejects. */
export interface Place {
  /** Variables that commands get besides those of this process. */
  readonly variables: Readonly<Record<string, string>>;
  setVariable(name: string, value: string): Done;
  change(effect: ProcessChange): Done;
  keepAlive(): Done;
  linger(seconds: number): Done;
  /** Sends bytes to the client. */
  send(bytes: Buffer): Promise<Done>;
  /** Gives the connection of a client to a command: at once, or by what is to be called when all else is done. */
  delegate(command: string, client: string, timeoutMs: number): Promise<CommandEnd | (() => never)>;
}

/** What a call that throws comes to. */
export function tried(call: () => void, failed: (message: string) => Done): Done {
  try {
    call();
    return undefined;
  } catch (error) {
    return failed((error as Error).message);
  }
}

/** How long a client may take to read what it is told. */
const SEND_TIMEOUT_MS = 10_000;

// Node keeps the descriptor to itself; undefined if it does not have it there any more.
function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: unknown } | null };
  const fd = handle?.fd;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

/** See Place. */
export class SocketPlace implements Place {
  readonly variables: Record<string, string> = {};
  readonly #socket: Socket;
  readonly #sendTimeoutMs: number;

  constructor(socket: Socket, sendTimeoutMs = SEND_TIMEOUT_MS) {
    this.#socket = socket;
    this.#sendTimeoutMs = sendTimeoutMs;
  }

  setVariable(name: string, value: string): Done {
    this.variables[name] = value;
    return undefined;
  }

  // It would change the service for all its clients, and a rule that wants it is not kept without.
  change({ kind }: ProcessChange): Done {
    return { refusal: `option "${kind}" changes a whole process, and this one has other clients` };
  }

  keepAlive(): Done {
    this.#socket.setKeepAlive(true);
    return undefined;
  }

  linger(seconds: number): Done {
    const fd = descriptorOf(this.#socket);
    if (fd === undefined) return { problem: 'linger: the socket has no descriptor' };
    return tried(
      () => native.setLinger(fd, seconds),
      (message) => ({ problem: message }),
    );
  }

  send(bytes: Buffer): Promise<Done> {
    const socket = this.#socket;
    return new Promise((done) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        // who does not read it is not served either
        socket.destroy();
      }, this.#sendTimeoutMs);
      socket.write(bytes, (error) => {
        clearTimeout(timer);
        const why = isLate ? 'the client does not read it' : error?.message;
        done(why === undefined ? undefined : { refusal: `the banner cannot be sent: ${why}` });
      });
    });
  }

  async delegate(command: string, client: string, timeoutMs: number): Promise<CommandEnd> {
    const fd = descriptorOf(this.#socket);
    if (fd === undefined) return { succeeded: false, problem: 'the socket has no descriptor' };
    const end = await delegate(command, { fd, client }, { variables: this.variables, timeoutMs });
    // the command has a descriptor of its own
    this.#socket.destroy();
    return end;
  }
}
