// Namespaces that an open jail keeps for its launches.
import { native } from '../../native.ts';
import { callerBeside } from '../host/caller.ts';
import { prepare, type VerifiedJail } from '../host/prepare.ts';
import { encodePlan } from '../plan/encode.ts';
import { keptNamespaces, keptOwnNamespaces, shareable } from '../plan/isolated.ts';
import type { Namespace } from '../request/isolation-value.ts';
import type { Share } from '../request/jail-rows.ts';
import { setUpKeys, type NormalRequest } from '../request/request.ts';
import { toLaunchError } from '../tell/failure.ts';
import { makeOwnSpaces } from './own-spaces.ts';
import { awaitStop, stopError, type NormalSpawn } from './start.ts';

/** Kept namespaces: their kinds, and a descriptor for each. Without root the first one is that of the user namespace. */
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
  const { uid, gid, groups, outside } = account;
  const key = JSON.stringify([uid, gid, groups, outside, setUpKeys.map((name) => request[name])]);
  keys.set(request, { account, key });
  return key;
}

/** Namespaces that are being made, for all launches that wait for them. */
interface Making {
  readonly made: Promise<readonly number[]>;
  /** Ends it early: `made` rejects. Only what asks programs of the host can take long. */
  readonly callOff?: () => void;
}

/** Namespaces of one kind of launch. */
class Kept {
  readonly #making: Making;
  readonly #onCallOff: () => void;
  #waiting = 0;
  /** Once they are made. */
  spaces: Spaces | undefined;
  readonly made: Promise<Spaces>;

  constructor(making: Making, kinds: readonly Namespace[], onCallOff: () => void) {
    this.#making = making;
    this.#onCallOff = onCallOff;
    this.made = making.made.then((fds) => (this.spaces = { kinds, fds }));
  }

  /** Waits with the time limit and the AbortSignal of a launch. When nobody waits any more, they are called off. */
  await(options: NormalSpawn): Promise<Spaces> {
    if (options.signal?.aborted === true) return Promise.reject(stopError('ABORT_ERR', options));
    this.#waiting++;
    return new Promise((resolve, reject) => {
      const clear = awaitStop(options, (reason) => {
        reject(stopError(reason, options));
        if (--this.#waiting > 0 || this.#making.callOff === undefined) return;
        this.#onCallOff();
        this.#making.callOff();
      });
      void this.made.finally(clear).then(resolve, reject);
    });
  }
}

/** The kept namespaces of one open jail. Programs of different users, or that ask for different views, share none. */
export class KeptSpaces {
  readonly #share: Share;
  readonly #kept = new Map<string, Kept>();

  constructor(share: Share) {
    this.#share = share;
  }

  /** Those that a launch joins: made for the first one. @throws LaunchError, AbortError */
  async of(request: NormalRequest, jail: VerifiedJail, options: NormalSpawn): Promise<Spaces | undefined> {
    const all = shareable(request);
    const kinds = this.#share === 'all' ? all : all.filter((kind) => this.#share === 'net' && kind === 'net');
    if (kinds.length === 0) return undefined;
    const key = keyOf(request, jail.account);
    const kept = this.#kept.get(key) ?? this.#make(key, request, jail, kinds);
    return kept.spaces ?? kept.await(options);
  }

  #make(key: string, request: NormalRequest, jail: VerifiedJail, kinds: readonly Namespace[]): Kept {
    // the next launch tries again
    const forget = (): void => {
      if (this.#kept.get(key) === kept) this.#kept.delete(key);
    };
    const kept = new Kept(begin(request, jail, kinds), kinds, forget);
    this.#kept.set(key, kept);
    kept.made.catch(forget);
    return kept;
  }

  /** Closes them. Programs that run in them go on. */
  close(): void {
    for (const { made } of this.#kept.values())
      void made.then(({ fds }) => fds.forEach((fd) => native.closeJail(fd)), Boolean);
    this.#kept.clear();
  }
}

function begin(asked: NormalRequest, jail: VerifiedJail, kinds: readonly Namespace[]): Making {
  const { request, account, execve, view } = prepare(asked, jail, callerBeside(asked, false));
  const names = kinds.map(fileOf);
  if (account.outside !== undefined) {
    const own = ['user', ...names];
    return makeOwnSpaces([...keptOwnNamespaces(request, account, kinds, own), execve], jail.fd, view);
  }
  const steps = [...keptNamespaces(request, kinds), execve];
  const made = native.makeSpaces(encodePlan([steps]), jail.fd, names).then((answer) => {
    if ('errno' in answer) throw toLaunchError(steps, answer, view);
    return answer;
  });
  return { made };
}
