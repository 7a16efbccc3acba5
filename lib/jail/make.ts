// Makes the jail of a recipe: plans it, puts all entries in place, and tests it.

import { type BytePath, pathBytes } from '../binary/path.ts';
import { type DirectoryRoot, type FileRoot, openFileRoot } from '../binary/root.ts';
import { walk } from '../binary/walk.ts';
import { applyPlan, foreseePlan } from './apply/execution.ts';
import type { Left } from './apply/left.ts';
import { openStore, type Store } from './apply/store.ts';
import { openJailDirectory } from './host/jail-directory.ts';
import { hashInJail } from './manifest/file-hash.ts';
import { type Manifest, MANIFEST_PATH } from './manifest/manifest.ts';
import type { JailPlan } from './plan/jail-plan.ts';
import { type Making, type PreparedPlan, preparePlan } from './prepared-plan.ts';
import { readUsers } from './request/named-on-host.ts';
import { searchWarnings } from './search/search-warnings.ts';
import { warningsOf, withHint } from './tell.ts';
import { tryOut } from './try.ts';
import { type Placed, verifyPrograms } from './verify.ts';
import { begin } from './work/steps.ts';

export interface Made {
  readonly before: Manifest | undefined;
  readonly after: Manifest;
  readonly optional: JailPlan['optional'];
  /** Paths that were left as they are, although the plan differs. */
  readonly left: readonly Left[];
  readonly warnings: readonly string[];
  /** Failed tests of a jail whose files are all in place. */
  readonly failures: readonly string[];
}

/** Finds the changes that making the jail would cause, and changes nothing. `jail` is undefined if there is none yet. */
export async function foreseeJail(making: Making, jail: DirectoryRoot | undefined): Promise<Made> {
  const { source, before, recipe, plan } = await preparePlan(making, jail);
  const { replace, work, host } = making;
  const foreseen = await foreseePlan(recipe, plan, {
    source,
    sourceFd: host.root.fd,
    jail,
    before,
    replace,
    signal: work.signal,
  });
  return {
    before,
    after: foreseen.manifest,
    optional: plan.optional,
    left: foreseen.left,
    warnings: [...warningsOf(plan, making.directory), ...foreseen.warnings],
    failures: [],
  };
}

/** @throws JailError, UsageError; then the jail is unchanged. */
export async function makeJail(making: Making): Promise<Made> {
  const opened = openJailDirectory(pathBytes(making.directory));
  let store: Store | undefined;
  try {
    const jail = openFileRoot(opened.fd);
    const prepared = await prepareAndLock(making, jail);
    ({ store } = prepared);
    return await carryOut(making, { ...prepared, jail, directory: opened.path });
  } catch (error) {
    store?.rollBack();
    opened.undo();
    throw error;
  } finally {
    store?.close();
    opened.close();
  }
}

interface LockedPlan extends PreparedPlan {
  readonly store: Store;
}

// The lock needs a directory in the jail, so the plan comes first: it finds out whether a jail may be here.
async function prepareAndLock(making: Making, jail: DirectoryRoot): Promise<LockedPlan> {
  for (;;) {
    const hash = await hashInJail(jail, MANIFEST_PATH);
    const prepared = await preparePlan(making, jail);
    const store = await openStore(jail);
    if ((await hashInJail(jail, MANIFEST_PATH)) === hash) return { ...prepared, store };
    store.close(); // another run has changed the jail, or openStore has just completed one
  }
}

async function carryOut(
  { host, directory: asked, replace, work }: Making,
  place: LockedPlan & { readonly jail: DirectoryRoot; readonly directory: BytePath },
): Promise<Made> {
  const { source, jail, directory, before, recipe, plan } = place;
  const applied = await applyPlan(recipe, plan, { ...place, ...work, sourceFd: host.root.fd, replace });
  place.keep();
  const { manifest: after, left } = applied;
  const programs = placesOf(recipe.programs, after, source);
  const warnings = [
    ...warningsOf(plan, asked),
    ...applied.warnings,
    ...withHint(left, () => verifyPrograms(source, jail, programs, host.cpu)),
    ...searchWarnings(jail, after, readUsers(recipe.users)),
  ];
  work.onProgress?.(begin('check'));
  const tried = await tryOut({ directory, jail, manifest: after, programs, signal: work.signal });
  const { optional } = plan;
  return {
    before,
    after,
    optional,
    left,
    warnings: [...warnings, ...tried.warnings],
    failures: tried.failures,
  };
}

function placesOf(programs: readonly BytePath[], { entries }: Manifest, source: FileRoot): readonly Placed[] {
  return programs.flatMap((program) => {
    const real = walk(source, program).path;
    const entry = entries.find((other) => other.source === real);
    return entry === undefined ? [] : [{ source: program, path: program }];
  });
}
