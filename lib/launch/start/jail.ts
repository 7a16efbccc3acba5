// A jail that is verified once and used for many launches.
import { UsageError } from '../../errors.ts';
import { copyFields, reading } from '../../keys.ts';
import { native, type HostFacts } from '../../native.ts';
import { copyBytes, type Bytes } from '../../quote.ts';
import { accountQuery, refuseRoot, toAccount, type Account } from '../host/account.ts';
import { acceptDirectory, judgeDirectory, unreachable, type DirectoryFinding } from '../host/directory.ts';
import { requireCapabilities, requireRoot } from '../host/prepare.ts';
import type { JailedProcess } from '../process/process.ts';
import { normalize, type NormalRequest } from '../request/request.ts';
import {
  collect,
  normalizeRun,
  runOnlyKeys,
  type Encoding,
  type OutputOf,
  type RunRequest,
  type RunResult,
} from './run.ts';
import { begin, normalizeSpawn, spawnKeys, startIn, type SpawnRequest } from './spawn.ts';
import type { NormalSpawn } from './start.ts';
import type { Stdio } from '../request/stdio.ts';
import { checkEnv } from '../request/value.ts';
import { warnOnce } from '../tell/warn.ts';

type Without<T> = Omit<T, 'jail' | 'user'> & { readonly user?: RunRequest['user'] | undefined };

/** A SpawnRequest without the jail; `user` and whatever else can come from the defaults. */
export type JailSpawnRequest<Wanted extends Stdio = Stdio> = Without<SpawnRequest<Wanted>>;
/** A RunRequest without the jail. */
export type JailRunRequest<Coding extends Encoding = Encoding, Wanted extends Stdio = Stdio> = Without<
  RunRequest<Coding, Wanted>
>;

const identity = [
  'user',
  'group',
  'groups',
  'clearGroups',
  'allowRoot',
  'insecurePath',
  'allowNewPrivs',
] as const;

/** What a launch in an open jail comes to. */
interface Merged<T> {
  readonly request: T & Pick<RunRequest, 'jail' | 'user'>;
  /** The defaults' account, which was looked up when the jail was opened; undefined if the request may be for another. */
  readonly account: Account | undefined;
}

/**
 * An open jail: the directory that was verified, whatever its name leads to later. The types are those of `encoding` and
 * `stdio` of its defaults.
 */
export class Jail<
  Coding extends Encoding = Encoding,
  Wanted extends Stdio = Stdio,
> implements AsyncDisposable {
  /** Path on the host, as given. */
  readonly directory: Bytes;
  /** What is unwise about the way to it, for the defaults' account. */
  readonly warnings: readonly DirectoryFinding[];
  readonly #jail: Buffer;
  readonly #facts: HostFacts;
  readonly #defaults: JailRunRequest;
  readonly #spawnDefaults: JailRunRequest;
  readonly #account: Account | undefined;
  #open = true;
  #starting = 0;
  #closed = false;

  /** Made by `openJail`. */
  constructor(
    directory: Bytes,
    jail: Buffer,
    defaults: JailRunRequest,
    facts: HostFacts,
    account: Account | undefined,
    warnings: readonly DirectoryFinding[],
  ) {
    this.directory = directory;
    // Not `directory`: bytes that a caller can reach are not what launches go by.
    this.#jail = jail;
    this.warnings = warnings;
    this.#defaults = defaults;
    // What they say about output concerns run() alone.
    this.#spawnDefaults = Object.fromEntries(
      Object.entries(defaults).filter(([key]) => !runOnlyKeys.includes(key)),
    );
    this.#facts = facts;
    this.#account = account;
  }

  /** As `runInJail`. */
  async run<Own extends Encoding = Coding>(
    request: JailRunRequest<Own> = {},
  ): Promise<RunResult<OutputOf<Own>>> {
    const merged = this.#merge(this.#defaults, request);
    const [normal, options] = normalizeRun(merged.request);
    return collect<Own>(await this.#start(normal, options, merged.account), normal, options);
  }

  /** As `spawnInJail`. */
  async spawn<const Own extends Stdio = Wanted>(
    request: JailSpawnRequest<Own> = {},
  ): Promise<JailedProcess<Own>> {
    const merged = this.#merge(this.#spawnDefaults, request);
    const [normal, options] = [normalize(merged.request, spawnKeys), normalizeSpawn(merged.request)];
    return (await this.#start(normal, options, merged.account)) as JailedProcess<Own>;
  }

  /** Lets go of the directory, once the launches that are under way have ended; programs that run in it go on. */
  close(): void {
    this.#open = false;
    this.#closeIfIdle();
  }

  #closeIfIdle(): void {
    if (this.#open || this.#starting > 0 || this.#closed) return;
    this.#closed = true;
    native.closeJail(this.#facts.jailFd);
  }

  #start(normal: NormalRequest, options: NormalSpawn, usual: Account | undefined): Promise<JailedProcess> {
    if (!this.#open) throw new UsageError('the jail has been closed');
    return begin(normal, options, async (begun) => {
      this.#starting++;
      try {
        const account = usual ?? (await this.#lookUp(normal));
        return await startIn({ fd: this.#facts.jailFd, account }, normal, begun);
      } finally {
        this.#starting--;
        this.#closeIfIdle();
      }
    });
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
        request: { ...defaults, ...request, env, jail: this.#jail, user },
        account: identity.some((key) => key in request) ? undefined : this.#account,
      };
    });
  }

  // Another one is looked up now, and the way to the jail judged again for it.
  async #lookUp(normal: NormalRequest): Promise<Account> {
    const account = toAccount(normal, await native.readHost(accountQuery(normal)));
    judge(normal, account, this.#facts);
    return account;
  }
}

// What openJail, run and spawn of a Jail are given: all but the jail.
function checkPartial(request: object, example: string): void {
  if (typeof request !== 'object' || request === null || Array.isArray(request))
    throw new UsageError(`the keys must be in an object, as in ${example}`);
  if ('jail' in request && request.jail !== undefined)
    throw new UsageError('jail is given twice: openJail has been given the directory', {
      hint: 'to start a program in another jail, open that one',
    });
}

type Env = JailRunRequest['env'];

// Copied only if it has to be: it can be large.
function mergeEnv(defaults: Env, env: Env): Env {
  if (defaults === undefined || env === undefined) return env ?? defaults;
  checkEnv(env);
  return { ...defaults, ...env };
}

// The defaults as they are now, whatever the caller does with his.
function copyDefaults(defaults: JailRunRequest): JailRunRequest {
  const { env } = defaults;
  if (env !== undefined) checkEnv(env);
  const own: JailRunRequest = copyFields(defaults);
  // process.env is no plain object
  return env === undefined ? own : { ...own, env: copyFields(env) as Env };
}

function judge(normal: NormalRequest, account: Account, facts: HostFacts): readonly DirectoryFinding[] {
  if (!normal.allowRoot) refuseRoot(account, normal.user);
  requireCapabilities(normal);
  return acceptDirectory(judgeDirectory(facts, account), normal.insecurePath);
}

/**
 * Opens a jail: verifies the way to its directory and looks up the account of `defaults.user`, once. Close it with
 * `close()` or `await using`.
 *
 * @param directory absolute path on the host
 * @param defaults keys for every launch, which a launch can override
 * @throws UsageError, LaunchError as spawnInJail
 */
export async function openJail<Coding extends Encoding = 'utf8', const Wanted extends Stdio = 'pipe'>(
  directory: Bytes,
  defaults: JailRunRequest<Coding, Wanted> = {},
): Promise<Jail<Coding, Wanted>> {
  const [own, normal] = reading(() => {
    if (typeof directory !== 'string' && !(directory instanceof Uint8Array))
      throw new UsageError('the directory must be a string or a Uint8Array', {
        hint: "it comes first: openJail('/srv/jail', {user: 'sam'})",
      });
    checkPartial(defaults, "openJail('/srv/jail', {user: 'sam'})");
    const copy = copyDefaults(defaults);
    return [copy, normalizeRun({ ...copy, user: copy.user ?? '+0', jail: directory })[0]] as const;
  });
  const named = own.user !== undefined;
  const query = named ? accountQuery(normal) : {};
  const facts = await native.readHost({ ...query, jail: normal.jail });
  try {
    const account = named ? toAccount(normal, facts) : undefined;
    requireRoot();
    if (facts.jailFd < 0) throw unreachable(facts);
    const warnings = account === undefined ? [] : judge(normal, account, facts);
    warnOnce(warnings);
    const given = typeof directory === 'string' ? directory : copyBytes(normal.jail);
    return new Jail(given, normal.jail, own, facts, account, warnings);
  } catch (error) {
    if (facts.jailFd >= 0) native.closeJail(facts.jailFd);
    throw error;
  }
}
