// Targets of a rule's actions, and the target that is one connection of a process that serves others too.

import type { Socket } from 'node:net';

import { native } from '../../native.ts';
import type { Effect } from '../decide/ruling.ts';
import { type CommandEnd, delegate } from './shell-command.ts';

/** The result of an action: why it refuses, or a problem that does not refuse. */
export type Done = { readonly refusal: string } | { readonly problem: string } | undefined;

/** Actions that change a process. */
export type ProcessChange = Extract<Effect, { readonly kind: 'nice' | 'umask' | 'user' | 'group' }>;

/** Where actions take effect. No method throws or rejects. */
export interface Target {
  /** Variables for commands, besides those of this process. */
  readonly variables: Readonly<Record<string, string>>;
  setVariable(name: string, value: string): Done;
  change(effect: ProcessChange): Done;
  keepAlive(): Done;
  linger(seconds: number): Done;
  /** Sends bytes to the client. */
  send(bytes: Buffer): Promise<Done>;
  /** Gives the connection to a command: at once, or by a function that is called after all other actions. */
  delegate(command: string, client: string, timeoutMs: number): Promise<CommandEnd | (() => never)>;
}

/** Runs a call; an exception is a problem. */
export function attempt(call: () => void, what = ''): { readonly problem: string } | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return { problem: `${what}${(error as Error).message}` };
  }
}

/** How long a client may take to read its banner. */
const SEND_TIMEOUT_MS = 10_000;

// Node has no API for the descriptor; undefined if the socket is closed.
function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: unknown } | null };
  const fd = handle?.fd;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

export class ConnectionTarget implements Target {
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

  // It would change the service for all clients, so the rule cannot be carried out.
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
    return attempt(() => native.setLinger(fd, seconds));
  }

  send(bytes: Buffer): Promise<Done> {
    const socket = this.#socket;
    return new Promise((done) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        // a client that does not read the banner is not served
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
    // the command has its own copy of the descriptor
    this.#socket.destroy();
    return end;
  }
}
