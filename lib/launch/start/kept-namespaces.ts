// Namespaces that an open jail keeps for its launches.
import type { LaunchError } from '../../errors.ts';
import { native, type PlanFailure } from '../../native.ts';
import type { Account } from '../host/account.ts';
import { callerBeside } from '../host/caller.ts';
import type { JudgedJail, Settled } from '../host/judged-jail.ts';
import { encodePlan } from '../plan/encode.ts';
import { keptNamespaces, keptOwnNamespaces, shareable } from '../plan/isolated.ts';
import { toLaunch } from '../plan/launch.ts';
import type { Namespace } from '../request/isolation-value.ts';
import type { Share } from '../request/jail-rows.ts';
import { setUpKeys, type NormalRequest, type SetUpKey } from '../request/request.ts';
import { toLaunchError } from '../tell/failure.ts';
import { viewOf } from '../tell/jail-view.ts';
import { makeOwnSpaces } from './rootless-namespaces.ts';
import type { NormalSpawn, Spaces } from './normal-spawn.ts';
import { awaitStop, stopError } from './abort-or-timeout.ts';

// Their names in /proc/PID/ns (namespaces(7)).
const fileOf = (kind: Namespace): string => (kind === 'mount' ? 'mnt' : kind);

// Keys that change nothing in the kept namespaces, and no right over them. Launches of one jail often differ in these.
const programKeys = new Set<SetUpKey>([
  'affinity',
  'cpu',
  'cpuTime',
  'cwd',
  'dieWithParent',
  'ioWeight',
  'memory',
  'newSession',
  'nice',
  'oomScoreAdj',
  'pids',
  'preserveFds',
  'pty',
  'reportDenials',
  'rlimits',
  'swap',
  'umask',
]);
const spaceKeys = [...setUpKeys().filter((key) => !programKeys.has(key)), 'allow', 'seccomp'] as const;

// A limit is needed, because a service can ask for another view in each launch. A set of namespaces is up to six descriptors.
const mostKept = 16;

function keyOf(request: NormalRequest, { uid, gid, groups, outside }: Account): string {
  // a program with a terminal does not share its devpts with one that has none
  const hasPty = request.pty !== undefined;
  return JSON.stringify([uid, gid, groups, outside, hasPty, spaceKeys.map((name) => request[name])]);
}

/** Namespaces that are being made, for all launches that wait for them. */
interface Making {
  readonly made: Promise<readonly number[]>;
  /** Cancels it: `made` rejects. Missing where nothing can take long. */
  readonly callOff?: () => void;
}

/** Namespaces of one kind of launch. */
class Kept {
  readonly #making: Making;
  readonly #onCallOff: () => void;
  readonly #made: Promise<Spaces>;
  #users = 0;
  #isDropped = false;
  #spaces: Spaces | undefined;

  constructor(making: Making, kinds: readonly Namespace[], onFailure: () => void) {
    this.#making = making;
    this.#onCallOff = onFailure;
    this.#made = making.made.then((fds) => (this.#spaces = { kinds, fds }));
    this.#made.catch(onFailure);
  }

  /**
   * Takes them for a launch, which must release them. Waits until they are made, but no longer than the launch may. If no launch waits
   * any more, their making is cancelled.
   */
  async take(options: NormalSpawn): Promise<Spaces> {
    this.#users++;
    try {
      return this.#spaces ?? (await this.#await(options));
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Ends the use by a launch. */
  release(): void {
    this.#users--;
    if (this.#users === 0 && this.#isDropped) this.#close();
  }

  /** Closes them when no launch uses them any more. */
  drop(): void {
    this.#isDropped = true;
    if (this.#users === 0) this.#close();
  }

  #await(options: NormalSpawn): Promise<Spaces> {
    if (options.signal?.aborted === true) return Promise.reject(stopError('ABORT_ERR', options));
    return new Promise((resolve, reject) => {
      const clear = awaitStop(options, (reason) => {
        reject(stopError(reason, options));
        const isWanted = this.#users > 1 || this.#spaces !== undefined;
        if (isWanted || this.#making.callOff === undefined) return;
        this.#onCallOff();
        this.#making.callOff();
        this.#isDropped = true; // if they are made nevertheless, they are closed at once
      });
      void this.#made.finally(clear).then(resolve, reject);
    });
  }

  #close(): void {
    void this.#made.then(({ fds }) => fds.forEach((fd) => native.closeDescriptor(fd)), Boolean);
  }
}

/** Kept namespaces that a launch has taken. */
interface Taken {
  readonly spaces: Spaces;
  /** Called once the launch is over. */
  readonly release: () => void;
}

/** The kept namespaces of one open jail. Programs with different users or different views share none. */
export class KeptSpaces {
  readonly #share: Share;
  readonly #kept = new Map<string, Kept>();

  constructor(share: Share) {
    this.#share = share;
  }

  /** The namespaces that a launch joins. They are made for the first launch. @throws LaunchError, AbortError */
  async take(request: Settled, jail: JudgedJail, options: NormalSpawn): Promise<Taken | undefined> {
    const all = shareable(request);
    const kinds = this.#share === 'all' ? all : all.filter((kind) => this.#share === 'net' && kind === 'net');
    if (kinds.length === 0) return undefined;
    const key = keyOf(request, jail.account);
    const kept = this.#kept.get(key) ?? this.#make(key, request, jail, kinds);
    // the order of the map is the order of their last use
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const spaces = await kept.take(options);
    return { spaces, release: () => kept.release() };
  }

  #make(key: string, request: Settled, jail: JudgedJail, kinds: readonly Namespace[]): Kept {
    // after a failure, the next launch makes them again
    const forget = (): void => {
      if (this.#kept.get(key) === kept) this.#kept.delete(key);
    };
    const kept = new Kept(makeSpaces(request, jail, kinds), kinds, forget);
    for (const [oldest, dropped] of this.#kept) {
      if (this.#kept.size < mostKept) break;
      this.#kept.delete(oldest);
      dropped.drop();
    }
    return kept;
  }

  /** Closes them. Programs that run in them go on. */
  close(): void {
    for (const kept of this.#kept.values()) kept.drop();
    this.#kept.clear();
  }
}

function makeSpaces(request: Settled, jail: JudgedJail, kinds: readonly Namespace[]): Making {
  const launch = toLaunch(request, jail, callerBeside(request, false), undefined);
  const { account, execve } = launch;
  const names = kinds.map(fileOf);
  const planned =
    account.outside === undefined
      ? keptNamespaces(request, kinds)
      : keptOwnNamespaces(request, account, kinds, ['user', ...names]);
  const steps = [...planned, execve];
  const toError = (failure: PlanFailure): LaunchError => toLaunchError(steps, failure, viewOf(launch));
  if (account.outside !== undefined) return makeOwnSpaces(steps, jail.fd, toError);
  const wanted = { plan: encodePlan([steps]), jailFd: jail.fd, kinds: names };
  const made = native.makeSpaces(wanted).then((answer) => {
    if ('failure' in answer) throw toError(answer.failure);
    return answer.fds;
  });
  return { made };
}
