// Whether a path of this host must not come into a jail. lib/trust/danger.ts has the list.
import { existsSync, readFileSync } from 'node:fs';

import { bytePath, pathBytes, showPath, trimSlashes, type BytePath } from '../../tree/path.ts';
import { readMounts, type Mount } from '../../tree/mountinfo.ts';
import { shownPaths } from '../../tree/shown-paths.ts';
import { dangerOf, type Danger } from '../../trust/danger.ts';
import type { Way } from '../../trust/way.ts';
import { wayTo } from './host-ways.ts';
import { readingKernel } from './kernel-file.ts';

const isThere = (path: string): boolean => existsSync(pathBytes(path as BytePath));

const typeBits = 0o170000;
const blockDevice = 0o060000;

/** A danger, and the path without links; or another path by which the host has the same. */
export interface HostDanger extends Danger {
  readonly realPath: BytePath;
}

/**
 * Why a path of this host must not come into a jail; undefined if it may. A path that does not exist is taken by its words.
 *
 * @param way the way to it, if somebody has looked already
 * @param mounts those of this process, if somebody has read them already
 */
export function hostDanger(
  named: BytePath,
  isReadOnly: boolean,
  way: Way = wayTo(named),
  mounts?: readonly Mount[],
): HostDanger | undefined {
  const { components, endsInEntry = false } = way;
  const end = endsInEntry ? components.at(-1) : undefined;
  const path = end === undefined ? trimSlashes(named) : bytePath(end.path);
  const links = components.flatMap((one) => (one.link === undefined ? [] : [bytePath(one.path)]));
  const isDisk = end !== undefined && (end.mode & typeBits) === blockDevice;
  const danger = dangerOf({ path, isReadOnly, links, isDisk }, isThere);
  return danger ? { ...danger, realPath: path } : shownDanger(path, isReadOnly, mounts ?? hostMounts());
}

/** The mounts that this process sees. */
export const hostMounts = (): readonly Mount[] =>
  readMounts(readingKernel('open_tree', () => readFileSync('/proc/self/mountinfo')));

// A bind brings along what is mounted in it, and the host can have a directory at a second place (mount(8), "Bind mount operation").
function shownDanger(path: BytePath, isReadOnly: boolean, mounts: readonly Mount[]): HostDanger | undefined {
  for (const shown of shownPaths(path, mounts)) {
    const danger = dangerOf({ path: shown.path, isReadOnly }, isThere);
    if (danger === undefined) continue;
    if (shown.point === undefined) return { ...danger, realPath: shown.path };
    const how = `has ${showPath(shown.point)} in it, where ${showPath(shown.path)} is mounted: it ${danger.how}`;
    const instead = danger.isForReading ? danger.instead : 'bind what the program needs there, one by one';
    return { ...danger, how, instead, realPath: path };
  }
  return undefined;
}
