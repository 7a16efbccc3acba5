// Whether a path of this host must not come into a jail. lib/trust/danger.ts has the list.
import { existsSync } from 'node:fs';

import { bytePath, pathBytes, trimSlashes, type BytePath } from '../../binary/path.ts';
import type { Danger } from '../../trust/danger.ts';
import type { Way } from '../../trust/way.ts';
import { dangerOf } from '../plan/isolation.ts';
import { wayTo } from './host-ways.ts';

const isThere = (path: string): boolean => existsSync(pathBytes(path as BytePath));

const typeBits = 0o170000;
const blockDevice = 0o060000;

/** A danger, and the path without links. */
export interface HostDanger extends Danger {
  readonly realPath: BytePath;
}

/**
 * Why a path of this host must not come into a jail; undefined if it may. A path that does not exist is taken by its words.
 *
 * @param way the way to it, if somebody has looked already
 */
export function hostDanger(
  named: BytePath,
  isReadOnly: boolean,
  way: Way = wayTo(named),
): HostDanger | undefined {
  const { components, endsInEntry = false } = way;
  const end = endsInEntry ? components.at(-1) : undefined;
  const path = end === undefined ? trimSlashes(named) : bytePath(end.path);
  const links = components.flatMap((one) => (one.link === undefined ? [] : [bytePath(one.path)]));
  const isDisk = end !== undefined && (end.mode & typeBits) === blockDevice;
  const danger = dangerOf({ path, isReadOnly, links, isDisk }, isThere);
  return danger && { ...danger, realPath: path };
}
