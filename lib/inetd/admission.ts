// Asks the rules about an accepted connection, before a byte is read and before anything is started.
import { Socket } from 'node:net';

import { native } from '../native.ts';
import { dropIpOptions } from '../service/tcpd/connection.ts';
import type { Verdict } from '../tcpwrappers/decide/ruling.ts';
import type { Decision, MatchedRule } from '../tcpwrappers/decision.ts';
import { turnAway } from '../tcpwrappers/guard.ts';
import type { Hosts } from '../tcpwrappers/hosts.ts';
import { unmapAddress } from '../values/address.ts';
import type { Peer } from './report/connection-entry.ts';
import type { ServiceSettings } from './serve-request.ts';
import type { WaitingPlace } from './waiting-place.ts';

/** The connection of a client, and who closes its descriptor. */
export class ClientSocket {
  readonly fd: number;
  #socket: Socket | undefined;
  #isOpen = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** A Socket of Node for the few rules that need one. It never reads. From now on, Node closes the descriptor. */
  get socket(): Socket {
    if (this.#socket !== undefined) return this.#socket;
    const socket = new Socket({ fd: this.fd, readable: false, writable: true });
    // the client may go away meanwhile
    socket.on('error', Boolean);
    this.#socket = socket;
    return socket;
  }

  /** Closes this process's descriptor. A program that has its own copy keeps the connection. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#socket === undefined) native.closeDescriptor(this.fd);
    else this.#socket.destroy();
  }

  /** Closes the connection when a banner has been sent. */
  turnAway(): void {
    if (this.#socket === undefined) return this.close();
    this.#isOpen = false;
    turnAway(this.#socket);
  }
}

/** The answer of the rules. Only `granted` lets the client in. */
export interface Admission {
  readonly verdict: Verdict;
  readonly rule: MatchedRule | undefined;
  /** Set if the rule alone does not explain the verdict, or if an action has failed. */
  readonly message: string | undefined;
  /** Variables of the rule for the program (`setenv`). */
  readonly variables: Readonly<Record<string, string>> | undefined;
}

function refusedByOptions(fd: number): string | undefined {
  // With source routing, the client could pretend to have another address (tcpd(8)).
  return dropIpOptions(fd).refusal;
}

const LOST: Admission = { verdict: 'denied', rule: undefined, message: undefined, variables: undefined };

/**
 * Asks the rules, and carries out the rule that matched. The place is given to others meanwhile if that can take long. Then a client that
 * is let in has to take one again, and the files, which may have changed since, are asked again.
 *
 * @returns anything if the place is lost meanwhile: the client is closed already
 * @throws what the files and look-ups of the host throw
 */
export async function admit(
  hosts: Hosts,
  { daemon }: Pick<ServiceSettings, 'daemon'>,
  { address, port }: Peer,
  client: ClientSocket,
  place: WaitingPlace,
): Promise<Admission> {
  const { fd } = client;
  if (address !== undefined && !address.includes(':')) {
    const message = refusedByOptions(fd);
    if (message !== undefined) return { verdict: 'denied', rule: undefined, message, variables: undefined };
  }
  const server = address === undefined ? undefined : native.getsockname(fd);
  const described = {
    daemon,
    client: { address, port },
    server: server && { address: unmapAddress(server.address), port: server.port },
  };
  const decision = await hosts.check(described, place.give);
  const admission = await settle(decision, client, place);
  if (admission.verdict !== 'granted' || !(await place.take()) || place.isLost) return admission;
  const now = await decision.renew();
  // commands of the same rule do not run again
  return now === decision ? admission : settle(now, client);
}

// Carries out the rule of a decision. Without a place to give, the client keeps the one that it has, however long that takes.
async function settle(decision: Decision, client: ClientSocket, place?: WaitingPlace): Promise<Admission> {
  const { rule, reason } = decision;
  if (decision.options.length === 0)
    return { verdict: decision.expected, rule, message: reason, variables: undefined };
  place?.give();
  if (place?.isLost === true) return LOST;
  const { socket } = client;
  const applied = await decision.apply({ socket, onRefused: () => client.turnAway() });
  const problems = [...(applied.reason === undefined ? [] : [applied.reason]), ...applied.problems];
  return {
    verdict: applied.verdict,
    rule,
    message: problems.length === 0 ? undefined : problems.join('; '),
    variables: applied.variables,
  };
}
