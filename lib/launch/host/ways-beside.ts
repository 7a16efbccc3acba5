// The directories through which paths of the host lead, looked at on other threads.
import type { BytePath } from '../../tree/path.ts';
import { entryBytes, wayIn, type Ways } from './host-ways.ts';
import { walkBeside } from './spawn-error.ts';

/**
 * The ways to entries. A file system whose server does not answer (FUSE, NFS) holds only other threads.
 *
 * @throws LaunchError if no thread can be started
 */
export async function waysBeside(paths: readonly BytePath[]): Promise<Ways> {
  const ways = paths.map(async (path) => [path, wayIn(await walkBeside(entryBytes(path), true))] as const);
  return new Map(await Promise.all(ways));
}
