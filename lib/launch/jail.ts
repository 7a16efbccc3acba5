// A jail that is verified once and used for many launches.
import { UsageError } from '../errors.ts';
import { native, type HostFacts } from '../native.ts';
import type { Bytes } from '../quote.ts';
import { accountQuery, refuseRoot, toAccount, type Account } from './account.ts';
import { acceptDirectory, judgeDirectory, unreachable, type DirectoryFinding } from './directory.ts';
import { requireCapabilities, requireRoot } from './prepare.ts';
import type { JailedProcess } from './process.ts';
import { normalize, type NormalRequest } from './request.ts';
import { collect, normalizeRun, runOnlyKeys, type RunRequest, type RunResult } from './run.ts';
import { normalizeSpawn, reporting, spawnKeys, startIn, type SpawnRequest } from './spawn.ts';
import type { NormalSpawn } from './start.ts';
import { warnOnce } from './warn.ts';

type Without<T> = Omit<T, 'jail' | 'user'> & { readonly user?: RunRequest['user'] | undefined };

/** A SpawnRequest without the jail; `user` and whatever else can come from the defaults. */
export type JailSpawnRequest = Without<SpawnRequest>;
/** A RunRequest without the jail. */
export type JailRunRequest = Without<RunRequest>;

const identity = [
  'user',
  'group',
  'groups',
  'clearGroups',
  'allowRoot',
  'insecurePath',
  'allowNewPrivs',
] as const;

/** An open jail: the directory that was verified, whatever its name leads to later. */
export class Jail implements AsyncDisposable {
  /** Path on the host, as given. */
  readonly directory: Bytes;
  /** What is unwise about the way to it, for the defaults' account. */
  readonly warnings: readonly DirectoryFinding[];
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
    defaults: JailRunRequest,
    facts: HostFacts,
    account: Account | undefined,
    warnings: readonly DirectoryFinding[],
  ) {
    this.directory = directory;
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
  async run(request: JailRunRequest = {}): Promise<RunResult> {
    const [normal, options] = normalizeRun(this.#merge(this.#defaults, request));
    return collect(await this.#start(normal, options, request), options);
  }

  /** As `spawnInJail`. */
  async spawn(request: JailSpawnRequest = {}): Promise<JailedProcess> {
    const merged = this.#merge(this.#spawnDefaults, request);
    return this.#start(normalize(merged, spawnKeys), normalizeSpawn(merged), request);
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

  #start(normal: NormalRequest, options: NormalSpawn, request: JailRunRequest): Promise<JailedProcess> {
    if (!this.#open) throw new UsageError('the jail has been closed');
    this.#starting++;
    return reporting(normal, async () => {
      try {
        const account = this.#usualAccount(request) ?? (await this.#lookUp(normal));
        return await startIn({ fd: this.#facts.jailFd, account }, normal, options);
      } finally {
        this.#starting--;
        this.#closeIfIdle();
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #merge<T extends JailRunRequest>(
    defaults: JailRunRequest,
    request: T,
  ): T & Pick<RunRequest, 'jail' | 'user'> {
    const user = request.user ?? defaults.user;
    if (user === undefined) throw new UsageError('user is missing: give it here or to openJail');
    return { ...defaults, ...request, env: { ...defaults.env, ...request.env }, jail: this.directory, user };
  }

  // The defaults' account was looked up when the jail was opened.
  #usualAccount(request: JailRunRequest): Account | undefined {
    return identity.some((key) => key in request) ? undefined : this.#account;
  }

  // Another one is looked up now, and the way to the jail judged again for it.
  async #lookUp(normal: NormalRequest): Promise<Account> {
    const account = toAccount(normal, await native.readHost(accountQuery(normal)));
    judge(normal, account, this.#facts);
    return account;
  }
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
export async function openJail(directory: Bytes, defaults: JailRunRequest = {}): Promise<Jail> {
  const named = defaults.user !== undefined;
  const [normal] = normalizeRun({ ...defaults, user: defaults.user ?? '+0', jail: directory });
  const query = named ? accountQuery(normal) : {};
  const facts = await native.readHost({ ...query, jail: normal.jail });
  try {
    const account = named ? toAccount(normal, facts) : undefined;
    requireRoot();
    if (facts.jailFd < 0) throw unreachable(facts);
    const warnings = account === undefined ? [] : judge(normal, account, facts);
    warnOnce(warnings);
    return new Jail(directory, Object.freeze({ ...defaults }), facts, account, warnings);
  } catch (error) {
    if (facts.jailFd >= 0) native.closeJail(facts.jailFd);
    throw error;
  }
}
