// A launch of an open jail that is checked once and started many times.
import { UsageError } from '../../errors.ts';
import { checkKeys, reading } from '../../values/keys.ts';
import type { Foreign } from '../../words/nearest.ts';
import type { JailedProcess } from '../process/process.ts';
import { copyRequest } from '../request/jail-rows.ts';
import { launchKeys, type NormalRequest } from '../request/request.ts';
import {
  normalizeRun,
  runRows,
  toRunDescriptors,
  withoutRunKeys,
  type Encoding,
  type OutputOf,
  type RunOptions,
  type AnyRunRequest,
} from '../request/run-rows.ts';
import {
  normalizeSpawn,
  spawnRows,
  startOptions,
  type SpawnOptions,
  type SpawnRequest,
} from '../request/spawn-rows.ts';
import type { JointOf, Stdio } from '../request/stdio.ts';
import { mergeEnv, toArguments, toEnv } from '../request/value.ts';
import { collect, type RunResult } from './run.ts';
import { refuseEnd } from './spawn.ts';

type OwnKey = 'args' | 'env' | 'stdio' | 'timeoutMs' | 'signal';

/** The keys that each start of a prepared launch can set. */
export type LaunchSpawnRequest<Wanted extends Stdio = Stdio> = Pick<SpawnRequest<Wanted>, OwnKey>;
/** The same for `run`. */
export type LaunchRunRequest = Pick<AnyRunRequest, OwnKey | 'input'>;

const ownKeys: ReadonlySet<string> = new Set<OwnKey>(['args', 'env', 'stdio', 'timeoutMs', 'signal']);
const ownRunKeys: ReadonlySet<string> = new Set([...ownKeys, 'input']);

/** Starts a launch in the jail. */
type Start = (normal: NormalRequest, options: SpawnOptions) => Promise<JailedProcess>;

// Refuses a stream or an iterator as input: the second start would read nothing, and two at once would each miss a part. An object with
// Symbol.asyncIterator is most likely a stream: of the web, of readline, of another package.
function refuseOnce(input: unknown): void {
  if (typeof input !== 'object' || input === null) return;
  if (!(Symbol.asyncIterator in input) && !('next' in input)) return;
  throw new UsageError('input can be read once, and a prepared launch can be started many times', {
    hint: 'give it to the start: launch.run({input})',
  });
}

// Keys that hold for all starts.
const ofPrepare = (): Foreign =>
  Object.fromEntries(
    [...launchKeys, ...Object.keys(spawnRows), ...Object.keys(runRows)].map((key) => [
      key,
      `give ${key} to prepare(), for all starts`,
    ]),
  );

/**
 * A launch of an open jail, made by `jail.prepare()`. Its request was checked, and is not read again. Everything that can change later
 * is verified at each start, as by `jail.spawn()`.
 */
export class JailLaunch<
  Coding extends Encoding = Encoding,
  Wanted extends Stdio = Stdio,
  Lines extends boolean = boolean,
  Pty extends SpawnRequest['pty'] = SpawnRequest['pty'],
> {
  readonly #request: AnyRunRequest;
  readonly #normal: NormalRequest;
  readonly #spawn: SpawnOptions;
  // Undefined for a launch with a pseudo-terminal, which run() refuses.
  readonly #run: RunOptions | undefined;
  readonly #start: Start;

  /** Made by `jail.prepare`. */
  constructor(request: AnyRunRequest, start: Start) {
    this.#request = reading(() => copyRequest(request));
    refuseOnce(this.#request.input);
    [this.#normal, this.#spawn] = normalizeSpawn(withoutRunKeys(this.#request));
    const { pty } = this.#normal;
    refuseEnd(this.#normal, this.#spawn);
    // keys of run() are checked here in any case, although a pseudo-terminal takes spawn() alone
    const [, run] = normalizeRun(pty === undefined ? this.#request : { ...this.#request, pty: undefined });
    this.#run = pty === undefined ? run : undefined;
    this.#start = start;
  }

  /** As `jail.spawn`. */
  async spawn<const Own extends Stdio = Wanted>(
    own: LaunchSpawnRequest<Own> = {},
  ): Promise<JailedProcess<JointOf<Own, Pty>>> {
    const normal = this.#with(own, ownKeys);
    const options = startOptions(this.#spawn, this.#request, own, spawnRows.stdio.normal);
    return (await this.#start(normal, options)) as JailedProcess<JointOf<Own, Pty>>;
  }

  /** As `jail.run`. */
  async run(own: LaunchRunRequest = {}): Promise<RunResult<OutputOf<Coding, Lines>>> {
    const normal = this.#with(own, ownRunKeys);
    const kept = this.#run ?? normalizeRun(this.#request)[1];
    const input = reading(() => runRows.input.normal(own.input, 'input')) ?? kept.input;
    const joint = (stdio: Stdio | undefined) => toRunDescriptors(stdio, 'stdio', { input });
    const options = { ...kept, ...startOptions(kept, this.#request, own, joint), input };
    return collect(() => this.#start(normal, options), normal, options);
  }

  // The same request must be the same object at each start, since caches compare by identity.
  #with(own: LaunchRunRequest, keys: ReadonlySet<string>): NormalRequest {
    return reading(() => {
      checkKeys(own, keys, '{stdio: [socket, socket, socket]}', ofPrepare);
      const { args, env } = own;
      const { deterministic, passEnv } = this.#request;
      if (args === undefined && env === undefined) return this.#normal;
      return {
        ...this.#normal,
        ...(args !== undefined && { args: toArguments(args, 'args') }),
        ...(env !== undefined && {
          env: toEnv(mergeEnv(this.#request.env, env), 'env', { deterministic, passEnv }),
        }),
      };
    });
  }
}
