// Builds a jail, adds to one, and updates one from the host.

import {
  type BytePath,
  isWithin,
  joinPath,
  lastComponent,
  parentPath,
  pathBytes,
  showPath,
} from '../tree/path.ts';
import { rememberStatus } from '../tree/remembered-root.ts';
import { type DirectoryRoot, type FileRoot, openFileRoot } from '../tree/root.ts';
import { walk } from '../tree/walk.ts';
import { JailError, UsageError } from '../errors.ts';
import { takeRequest } from '../values/keys.ts';
import type { Bytes } from '../words/quote.ts';
import { commandLine } from '../words/shell-word.ts';
import { caller } from '../trust/owner.ts';
import { unless } from '../words/system-error.ts';
import type { Left } from './apply/present-object.ts';
import { absolute } from './host/given-path.ts';
import { requireOwner } from './host/jail-directory.ts';
import { openBuilt, openHost } from './host/source-host.ts';
import { withUnpacked } from './image/unpacked-image.ts';
import { learnAll } from './learn/learn.ts';
import { readBuilt } from './listing.ts';
import { foreseeJail, makeJail, type Making, refuseFailures } from './make.ts';
import {
  type Change,
  changesBetween,
  findExtra,
  type VersionChange,
  versionChanges,
} from './manifest/manifest-changes.ts';
import { mountsHost } from './packs/host.ts';
import type { PlanSlot } from './plan/kept-plan.ts';
import { type JailPart, largePacks, type PackReason, packReasons, partsOf } from './manifest/jail-parts.ts';
import { type Manifest, readManifest } from './manifest/manifest.ts';
import { toText } from './manifest/path-text.ts';
import { mergeRecipes, type Recipe } from './manifest/recipe.ts';
import {
  checkRequest,
  checkRows,
  toImageRecipe,
  type JailRequest,
  type JailWork,
  toGivenRecipe,
  toRecipe,
  toKeep,
  toReplace,
  WORK,
} from './request/jail-request.ts';
import { closing } from './work/closing.ts';
import { withJailErrors } from './work/jail-error.ts';
import { type JailWarning, plainWarnings } from './work/jail-warning.ts';

/** `option` with `value` leaves it out: a pack, or a plugin with the libraries that nothing else needs. */
interface RemovablePart {
  readonly option: '--no-pack' | '--without';
  readonly value: string;
  readonly sizeBytes: number;
}

/** The result of a build or update; with `plan`, the expected result. */
export interface JailReport {
  /** Number and total size of the regular files that the builder has put in the jail. */
  readonly files: number;
  readonly sizeBytes: number;
  readonly packs: readonly PackReason[];
  /** The parts of the size, the largest first. */
  readonly parts: readonly JailPart[];
  /** Large optional parts of packages that are not in the jail; `copies` adds one. */
  readonly leftOut: readonly string[];
  /** Large parts of the jail, of 10 MB and a tenth of it or more, that an option leaves out. */
  readonly removable: readonly RemovablePart[];
  /** The differences from the jail before. */
  readonly changes: readonly Change[];
  readonly packages: readonly VersionChange[];
  /** Paths that were left as they are, although the plan differs: data of the jail, and paths that were changed there. */
  readonly left: readonly Left[];
  readonly warnings: readonly string[];
  /** The same warnings with their subjects, for a caller that has other commands than the builder's. */
  readonly warningDetails: readonly JailWarning[];
}

/**
 * Makes a jail, or adds to one: the programs and packages with everything they need, their packs, /tmp and a few devices. The
 * caller owns everything, no file keeps set-user-ID or set-group-ID unless it is named, and links stay links. An ordinary user
 * makes jails for his launches without root: a warning names what only root can give. At the end each program
 * and each pack is tested in the jail. After an error the jail is unchanged, except for ERR_CHECK and for ERR_MISSING "in the
 * jail": these are found when the new files are in place. If the change "is not complete", the next run completes it.
 * @throws UsageError for a wrong request or a missing program; JailError, whose `code` is that of a system error or
 * ERR_INSECURE_PATH (another user could exchange the jail), ERR_MISSING (the host lacks a file that a program needs; "in the
 * jail": older files of the jail mislead the loader), ERR_CHECK (a test in the jail failed), ERR_MANIFEST, ERR_RECIPE, EBUSY
 * (another process works on it); AbortError (the signal).
 */
export const buildJail = (asked: JailRequest): Promise<JailReport> => buildFrom(asked, undefined);

/** The same, with a plan that several jails of this host share. */
export async function buildFrom(asked: JailRequest, slot: PlanSlot | undefined): Promise<JailReport> {
  const request = takeRequest(asked, checkRequest);
  const directory = absolute(request.directory);
  const { image } = request;
  if (image !== undefined)
    return withJailErrors(async () => (await runImage({ ...request, image }, directory)).report, directory);
  return withJailErrors(() => {
    const from = fromOf(
      request,
      closing(openPresent(directory), (jail) => jail && readManifest(jail)),
    );
    return closing(openHost(from), async (host) => {
      const source = { root: rememberStatus(host.root), isForeign: from !== undefined };
      const { learned, warnings } = await learnAll(request);
      const added = toRecipe(request, source, learned);
      const recipeFor = (before: Manifest | undefined) => {
        if (before === undefined) return added;
        if (before.recipe.image !== undefined) throw needsImage(directory);
        const without = added.without.flatMap((out) => asAsked(host.root, before.recipe, out));
        return mergeRecipes(before.recipe, { ...added, without });
      };
      const [replace, { without }] = [toReplace(request), added];
      const isReferring = mountsHost(added);
      const making = { host, directory, recipeFor, isReferring, without, replace, work: request, slot };
      const { report } = await run(making, request.plan === true);
      return withWarnings(report, [...plainWarnings(warnings), ...report.warningDetails]);
    });
  }, directory);
}

// An earlier build may have asked for a path that is left out by another name: /bin/ls is /usr/bin/ls.
function asAsked(root: FileRoot, { programs, copies }: Recipe, out: BytePath): readonly BytePath[] {
  const placeOf = (path: BytePath) => joinPath(walk(root, parentPath(path)).path, lastComponent(path));
  const asked = [...programs, ...copies.map(({ to }) => to)];
  const same = asked.filter((path) => path !== out && placeOf(path) === placeOf(out));
  return same.length > 0 && !asked.includes(out) ? same : [out, ...same];
}

// An addition is copied from the same root as the rest of the jail.
function fromOf(request: JailRequest, old: Manifest | undefined): BytePath | undefined {
  if (request.from !== undefined) return absolute(request.from);
  const given = request.recipe === undefined ? undefined : toGivenRecipe(request.recipe).from;
  return given ?? old?.recipe.from;
}

type ImageRequest = Pick<JailRequest, 'without' | 'users' | 'keepPrivileges' | 'replace' | 'plan'> &
  JailWork & { readonly image: Bytes; readonly keep?: readonly BytePath[] };

// The jail of an image: its files in place of the host's, and nothing in it is started to try it.
function runImage(request: ImageRequest, directory: BytePath): Promise<Ran> {
  return withUnpacked(
    absolute(request.image),
    directory,
    request,
    async ({ host, origin, notes, planFor, hashOf }) => {
      const recipeFor = (before: Manifest | undefined) => toImageRecipe(request, origin, before?.recipe);
      const [replace, { keep = [] }] = [toReplace(request), request];
      const making = { host, directory, recipeFor, planFor, hashOf, replace, keep, work: request };
      const { report, present } = await run(making, request.plan === true);
      return { present, report: withWarnings(report, [...plainWarnings(notes), ...report.warningDetails]) };
    },
  );
}

const needsImage = (directory: BytePath): UsageError =>
  new UsageError(`${showPath(directory)} is the jail of an image, which is not kept`, {
    hint: `${commandLine('uchroot-jail', 'update', directory, '--image', 'FILE')}   # with its image, or a newer one`,
  });

function openPresent(directory: BytePath): DirectoryRoot | undefined {
  return unless(['ENOENT'], () => {
    const jail = openFileRoot(pathBytes(directory), caller());
    try {
      requireOwner(jail.fd, directory);
    } catch (error) {
      jail.close();
      throw error;
    }
    return jail;
  });
}

export interface UpdateRequest extends JailWork {
  /** Changes nothing: the report shows the expected changes. */
  readonly plan?: boolean | undefined;
  /** As in JailRequest. */
  readonly replace?: readonly Bytes[] | undefined;
  /**
   * Paths of the jail that were changed there and stay so, with all their content: the version that the host has now counts as
   * seen, so that `isOutdated` is false until the host has another one.
   */
  readonly keep?: readonly Bytes[] | undefined;
  /** For the jail of an image: that image, or a newer one. */
  readonly image?: Bytes | undefined;
}

export interface UpdateReport extends JailReport {
  /** Paths in the jail that the builder has not made. They are left as they are. */
  readonly extra: readonly string[];
}

/**
 * Plans the recipe of a jail again and replaces the files whose content differs, each by rename, so that running programs keep
 * their files. A path that a jail user can write, or that was changed in the jail, is left and listed unless `replace` names it.
 * Traced commands are not run again. The next run completes or undoes an interrupted one.
 * @throws JailError ERR_NO_MANIFEST for a directory that buildJail has not made, and as buildJail.
 */
export async function updateJail(asked: UpdateRequest): Promise<UpdateReport> {
  const request = takeRequest(asked, (own) => checkRows(own, [...WORK, 'plan', 'replace', 'keep', 'image']));
  const replace = toReplace(request);
  const keep = toKeep(request, replace);
  const directory = absolute(request.directory);
  return withJailErrors(async () => {
    const recipe = readBuilt(directory, (_jail, manifest) => manifest.recipe);
    const { image } = request;
    if (recipe.image !== undefined && image === undefined) throw needsImage(directory);
    if (recipe.image === undefined && image !== undefined)
      throw new UsageError(`${showPath(directory)} is not the jail of an image`, {
        hint: 'leave --image out',
      });
    const { report, present } = await (image === undefined
      ? closing(openHost(recipe.from), async (host) => {
          const making = { host, directory, recipeFor: recipeOf, replace, keep, work: request };
          return run(making, request.plan === true);
        })
      : runImage({ ...request, image, keep }, directory));
    const told = new Set(report.left.map(({ path }) => path));
    const extra = closing(openBuilt(directory), (jail) => findExtra(jail, present)).map(toText);
    return { ...report, extra: extra.filter((path) => !told.has(path)) };
  }, directory);
}

function recipeOf(before: Manifest | undefined): Manifest['recipe'] {
  if (before !== undefined) return before.recipe;
  throw new JailError('the manifest of the jail has vanished', { code: 'ERR_NO_MANIFEST' });
}

interface Ran {
  readonly report: JailReport;
  readonly present: Manifest;
}

/** Makes the jail or foresees it; `present` is the manifest of the jail after that. */
async function run(making: Making, isPlan: boolean): Promise<Ran> {
  const { before, after, optional, large, ...told } = await (isPlan
    ? closing(openPresent(making.directory), (jail) => foreseeJail(making, jail))
    : makeJail(making));
  refuseFailures({ ...told, after });
  const { left, warnings } = told;
  const files = after.entries.filter(({ kind }) => kind === 'file');
  const sizeBytes = files.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
  const plugins = large.map(
    ({ path, sizeBytes }) => ({ option: '--without', value: toText(path), sizeBytes }) as const,
  );
  const packs = largePacks(after, sizeBytes);
  const report = {
    files: files.length,
    sizeBytes,
    packs: packReasons(after),
    parts: partsOf(after),
    leftOut: optional.map(toText),
    removable: [
      ...packs.map(({ name, sizeBytes }) => ({ option: '--no-pack', value: name, sizeBytes }) as const),
      ...plugins,
    ],
    changes: changesBetween(before, after).filter((change) => !stays(change, left)),
    packages: versionChanges(before, after),
    left,
  };
  return { report: withWarnings(report, warnings), present: isPlan ? (before ?? after) : after };
}

function withWarnings<Report>(
  report: Report,
  warningDetails: readonly JailWarning[],
): Report & Pick<JailReport, 'warnings' | 'warningDetails'> {
  return { ...report, warnings: warningDetails.map(({ message }) => message), warningDetails };
}

/** Whether a path of the jail is unchanged, although the manifest has changed: it was left, or something in it was. */
function stays({ kind, path }: Change, left: readonly Left[]): boolean {
  return left.some((one) => (kind === 'removed' ? isWithin(one.path, path) : one.path === path));
}
