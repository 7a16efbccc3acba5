// Whether and why the jail of a service is behind the host.
import { realpathSync } from 'node:fs';

import { JailError } from '../../errors.ts';
import { buildFrom, type JailReport } from '../../jail/building.ts';
import type { VersionChange } from '../../jail/manifest/manifest-changes.ts';
import type { PlanSlot } from '../../jail/plan/kept-plan.ts';
import type { JailWork } from '../../jail/request/jail-request.ts';
import { isWithin } from '../../tree/path.ts';
import { unless } from '../../words/system-error.ts';
import { type JailContents, jailOf } from './adoption.ts';
import type { AdoptionPlan } from './adoption-plan.ts';

/**
 * `program`: a program of the unit, or one that the caller has named; `libraries`: shared libraries, and none of these programs; `files`:
 * other files of the jail; `unit`: nothing in the jail, but the unit, its environment or its configuration.
 */
export type UpdateCause = 'program' | 'libraries' | 'files' | 'unit';

const isLibrary = (path: string): boolean => /\.so(\.[\w.]+)?$/.test(path);

/** @param changed paths of the jail that differ from the host @param programs as the unit and the caller name them */
export function causeOf(changed: readonly string[], programs: readonly string[]): UpdateCause {
  // /usr/bin/php can be a link to /usr/bin/php8.4
  const own = new Set(
    programs.flatMap((path) => [path, unless(['ENOENT'], () => realpathSync(path)) ?? path]),
  );
  if (changed.some((path) => own.has(path))) return 'program';
  return changed.some(isLibrary) ? 'libraries' : 'files';
}

interface Compared {
  /** Undefined if there is something to do. */
  readonly jail?: JailReport;
  readonly because: UpdateCause | undefined;
  readonly packages: readonly VersionChange[];
}

/** Compares the present jail with one that a build would make. At a mounted path the service sees the host's own files. */
export async function compareJail(
  contents: JailContents,
  { directory, paths }: Pick<AdoptionPlan, 'directory' | 'paths'>,
  { slot, ...work }: Pick<JailWork, 'signal' | 'onProgress'> & { readonly slot: PlanSlot },
): Promise<Compared> {
  try {
    const found = await buildFrom({ ...work, ...contents, directory: jailOf(directory), plan: true }, slot);
    const left = found.left.filter(({ because }) => because !== 'writable');
    // the adoption has set the owner and mode of /run itself
    const changed = [...found.changes, ...left]
      .map(({ path }) => path)
      .filter((path) => path !== '/run' && !paths.some((top) => isWithin(path, top.path)));
    if (changed.length === 0) return { jail: found, because: undefined, packages: [] };
    return { because: causeOf(changed, contents.programs), packages: found.packages };
  } catch (error) {
    if (error instanceof JailError) return { because: 'files', packages: [] }; // the build tells it, or mends the jail
    throw error;
  }
}
