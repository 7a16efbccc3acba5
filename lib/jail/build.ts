// Builds a jail, or adds to one.

import { type BytePath, pathBytes } from '../binary/path.ts';
import { type DirectoryRoot, errorCode, openFileRoot } from '../binary/root.ts';
import { rememberStatus } from '../binary/walk.ts';
import { takeRequest } from '../keys.ts';
import type { Left } from './apply/left.ts';
import { type Host, openHost } from './host/host.ts';
import { absolute } from './host/hostpath.ts';
import { learnAll } from './learn/learn.ts';
import { foreseeJail, type Made, type Making, makeJail } from './make.ts';
import { type Change, changesBetween, type VersionChange, versionChanges } from './manifest/change.ts';
import { type Manifest, readManifest } from './manifest/manifest.ts';
import { type JailPart, partsOf } from './manifest/parts.ts';
import { mergeRecipes } from './manifest/recipe.ts';
import { toText } from './manifest/text.ts';
import { packReasons, type PackReason } from './manifest/why.ts';
import {
  checkRequest,
  type JailRequest,
  requireRoot,
  toGivenRecipe,
  toRecipe,
  toReplace,
} from './request/request.ts';
import { refuseFailures } from './tell.ts';
import { toJailError } from './work/failure.ts';

/** What a piece of work made of a jail, or would make of it. */
export interface JailReport {
  /** Regular files that the builder has put there, and their size together. */
  readonly files: number;
  readonly sizeBytes: number;
  readonly packs: readonly PackReason[];
  /** Where the size comes from, the largest part first. */
  readonly parts: readonly JailPart[];
  /** Large parts of packages that are not in the jail, since a program can do without; a copy brings one. */
  readonly leftOut: readonly string[];
  /** Against what the jail was before. */
  readonly changes: readonly Change[];
  readonly packages: readonly VersionChange[];
  /** What was left in the jail as it is, although something else is planned: the jail's own data, and what was changed there. */
  readonly left: readonly Left[];
  readonly warnings: readonly string[];
}

/**
 * Makes the jail, or adds to it: the programs and packages with whatever they need, the packs of which the signs are there,
 * /tmp and a few devices. All is root's, no file keeps set-user-ID or set-group-ID unless it is named, and links are kept
 * as links. At the end each program and each pack is tried in the jail. If it fails the jail is as it was, but for
 * ERR_CHECK and ERR_MISSING "in the jail", which are seen only when the new files are in place.
 * @throws UsageError for a wrong request or a program that is not there; JailError, whose `code` is that of a system error
 * or ERR_INSECURE_PATH (somebody else could exchange the jail), ERR_MISSING (something a program needs is not on the host;
 * "in the jail": what the jail held before leads the loader astray), ERR_CHECK (something does not work in it),
 * ERR_MANIFEST, ERR_RECIPE, EBUSY (somebody else works on it); AbortError (the signal).
 */
export async function buildJail(asked: JailRequest): Promise<JailReport> {
  const request = takeRequest(asked, checkRequest);
  requireRoot('built');
  const directory = absolute(request.directory);
  let host: Host | undefined;
  try {
    const from = fromOf(request, manifestAt(directory));
    host = openHost(from);
    const source = { root: rememberStatus(host.root), isForeign: from !== undefined };
    const { learned, warnings } = await learnAll(request);
    const added = toRecipe(request, source, learned);
    const recipeFor = (before: Manifest | undefined) =>
      before === undefined ? added : mergeRecipes(before.recipe, added);
    const report = await makeOrForesee(
      { host, directory, recipeFor, without: added.without, replace: toReplace(request), work: request },
      request.plan === true,
    );
    return { ...report, warnings: [...warnings, ...report.warnings] };
  } catch (error) {
    throw toJailError(error);
  } finally {
    host?.close();
  }
}

/** @throws as buildJail */
export async function makeOrForesee(making: Making, isPlan: boolean): Promise<JailReport> {
  if (!isPlan) return refuseFailures(toReport(await makeJail(making)));
  const jail = openPresent(making.directory);
  try {
    return refuseFailures(toReport(await foreseeJail(making, jail)));
  } finally {
    jail?.close();
  }
}

// What is added to a jail comes from where the rest of it came from.
function fromOf(request: JailRequest, old: Manifest | undefined): BytePath | undefined {
  if (request.from !== undefined) return absolute(request.from);
  const given = request.recipe === undefined ? undefined : toGivenRecipe(request.recipe).from;
  return given ?? old?.recipe.from;
}

function manifestAt(directory: BytePath): Manifest | undefined {
  const jail = openPresent(directory);
  try {
    return jail && readManifest(jail);
  } finally {
    jail?.close();
  }
}

function openPresent(directory: BytePath): DirectoryRoot | undefined {
  try {
    return openFileRoot(pathBytes(directory));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function toReport({
  before,
  after,
  optional,
  left,
  warnings,
  failures,
}: Made): JailReport & Pick<Made, 'failures'> {
  const files = after.entries.filter(({ kind }) => kind === 'file');
  return {
    files: files.length,
    sizeBytes: files.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
    packs: packReasons(after),
    parts: partsOf(after),
    leftOut: optional.map(toText),
    changes: changesBetween(before, after).filter((change) => !stays(change, left)),
    packages: versionChanges(before, after),
    left,
    warnings,
    failures,
  };
}

/** Whether a path that the manifest has no more is still in the jail: it was left, or something in it. */
function stays({ kind, path }: Change, left: readonly Left[]): boolean {
  return kind === 'removed' && left.some((one) => one.path === path || one.path.startsWith(`${path}/`));
}
