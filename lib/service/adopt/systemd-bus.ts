// Asks systemd about a service over the bus. In its answers the words of a command line are separate; `systemctl show` joins them.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { AbortError, JailError } from '../../errors.ts';
import { capabilityNames } from '../../launch/request/capabilities.ts';
import { quote } from '../../words/quote.ts';
import { lookOr, unless } from '../../words/system-error.ts';
import { words } from '../../words/word-list.ts';
import { busSocket, callBus } from './system-bus.ts';
import { replaceHostFile, writeHostFile } from './host-file.ts';
import {
  type ExecLine,
  type InstalledService,
  listOf,
  numberOf,
  type Settings,
  settingsWithFile,
  textOf,
  toInstalled,
} from './installed/installed-service.ts';
import { hasWatchdog, standardFilesIn, withoutSpecifiers } from './installed/unit-text.ts';
import { dropInPath } from './service-drop-in.ts';

const bus = 'org.freedesktop.systemd1';

const absent = (message: string, hint: string): JailError =>
  new JailError(message, { code: 'ERR_SERVICE', hint });

// @throws JailError if the host has no systemd that can be asked
function refuseAbsence(): void {
  // /proc may be missing, or hide it
  const first = lookOr('', () => readFileSync('/proc/1/comm', 'utf8').trim());
  if (!existsSync('/run/systemd/system'))
    throw absent(
      `systemd is not the init system here${first === '' ? '' : `: process 1 is ${quote(first)}`}`,
      'in a container, start the program by uchroot USER DIRECTORY PROGRAM; for another init system: uchroot --unit openrc, sysv, runit or s6, as doc/services.md shows under "Other init systems"',
    );
  if (!existsSync(busSocket))
    throw absent(
      `the system bus does not run, and systemd is asked over it: there is no ${busSocket}`,
      'apt-get install dbus, then systemctl start dbus.socket',
    );
}

const properties = 'org.freedesktop.DBus.Properties';
const top = '/org/freedesktop/systemd1';

async function call(
  path: string,
  name: string,
  member: string,
  ...words: readonly string[]
): Promise<unknown> {
  refuseAbsence();
  const [value] = await callBus({ destination: bus, path, interface: name, member, words });
  return value;
}

const encode = (character: string): string => `_${character.charCodeAt(0).toString(16).padStart(2, '0')}`;

// The object of a unit; systemd loads the unit if it is not loaded yet (sd_bus_path_encode(3)).
const objectOf = (unit: string): string =>
  `/org/freedesktop/systemd1/unit/${unit.replace(/^[0-9]|[^A-Za-z0-9]/g, encode)}`;

// Without an interface, an object tells the properties of all of them (D-Bus Specification, org.freedesktop.DBus.Properties).
const settingsOf = (unit: string) => call(objectOf(unit), properties, 'GetAll', '') as Promise<Settings>;

// DefaultEnvironment= of the service manager, and what `systemctl set-environment` adds.
const inheritedVariables = async (): Promise<readonly string[]> =>
  listOf({ value: await call(top, properties, 'Get', `${bus}.Manager`, 'Environment') }, 'value');

const ofUnit: ReadonlySet<string> = new Set([
  'Id',
  'LoadState',
  'ActiveState',
  'InvocationID',
  'ActiveEnterTimestampMonotonic',
]);

/** Properties of a service, as text; bytes in hexadecimal (org.freedesktop.systemd1(5)). */
export async function propertiesOf<Name extends string>(
  unit: string,
  ...names: readonly Name[]
): Promise<Readonly<Record<Name, string>>> {
  const ask = async (name: Name) => {
    const kind = ofUnit.has(name) ? 'Unit' : 'Service';
    const value = await call(objectOf(unit), properties, 'Get', `${bus}.${kind}`, name);
    return [name, Array.isArray(value) ? Buffer.from(value).toString('hex') : String(value)] as const;
  };
  return Object.fromEntries(await Promise.all(names.map(ask))) as Record<Name, string>;
}

/** A service as it is now. */
export async function readService(unit: string): Promise<InstalledService> {
  const [onBus, inherited] = await Promise.all([settingsOf(unit), inheritedVariables()]);
  return fromSettings({ ...onBus, ...unsaid(unit, onBus) }, inherited);
}

// systemd in a container leaves out what it does not have itself, without a word. A launcher would refuse to start.
function givenCapabilities(settings: Settings): Settings {
  const [, held = '0'] = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/1/status', 'utf8')) ?? [];
  const given = (name: string): number => {
    const mask = numberOf(settings, name);
    // a set of all is no limit
    return mask >= 2 ** capabilityNames.length - 1 ? mask : Number(BigInt(mask) & BigInt(`0x${held}`));
  };
  return {
    AmbientCapabilities: given('AmbientCapabilities'),
    CapabilityBoundingSet: given('CapabilityBoundingSet'),
  };
}

function fromSettings(settings: Settings, inherited: readonly string[]): InstalledService {
  const service = toInstalled({ ...settings, ...givenCapabilities(settings) }, inherited);
  return { ...service, lines: service.lines.map((line) => withPath(line, settings)) };
}

/** The name of a service, by which systemd knows it: an alias is replaced. */
export const realName = async (unit: string): Promise<string> => (await propertiesOf(unit, 'Id')).Id;

// Settings from the text of the unit, because the bus does not say them: the files of StandardOutput=append: and the like, and the watchdog
// of a service that has not been started (systemd's dbus-service.c, property_get_watchdog_usec()).
function unsaid(unit: string, settings: Settings): Settings {
  const hasFiles = settingsWithFile(settings).length > 0;
  const isStarted = numberOf(settings, 'WatchdogUSec') <= Number.MAX_SAFE_INTEGER;
  if ((!hasFiles && isStarted) || textOf(settings, 'LoadState') !== 'loaded') return {};
  const [, instance] = /@(.*)\.service$/.exec(unit) ?? [];
  const text = withoutSpecifiers(unitText(settings, ''), unit);
  return {
    ...(hasFiles ? { StandardFiles: standardFilesIn(text, instance) } : {}),
    ...(isStarted ? {} : { WatchdogUSec: hasWatchdog(text) ? 1 : 0 }),
  };
}

/** Where systemd looks for a program that is given by its name (systemd.exec(5), ExecSearchPath=). */
export const defaultSearch = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin'];

function withPath(line: ExecLine, settings: Settings): ExecLine {
  if (line.program.startsWith('/')) return line;
  const given = listOf(settings, 'ExecSearchPath');
  const paths = (given.length > 0 ? given : defaultSearch).map((directory) => `${directory}/${line.program}`);
  return { ...line, program: paths.find((path) => existsSync(path)) ?? line.program };
}

// The text of a unit with its drop-ins, but for the drop-in at `without`. It has the form of `systemctl cat`, and earlier versions have
// recorded that.
function unitText(settings: Settings, without: string): string {
  const files = [textOf(settings, 'FragmentPath'), ...listOf(settings, 'DropInPaths')];
  const parts = files
    .filter((path) => path !== '' && path !== without)
    .flatMap((path) => {
      const text = unless(['ENOENT'], () => readFileSync(path, 'utf8'));
      return text === undefined ? [] : `# ${path}\n${text}${text === '' || text.endsWith('\n') ? '' : '\n'}`;
    });
  return parts.join('\n');
}

let temporaryUnits = 0;

/** Gives systemd a unit with this text for the time of `work`, which gets its name. @param like a unit whose instance it has */
export async function withUnit<T>(
  purpose: 'check' | 'look' | 'trial',
  text: string,
  like: string,
  work: (name: string) => Promise<T>,
): Promise<T> {
  const [instance = ''] = /@.*(?=\.service$)/.exec(like) ?? [];
  const name = `uchroot-${purpose}-${process.pid}-${++temporaryUnits}${instance}.service`;
  const file = `/run/systemd/system/${name.replace(/@.*\./, '@.')}`;
  writeHostFile(file, text);
  try {
    await reloadUnits();
    return await work(name);
  } finally {
    // systemd itself forgets a unit that nothing uses
    rmSync(file, { force: true });
  }
}

/** A service without our drop-in. */
export interface Unjailed {
  readonly service: InstalledService;
  /** Its unit and drop-ins, without ours. */
  readonly text: string;
  readonly reading: Reading;
}

/** How systemd has read a unit without our drop-in. */
export interface Reading {
  /** A hash of all that decides it; undefined for a unit whose specifiers depend on more. */
  readonly basis: string | undefined;
  readonly settings: Settings;
}

// Settings with a default in systemd-system.conf(5). The drop-in sets none of them.
const withDefault = words(
  'LimitCORE LimitCORESoft LimitSTACK LimitSTACKSoft OOMScoreAdjust TimeoutStartUSec TimerSlackNSec',
);

// Specifiers for the host, its kernel, its boot and its release (systemd.unit(5), SPECIFIERS).
const ofHost = /%[aAbBlmMoqvwW]/;

function basisOf({ settings }: InstalledService, text: string): string | undefined {
  if (ofHost.test(text)) return undefined;
  // a new version can have other calls in its groups, such as @system-service
  const { ino, mtimeMs } = lookOr({ ino: 0, mtimeMs: 0 }, () => statSync('/proc/1/exe'));
  const defaults = withDefault.map((name) => settings[name]);
  return createHash('sha256')
    .update(JSON.stringify([text.trimEnd(), defaults, hostname(), ino, mtimeMs]))
    .digest('hex');
}

/** A service that has no drop-in of ours. */
export function withoutOurs(service: InstalledService): Unjailed {
  const text = unitText(service.settings, '');
  return { service, text, reading: { basis: basisOf(service, text), settings: service.settings } };
}

/**
 * A service as it would be without our drop-in. If nothing has changed since an earlier reading, that is used. Otherwise systemd reads
 * the text under the name of another unit, so the service itself is not changed.
 */
export async function readWithout(unit: string, earlier: Reading | undefined): Promise<Unjailed> {
  const now = await readCurrent(unit);
  const { fragment, isActive } = now;
  if (now.loadState === 'not-found')
    return { service: now, text: '', reading: { basis: undefined, settings: now.settings } };
  const text = unitText(now.settings, dropInPath(unit));
  const basis = basisOf(now, text);
  const isKnown = earlier !== undefined && basis !== undefined && earlier.basis === basis;
  const found = isKnown ? fromSettings(earlier.settings, now.inherited) : await readAs(unit, text);
  const loadState = now.loadState === 'loaded' ? found.loadState : now.loadState;
  // systemd derives the user from the name of the unit
  const { User, Group } = now.settings;
  const settings = found.settings.DynamicUser === true ? { ...found.settings, User, Group } : found.settings;
  const service = { ...found, settings, loadState, unit, fragment, isActive };
  return { service, text, reading: isKnown ? earlier : { basis, settings } };
}

// The service as its files are now, even if nobody has told systemd that they have changed.
async function readCurrent(unit: string): Promise<InstalledService> {
  const service = await readService(unit);
  if (service.settings.NeedDaemonReload !== true) return service;
  await reloadUnits();
  return readService(unit);
}

// Has systemd read the text of a unit under another name.
const readAs = (unit: string, text: string): Promise<InstalledService> =>
  withUnit('look', withoutSpecifiers(text, unit), unit, readService);

/** Restarts a unit, and waits until nothing is to be done for it. @throws JailError ERR_SERVICE if systemd refuses; AbortError */
export async function restartUnit(unit: string, signal?: AbortSignal): Promise<void> {
  await call(top, `${bus}.Manager`, 'RestartUnit', unit, 'replace');
  const job = async () => call(objectOf(unit), properties, 'Get', `${bus}.Unit`, 'Job') as Promise<[number]>;
  for (let ms = 4; (await job())[0] !== 0; ms = Math.min(200, 2 * ms)) {
    if (signal?.aborted === true) throw new AbortError('the restart was not waited for', signal);
    await sleep(ms);
  }
}

/** systemd reads its units again. */
export async function reloadUnits(): Promise<void> {
  await call(top, `${bus}.Manager`, 'Reload');
}

/** systemd forgets the failures of a unit, and how often it has restarted it. */
export async function resetFailed(unit: string): Promise<void> {
  try {
    await call(top, `${bus}.Manager`, 'ResetFailedUnit', unit);
  } catch (error) {
    if (!(error instanceof JailError)) throw error; // it is not loaded, and has none
  }
}

/** The drop-in that is there now; undefined if there is none. */
export const presentDropIn = (unit: string): string | undefined =>
  unless(['ENOENT'], () => readFileSync(dropInPath(unit), 'utf8'));

/** Whether a drop-in is one of ours. */
export const isOurs = (text: string | undefined): boolean =>
  text?.startsWith('# Made by uchroot-service ') === true;

/** Writes the drop-in, or removes it (and its directory, if that is empty), and lets systemd read its units again. */
export async function putDropIn(unit: string, text: string | undefined): Promise<void> {
  const path = dropInPath(unit);
  try {
    if (text === undefined) rmSync(path, { force: true });
    else if (text !== presentDropIn(unit)) replaceHostFile(path, text);
  } finally {
    // on a full disk, nothing came into it; one that is a mount point stays
    unless(['ENOTEMPTY', 'ENOENT', 'EBUSY', 'EROFS'], () => rmdirSync(dirname(path)));
  }
  await reloadUnits();
}
