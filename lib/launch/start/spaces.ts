// Namespaces that an open jail keeps for its launches.
import { native } from '../../native.ts';
import { callerBeside } from '../host/caller.ts';
import { prepare, type VerifiedJail } from '../host/prepare.ts';
import { encodePlan } from '../plan/encode.ts';
import { keptNamespaces, shareable } from '../plan/isolated.ts';
import type { Namespace } from '../request/isolation-value.ts';
import type { Share } from '../request/jail-rows.ts';
import { setUpKeys, type NormalRequest } from '../request/request.ts';
import { toLaunchError } from '../tell/failure.ts';

/** Kept namespaces: their kinds, and a descriptor for each. */
export interface Spaces {
  readonly kinds: readonly Namespace[];
  readonly fds: readonly number[];
}

// Their names in /proc/PID/ns (namespaces(7)).
const fileOf = (kind: Namespace): string => (kind === 'mount' ? 'mnt' : kind);

type Account = VerifiedJail['account'];

// A prepared launch asks with the same two objects each time.
const keys = new WeakMap<NormalRequest, { readonly account: Account; readonly key: string }>();

function keyOf(request: NormalRequest, account: Account): string {
  const known = keys.get(request);
  if (known?.account === account) return known.key;
  const { uid, gid, groups } = account;
  const key = JSON.stringify([uid, gid, groups, setUpKeys.map((name) => request[name])]);
  keys.set(request, { account, key });
  return key;
}

/** The kept namespaces of one open jail. Programs of different users, or that ask for different views, share none. */
export class KeptSpaces {
  readonly #share: Share;
  readonly #made = new Map<string, Promise<Spaces>>();

  constructor(share: Share) {
    this.#share = share;
  }

  /** Those that a launch joins: made for the first one. @throws LaunchError */
  async of(request: NormalRequest, jail: VerifiedJail): Promise<Spaces | undefined> {
    const all = shareable(request);
    const kinds = this.#share === 'all' ? all : all.filter((kind) => this.#share === 'net' && kind === 'net');
    if (kinds.length === 0) return undefined;
    const key = keyOf(request, jail.account);
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const making = make(request, jail, kinds);
    this.#made.set(key, making);
    // the next launch tries again
    making.catch(() => this.#made.delete(key));
    return making;
  }

  /** Closes them. Programs that run in them go on. */
  close(): void {
    for (const making of this.#made.values())
      void making.then(({ fds }) => fds.forEach((fd) => native.closeJail(fd)), Boolean);
    this.#made.clear();
  }
}

async function make(
  request: NormalRequest,
  jail: VerifiedJail,
  kinds: readonly Namespace[],
): Promise<Spaces> {
  const { execve, view } = prepare(request, jail, callerBeside(request, false));
  const steps = [...keptNamespaces(request, kinds), execve];
  const made = await native.makeSpaces(encodePlan([steps]), jail.fd, kinds.map(fileOf));
  if ('errno' in made) throw toLaunchError(steps, made, view);
  return { kinds, fds: made };
}
