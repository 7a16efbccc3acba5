// The directories of the host on which it depends what a path leads to.
import { lstatSync, readlinkSync, type Stats } from 'node:fs';

import { joinPath, parentPath, pathBytes, trimSlashes, bytePath, type BytePath } from '../../binary/path.ts';
import { native } from '../../native.ts';
import type { Way } from '../../trust/way.ts';

// path_resolution(7)
const mostLinks = 40;

interface Holder {
  readonly directory: BytePath;
  /** What lies in it under the path's name. */
  readonly entry: BytePath;
}

function readLink(path: BytePath): BytePath | undefined {
  try {
    return bytePath(readlinkSync(pathBytes(path), 'buffer'));
  } catch {
    return undefined; // no link
  }
}

/** The directory of a path. Links at its end are followed one by one, because each has a directory of its own. */
function holdersOf(path: BytePath): readonly Holder[] {
  const holders: Holder[] = [];
  let entry = trimSlashes(path);
  for (let links = 0; links <= mostLinks; links++) {
    const directory = parentPath(entry);
    holders.push({ directory, entry });
    const target = readLink(entry);
    if (target === undefined) break;
    entry = trimSlashes(joinPath(directory, target));
  }
  return holders;
}

function statusOf(entry: BytePath): Stats | undefined {
  try {
    return lstatSync(pathBytes(entry));
  } catch {
    return undefined; // not there
  }
}

/** The way to each of these directories, and the entry as its end. Of a directory that is not there, and behind it, there is none. */
export function waysTo(path: BytePath): readonly Way[] {
  const ways: Way[] = [];
  for (const { directory, entry } of holdersOf(path)) {
    const { components, jailFd } = native.readHostSync({ jail: pathBytes(directory) });
    if (jailFd < 0) break;
    native.closeJail(jailFd);
    const status = statusOf(entry);
    // whoever can write to a directory can make what is not there, even if it is sticky
    if (status === undefined) return [...ways, { components, isHostRoot: false }];
    const { mode, uid, gid } = status;
    const last = { path: pathBytes(entry), parent: components.length - 1, mode, uid, gid };
    ways.push({ components: [...components, last], isHostRoot: false, endsInEntry: true });
  }
  return ways;
}
