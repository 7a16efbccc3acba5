// Options in a process that is there for one connection alone, as one that inetd(8) has started.

import { writeSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

import { native } from '../../native.ts';
import { type CommandEnd, shellArguments } from './command.ts';
import { changeIdentity } from './identity.ts';
import { type Done, type Place, type ProcessChange, tried } from './place.ts';

/** See Place; the connection is a descriptor. */
export class ProcessPlace implements Place {
  // commands inherit those of this process
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
        return tried(
          () => setPriority(Math.max(-20, Math.min(19, getPriority() + effect.increment))),
          (message) => ({ problem: `nice: ${message}` }),
        );
      case 'umask':
        process.umask(effect.mask);
        return undefined;
      case 'group':
        this.#group = effect.group;
        return this.#become({ group: effect.group });
      case 'user':
        return this.#become({ user: effect.user, group: effect.group ?? this.#group });
      default:
        return effect satisfies never;
    }
  }

  #become(identity: Parameters<typeof changeIdentity>[0]): Done {
    return tried(
      () => changeIdentity(identity),
      (message) => ({ refusal: `the identity cannot be changed: ${message}` }),
    );
  }

  keepAlive(): Done {
    return tried(
      () => native.setKeepAlive(this.#fd),
      (message) => ({ problem: message }),
    );
  }

  linger(seconds: number): Done {
    return tried(
      () => native.setLinger(this.#fd, seconds),
      (message) => ({ problem: message }),
    );
  }

  send(bytes: Buffer): Promise<Done> {
    const failed = tried(
      () => {
        for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at);
      },
      (message) => ({ problem: message }),
    );
    return Promise.resolve(failed);
  }

  // not a child, but this very process, so that inetd(8) waits for the right one
  delegate(command: string): Promise<CommandEnd | (() => never)> {
    return Promise.resolve(() => {
      for (const fd of [0, 1, 2]) if (fd !== this.#fd) native.duplicate(this.#fd, fd);
      return native.execv('/bin/sh', shellArguments(command));
    });
  }
}
