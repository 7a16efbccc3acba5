// Reads which directories a service is given when it starts: systemd units and tmpfiles.d.

import { type BytePath, toLatin1 } from '../../binary/path.ts';

export interface ServiceDirectory {
  readonly path: BytePath;
  /** 0…07777 */
  readonly mode: number;
  /** A name or a number; undefined for root, or for whomever systemd makes up (DynamicUser). */
  readonly user?: string | undefined;
  readonly group?: string | undefined;
}

const BASES: readonly (readonly [setting: string, base: string])[] = [
  ['RuntimeDirectory', '/run'],
  ['StateDirectory', '/var/lib'],
  ['CacheDirectory', '/var/cache'],
  ['LogsDirectory', '/var/log'],
];
const DEFAULT_MODE = 0o755;

/**
 * The directories of a unit's [Service]: those made for it, those it may write to, and the one its PIDFile= lies in
 * (systemd.exec(5), systemd.service(5)).
 */
export function readUnit(data: Uint8Array): readonly ServiceDirectory[] {
  const settings = readService(toLatin1(data));
  const last = (name: string) => settings.get(name)?.at(-1);
  const [user, group] = [last('User'), last('Group')];
  const owner = { user: plainName(user), group: plainName(group) };
  const made = BASES.flatMap(([setting, base]) => {
    const mode = readMode(last(`${setting}Mode`)) ?? DEFAULT_MODE;
    return (settings.get(setting) ?? []).flatMap((name) => {
      // `directory:link` makes a link as well
      const path = plainPath(`${base}/${name.replace(/:.*$/, '')}`);
      return path === undefined ? [] : [{ path, mode, ...owner }];
    });
  });
  // what the service may write to although the rest is read-only to it; a dash says that it need not be there
  const writable = ['ReadWritePaths', 'ReadWriteDirectories']
    .flatMap((setting) => settings.get(setting) ?? [])
    .flatMap((name) => plainPath(name.replace(/^[-+]+/, '')) ?? [])
    .map((path) => ({ path, mode: DEFAULT_MODE, user: owner.user, group: owner.group }));
  const pidFile = plainPath(last('PIDFile')?.replace(/\/[^/]*$/, '') ?? '');
  const pidDirectory = pidFile === undefined ? [] : [{ path: pidFile, mode: DEFAULT_MODE, ...owner }];
  return [...made, ...writable, ...pidDirectory];
}

/**
 * Whether the unit is that of a daemon that starts as root and gives that up by itself: directories that are root's are
 * written by it then.
 */
export function startsAsRoot(data: Uint8Array): boolean {
  const settings = readService(toLatin1(data));
  const last = (name: string) => settings.get(name)?.at(-1);
  const isDaemon = settings.has('ExecStart') && last('Type') !== 'oneshot';
  return isDaemon && plainName(last('User')) === undefined && last('DynamicUser') === undefined;
}

// Assignments to one setting add up, and an empty one begins anew (systemd.syntax(7)).
function readService(text: string): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, readonly string[]>();
  let isService = false;
  for (const line of text
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.trim())) {
    if (line.startsWith('[')) isService = line === '[Service]';
    if (!isService || line.startsWith('#') || line.startsWith(';')) continue;
    const equals = line.indexOf('=');
    if (equals < 0) continue;
    const [name, value] = [line.slice(0, equals).trim(), line.slice(equals + 1).trim()];
    settings.set(name, value === '' ? [] : [...(settings.get(name) ?? []), ...value.split(/\s+/)]);
  }
  return settings;
}

/** The directories that a file of /usr/lib/tmpfiles.d makes when the system boots (tmpfiles.d(5)). */
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

// `~` masks it by what is there, `:` uses it only for what is new.
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

// A specifier, `%i`, stands for what only the running manager knows.
function plainPath(text: string): BytePath | undefined {
  const path = text.replace(/\/+$/, '').replace(/\/{2,}/g, '/');
  return path.startsWith('/') && !/[%\0*]|\/\.\.?(?:\/|$)/.test(path) ? (path as BytePath) : undefined;
}
