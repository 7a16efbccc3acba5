// USER `auto`: an id that no account and no process has, for one launch at a time. A lock file holds it, so SIGKILL frees it.
import { existsSync } from 'node:fs';

import { LaunchError } from '../../errors.ts';
import { native, type HostFacts, type HostQuery, type OwnId } from '../../native.ts';
import { errnoName, reason } from '../../words/errno.ts';
import { ownIds, type NormalRequest } from '../request/request.ts';
import { requireRoot } from './privilege.ts';
import { lookAtHost } from './spawn-error.ts';

// Where systemd runs, its own lock files: then it gives none of these ids to a service meanwhile.
const lockPlace = (): string =>
  existsSync('/run/systemd/system') ? '/run/systemd/dynamic-uid' : '/run/uchroot/dynamic-uid';

const query = (): HostQuery => ({ locks: lockPlace(), firstId: ownIds.first, lastId: ownIds.last });

function taken({ ownId }: HostFacts): OwnId {
  const errno = ownId?.errno ?? 0;
  if (ownId !== undefined && errno === 0) return ownId;
  const code = errnoName(errno);
  const place = lockPlace();
  const isFull = code === 'EUSERS';
  throw new LaunchError(
    isFull
      ? `account: no id from ${ownIds.first} to ${ownIds.last} is free for USER auto`
      : `account: no id can be taken for USER auto: ${place}: ${reason(errno)}`,
    {
      step: 'account',
      code,
      errno,
      path: place,
      hint: isFull
        ? 'each is held by a launch, or a process runs with it: ps -eo uid,pid,args; or name a user'
        : `${place}, and the directory of it, must be directories of root that only root can write, on a file system that is not read-only; or name a user`,
    },
  );
}

/** An id for a launch of the command. @param privileged false for a plan of an ordinary user, who can take none: the first one stands for it */
export function takeIdNow(privileged: boolean): OwnId {
  if (privileged) requireRoot();
  const isRoot = process.geteuid?.() === 0;
  return isRoot ? taken(native.readHostSync(query())) : { id: ownIds.first, fd: -1 };
}

// The ids of this service that no program has at the moment: the next launch takes the last one, whose jail was judged already.
const idle: OwnId[] = [];
const mostIdle = 64;

/** An id for a program beside this process. @throws LaunchError */
export async function takeId(): Promise<OwnId> {
  requireRoot();
  // what a program has left behind may still run
  const free = idle.findLastIndex(({ id }) => !native.isIdUsed(id));
  const [own] = free < 0 ? [] : idle.splice(free, 1);
  return own ?? taken(await lookAtHost(query()));
}

/** Gives an id back. */
export function giveBack(own: OwnId): void {
  if (idle.length < mostIdle) idle.push(own);
  else native.closeDescriptor(own.fd);
}

/** The request of a launch with its own id. */
export function withId(request: NormalRequest, id: number): NormalRequest {
  const group = request.group ?? { id, text: String(id) };
  return { ...request, user: { ...request.user, id }, group };
}
