// Brings a jail up to date with the host it is built from.

import { JailError } from '../errors.ts';
import { takeRequest } from '../keys.ts';
import { type JailReport, makeOrForesee } from './build.ts';
import { openHost } from './host/host.ts';
import { absolute } from './host/hostpath.ts';
import { readBuilt } from './list.ts';
import { findExtra } from './manifest/extra.ts';
import type { Manifest } from './manifest/manifest.ts';
import { toText } from './manifest/text.ts';
import { checkFlag, checkWork, type JailWork, requireRoot, toReplace } from './request/request.ts';
import type { Bytes } from '../quote.ts';
import { toJailError } from './work/failure.ts';

export interface UpdateRequest extends JailWork {
  /** True: nothing is changed, and the report says what would be. */
  readonly plan?: boolean | undefined;
  /** As in JailRequest. */
  readonly replace?: readonly Bytes[] | undefined;
}

export interface UpdateReport extends JailReport {
  /** Paths in the jail that the builder has not made; they are left as they are. */
  readonly extra: readonly string[];
}

/**
 * Plans the jail's recipe anew and replaces what differs, by content, from what the jail holds: each file by rename, so that
 * running programs keep theirs. What a user of the jail may write, and what was changed in the jail, is left and listed, unless
 * `replace` names it. Commands that were learned from are not run again. An interrupted run is completed, or undone, by the next.
 * @throws JailError ERR_NO_MANIFEST for a directory that buildJail has not made, and as buildJail.
 */
export async function updateJail(asked: UpdateRequest): Promise<UpdateReport> {
  const request = takeRequest(asked, (own) => {
    checkWork(own, ['directory', 'signal', 'onProgress', 'plan', 'replace']);
    checkFlag(own.plan, 'plan');
  });
  const replace = toReplace(request);
  requireRoot('updated');
  const directory = absolute(request.directory);
  try {
    const host = openHost(readBuilt(directory, (_jail, manifest) => manifest.recipe.from));
    try {
      const making = { host, directory, recipeFor: recipeOf, replace, work: request };
      const report = await makeOrForesee(making, request.plan === true);
      const told = new Set(report.left.map(({ path }) => path));
      const extra = readBuilt(directory, findExtra).map(toText);
      return { ...report, extra: extra.filter((path) => !told.has(path)) };
    } finally {
      host.close();
    }
  } catch (error) {
    throw toJailError(error);
  }
}

function recipeOf(before: Manifest | undefined): Manifest['recipe'] {
  if (before !== undefined) return before.recipe;
  throw new JailError('the manifest of the jail has vanished', { code: 'ERR_NO_MANIFEST' });
}
