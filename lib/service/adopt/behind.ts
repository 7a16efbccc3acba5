// Files below /etc of which an adopted service still sees an older state.
import { readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';

import { bytePath, isWithin, pathBytes } from '../../tree/path.ts';
import { readBuilt } from '../../jail/listing.ts';
import { jailOf } from './adoption.ts';
import { type AdoptionRecord, generationAt } from './adoption-record.ts';
import { environmentHashes } from './environment-file.ts';
import type { InstalledService } from './installed/installed-service.ts';
import { processesOf } from './seen/unit-processes.ts';

function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    // ESRCH: the process has ended; ELOOP and EACCES: a link of the jail leads nowhere
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ENOTDIR', 'ESRCH', 'ELOOP', 'EACCES'].includes(code)) return undefined;
    throw error;
  }
}

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

function targetOf(path: Buffer): string | undefined {
  try {
    return readlinkSync(path, 'latin1');
  } catch (error) {
    if (['ENOENT', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

// Links that the builder has copied, such as /etc/localtime. systemd could not mount over them.
function changedLinks({ unit, generation, mounted }: AdoptionRecord): readonly string[] {
  return readBuilt(bytePath(jailOf(generationAt(unit, generation))), (_, { entries }) =>
    entries
      .filter(({ path, kind }) => kind === 'link' && /^\/etc\/(?!alternatives\/)/.test(path))
      .filter(({ path }) => !mounted.some((top) => isWithin(path, top)))
      .filter(
        ({ path, target }) => targetOf(pathBytes(path)) !== (target && pathBytes(target).toString('latin1')),
      )
      .map(({ path }) => pathBytes(path).toString()),
  );
}

// A launcher has the values in its command line, and the names of all variables.
function changedEnvironment(
  { entry, environment }: AdoptionRecord,
  service: Pick<InstalledService, 'unit' | 'settings'>,
): readonly string[] {
  if (entry !== 'launcher' || environment === undefined) return [];
  const now = environmentHashes(service);
  return [...new Set([...Object.keys(environment), ...Object.keys(now)])].filter(
    (path) => environment[path] !== now[path],
  );
}

/** The files of which the jail and its launchers have an older state. Only an update renews them. */
export const changedSince = (
  record: AdoptionRecord,
  service: Pick<InstalledService, 'unit' | 'settings'>,
): readonly string[] => [...changedEnvironment(record, service), ...changedLinks(record)];
