// Where the actions of a rule take effect: one connection of a process that serves others too, or a whole process with
// one connection, as inetd(8) starts it.

import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { getPriority, setPriority } from 'node:os';

import { native } from '../../native.ts';
import type { Effect } from '../decide/ruling.ts';
import { type CommandEnd, delegate, shellArguments } from './shell-command.ts';

/** The result of an action: why it refuses, or a problem that does not refuse. */
export type Done = { readonly refusal: string } | { readonly problem: string } | undefined;

type ProcessChange = Extract<Effect, { readonly kind: 'nice' | 'umask' | 'user' | 'group' }>;

/** Where actions take effect. No method throws or rejects. */
export interface Target {
  /** Variables for commands, besides those of this process. */
  readonly variables: Readonly<Record<string, string>>;
  setVariable(name: string, value: string): Done;
  change(effect: ProcessChange): Done;
  keepAlive(): Done;
  linger(seconds: number): Done;
  send(bytes: Buffer): Promise<Done>;
  /** Gives the connection to a command: at once, or by a function that is called after all other actions. */
  delegate(command: string, client: string, timeoutMs: number): Promise<CommandEnd | (() => never)>;
}

// Runs a call; an exception is a problem.
function attempt(call: () => void, what = ''): { readonly problem: string } | undefined {
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
    // that of a TLS socket is below TLS
    const fd = 'encrypted' in this.#socket ? undefined : descriptorOf(this.#socket);
    if (fd === undefined) return { succeeded: false, problem: 'the socket has no descriptor' };
    const end = await delegate(command, { fd, client }, { variables: this.variables, timeoutMs });
    // the command has its own copy of the descriptor
    this.#socket.destroy();
    return end;
  }
}

function toGid(name: string): number {
  const found = native.getgrnam(Buffer.from(name, 'latin1'));
  if (found === null) throw new Error('unknown group');
  return found.gid;
}

// Sets the gid and groups of this process, and its uid, in this order. The groups of the user are those of the host; a
// group of the rule replaces the primary one. If this throws, the process must end, because some ids may have changed.
function changeIdentity(user: string | undefined, group: string | undefined): void {
  const name = Buffer.from(user ?? '', 'latin1');
  const found = user === undefined ? undefined : native.getpwnam(name);
  if (found === null) throw new Error('unknown user');
  const gid = group === undefined && found !== undefined ? found.gid : toGid(group ?? '');
  const gids = found === undefined ? [gid] : native.getgrouplist(name, gid);
  // first: setgroups(2) needs CAP_SETGID, which is lost with uid 0
  native.setgroups(gids);
  native.setgid(gid);
  if (found !== undefined) native.setuid(found.uid);
  verify(found?.uid, gid, gids);
}

// Reads the ids back: the calls may succeed without effect (setuid(2), CVE-2000-0506).
function verify(uid: number | undefined, gid: number, gids: readonly number[]): void {
  // getgroups(2) may omit the effective group; Node adds it
  const [groups, wanted] = [new Set([...(process.getgroups?.() ?? []), gid]), new Set([...gids, gid])];
  const isRight =
    process.getgid?.() === gid &&
    process.getegid?.() === gid &&
    groups.size === wanted.size &&
    [...groups].every((id) => wanted.has(id)) &&
    (uid === undefined || (process.getuid?.() === uid && process.geteuid?.() === uid));
  if (!isRight) throw new Error('the identity read back is not the one that was set');
  if (uid !== undefined && uid !== 0 && attempt(() => native.setuid(0)) === undefined)
    throw new Error('uid 0 could be regained');
}

export class ProcessTarget implements Target {
  // commands inherit the environment of this process
  readonly variables = {};
  readonly #fd: number;
  #group: string | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  setVariable(name: string, value: string): Done {
    process.env[name] = value;
    return undefined;
  }

  change(effect: ProcessChange): Done {
    switch (effect.kind) {
      case 'nice':
        return attempt(
          () => setPriority(Math.max(-20, Math.min(19, getPriority() + effect.increment))),
          'nice: ',
        );
      case 'umask':
        process.umask(effect.mask);
        return undefined;
      case 'group':
        this.#group = effect.group;
        return this.#become(undefined, effect.group);
      case 'user':
        return this.#become(effect.user, effect.group ?? this.#group);
      default:
        return effect satisfies never;
    }
  }

  #become(user: string | undefined, group: string | undefined): Done {
    const failed = attempt(() => changeIdentity(user, group), 'the identity cannot be changed: ');
    return failed && { refusal: failed.problem };
  }

  keepAlive(): Done {
    return attempt(() => native.setKeepAlive(this.#fd));
  }

  linger(seconds: number): Done {
    return attempt(() => native.setLinger(this.#fd, seconds));
  }

  send(bytes: Buffer): Promise<Done> {
    const failed = attempt(() => {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at);
    });
    return Promise.resolve(failed);
  }

  // no child: inetd(8) waits for this process
  delegate(command: string): Promise<CommandEnd | (() => never)> {
    return Promise.resolve(() => {
      for (const fd of [0, 1, 2]) if (fd !== this.#fd) native.duplicate(this.#fd, fd);
      return native.execv('/bin/sh', shellArguments(command));
    });
  }
}
