// A path of a jail that was left as it is, although the plan says otherwise.

import type { BytePath } from '../../binary/path.ts';
import { toText } from '../manifest/path-text.ts';
import type { Look } from './look.ts';

/**
 * `writable`: a user of the jail can write it. `changed`: somebody has changed it in the jail. `unknown`: the builder has not
 * made it. `removed`: the service has removed it. `new`: it is new on the host, in a directory of the service's data.
 * `unneeded`: it is no longer planned.
 */
export type LeftBecause = 'writable' | 'changed' | 'unknown' | 'removed' | 'new' | 'unneeded';

/** One side of a difference. */
export interface LeftSide {
  readonly kind: Look['kind'];
  /** Permission bits, in octal. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** Of a file, in hexadecimal. Not given if the file has more than 1 GiB and not the planned size. */
  readonly sha256?: string;
  /** Of a link. */
  readonly target?: string;
}

export interface Left {
  /** Seen from the jail. A byte that is not UTF-8 is a lone surrogate U+DC80…U+DCFF. */
  readonly path: string;
  readonly because: LeftBecause;
  /** The host has a newer version, which was not put in the jail. */
  readonly isOutdated: boolean;
  /** What is in the jail, and what was planned. Undefined: nothing. */
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
