// The target that is a whole process with one connection, as inetd(8) starts it; also changes its user and group.

import { writeSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

import { native } from '../../native.ts';
import { attempt, type Done, type ProcessChange, type Target } from './connection-target.ts';
import { type CommandEnd, shellArguments } from './shell-command.ts';

/** Names have one byte a character. A group alone keeps the user. */
type IdentityRequest =
  | { readonly user: string; readonly group?: string | undefined }
  | { readonly user?: undefined; readonly group: string };

interface Identity {
  readonly uid: number | undefined;
  readonly gid: number;
  readonly gids: readonly number[];
}

function toGid(name: string): number {
  const found = native.getgrnam(Buffer.from(name, 'latin1'));
  if (found === null) throw new Error('unknown group');
  return found.gid;
}

// The groups of the user on the host; a group of the rule replaces the primary group.
function resolveIdentity({ user, group }: IdentityRequest): Identity {
  if (user === undefined) {
    const gid = toGid(group);
    return { uid: undefined, gid, gids: [gid] };
  }
  const name = Buffer.from(user, 'latin1');
  const found = native.getpwnam(name);
  if (found === null) throw new Error('unknown user');
  const gid = group === undefined ? found.gid : toGid(group);
  return { uid: found.uid, gid, gids: native.getgrouplist(name, gid) };
}

function isSameSet(a: readonly number[], b: readonly number[]): boolean {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && a.every((gid) => right.has(gid));
}

// Reads the ids back: the calls may succeed without effect (setuid(2), CVE-2000-0506).
function verify({ uid, gid, gids }: Identity): void {
  const groups = process.getgroups?.() ?? [];
  const isRight =
    process.getgid?.() === gid &&
    process.getegid?.() === gid &&
    // getgroups(2) may omit the effective group; Node adds it
    isSameSet([...groups, gid], [...gids, gid]) &&
    (uid === undefined || (process.getuid?.() === uid && process.geteuid?.() === uid));
  if (!isRight) throw new Error('the identity read back is not the one that was set');
  if (uid === undefined || uid === 0) return;
  try {
    native.setuid(0);
  } catch {
    return;
  }
  throw new Error('uid 0 could be regained');
}

/**
 * Sets groups, gid and uid of this process, in this order, and reads them back.
 * @throws {Error} for an unknown name, or if a call or the read-back fails. The process must then end, because some ids
 * may have changed.
 */
function changeIdentity(request: IdentityRequest): void {
  const identity = resolveIdentity(request);
  // first: setgroups(2) needs CAP_SETGID, which is lost with uid 0
  native.setgroups(identity.gids);
  native.setgid(identity.gid);
  if (identity.uid !== undefined) native.setuid(identity.uid);
  verify(identity);
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
        return this.#become({ group: effect.group });
      case 'user':
        return this.#become({ user: effect.user, group: effect.group ?? this.#group });
      default:
        return effect satisfies never;
    }
  }

  #become(identity: IdentityRequest): Done {
    const failed = attempt(() => changeIdentity(identity), 'the identity cannot be changed: ');
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
