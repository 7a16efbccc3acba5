// Finds the directories in which the services of packages keep what they write.

import { type BytePath, bytePath, toLatin1 } from '../../binary/path.ts';
import type { FileRoot, FileStatus } from '../../binary/root.ts';
import type { Choice } from './choice.ts';
import type { Package, Packages } from './database.ts';
import { placeOf } from './place.ts';
import { readIfThere, statusIfThere } from './read.ts';
import { readTmpfiles, readUnit, type ServiceDirectory, startsAsRoot } from './unit.ts';

export interface StateDirectory {
  readonly path: BytePath;
  readonly package: Package;
  /** 0…07777: as on the root if it is there, otherwise as it would be made. */
  readonly mode: number;
  /** Whom the service runs as; undefined if its package does not say, as for one that gives up root by itself. */
  readonly user?: string;
  readonly uid: number;
  readonly gid: number;
  /** The service of the package writes there, although it may be root's on the host. */
  readonly isService?: true;
}

/**
 * The directories below /var and /run that the chosen packages own, or that are made for their services when these start or
 * the system boots. A service that runs as another user needs those as its own that it writes to.
 */
export function stateOf(root: FileRoot, packages: Packages, choice: Choice): readonly StateDirectory[] {
  const directories = new Map<BytePath, StateDirectory>();
  const idsOf = openAccounts(root);
  for (const { package: pkg, extent } of choice.packages) {
    if (extent === 'programs' || extent === 'data') continue;
    for (const declared of declaredBy(root, packages, pkg)) {
      const path = packages.rename(declared.path);
      const { user } = declared;
      const known = directories.get(path);
      if (!isState(path)) continue;
      const isService = declared.isService ?? known?.isService;
      const isBetter = known === undefined || (known.user === undefined && user !== undefined);
      const directory = isBetter
        ? {
            path,
            package: pkg,
            ...(user !== undefined && { user }),
            ...(ownership(root, path) ?? { mode: declared.mode, ...idsOf(declared) }),
          }
        : known;
      directories.set(path, { ...directory, ...(isService && { isService }) });
    }
  }
  return [...directories.values()];
}

interface Declared extends ServiceDirectory {
  readonly isService?: true;
}

function ofService({ path, mode, user, group }: ServiceDirectory): Declared {
  return { path, mode, user, group, isService: true };
}

function declaredBy(root: FileRoot, packages: Packages, pkg: Package): readonly Declared[] {
  const files = packages.files(pkg);
  // a library may have a directory made that a service of another package uses
  if (!files.some((path) => UNIT.test(path) || placeOf(path) === 'program')) return [];
  const isOfRootsDaemon = files.some((path) => UNIT.test(path) && startsAsRoot(readIfThere(root, path)));
  return files.flatMap((path): readonly Declared[] => {
    if (UNIT.test(path)) return readUnit(readIfThere(root, path)).map(ofService);
    if (TMPFILES.test(path)) return readTmpfiles(readIfThere(root, path));
    if (!isState(path) || packages.source(path) !== pkg.source) return [];
    const status = ownership(root, path);
    if (status === undefined) return [];
    return [{ path, mode: status.mode, ...(isOfRootsDaemon && { isService: true }) }];
  });
}

const UNIT = /^(?:\/usr)?\/lib\/systemd\/system\/[^/]+\.service$/;
const TMPFILES = /^\/usr\/lib\/tmpfiles\.d\/[^/]+\.conf$/;

// /run itself is where a PID file lies, and belongs to nobody else in a jail.
function isState(path: BytePath): boolean {
  return /^\/var\/(?:lib|log|cache|spool)\/[^/]|^\/run(?:\/|$)/.test(path);
}

type Ownership = Pick<FileStatus, 'mode' | 'uid' | 'gid'>;

function ownership(root: FileRoot, path: BytePath): Ownership | undefined {
  const status = statusIfThere(root, path);
  // what is below /run is this boot's
  if (status?.kind !== 'directory' || path.startsWith('/run')) return undefined;
  return { mode: status.mode, uid: status.uid, gid: status.gid };
}

/** The ids by the root's own passwd(5) and group(5); 0 for a name that is not there. */
function openAccounts(
  root: FileRoot,
): (directory: ServiceDirectory) => { readonly uid: number; readonly gid: number } {
  const passwd = readAccounts(readIfThere(root, bytePath('/etc/passwd')));
  const groups = readAccounts(readIfThere(root, bytePath('/etc/group')));
  return ({ user, group }) => {
    const account = user === undefined ? undefined : passwd.get(user);
    const gid = group === undefined ? account?.[1] : groups.get(group)?.[0];
    return { uid: account?.[0] ?? readId(user) ?? 0, gid: gid ?? readId(group) ?? 0 };
  };
}

// `name:password:uid:gid:…` and `name:password:gid:…`
function readAccounts(data: Uint8Array): ReadonlyMap<string, readonly (number | undefined)[]> {
  const lines = toLatin1(data).split('\n');
  return new Map(
    lines.map((line) => {
      const [name = '', , ...ids] = line.split(':');
      return [name, ids.slice(0, 2).map(readId)] as const;
    }),
  );
}

const MAX_ID = 2 ** 32 - 2;

function readId(text: string | undefined): number | undefined {
  const id = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
  return id !== undefined && id <= MAX_ID ? id : undefined;
}
