// A jail that is verified once and used for many launches.
import { UsageError } from '../../errors.ts';
import { copyFields, reading } from '../../keys.ts';
import { native, type HostFacts } from '../../native.ts';
import { copyBytes, type Bytes } from '../../quote.ts';
import { accountQuery } from '../host/account.ts';
import { unreachable, type DirectoryFinding } from '../host/directory.ts';
import { judge, VerifiedJail } from '../host/prepare.ts';
import { requireRoot } from '../host/privilege.ts';
import type { JailedProcess } from '../process/process.ts';
import { namespacesOf } from '../request/isolation-value.ts';
import { normalize, type NormalRequest } from '../request/request.ts';
import type { JointOf, Stdio } from '../request/stdio.ts';
import { checkEnv, mergeEnv } from '../request/value.ts';
import { warnOnce } from '../tell/warn.ts';
import { JailLaunch } from './jail-launch.ts';
import {
  collect,
  normalizeRun,
  runOnlyKeys,
  type Encoding,
  type OutputOf,
  type RunRequest,
  type RunResult,
} from './run.ts';
import { KeptSpaces, toShare, type Share } from './spaces.ts';
import { begin, normalizeSpawn, spawnKeys, startIn, type SpawnRequest, type WithPty } from './spawn.ts';
import type { NormalSpawn } from './start.ts';
import { openTurns, toConcurrency, type Turns } from './turns.ts';

type Without<T> = Omit<T, 'jail' | 'user'> & { readonly user?: RunRequest['user'] | undefined };

/** A SpawnRequest without the jail; `user` and whatever else can come from the defaults. */
export type JailSpawnRequest<Wanted extends Stdio = Stdio> = Without<SpawnRequest<Wanted>>;
/** A RunRequest without the jail. */
export type JailRunRequest<Coding extends Encoding = Encoding, Wanted extends Stdio = Stdio> = Without<
  RunRequest<Coding, Wanted>
>;

/** Defaults of an open jail. */
export interface JailDefaults<
  Coding extends Encoding = Encoding,
  Wanted extends Stdio = Stdio,
> extends JailRunRequest<Coding, Wanted> {
  /**
   * What isolated programs of the jail share that have the same user and view: `all` (the default) is mounts, network, IPC and
   * hostname, `net` the network alone, `none` nothing. Their pids are always their own, and what an ephemeral jail is written to.
   */
  readonly share?: Share | undefined;
  /** How many programs of the jail run at once; more wait until one ends. Their timeouts count from the call. Default: any number. */
  readonly concurrency?: number | undefined;
}

// What the launches of a jail have in common.
interface Together {
  readonly share: Share;
  readonly concurrency: number | undefined;
}

// Keys that decide about the account and its judgement.
const identity = 'user group groups clearGroups allowRoot insecurePath allowNewPrivs'.split(' ');

/** A request with the jail's defaults. */
interface Merged<T> {
  readonly request: T & Pick<RunRequest, 'jail' | 'user'>;
  /** The jail as it was verified for the defaults; undefined if the request may be for another account. */
  readonly usual: VerifiedJail | undefined;
}

/**
 * An open jail: the directory that was verified, even if its name leads elsewhere later. The type parameters are those of
 * `encoding` and `stdio` of its defaults.
 */
export class Jail<
  Coding extends Encoding = Encoding,
  Wanted extends Stdio = Stdio,
> implements AsyncDisposable {
  /** Path on the host, as given. */
  readonly directory: Bytes;
  /** Warnings about the path to it, for the account of the defaults. */
  readonly warnings: readonly DirectoryFinding[];
  readonly #path: Buffer;
  readonly #facts: HostFacts;
  readonly #defaults: JailRunRequest;
  readonly #spawnDefaults: JailRunRequest;
  readonly #usual: VerifiedJail | undefined;
  readonly #spaces: KeptSpaces;
  readonly #turns: Turns | undefined;
  #open = true;
  #starting = 0;
  #closed = false;

  /** Made by `openJail`. */
  constructor(
    directory: Bytes,
    path: Buffer,
    defaults: JailRunRequest,
    facts: HostFacts,
    { share, concurrency }: Together,
    usual?: VerifiedJail,
  ) {
    this.#spaces = new KeptSpaces(share);
    this.#turns = concurrency === undefined ? undefined : openTurns(concurrency);
    this.directory = directory;
    // not `directory`: the caller can change these bytes
    this.#path = path;
    this.warnings = usual?.warnings ?? [];
    this.#defaults = defaults;
    this.#spawnDefaults = Object.fromEntries(
      Object.entries(defaults).filter(([key]) => !runOnlyKeys.includes(key)),
    );
    this.#facts = facts;
    this.#usual = usual;
  }

  /** As `runInJail`. */
  async run<Own extends Encoding = Coding>(
    request: JailRunRequest<Own> = {},
  ): Promise<RunResult<OutputOf<Own>>> {
    const merged = this.#merge(this.#defaults, request);
    const [normal, options] = normalizeRun(merged.request);
    return collect<Own>(await this.#start(normal, options, merged.usual), normal, options);
  }

  /** As `spawnInJail`. */
  async spawn<const Own extends Stdio = Wanted, const Pty extends SpawnRequest['pty'] = undefined>(
    request: JailSpawnRequest<Own> & WithPty<Pty> = {},
  ): Promise<JailedProcess<JointOf<Own, Pty>>> {
    const merged = this.#merge(this.#spawnDefaults, request);
    const [normal, options] = [normalize(merged.request, spawnKeys), normalizeSpawn(merged.request)];
    return (await this.#start(normal, options, merged.usual)) as JailedProcess<JointOf<Own, Pty>>;
  }

  /**
   * Checks a request once, for a service that starts the same program again and again. The launch can be started until the jail is
   * closed.
   *
   * @throws UsageError
   */
  prepare<
    Own extends Encoding = Coding,
    const Joined extends Stdio = Wanted,
    const Pty extends SpawnRequest['pty'] = undefined,
  >(request: JailRunRequest<Own, Joined> & WithPty<Pty> = {}): JailLaunch<Own, Joined, Pty> {
    const merged = this.#merge(this.#defaults, request);
    const { usual } = merged;
    // one of its own: what two launches keep in it would displace each other
    const jail = usual && new VerifiedJail(usual.directory, usual.account, usual.warnings);
    return new JailLaunch(merged.request, (normal, options) => this.#start(normal, options, jail));
  }

  /** Closes the directory when the launches under way have ended. Programs that run in it go on. */
  close(): void {
    this.#open = false;
    this.#closeIfIdle();
  }

  #closeIfIdle(): void {
    if (this.#open || this.#starting > 0 || this.#closed) return;
    this.#closed = true;
    native.closeJail(this.#facts.jailFd);
    this.#spaces.close();
  }

  #start(normal: NormalRequest, options: NormalSpawn, usual?: VerifiedJail): Promise<JailedProcess> {
    if (!this.#open) throw new UsageError('the jail has been closed');
    return begin(normal, options, async (begun) => {
      this.#starting++;
      try {
        const launch = () => this.#launch(normal, begun, usual);
        return await (this.#turns === undefined ? launch() : this.#turns(begun, launch));
      } finally {
        this.#starting--;
        this.#closeIfIdle();
      }
    });
  }

  async #launch(normal: NormalRequest, begun: NormalSpawn, usual?: VerifiedJail): Promise<JailedProcess> {
    const jail = usual ?? (await this.#lookUp(normal));
    const spaces = namespacesOf(normal).includes('pid') ? await this.#spaces.of(normal, jail) : undefined;
    return startIn(jail, normal, spaces === undefined ? begun : { ...begun, spaces });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #merge<T extends JailRunRequest>(defaults: JailRunRequest, request: T): Merged<T> {
    return reading(() => {
      checkPartial(request, "run({program: '/bin/ls'})");
      const user = request.user ?? defaults.user;
      if (user === undefined) throw new UsageError('user is missing: give it here or to openJail');
      const env = mergeEnv(defaults.env, request.env);
      return {
        request: { ...defaults, ...request, env, jail: this.#path, user },
        usual: identity.some((key) => key in request) ? undefined : this.#usual,
      };
    });
  }

  // Another account is looked up for this launch, and the path to the jail is judged again for it.
  async #lookUp(normal: NormalRequest): Promise<VerifiedJail> {
    const { passwd, groups, named } = await native.readHost(accountQuery(normal));
    return judge(normal, { ...this.#facts, passwd, groups, named });
  }
}

// Checks a request without a jail.
function checkPartial(request: object, example: string): void {
  if (typeof request !== 'object' || request === null || Array.isArray(request))
    throw new UsageError(`the keys must be in an object, as in ${example}`);
  if ('jail' in request && request.jail !== undefined)
    throw new UsageError('jail is given twice: openJail has been given the directory', {
      hint: 'to start a program in another jail, open that one',
    });
}

// A copy of the defaults: the caller may change his object later.
function copyDefaults(defaults: JailRunRequest): JailRunRequest {
  const { env } = defaults;
  if (env !== undefined) checkEnv(env);
  const own: JailRunRequest = copyFields(defaults);
  // process.env is no plain object
  return env === undefined ? own : { ...own, env: copyFields(env) as JailRunRequest['env'] };
}

/**
 * Opens a jail: verifies the path to its directory and looks up the account of `defaults.user`, once. Close it with `close()` or
 * `await using`.
 *
 * @param directory absolute path on the host
 * @param defaults keys for every launch; a launch can override them
 * @throws UsageError, LaunchError as spawnInJail
 */
export async function openJail<Coding extends Encoding = 'utf8', const Wanted extends Stdio = 'pipe'>(
  directory: Bytes,
  defaults: JailDefaults<Coding, Wanted> = {},
): Promise<Jail<Coding, Wanted>> {
  const [together, own, normal] = reading(() => {
    if (typeof directory !== 'string' && !(directory instanceof Uint8Array))
      throw new UsageError('the directory must be a string or a Uint8Array', {
        hint: "it comes first: openJail('/srv/jail', {user: 'sam'})",
      });
    checkPartial(defaults, "openJail('/srv/jail', {user: 'sam'})");
    const { share, concurrency, ...keys } = defaults;
    const copy = copyDefaults(keys);
    return [
      { share: toShare(share), concurrency: toConcurrency(concurrency) },
      copy,
      normalizeRun({ ...copy, user: copy.user ?? '+0', jail: directory })[0],
    ] as const;
  });
  const named = own.user !== undefined;
  const query = named ? accountQuery(normal) : {};
  const facts = await native.readHost({ ...query, jail: normal.jail });
  try {
    const usual = named ? judge(normal, facts) : undefined;
    if (!normal.rootless) requireRoot();
    if (facts.jailFd < 0) throw unreachable(facts, normal);
    warnOnce(usual?.warnings ?? []);
    const given = typeof directory === 'string' ? directory : copyBytes(normal.jail);
    return new Jail(given, normal.jail, own, facts, together, usual);
  } catch (error) {
    if (facts.jailFd >= 0) native.closeJail(facts.jailFd);
    throw error;
  }
}
