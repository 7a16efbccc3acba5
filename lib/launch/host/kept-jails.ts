// Keeps verified jails for the next launch of the same kind. At each launch, the host is compared with what was seen at the verification.
import type { HostSight } from '../../native.ts';
import type { NormalRequest, Principal } from '../request/request.ts';
import { VerifiedJail } from './prepare.ts';

// More jails and users than a busy service has. Beyond that, launches only take longer.
const mostJails = 256;
const jails = new Map<string, VerifiedJail>();

// No name contains a NUL. A number that was given as an id is not a name.
function principalKey({ name, id }: Principal): string {
  return `${name ?? ''}\0${id ?? ''}`;
}

// All keys of a request that decide about look-up and judgement.
function keyOf(request: NormalRequest): string {
  const { user, group, groups, jail, allowRoot, insecurePath, allowNewPrivs, rootless, mapAuto } = request;
  const flags = `${Number(allowRoot)}${Number(insecurePath)}${Number(allowNewPrivs)}${rootless ? process.geteuid?.() : '-'}${Number(mapAuto)}`;
  const own = group === undefined ? '*' : principalKey(group);
  const others = groups === undefined ? '*' : `=${groups.map(principalKey).join('\0')}`;
  return `${flags}${principalKey(user)}\0${own}\0${jail.toString('latin1')}\0${others}`;
}

/** Keeps a verified jail for the next request like this one. */
export function keepJail(
  request: NormalRequest,
  { account, warnings, isShared }: VerifiedJail,
  sight: HostSight,
): void {
  if (jails.size >= mostJails) jails.clear();
  jails.set(keyOf(request), new VerifiedJail(sight, account, warnings, isShared));
}

/** The jail that was kept for a request like this one. */
export function keptJail(request: NormalRequest): VerifiedJail | undefined {
  return jails.get(keyOf(request));
}
