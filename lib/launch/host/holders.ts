// The directories of the host on which it depends what a path leads to.
import { lstatSync, readlinkSync, type Stats } from 'node:fs';

import { bytePath, joinPath, parentPath, pathBytes, trimSlashes, type BytePath } from '../../binary/path.ts';
import { native } from '../../native.ts';
import type { Way } from '../../trust/way.ts';

// path_resolution(7)
const mostLinks = 40;

function statusOf(entry: BytePath): Stats | undefined {
  try {
    return lstatSync(pathBytes(entry), { throwIfNoEntry: false });
  } catch {
    return undefined; // out of reach
  }
}

function readLink(link: BytePath): BytePath | undefined {
  try {
    return bytePath(readlinkSync(pathBytes(link), 'buffer'));
  } catch {
    return undefined; // whoever has exchanged it meanwhile can write to its directory, which is judged
  }
}

/**
 * The way to the directory of a path, with the entry in it as its end. Links at its end are followed one by one, because each has a
 * directory of its own. There is no way to a directory that is not there.
 */
export function waysTo(path: BytePath): readonly Way[] {
  const ways: Way[] = [];
  let entry = trimSlashes(path);
  for (let links = 0; links <= mostLinks; links++) {
    const directory = parentPath(entry);
    const { components, jailFd } = native.readHostSync({ jail: pathBytes(directory) });
    if (jailFd < 0) return ways;
    native.closeJail(jailFd);
    const status = statusOf(entry);
    // whoever can write to a directory can make what is not there, even if it is sticky
    if (status === undefined) return [...ways, { components, isHostRoot: false }];
    const { mode, uid, gid } = status;
    const end = { path: pathBytes(entry), parent: components.length - 1, mode, uid, gid };
    ways.push({ components: [...components, end], isHostRoot: false, endsInEntry: true });
    const target = status.isSymbolicLink() ? readLink(entry) : undefined;
    if (target === undefined) return ways;
    entry = trimSlashes(joinPath(directory, target));
  }
  return ways;
}
