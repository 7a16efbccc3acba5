// Compares two jails, two images, or a jail with an image.

import { takeRequest } from '../values/keys.ts';
import { path } from '../values/validators.ts';
import type { Bytes } from '../words/quote.ts';
import { absolute } from './host/given-path.ts';
import { differencesOf, type FileDifference, type PackageDifference } from './inventory/differences.ts';
import { namedContents } from './inventory/named-contents.ts';
import { toText } from './manifest/path-text.ts';
import { checkRows, type JailWork } from './request/jail-request.ts';
import { withJailErrors } from './work/jail-error.ts';

export interface ComparisonRequest extends Pick<JailWork, 'signal' | 'onProgress'> {
  /** Jails, or images as PATH[:TAG]. */
  readonly before: Bytes;
  readonly after: Bytes;
}

export interface Comparison {
  /** By type and name. */
  readonly packages: readonly PackageDifference[];
  /** By path. */
  readonly files: readonly FileDifference[];
  /** Paths of the manifests at which nothing is. */
  readonly missing: { readonly before: readonly string[]; readonly after: readonly string[] };
}

/**
 * Compares packages, and what builders have put there as it is now: content, mode, owner, capabilities and reason. Of an image that is no
 * exported jail, all files. Times are not compared. Nothing is executed, unpacked or changed.
 * @throws as describeJail; JailError ERR_IMAGE for a damaged image
 */
export async function compareJails(asked: ComparisonRequest): Promise<Comparison> {
  const request = takeRequest(asked, (own) => {
    checkRows(own, ['signal', 'onProgress'], ['before', 'after']);
    for (const key of ['before', 'after'] as const) path('/srv/jail')(own[key], key);
  });
  const { signal, onProgress } = request;
  return withJailErrors(async () => {
    const before = await namedContents(absolute(request.before), { signal, onProgress });
    const after = await namedContents(absolute(request.after), { signal, onProgress });
    const missing = { before: before.missing.map(toText), after: after.missing.map(toText) };
    return { ...differencesOf(before, after), missing };
  });
}
