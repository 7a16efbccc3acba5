// What was left in a jail as it is, although the plan says otherwise.

import type { BytePath } from '../../binary/path.ts';
import { toText } from '../manifest/path-text.ts';
import type { Look } from './look.ts';

/**
 * `writable`: a user of the jail may write there. `changed`: somebody has changed it in the jail. `unknown`: it was there before the
 * builder. `removed`: the service has removed it. `new`: the host has it by now, where the service has its data. `unneeded`: it is
 * planned no longer.
 */
export type LeftBecause = 'writable' | 'changed' | 'unknown' | 'removed' | 'new' | 'unneeded';

/** One side of a difference. */
export interface LeftSide {
  readonly kind: Look['kind'];
  /** Permission bits, in octal. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** Of a file, in hexadecimal; not given for one of more than 1 GiB that has another size than was planned. */
  readonly sha256?: string;
  /** Of a link. */
  readonly target?: string;
}

export interface Left {
  /** As the jail sees it; bytes that are no UTF-8 as lone surrogates U+DC80…U+DCFF. */
  readonly path: string;
  readonly because: LeftBecause;
  /** The host has news for it that did not come into the jail. */
  readonly isOutdated: boolean;
  /** What is in the jail, and what would be put there; undefined for nothing. */
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
