// A launch of an open jail that is checked once and started many times.
import { checkKeys, copyFields, reading } from '../../keys.ts';
import type { JailedProcess } from '../process/process.ts';
import { normalize, type NormalRequest } from '../request/request.ts';
import type { JointOf, Stdio } from '../request/stdio.ts';
import { mergeEnv, toArguments, toEnv } from '../request/value.ts';
import {
  collect,
  normalizeRunOptions,
  runKeys,
  runOnlyKeys,
  type Encoding,
  type OutputOf,
  type RunFields,
  type RunRequest,
  type RunResult,
} from './run.ts';
import { normalizeSpawn, spawnFields, type SpawnFields, type SpawnRequest } from './spawn.ts';
import type { NormalSpawn } from './start.ts';

type OwnKey = 'args' | 'env' | 'stdio' | 'timeoutMs' | 'signal';

/** What one start of a prepared launch can have of its own. */
export type LaunchSpawnRequest<Wanted extends Stdio = Stdio> = Pick<SpawnRequest<Wanted>, OwnKey>;
/** The same for `run`. */
export type LaunchRunRequest = Pick<RunRequest, OwnKey | 'input'>;

const ownKeys: ReadonlySet<string> = new Set<OwnKey>(['args', 'env', 'stdio', 'timeoutMs', 'signal']);
const ownRunKeys: ReadonlySet<string> = new Set([...ownKeys, 'input']);

/** Starts a launch in the jail. */
type Start = (normal: NormalRequest, options: NormalSpawn) => Promise<JailedProcess>;

// A copy that the caller cannot change. Its prototype is that of ordinary objects, whose fields V8 reads faster.
const fieldsOf = (request: RunRequest, keys: readonly string[]): object => ({
  ...copyFields(Object.fromEntries(Object.entries(request).filter(([key]) => keys.includes(key)))),
});

// Written out, because it is part of each start: `{...fields, ...own}` takes V8 ten times as long.
function withOwn(fields: SpawnFields, own: LaunchSpawnRequest): SpawnFields {
  return {
    stdio: own.stdio ?? fields.stdio,
    timeoutMs: own.timeoutMs ?? fields.timeoutMs,
    signal: own.signal ?? fields.signal,
    killSignal: fields.killSignal,
    forceKillAfterMs: fields.forceKillAfterMs,
    newGroup: fields.newGroup,
    leaveDescendants: fields.leaveDescendants,
    pty: fields.pty,
    time: fields.time,
  };
}

/**
 * A launch of an open jail, made by `jail.prepare()`. Its request was checked, and is not read again. What can change since then is
 * verified each time, as by `jail.spawn()`.
 */
export class JailLaunch<
  Coding extends Encoding = Encoding,
  Wanted extends Stdio = Stdio,
  Pty extends SpawnRequest['pty'] = SpawnRequest['pty'],
> {
  readonly #normal: NormalRequest;
  readonly #env: RunRequest['env'];
  // What a request adds to that of a launch: read again for each start, which has a timeout and streams of its own.
  readonly #spawn: SpawnFields;
  readonly #run: RunFields;
  readonly #start: Start;

  /** Made by `jail.prepare`. */
  constructor(request: RunRequest, start: Start) {
    this.#normal = normalize(request, runKeys);
    this.#env = reading(() => request.env && (copyFields(request.env) as RunRequest['env']));
    this.#spawn = fieldsOf(request, spawnFields);
    this.#run = { ...this.#spawn, ...fieldsOf(request, runOnlyKeys) };
    this.#start = start;
    // finds what is wrong now, and not when it is started
    normalizeRunOptions({ ...this.#run, pty: undefined });
    normalizeSpawn(this.#spawn);
  }

  /** As `jail.spawn`. */
  async spawn<const Own extends Stdio = Wanted>(
    own: LaunchSpawnRequest<Own> = {},
  ): Promise<JailedProcess<JointOf<Own, Pty>>> {
    const normal = this.#with(own, ownKeys);
    const options = normalizeSpawn(withOwn(this.#spawn, own));
    return (await this.#start(normal, options)) as JailedProcess<JointOf<Own, Pty>>;
  }

  /** As `jail.run`. */
  async run(own: LaunchRunRequest = {}): Promise<RunResult<OutputOf<Coding>>> {
    const normal = this.#with(own, ownRunKeys);
    const options = normalizeRunOptions({
      ...this.#run,
      ...withOwn(this.#spawn, own),
      input: own.input ?? this.#run.input,
    });
    return collect<Coding>(await this.#start(normal, options), normal, options);
  }

  // The same object for the same request: what was made for it is then used again.
  #with(own: LaunchRunRequest, keys: ReadonlySet<string>): NormalRequest {
    return reading(() => {
      checkKeys(own, keys, '{stdio: [socket, socket, socket]}');
      const { args, env } = own;
      if (args === undefined && env === undefined) return this.#normal;
      return {
        ...this.#normal,
        ...(args !== undefined && { args: toArguments(args) }),
        ...(env !== undefined && { env: toEnv(mergeEnv(this.#env, env)) }),
      };
    });
  }
}
