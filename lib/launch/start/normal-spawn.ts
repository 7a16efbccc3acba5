// The options of a launch beside this process in their normal form.
import type { StatusLines } from '../process/status.ts';
import type { Namespace } from '../request/isolation-value.ts';
import type { SpawnOptions } from '../request/spawn-rows.ts';
import type { LaunchName } from './launch-events.ts';

/** Kept namespaces: their kinds, and a descriptor for each. Without root the first one is that of the user namespace. */
export interface Spaces {
  readonly kinds: readonly Namespace[];
  readonly fds: readonly number[];
}

/** The options of a launch beside this process, and what is known once it has begun. */
export interface NormalSpawn extends SpawnOptions {
  /** For statusFd, once the launch has begun. */
  readonly status?: StatusLines | undefined;
  /** The name of this launch in its events; undefined without a subscriber. */
  readonly launch?: LaunchName | undefined;
  /** Namespaces of an open jail to join. */
  readonly spaces?: Spaces | undefined;
}
