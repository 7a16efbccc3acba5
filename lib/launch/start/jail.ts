// A jail that is verified once and used for many launches.
import { UsageError, type Output } from '../../errors.ts';
import { reading, refuseSecond, withInherited } from '../../values/keys.ts';
import { native, type HostFacts } from '../../native.ts';
import { copyBytes, type Bytes } from '../../words/quote.ts';
import { accountQuery } from '../host/account.ts';
import { callerBeside } from '../host/caller.ts';
import { unreachable, type DirectoryFinding } from '../host/directory.ts';
import { withId } from '../host/own-id.ts';
import { buildEnvironment } from '../host/environment.ts';
import { judge, settle, type JudgedJail } from '../host/judged-jail.ts';
import { requireRoot } from '../host/privilege.ts';
import type { JailedProcess } from '../process/process.ts';
import { namespacesOf } from '../request/isolation-value.ts';
import {
  checkPartial,
  copyRequest,
  identityKeys,
  mergeRequests,
  normalizeDefaults,
  type JailDefaults,
  type AnyJailRunRequest,
  type JailRunRequest,
  type JailSpawnRequest,
  type Together,
} from '../request/jail-rows.ts';
import { ownIds, type NormalRequest } from '../request/request.ts';
import type { PoolRequest } from '../request/pool-rows.ts';
import {
  normalizeRun,
  withoutRunKeys,
  type Encoding,
  type OutputOf,
  type AnyRunRequest,
} from '../request/run-rows.ts';
import { normalizeSpawn, type SpawnOptions, type SpawnRequest, type WithPty } from '../request/spawn-rows.ts';
import type { JointOf, Stdio } from '../request/stdio.ts';
import { isUntrusted } from '../request/untrusted.ts';
import { findProgram } from '../tell/path-search.ts';
import { warnOnce } from '../tell/launch-warnings.ts';
import { JailLaunch } from './jail-launch.ts';
import { openPool, type Pool } from './pool.ts';
import { collect, type RunResult } from './run.ts';
import { KeptSpaces } from './kept-namespaces.ts';
import { KeptLaunch } from './kept-launch.ts';
import type { NormalSpawn } from './normal-spawn.ts';
import { begin, ready, startIn, withOwnId } from './spawn.ts';
import { lookAtHost } from '../host/spawn-error.ts';
import { beforeStop } from './abort-or-timeout.ts';
import { openTemplate, type Template } from './template.ts';
import { openTurns, type Turns } from './launch-queue.ts';

/** A request with the jail's defaults. */
interface Merged<T> {
  readonly request: T & Pick<AnyRunRequest, 'jail' | 'user'>;
  /** The jail as it was verified for the defaults; undefined if the request may be for another account. By id for USER `auto`. */
  readonly usual: KeptLaunch | Map<number, KeptLaunch> | undefined;
}

/** An open jail: the verified directory, whatever its name leads to later. The type parameters are those of its defaults. */
export class Jail<
  Coding extends Encoding = 'utf8',
  Wanted extends Stdio = 'pipe',
  Lines extends boolean = false,
> implements AsyncDisposable {
  /** Path on the host, as given. */
  readonly directory: Bytes;
  /** Warnings about the path to it, for the account of the defaults. */
  readonly warnings: readonly DirectoryFinding[];
  /** Runs a command that is written as a template, without a shell: `` jail.$`ls -l ${directory}` ``. */
  readonly $: Template<Coding, Lines>;
  readonly #path: Bytes;
  readonly #facts: HostFacts;
  readonly #defaults: AnyJailRunRequest;
  readonly #spawnDefaults: AnyJailRunRequest;
  readonly #usual: Merged<object>['usual'];
  readonly #spaces: KeptSpaces;
  readonly #turns: Turns | undefined;
  #open = true;
  #starting = 0;
  #closed = false;

  /** Made by `openJail`. */
  constructor(
    directory: Bytes,
    path: Buffer,
    defaults: AnyJailRunRequest,
    facts: HostFacts,
    together: Together,
    usual?: KeptLaunch,
    isAuto = false,
  ) {
    if (together === undefined)
      throw new UsageError('a Jail is made by openJail()', { hint: "write await openJail('/srv/jail')" });
    const { share, concurrency } = together;
    this.#spaces = new KeptSpaces(share);
    this.#turns = concurrency === undefined ? undefined : openTurns(concurrency);
    this.directory = directory;
    this.$ = openTemplate({ run: (name, request) => this.#run(request, name), jail: path });
    // the caller can change his bytes
    this.#path = typeof directory === 'string' ? directory : path;
    this.warnings = usual?.jail.warnings ?? [];
    this.#defaults = defaults;
    this.#spawnDefaults = withoutRunKeys(defaults);
    this.#facts = facts;
    this.#usual = isAuto ? new Map() : usual;
  }

  /** As `runInJail`. */
  async run<Own extends Encoding = Coding, OwnLines extends boolean = Lines>(
    request: JailRunRequest<Own, Stdio, OwnLines> = {},
  ): Promise<RunResult<OutputOf<Own, OwnLines>>> {
    refuseSecond(arguments);
    return this.#run(request);
  }

  // With `name`, the program is looked up in PATH.
  async #run<Text extends Output>(request: AnyJailRunRequest, name?: Buffer): Promise<RunResult<Text>> {
    const merged = this.#merge(this.#defaults, request);
    const [normal, options] = normalizeRun(merged.request);
    const start = () => this.#start(normal, options, merged.usual, name);
    return collect(start, name === undefined ? normal : { ...normal, program: undefined }, options);
  }

  /** As `spawnInJail`. */
  async spawn<const Own extends Stdio = Wanted, const Pty extends SpawnRequest['pty'] = undefined>(
    request: JailSpawnRequest<Own> & WithPty<Pty> = {},
  ): Promise<JailedProcess<JointOf<Own, Pty>>> {
    refuseSecond(arguments);
    const merged = this.#merge(this.#spawnDefaults, request);
    const [normal, options] = normalizeSpawn(merged.request);
    const started: Promise<unknown> = this.#start(normal, options, merged.usual);
    return started as Promise<JailedProcess<JointOf<Own, Pty>>>;
  }

  /**
   * Checks a request once, for a service that starts the same program again and again, until the jail is closed.
   *
   * @throws UsageError
   */
  prepare<
    Own extends Encoding = Coding,
    const Joined extends Stdio = Wanted,
    OwnLines extends boolean = Lines,
    const Pty extends SpawnRequest['pty'] = undefined,
  >(
    request: JailRunRequest<Own, Joined, OwnLines> & WithPty<Pty> = {},
  ): JailLaunch<Own, Joined, OwnLines, Pty> {
    refuseSecond(arguments);
    const { request: merged, usual } = this.#merge(this.#defaults, request);
    const kept = usual instanceof Map ? new Map<number, KeptLaunch>() : usual && new KeptLaunch(usual.jail);
    return new JailLaunch(merged, (normal, options) => this.#start(normal, options, kept));
  }

  /** Programs that answer requests, a line of JSON for each: `{"id": 1, "data": …}`, `{"id": 1, "result": …}`. @throws UsageError */
  pool(request: PoolRequest): Pool {
    refuseSecond(arguments);
    return openPool(request, (spawn) => this.prepare({ ...spawn, stdio: ['pipe', 'pipe', 'pipe'] }));
  }

  /** Closes the directory when the launches under way have ended. Programs that run in it go on. */
  close(): void {
    this.#open = false;
    this.#closeIfIdle();
  }

  #closeIfIdle(): void {
    if (this.#open || this.#starting > 0 || this.#closed) return;
    this.#closed = true;
    native.closeDescriptor(this.#facts.fd);
    this.#spaces.close();
  }

  #start(
    normal: NormalRequest,
    options: SpawnOptions,
    usual: Merged<object>['usual'],
    name?: Buffer,
  ): Promise<JailedProcess> {
    if (!this.#open)
      throw new UsageError('the jail has been closed', { hint: 'open it again with openJail()' });
    return begin(normal, options, async (begun) => {
      this.#starting++;
      try {
        const launch = (own: NormalSpawn) =>
          normal.user.isAuto === true
            ? withOwnId(normal, own, (request) => this.#launch(request, own, usual, name))
            : this.#launch(normal, own, usual, name);
        return await (this.#turns === undefined ? launch(begun) : this.#turns(begun, launch));
      } finally {
        this.#starting--;
        this.#closeIfIdle();
      }
    });
  }

  async #launch(
    given: NormalRequest,
    begun: NormalSpawn,
    usual: Merged<object>['usual'],
    name?: Buffer,
  ): Promise<JailedProcess> {
    const known = usual instanceof Map ? usual.get(given.user.id ?? 0) : usual;
    const kept = known ?? new KeptLaunch(await beforeStop(begun, this.#lookUp(given)));
    if (usual instanceof Map) usual.set(given.user.id ?? 0, kept);
    const asked = name === undefined ? given : await beforeStop(begun, this.#withProgram(given, kept, name));
    const prepared = ready(asked, kept, begun);
    const all = prepared instanceof Promise ? await prepared : prepared;
    const taken = namespacesOf(asked).includes('pid')
      ? await this.#spaces.take(all.request, kept.jail, begun)
      : undefined;
    if (taken === undefined) return startIn(kept, all, begun);
    try {
      return await startIn(kept, all, { ...begun, spaces: taken.spaces });
    } finally {
      taken.release();
    }
  }

  async #withProgram(request: NormalRequest, { jail }: KeptLaunch, name: Buffer): Promise<NormalRequest> {
    const env = buildEnvironment({ request, account: jail.account, caller: callerBeside(request, false) });
    return { ...request, program: await findProgram(settle(request, jail), name, env, this.#facts.fd) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #merge<T extends AnyJailRunRequest>(defaults: AnyJailRunRequest, asked: T): Merged<T> {
    return reading(() => {
      checkPartial(asked, "run({program: '/bin/ls'})");
      const request = mergeRequests(defaults, withInherited(asked)) as T & { jail: Bytes; user: string };
      request.jail = this.#path;
      if (request.user === undefined && !isUntrusted(request))
        throw new UsageError('user is missing: give it here or to openJail', { hint: "write user: 'NAME'" });
      return {
        request,
        usual: identityKeys.every((key) => request[key] === defaults[key]) ? this.#usual : undefined,
      };
    });
  }

  // Another account is looked up for this launch, and the path to the jail is judged again for it.
  async #lookUp(normal: NormalRequest): Promise<JudgedJail> {
    const { passwd, groups, named, subordinate } = await lookAtHost(accountQuery(normal));
    return judge(normal, { ...this.#facts, passwd, groups, named, subordinate });
  }
}

/**
 * Opens a jail: verifies the path to its directory and looks up the account of `defaults.user`, once. Close it with `close()` or
 * `await using`.
 *
 * @param directory absolute path on the host
 * @param defaults keys for every launch; a launch can override them
 * @throws UsageError, LaunchError as spawnInJail
 */
export async function openJail<
  Coding extends Encoding = 'utf8',
  const Wanted extends Stdio = 'pipe',
  Lines extends boolean = false,
>(
  directory: Bytes,
  defaults: JailDefaults<Coding, Wanted, Lines> = {},
): Promise<Jail<Coding, Wanted, Lines>> {
  const [own, normal, together] = reading(() => {
    if (typeof directory !== 'string' && !(directory instanceof Uint8Array))
      throw new UsageError('the directory must be a string or a Uint8Array', {
        hint: "it comes first: openJail('/srv/jail', {user: 'sam'})",
      });
    checkPartial(defaults, "openJail('/srv/jail', {user: 'sam'})");
    const copy = copyRequest(defaults);
    const user = copy.user ?? (isUntrusted(copy) ? 'auto' : '+0');
    const [normal, , together] = normalizeDefaults({ ...copy, user, jail: directory });
    const { share: _share, concurrency: _concurrency, ...own } = copy;
    return [own, normal, together] as const;
  });
  const named = own.user !== undefined || isUntrusted(own);
  const isAuto = normal.user.isAuto === true;
  const facts = await lookAtHost({ ...(named && accountQuery(normal)), jail: normal.jail });
  try {
    // each id of `auto` is judged when a launch has it, and the first one now
    const asked = isAuto ? withId(normal, ownIds.first) : normal;
    const usual = named ? new KeptLaunch(judge(asked, facts)) : undefined;
    if (!normal.rootless) requireRoot();
    if (facts.fd < 0) throw unreachable(facts, normal);
    warnOnce(usual?.jail.warnings ?? []);
    const given = typeof directory === 'string' ? directory : copyBytes(normal.jail);
    return new Jail(given, normal.jail, own, facts, together, usual, isAuto);
  } catch (error) {
    if (facts.fd >= 0) native.closeDescriptor(facts.fd);
    throw error;
  }
}
