// Namespaces that an open jail keeps for its launches.
import { AbortError } from '../../errors.ts';
import { native } from '../../native.ts';
import { judgeBinds, judgedPaths, realSources } from '../host/binds.ts';
import type { Ways } from '../host/host-ways.ts';
import { waysBeside } from '../host/ways-beside.ts';
import { callerBeside } from '../host/caller.ts';
import { prepare, type PreparedLaunch, type VerifiedJail } from '../host/prepare.ts';
import { encodePlan } from '../plan/encode.ts';
import { keptNamespaces, keptOwnNamespaces, shareable } from '../plan/isolated.ts';
import type { Namespace } from '../request/isolation-value.ts';
import type { Share } from '../request/jail-rows.ts';
import { setUpKeys, type NormalRequest, type SetUpKey } from '../request/request.ts';
import { toLaunchError } from '../tell/failure.ts';
import { warnOnce } from '../tell/launch-warnings.ts';
import { makeOwnSpaces } from './rootless-namespaces.ts';
import type { NormalSpawn } from './start.ts';
import { awaitStop, stopError } from './abort-or-timeout.ts';

/** Kept namespaces: their kinds, and a descriptor for each. Without root the first one is that of the user namespace. */
export interface Spaces {
  readonly kinds: readonly Namespace[];
  readonly fds: readonly number[];
}

const calledOff = new AbortError('launch: called off before the namespaces were made', undefined);

// Their names in /proc/PID/ns (namespaces(7)).
const fileOf = (kind: Namespace): string => (kind === 'mount' ? 'mnt' : kind);

type Account = VerifiedJail['account'];

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
  'rlimits',
  'swap',
  'umask',
]);
const spaceKeys = [...setUpKeys().filter((key) => !programKeys.has(key)), 'allow', 'seccomp'] as const;

// A limit is needed, because a service can ask for another view in each launch. A set of namespaces is up to six descriptors.
const mostKept = 16;

// A prepared launch asks with the same two objects each time.
const keys = new WeakMap<NormalRequest, { readonly account: Account; readonly key: string }>();

function keyOf(request: NormalRequest, account: Account): string {
  const known = keys.get(request);
  if (known?.account === account) return known.key;
  const { uid, gid, groups, outside } = account;
  // a program with a terminal does not share its devpts with one that has none
  const hasPty = request.pty !== undefined;
  const key = JSON.stringify([uid, gid, groups, outside, hasPty, spaceKeys.map((name) => request[name])]);
  keys.set(request, { account, key });
  return key;
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
    void this.#made.then(({ fds }) => fds.forEach((fd) => native.closeJail(fd)), Boolean);
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
  async take(request: NormalRequest, jail: VerifiedJail, options: NormalSpawn): Promise<Taken | undefined> {
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

  #make(key: string, request: NormalRequest, jail: VerifiedJail, kinds: readonly Namespace[]): Kept {
    // after a failure, the next launch makes them again
    const forget = (): void => {
      if (this.#kept.get(key) === kept) this.#kept.delete(key);
    };
    const kept = new Kept(begin(request, jail, kinds), kinds, forget);
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

function begin(asked: NormalRequest, jail: VerifiedJail, kinds: readonly Namespace[]): Making {
  const launch = prepare(asked, jail, callerBeside(asked, false));
  const make = (ways: Ways): Making => makeSpaces(launch, jail, kinds, ways);
  const paths = judgedPaths(launch);
  if (paths.length === 0) return make(new Map());
  let making: Making | undefined;
  let isOff = false;
  // Judged before anything is mounted, because all later launches use these mounts.
  const judged = waysBeside(paths).then((ways) => {
    judgeBinds(launch, (warning) => warnOnce([warning]), ways);
    return ways;
  });
  return {
    made: judged.then((ways) => {
      // nobody waits any more, and the jail may have been closed
      if (isOff) throw calledOff;
      return (making = make(ways)).made;
    }),
    callOff: () => {
      isOff = true;
      making?.callOff?.();
    },
  };
}

function makeSpaces(
  launch: PreparedLaunch,
  jail: VerifiedJail,
  kinds: readonly Namespace[],
  ways: Ways,
): Making {
  const { request, account, execve, view } = launch;
  const names = kinds.map(fileOf);
  if (account.outside !== undefined) {
    const own = ['user', ...names];
    const steps = realSources(keptOwnNamespaces(request, account, kinds, own), ways);
    return makeOwnSpaces([...steps, execve], jail.fd, view);
  }
  const steps = [...realSources(keptNamespaces(request, kinds), ways), execve];
  const made = native.makeSpaces(encodePlan([steps]), jail.fd, names).then((answer) => {
    if ('errno' in answer) throw toLaunchError(steps, answer, view);
    return answer;
  });
  return { made };
}
