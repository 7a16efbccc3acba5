// Finds the directories in which the services of packages write.

import { type BytePath, bytePath, toLatin1 } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import type { Choice } from './choice.ts';
import type { Package, Packages } from './database.ts';
import { isInProgramDirectory } from './file-place.ts';
import { readIfThere, statusIfThere } from './readable-files.ts';

export interface ServiceDirectory {
  readonly path: BytePath;
  /** 0…07777 */
  readonly mode: number;
  /** A name or number; undefined for root and for an account that systemd allocates (DynamicUser). */
  readonly user?: string | undefined;
  readonly group?: string | undefined;
  /** The service writes there, even if root owns the directory on the host. */
  readonly isService?: true;
}

const BASES: readonly (readonly [setting: string, base: string])[] = [
  ['RuntimeDirectory', '/run'],
  ['StateDirectory', '/var/lib'],
  ['CacheDirectory', '/var/cache'],
  ['LogsDirectory', '/var/log'],
];
const DEFAULT_MODE = 0o755;

/** Directories that systemd creates for a unit, or lets it write, and that of PIDFile= (systemd.exec(5), systemd.service(5)). */
export function readUnit(data: Uint8Array): readonly ServiceDirectory[] {
  const { all, last } = openService(data);
  const owner = { user: plainName(last('User')), group: plainName(last('Group')) };
  function at(name: string, mode = DEFAULT_MODE): readonly ServiceDirectory[] {
    const path = plainPath(name);
    return path === undefined ? [] : [{ path, mode, ...owner }];
  }
  return [
    ...BASES.flatMap(([setting, base]) => {
      const mode = readMode(last(`${setting}Mode`));
      // `directory:link` also creates a link
      return all(setting).flatMap((name) => at(`${base}/${name.replace(/:.*$/, '')}`, mode));
    }),
    // exceptions from a read-only file system; a leading dash means that the path can be missing
    ...[...all('ReadWritePaths'), ...all('ReadWriteDirectories')].flatMap((name) =>
      at(name.replace(/^[-+]+/, '')),
    ),
    ...at(last('PIDFile')?.replace(/\/[^/]*$/, '') ?? ''),
  ];
}

/** Whether the unit starts a daemon as root, which then writes to directories of root. */
function startsAsRoot(data: Uint8Array): boolean {
  const { settings, last } = openService(data);
  const isDaemon = settings.has('ExecStart') && last('Type') !== 'oneshot';
  return isDaemon && plainName(last('User')) === undefined && last('DynamicUser') === undefined;
}

function openService(data: Uint8Array) {
  const settings = readService(toLatin1(data));
  const all = (name: string) => settings.get(name) ?? [];
  return { settings, all, last: (name: string) => all(name).at(-1) };
}

// Assignments to one setting are a list, and an empty one clears it (systemd.syntax(7)).
function readService(text: string): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, readonly string[]>();
  let isService = false;
  for (const raw of text.replace(/\\\n/g, ' ').split('\n')) {
    const line = raw.trim();
    if (line.startsWith('[')) isService = line === '[Service]';
    const [, name, value = ''] = /^([^#;=][^=]*?)\s*=\s*(.*)$/s.exec(line) ?? [];
    if (!isService || name === undefined) continue;
    settings.set(name, value === '' ? [] : [...(settings.get(name) ?? []), ...value.split(/\s+/)]);
  }
  return settings;
}

/** The directories that systemd creates at boot for a file of /usr/lib/tmpfiles.d (tmpfiles.d(5)). */
export function readTmpfiles(data: Uint8Array): readonly ServiceDirectory[] {
  return toLatin1(data)
    .split('\n')
    .flatMap((line) => {
      const [type = '', name = '', mode, user, group] = line.trim().split(/\s+/);
      const path = plainPath(name.replace(/^"(.*)"$/, '$1'));
      if (!/^[dDvqQe][!+=~^-]*$/.test(type) || path === undefined) return [];
      return [{ path, mode: readMode(mode) ?? DEFAULT_MODE, user: plainName(user), group: plainName(group) }];
    });
}

// `~` masks the mode with that of an existing file, `:` uses it only for a new file.
function readMode(text: string | undefined): number | undefined {
  const digits = /^[~:]*([0-7]{3,4})$/.exec(text ?? '')?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

function plainName(text: string | undefined): string | undefined {
  const name = text?.replace(/^:/, '');
  return name !== undefined && /^[\w][\w.-]*\$?$/.test(name) && name !== 'root' && name !== '0'
    ? name
    : undefined;
}

// Paths with specifiers such as `%i` are skipped: only the running systemd knows their values.
function plainPath(text: string): BytePath | undefined {
  const path = text.replace(/\/+$/, '').replace(/\/{2,}/g, '/');
  return path.startsWith('/') && !/[%\0*]|\/\.\.?(?:\/|$)/.test(path) ? (path as BytePath) : undefined;
}

/** Mode and owner are those on the root if the directory exists. A service that drops root itself declares no user. */
export interface StateDirectory extends Omit<ServiceDirectory, 'group'> {
  readonly package: Package;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The directories below /var and /run that the chosen packages own, or that systemd creates when their services start or the
 * system boots. A service must own the directories in which it writes.
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

const ofService = (directory: ServiceDirectory): ServiceDirectory => ({ ...directory, isService: true });

function declaredBy(root: FileRoot, packages: Packages, pkg: Package): readonly ServiceDirectory[] {
  const files = packages.files(pkg);
  // not for libraries: they may declare a directory for a service of another package
  if (!files.some((path) => UNIT.test(path) || isInProgramDirectory(path))) return [];
  const isOfRootsDaemon = files.some((path) => UNIT.test(path) && startsAsRoot(readIfThere(root, path)));
  return files.flatMap((path): readonly ServiceDirectory[] => {
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

// /run itself is included, for PID files.
function isState(path: BytePath): boolean {
  return /^\/var\/(?:lib|log|cache|spool)\/[^/]|^\/run(?:\/|$)/.test(path);
}

function ownership(root: FileRoot, path: BytePath) {
  const status = statusIfThere(root, path);
  // files below /run exist only since this boot
  if (status?.kind !== 'directory' || path.startsWith('/run')) return undefined;
  return { mode: status.mode, uid: status.uid, gid: status.gid };
}

/** The ids according to the root's passwd(5) and group(5); 0 for an unknown name. */
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
