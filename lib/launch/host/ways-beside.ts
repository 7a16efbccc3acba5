// The directories through which paths of the host lead, looked at on other threads.
import type { BytePath } from '../../tree/path.ts';
import { queryOf, wayIn, type Ways } from './host-ways.ts';
import { lookAtHost } from './spawn-error.ts';

/**
 * The ways to entries. A file system whose server does not answer (FUSE, NFS) holds only other threads.
 *
 * @throws LaunchError if no thread can be started
 */
export async function waysBeside(paths: readonly BytePath[]): Promise<Ways> {
  const ways = paths.map(async (path) => [path, wayIn(await lookAtHost(queryOf(path)))] as const);
  return new Map(await Promise.all(ways));
}
