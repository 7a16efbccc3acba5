// Finds paths that root can reach only with CAP_DAC_READ_SEARCH, such as a checkout in a home of mode 0700.
import type { BytePath } from '../../tree/path.ts';
import { wayTo } from '../../launch/host/host-ways.ts';
import type { PathComponent } from '../../native.ts';

// inode(7)
const typeBits = 0o170000;
const directory = 0o040000;
const symbolicLink = 0o120000;

function isClosed({ uid, gid, mode }: PathComponent): boolean {
  const type = mode & typeBits;
  if (type === symbolicLink) return false;
  const bit = type === directory ? 0o1 : 0o4; // a directory is searched, a file is read
  return (mode & (uid === 0 ? bit << 6 : gid === 0 ? bit << 3 : bit)) === 0;
}

/** Whether the way to a path is closed to a root without capabilities. */
export const isClosedToRoot = (path: BytePath): boolean => wayTo(path).components.some(isClosed);
