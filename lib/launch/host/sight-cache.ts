// What launches have seen of the host, for the next ones to begin with: the look-up and the launch are then one piece of
// work for the other thread, and the event loop is not needed in between.
import type { HostFacts, HostSight } from '../../native.ts';
import type { VerifiedJail, Verdict } from './prepare.ts';
import type { NormalRequest } from '../request/request.ts';
import type { Principal } from '../request/value.ts';

/** A verdict, and what it was made from: it counts for as long as the host says the same, and this process is root. */
export interface Remembered extends Verdict {
  readonly sight: HostSight;
}

// As many jails and users as a busy service has. More of them only take longer to launch.
const most = 256;
const remembered = new Map<string, Remembered>();

// No name has a NUL in it; a number that was given as one is no name.
function principalKey({ name, id }: Principal): string {
  return `${name ?? ''}\0${id ?? ''}`;
}

// All of a request that the look-up and the verdict depend on.
function keyOf({ user, group, groups, jail, allowRoot, insecurePath, allowNewPrivs }: NormalRequest): string {
  const flags = `${Number(allowRoot)}${Number(insecurePath)}${Number(allowNewPrivs)}`;
  const own = group === undefined ? '*' : principalKey(group);
  const others = groups === undefined ? '*' : `=${groups.map(principalKey).join('\0')}`;
  return `${flags}${principalKey(user)}\0${own}\0${jail.toString('latin1')}\0${others}`;
}

/** Keeps the verdict on a request. */
export function remember(
  request: NormalRequest,
  { account, warnings }: VerifiedJail,
  facts: HostFacts,
): void {
  if (remembered.size >= most) remembered.clear();
  remembered.set(keyOf(request), { account, warnings, sight: facts.sight });
}

/** The verdict on the last request that was like this one, if there was one. */
export function recall(request: NormalRequest): Remembered | undefined {
  return remembered.get(keyOf(request));
}
