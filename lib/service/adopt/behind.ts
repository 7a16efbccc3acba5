// Files below /etc of which an adopted service still sees an older state.
import { readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';

import { bytePath, isWithin, pathBytes } from '../../tree/path.ts';
import { readBuilt } from '../../jail/listing.ts';
import { unless } from '../../words/system-error.ts';
import { jailOf } from './adoption.ts';
import { environmentOf } from './host-facts.ts';
import type { InstalledService } from './installed/installed-service.ts';
import type { AdoptionPlan } from './adoption-plan.ts';
import { processesOf } from './seen/behaviour.ts';

// ESRCH: the process has ended; ELOOP and EACCES: a link of the jail leads nowhere
const statusOf = (path: string): Stats | undefined =>
  unless(['ENOENT', 'ENOTDIR', 'ESRCH', 'ELOOP', 'EACCES'], () => statSync(path));

function isOther(own: string, host: string): boolean {
  const [a, b] = [statusOf(own), statusOf(host)];
  // the daemon has changed its root directory itself, so the path does not exist there
  if (a === undefined || (a.ino === b?.ino && a.dev === b.dev)) return false;
  return !(
    a.isFile() &&
    b?.isFile() === true &&
    a.size === b.size &&
    readFileSync(own).equals(readFileSync(host))
  );
}

/**
 * The paths at which a service sees something else than the host. If a file is replaced by rename(2), as many editors do, the mount still
 * shows the old file until the service is restarted. A new file with the same bytes does not count.
 */
export async function replacedPaths(unit: string, paths: readonly string[]): Promise<readonly string[]> {
  const [pid] = await processesOf(unit);
  return pid === undefined ? [] : paths.filter((path) => isOther(`/proc/${pid}/root${path}`, path));
}

const targetOf = (path: Buffer): string | undefined =>
  unless(['ENOENT', 'EINVAL'], () => readlinkSync(path, 'latin1'));

// Links that the builder has copied, such as /etc/localtime. systemd could not mount over them.
function changedLinks({ directory, paths }: AdoptionPlan): readonly string[] {
  return readBuilt(bytePath(jailOf(directory)), (_, { entries }) =>
    entries
      .filter(({ path, kind }) => kind === 'link' && /^\/etc\/(?!alternatives\/)/.test(path))
      .filter(({ path }) => !paths.some((top) => isWithin(path, top.path)))
      .filter(
        ({ path, target }) => targetOf(pathBytes(path)) !== (target && pathBytes(target).toString('latin1')),
      )
      .map(({ path }) => pathBytes(path).toString()),
  );
}

// A launcher has the values in its command line, and the names of all variables.
function changedEnvironment(
  { entry, environment }: AdoptionPlan,
  service: Pick<InstalledService, 'unit' | 'settings'>,
): readonly string[] {
  if (entry !== 'launcher') return [];
  const all = new Map(environmentOf(service, () => {}).map(({ path, sha256 }) => [path, sha256]));
  return [...new Set([...Object.keys(environment), ...all.keys()])].filter(
    (path) => environment[path] !== all.get(path),
  );
}

/** The files of which the jail and its launchers have an older state. Only an update renews them. */
export const changedSince = (
  plan: AdoptionPlan,
  service: Pick<InstalledService, 'unit' | 'settings'>,
): readonly string[] => [...changedEnvironment(plan, service), ...changedLinks(plan)];
