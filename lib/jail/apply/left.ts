// A path of a jail that was left as it is, although the plan differs.

import type { BytePath } from '../../binary/path.ts';
import { toText } from '../manifest/path-text.ts';
import type { Look } from './look.ts';

/**
 * `writable`: a jail user can write it. `changed`: it was changed in the jail. `unknown`: the builder has not made it. `removed`:
 * the service has removed it. `new`: it is new on the host, in a service's data directory. `unneeded`: it is no longer planned.
 */
export type LeftBecause = 'writable' | 'changed' | 'unknown' | 'removed' | 'new' | 'unneeded';

export interface LeftSide {
  readonly kind: Look['kind'];
  /** Permission bits, in octal. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** The hash of a file, in hexadecimal. Missing if the file is larger than 1 GiB and does not have the planned size. */
  readonly sha256?: string;
  /** The target of a link. */
  readonly target?: string;
}

export interface Left {
  /** As seen from the jail. A byte that is not UTF-8 is a lone surrogate U+DC80…U+DCFF. */
  readonly path: string;
  readonly because: LeftBecause;
  /** The host has a newer version, which was not put in the jail. */
  readonly isOutdated: boolean;
  /** The object in the jail, and the planned one. Undefined: none. */
  readonly jail: LeftSide | undefined;
  readonly host: LeftSide | undefined;
}

export function toLeft(
  path: BytePath,
  because: LeftBecause,
  isOutdated: boolean,
  sides: { readonly jail?: Look | undefined; readonly host?: Look | undefined },
): Left {
  const { jail, host } = sides;
  return {
    path: toText(path),
    because,
    isOutdated,
    jail: jail && toSide(jail),
    host: host && toSide(host),
  };
}

const SHA256 = /^[0-9a-f]{64}$/;

function toSide({ kind, mode, uid, gid, content }: Look): LeftSide {
  return {
    kind,
    mode: mode.toString(8).padStart(4, '0'),
    uid,
    gid,
    ...(kind === 'file' && SHA256.test(content) && { sha256: content }),
    ...(kind === 'link' && { target: toText(content as BytePath) }),
  };
}
