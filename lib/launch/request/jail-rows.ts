// Rows of the option table for an open jail: what its programs have in common.
import { UsageError } from '../../errors.ts';
import { copyFields, refuseOpaque } from '../../values/keys.ts';
import { oneOf, optional, whole } from '../../values/validators.ts';
import type { GivenOf, NormalOf, Rows } from './option-row.ts';
import type { NormalRequest } from './request.ts';
import {
  runNormalizer,
  type Encoding,
  type RunOptions,
  type AnyRunRequest,
  type RunRequest,
} from './run-rows.ts';
import type { SpawnRequest } from './spawn-rows.ts';
import type { Stdio } from './stdio.ts';
import { checkEnv, mergeEnv } from './value.ts';

/** The values of `share`. */
export const shares = ['all', 'net', 'none'] as const;

/** The namespaces that programs of one open jail and user share: all but their pids, the network, or none. */
export type Share = (typeof shares)[number];

const count = optional(whole(1, Number.MAX_SAFE_INTEGER, 4));
const toConcurrency = (value: number | undefined, key: string): number | undefined =>
  count(value === Infinity ? undefined : value, key);

export const jailRows = {
  /**
   * The namespaces that isolated programs of the jail share if they have the same user and view. `all` (the default): mounts, network,
   * IPC and hostname. `net`: the network only. `none`: none. Each program always has its own pid namespace, and its own data of an
   * ephemeral jail. Without root, `all` and `net` share the user namespace too: its map of ids is made once.
   */
  share: { type: "`'all'`, `'net'`, `'none'`", default: "`'all'`", normal: optional(oneOf(shares), 'all') },
  /** How many programs of the jail run at once; more wait until one ends. Their timeouts count from the call. Default: any number. */
  concurrency: { type: 'number from 1 on', default: 'any number', normal: toConcurrency },
} as const satisfies Rows;

type Table = typeof jailRows;

/** The keys for all launches of a jail together. */
export type Together = NormalOf<Table>;

type Without<T> = Omit<T, 'jail' | 'user'> & { readonly user?: AnyRunRequest['user'] | undefined };

/** A SpawnRequest without the jail; `user` and whatever else can come from the defaults. */
export type JailSpawnRequest<Wanted extends Stdio = Stdio> = Without<SpawnRequest<Wanted>>;
/** A RunRequest without the jail. */
export type JailRunRequest<
  Coding extends Encoding = 'utf8',
  Wanted extends Stdio = Stdio,
  Lines extends boolean = false,
> = Without<RunRequest<Coding, Wanted, Lines>>;
/** The same with any encoding, with or without lines. */
export type AnyJailRunRequest = JailRunRequest<Encoding, Stdio, boolean>;

/** If a launch has another value of one of these keys, its account must be looked up and judged anew. */
export const identityKeys =
  'user group groups clearGroups allowRoot insecurePath allowNewPrivs rootless mapAuto untrusted'.split(
    ' ',
  ) as (keyof AnyJailRunRequest)[];

/** Defaults of an open jail. */
export interface JailDefaults<
  Coding extends Encoding = Encoding,
  Wanted extends Stdio = Stdio,
  Lines extends boolean = boolean,
>
  extends JailRunRequest<Coding, Wanted, Lines>, Partial<GivenOf<Table>> {}

/** Checks the defaults of a jail, with its directory. @throws UsageError */
export const normalizeDefaults: (
  request: JailDefaults & Pick<AnyRunRequest, 'jail' | 'user'>,
) => readonly [NormalRequest, RunOptions, Together] = runNormalizer(jailRows);

/** A copy of a request without a jail: the caller may change his object later. @throws UsageError */
export function copyRequest<T extends Pick<AnyJailRunRequest, 'env'>>(request: T): T {
  const { env } = request;
  if (env !== undefined) checkEnv(env);
  refuseOpaque(request);
  // with the prototype of ordinary objects, whose fields V8 reads faster
  const own = { ...(copyFields(request) as T) };
  // process.env is no plain object
  return env === undefined ? own : { ...own, env: copyFields(env) };
}

/** The keys of both requests, those of `own` over the defaults, with the variables of both. A key that is undefined is not given. */
export function mergeRequests<T extends AnyJailRunRequest>(defaults: AnyJailRunRequest, own: T): T {
  const merged = { ...defaults, ...own };
  if (defaults.env !== undefined && own.env !== undefined)
    Object.assign(merged, { env: mergeEnv(defaults.env, own.env) });
  // the key itself stays, as it may be misspelt
  for (const key in own)
    if (own[key] === undefined) Object.assign(merged, { [key]: defaults[key as keyof AnyJailRunRequest] });
  return merged;
}

/** Checks that a request is an object of keys and names no jail. @throws UsageError with the example */
export function checkPartial(request: object, example: string): void {
  if (typeof request !== 'object' || request === null || Array.isArray(request))
    throw new UsageError('the keys must be in an object', { hint: `for example ${example}` });
  refuseOpaque(request);
  if ('jail' in request && request.jail !== undefined)
    throw new UsageError('jail is given twice: openJail has been given the directory', {
      hint: 'leave it out; to start a program in another jail, open that one',
    });
}
